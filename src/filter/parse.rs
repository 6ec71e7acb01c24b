//! From text to an expression.
//!
//! One word is looked at ahead, and the stack grows by parentheses and by `not` alone, which are
//! counted.

use super::error::{Fault, shown};
use super::expr::{Comparison, Expr, Op, Predicate, TOO_DEEP};
use super::lex::{Lexer, Token, Word};
use super::{MAX_DEPTH, MAX_LIST, MAX_TEXT_BYTES, valid};
use std::ops::Range;
use twinspire_towers::internals::Term;

/// A text, read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) expr: Expr,
    /// The places of its predicates, in the order of the text, which is that of the expression.
    pub(super) places: Vec<Place>,
}

/// Where the parts of a predicate stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) field: Range<usize>,
    pub(super) literals: Vec<Range<usize>>,
    /// What is asked of the field.
    pub(super) op: Range<usize>,
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<Parsed, Fault> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!(
            "the filter has {} bytes, at most {MAX_TEXT_BYTES} fit",
            text.len()
        );
        return Err(Fault::new(0..0, message));
    }
    let mut lexer = Lexer::new(text);
    let next = lexer.word()?;
    let mut parser = Parser {
        text,
        lexer,
        next,
        last: 0,
        depth: 0,
        places: Vec::new(),
    };
    if parser.next.token == Token::End {
        let message = "the filter is empty; write a comparison such as price < 30";
        return Err(Fault::new(0..text.len(), message));
    }
    let expr = parser.any()?;
    if parser.next.token != Token::End {
        return Err(parser.expected("`and`, `or` or the end"));
    }
    let places = parser.places;
    valid::valid(&expr).map_err(|problem| problem.in_text(&places))?;
    Ok(Parsed { expr, places })
}

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    /// The word that is looked at.
    next: Word,
    /// Where the word before it ended.
    last: usize,
    /// Parentheses and `not`s around it.
    depth: usize,
    places: Vec<Place>,
}

impl Parser<'_> {
    /// Goes on to the next word; gives this one.
    fn advance(&mut self) -> Result<Word, Fault> {
        let next = self.lexer.word()?;
        self.last = self.next.span.end;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Whether the next word is this one, which is no field unless it stands in backquotes.
    fn is(&self, word: &str) -> bool {
        match &self.next.token {
            Token::Name { path, bare } => *bare && path.eq_ignore_ascii_case(word),
            Token::Symbol(symbol) => *symbol == word,
            _ => false,
        }
    }

    /// Goes on if the next word is this one.
    fn eat(&mut self, word: &str) -> Result<bool, Fault> {
        let found = self.is(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Goes on past the next word, which has to be this one.
    fn need(&mut self, word: &str, expected: &str) -> Result<(), Fault> {
        if self.eat(word)? {
            return Ok(());
        }
        Err(self.expected(expected))
    }

    /// Says that something else should be here.
    fn expected(&self, expected: &str) -> Fault {
        let span = self.next.span.clone();
        let found = match &self.next.token {
            Token::End => "the end".to_owned(),
            _ => format!(
                "`{}`",
                shown(self.text.get(span.clone()).unwrap_or_default())
            ),
        };
        Fault::new(span, format!("{expected} expected, {found} found"))
    }

    fn any(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![self.all()?];
        while self.eat("or")? {
            parts.push(self.all()?);
        }
        Ok(Expr::any(parts))
    }

    fn all(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![self.factor()?];
        while self.eat("and")? {
            parts.push(self.factor()?);
        }
        Ok(Expr::all(parts))
    }

    fn deeper(&mut self, span: Range<usize>) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth >= MAX_DEPTH {
            return Err(Fault::new(span, TOO_DEEP));
        }
        Ok(())
    }

    fn factor(&mut self) -> Result<Expr, Fault> {
        let span = self.next.span.clone();
        if self.eat("not")? {
            self.deeper(span)?;
            let inner = self.factor()?;
            self.depth -= 1;
            return Ok(Expr::not(inner));
        }
        if self.eat("(")? {
            self.deeper(span.clone())?;
            let inner = self.any()?;
            self.depth -= 1;
            if self.next.token == Token::End {
                return Err(Fault::new(span, "the parenthesis is not closed"));
            }
            self.need(")", "`and`, `or` or `)`")?;
            return Ok(inner);
        }
        if self.eat("true")? {
            return Ok(Expr::all(Vec::new()));
        }
        if self.eat("false")? {
            return Ok(Expr::any(Vec::new()));
        }
        let word = self.field("a field")?;
        if self.is("(") {
            return self.function(&word);
        }
        self.test(word)
    }

    /// A field: its path, and its place.
    fn field(&mut self, expected: &str) -> Result<(String, Range<usize>), Fault> {
        let keyword = matches!(&self.next.token, Token::Name { path, bare: true }
            if super::lex::is_keyword(path));
        match &self.next.token {
            Token::Name { path, .. } if !keyword => {
                let path = path.clone();
                Ok((path, self.advance()?.span))
            }
            Token::Text(_) => {
                Err(self.expected(&format!("{expected} (without quotes, or in backquotes)")))
            }
            _ if keyword => Err(self.expected(&format!(
                "{expected} (one of this name stands in backquotes)"
            ))),
            _ => Err(self.expected(expected)),
        }
    }

    /// `within(field, latitude, longitude, kilometres)`, of which the name has been read.
    fn function(&mut self, (name, span): &(String, Range<usize>)) -> Result<Expr, Fault> {
        if !name.eq_ignore_ascii_case("within") {
            let message = format!(
                "there is no function `{}`; there is within(field, lat, lon, km)",
                shown(name)
            );
            return Err(Fault::new(span.clone(), message));
        }
        self.advance()?;
        let (path, field) = self.field("the field of a place")?;
        let (mut numbers, mut literals) = ([0.0; 3], Vec::new());
        let names = ["a latitude", "a longitude", "a distance in kilometres"];
        for (number, name) in numbers.iter_mut().zip(names) {
            self.need(",", &format!("a comma and {name}"))?;
            let Token::Number(found) = self.next.token else {
                return Err(self.expected(name));
            };
            *number = found;
            literals.push(self.advance()?.span);
        }
        self.need(")", "`)`")?;
        let [lat, lon, km] = numbers;
        let op = span.start..self.last;
        let place = Place {
            field,
            literals,
            op,
        };
        Ok(self.predicate(path, Op::Within { lat, lon, km }, place))
    }

    fn predicate(&mut self, field: String, op: Op, place: Place) -> Expr {
        self.places.push(place);
        Expr::Predicate(Predicate { field, op })
    }

    /// What is asked of a field.
    fn test(&mut self, (path, field): (String, Range<usize>)) -> Result<Expr, Fault> {
        let from = self.next.span.start;
        let mut literals = Vec::new();
        let not = self.eat("not")?;
        let op = if self.eat("in")? {
            Op::In(self.list(&mut literals)?)
        } else if self.eat("between")? {
            let low = self.literal(&mut literals)?;
            self.need("and", "`and` and the upper end")?;
            Op::Between(low, self.literal(&mut literals)?)
        } else if self.eat("has")? {
            if self.eat("any")? {
                Op::HasAny(self.list(&mut literals)?)
            } else if self.eat("all")? {
                Op::HasAll(self.list(&mut literals)?)
            } else if self.is("(") {
                return Err(self.expected("`any` or `all` before a list"));
            } else {
                Op::HasAny(vec![self.literal(&mut literals)?])
            }
        } else if self.eat("starts")? {
            self.need("with", "`with`")?;
            match self.literal(&mut literals)? {
                Term::Text(prefix) => Op::StartsWith(prefix),
                _ => return Err(Fault::new(self.before(&literals), "a text expected")),
            }
        } else if not {
            return Err(self.expected("`in`, `between`, `has` or `starts with` after `not`"));
        } else if self.eat("is")? {
            let not = self.eat("not")?;
            let expected = if not {
                "`null`"
            } else {
                "`null` or `not null` after `is`"
            };
            self.need("null", expected)?;
            if not { Op::IsNotNull } else { Op::IsNull }
        } else {
            self.comparison(&path, &mut literals)?
        };
        let op_span = from..self.last;
        let place = Place {
            field,
            literals,
            op: op_span,
        };
        let expr = self.predicate(path, op, place);
        Ok(if not { Expr::not(expr) } else { expr })
    }

    fn before(&self, literals: &[Range<usize>]) -> Range<usize> {
        literals.last().cloned().unwrap_or(self.last..self.last)
    }

    fn comparison(&mut self, path: &str, literals: &mut Vec<Range<usize>>) -> Result<Op, Fault> {
        let comparison = match self.next.token {
            Token::Symbol("=") => Comparison::Equal,
            Token::Symbol("!=") => Comparison::NotEqual,
            Token::Symbol("<") => Comparison::Less,
            Token::Symbol("<=") => Comparison::AtMost,
            Token::Symbol(">") => Comparison::Greater,
            Token::Symbol(">=") => Comparison::AtLeast,
            _ if self.is("like") => {
                let message = "there is no `like`; `starts with 'pre'` finds what begins so";
                return Err(Fault::new(self.next.span.clone(), message));
            }
            _ => {
                return Err(self.expected(&format!(
                    "a comparison of `{}` (=, !=, <, <=, >, >=, in, between, has, starts with, is null)",
                    shown(path)
                )));
            }
        };
        let from = self.advance()?.span.start;
        if self.is("null") {
            let message = match comparison {
                Comparison::Equal => "nothing equals null; write `is null`",
                Comparison::NotEqual => "nothing is compared with null; write `is not null`",
                _ => "nothing is compared with null; there are `is null` and `is not null`",
            };
            return Err(Fault::new(from..self.next.span.end, message));
        }
        Ok(Op::Compare(comparison, self.literal(literals)?))
    }

    /// Literals in parentheses.
    fn list(&mut self, literals: &mut Vec<Range<usize>>) -> Result<Vec<Term>, Fault> {
        self.need("(", "a list in parentheses")?;
        let mut terms = Vec::new();
        if self.eat(")")? {
            return Ok(terms);
        }
        loop {
            if terms.len() == MAX_LIST {
                let message = format!("the list goes on here; at most {MAX_LIST} values fit");
                return Err(Fault::new(self.next.span.clone(), message));
            }
            terms.push(self.literal(literals)?);
            if self.eat(")")? {
                return Ok(terms);
            }
            self.need(",", "a comma or `)`")?;
        }
    }

    fn literal(&mut self, literals: &mut Vec<Range<usize>>) -> Result<Term, Fault> {
        let term = match &self.next.token {
            Token::Number(number) => Term::Number(*number),
            Token::Text(text) => Term::Text(text.clone()),
            _ if self.is("true") => Term::Bool(true),
            _ if self.is("false") => Term::Bool(false),
            _ if self.is("null") => {
                let message =
                    "nothing is compared with null; there are `is null` and `is not null`";
                return Err(Fault::new(self.next.span.clone(), message));
            }
            Token::Name { path, .. } => {
                let path = shown(path);
                return Err(self.expected(&format!("a value (a text stands in quotes, '{path}')")));
            }
            _ => return Err(self.expected("a value (a number, a text in quotes, true or false)")),
        };
        literals.push(self.advance()?.span);
        Ok(term)
    }
}
