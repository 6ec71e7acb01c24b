//! The parser: from text to an expression.
//!
//! Recursive descent with one token of look-ahead. Only parentheses and `not` deepen the stack, and
//! they are counted.

use super::error::{Fault, shown};
use super::expr::{Comparison, Expr, Op, Predicate};
use super::lex::{Lexer, Token, Word, is_keyword};
use super::limits::{MAX_DEPTH, MAX_LIST, MAX_TEXT_BYTES, TOO_DEEP};
use super::problem::PredicateSpan;
use super::valid::valid;
use std::ops::Range;
use twinspire_towers::internals::Term;

/// The message where null is compared.
const NULL: &str = "null cannot be compared; write `is null` or `is not null`";

/// A parsed text.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) expr: Expr,
    /// Spans of its predicates, in the order of the text, which is that of the expression.
    pub(super) spans: Vec<PredicateSpan>,
}

/// Parses a text.
pub(super) fn parse(text: &str) -> Result<Parsed, Fault> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!(
            "the filter has {} bytes; at most {MAX_TEXT_BYTES} are allowed",
            text.len()
        );
        return Err(Fault::limit(0..0, message));
    }
    let mut lexer = Lexer::new(text);
    let next = lexer.word()?;
    let mut parser = Parser {
        text,
        lexer,
        next,
        last: 0,
        depth: 0,
        spans: Vec::new(),
    };
    if parser.next.token == Token::End {
        let message = "the filter is empty; write a comparison such as price < 30";
        return Err(Fault::syntax(0..text.len(), message));
    }
    let expr = parser.any()?;
    if parser.next.token != Token::End {
        return Err(parser.expected("`and`, `or` or the end"));
    }
    let spans = parser.spans;
    valid(&expr).map_err(|problem| problem.located(&spans))?;
    Ok(Parsed { expr, spans })
}

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    /// The next token.
    next: Word,
    /// End of the token before it.
    last: usize,
    /// Open parentheses and `not`s.
    depth: usize,
    spans: Vec<PredicateSpan>,
}

impl Parser<'_> {
    /// Takes the next token.
    fn advance(&mut self) -> Result<Word, Fault> {
        let next = self.lexer.word()?;
        self.last = self.next.span.end;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Whether the next token is this keyword or symbol. A name in backquotes is never a keyword.
    fn is(&self, word: &str) -> bool {
        match &self.next.token {
            Token::Name { path, bare } => *bare && path.eq_ignore_ascii_case(word),
            Token::Symbol(symbol) => *symbol == word,
            _ => false,
        }
    }

    /// Takes the next token if it is this one.
    fn eat(&mut self, word: &str) -> Result<bool, Fault> {
        let found = self.is(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Takes the next token, which must be this one.
    fn require(&mut self, word: &str, expected: &str) -> Result<(), Fault> {
        if self.eat(word)? {
            return Ok(());
        }
        Err(self.expected(expected))
    }

    /// The error of a token that is not what was expected.
    fn expected(&self, expected: &str) -> Fault {
        let span = self.next.span.clone();
        let found = match &self.next.token {
            Token::End => "the end".to_owned(),
            _ => format!(
                "`{}`",
                shown(self.text.get(span.clone()).unwrap_or_default())
            ),
        };
        Fault::syntax(span, format!("{expected} expected, found {found}"))
    }

    /// `and` groups, joined by `or`.
    fn any(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![self.all()?];
        while self.eat("or")? {
            parts.push(self.all()?);
        }
        Ok(Expr::any(parts))
    }

    /// Factors, joined by `and`.
    fn all(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![self.factor()?];
        while self.eat("and")? {
            parts.push(self.factor()?);
        }
        Ok(Expr::all(parts))
    }

    /// Counts one more level of nesting.
    fn descend(&mut self, span: Range<usize>) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth >= MAX_DEPTH {
            return Err(Fault::limit(span, TOO_DEEP));
        }
        Ok(())
    }

    /// A predicate, a constant, or an expression behind `not` or in parentheses.
    fn factor(&mut self) -> Result<Expr, Fault> {
        let span = self.next.span.clone();
        if self.eat("not")? {
            self.descend(span)?;
            let inner = self.factor()?;
            self.depth -= 1;
            return Ok(Expr::not(inner));
        }
        if self.eat("(")? {
            self.descend(span.clone())?;
            let inner = self.any()?;
            self.depth -= 1;
            if self.next.token == Token::End {
                return Err(Fault::syntax(span, "the parenthesis is not closed"));
            }
            self.require(")", "`and`, `or` or `)`")?;
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
        self.predicate_after(word)
    }

    /// A field: its path and its span.
    fn field(&mut self, expected: &str) -> Result<(String, Range<usize>), Fault> {
        let keyword = matches!(&self.next.token, Token::Name { path, bare: true }
            if is_keyword(path));
        match &self.next.token {
            Token::Name { path, .. } if !keyword => {
                let path = path.clone();
                Ok((path, self.advance()?.span))
            }
            Token::Text(_) => {
                Err(self.expected(&format!("{expected} (without quotes, or in backquotes)")))
            }
            _ if keyword => Err(self.expected(&format!(
                "{expected} (write a field of this name in backquotes)"
            ))),
            _ => Err(self.expected(expected)),
        }
    }

    /// `within(field, latitude, longitude, kilometres)`, after its name.
    fn function(&mut self, (name, span): &(String, Range<usize>)) -> Result<Expr, Fault> {
        if !name.eq_ignore_ascii_case("within") {
            let message = format!(
                "there is no function `{}`; the only one is within(field, lat, lon, km)",
                shown(name)
            );
            return Err(Fault::syntax(span.clone(), message));
        }
        self.advance()?;
        let (path, field) = self.field("the field of a place")?;
        let (mut numbers, mut literals) = ([0.0; 3], Vec::new());
        let names = ["a latitude", "a longitude", "a distance in kilometres"];
        for (number, name) in numbers.iter_mut().zip(names) {
            self.require(",", &format!("a comma and {name}"))?;
            let Token::Number(found) = self.next.token else {
                return Err(self.expected(name));
            };
            *number = found.nearest();
            literals.push(self.advance()?.span);
        }
        self.require(")", "`)`")?;
        let [lat, lon, km] = numbers;
        let op = span.start..self.last;
        let span = PredicateSpan {
            field,
            literals,
            op,
        };
        Ok(self.predicate(path, Op::Within { lat, lon, km }, span))
    }

    fn predicate(&mut self, field: String, op: Op, span: PredicateSpan) -> Expr {
        self.spans.push(span);
        Expr::Predicate(Predicate { field, op })
    }

    /// A predicate, after its field.
    fn predicate_after(&mut self, (path, field): (String, Range<usize>)) -> Result<Expr, Fault> {
        let from = self.next.span.start;
        let mut literals = Vec::new();
        let not = self.eat("not")?;
        let op = if self.eat("in")? {
            Op::In(self.list(&mut literals)?)
        } else if self.eat("between")? {
            let low = self.literal(&mut literals)?;
            self.require("and", "`and` and the upper end")?;
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
            self.require("with", "`with`")?;
            match self.literal(&mut literals)? {
                Term::Text(prefix) => Op::StartsWith(prefix),
                _ => return Err(Fault::syntax(self.last_of(&literals), "a text expected")),
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
            self.require("null", expected)?;
            if not { Op::IsNotNull } else { Op::IsNull }
        } else {
            self.comparison(&path, &mut literals)?
        };
        let op_span = from..self.last;
        let span = PredicateSpan {
            field,
            literals,
            op: op_span,
        };
        let expr = self.predicate(path, op, span);
        Ok(if not { Expr::not(expr) } else { expr })
    }

    /// The span of the last literal.
    fn last_of(&self, literals: &[Range<usize>]) -> Range<usize> {
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
                let message = "there is no `like`; write `starts with 'pre'` to match a prefix";
                return Err(Fault::syntax(self.next.span.clone(), message));
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
                Comparison::Equal => "null equals nothing; write `is null`",
                Comparison::NotEqual => "null cannot be compared; write `is not null`",
                _ => NULL,
            };
            return Err(Fault::syntax(from..self.next.span.end, message));
        }
        Ok(Op::Compare(comparison, self.literal(literals)?))
    }

    /// A list of literals in parentheses.
    fn list(&mut self, literals: &mut Vec<Range<usize>>) -> Result<Vec<Term>, Fault> {
        self.require("(", "a list in parentheses")?;
        let mut terms = Vec::new();
        if self.eat(")")? {
            return Ok(terms);
        }
        loop {
            if terms.len() == MAX_LIST {
                let message =
                    format!("the list is too long; at most {MAX_LIST} values are allowed");
                return Err(Fault::limit(self.next.span.clone(), message));
            }
            terms.push(self.literal(literals)?);
            if self.eat(")")? {
                return Ok(terms);
            }
            self.require(",", "a comma or `)`")?;
        }
    }

    fn literal(&mut self, literals: &mut Vec<Range<usize>>) -> Result<Term, Fault> {
        let term = match &self.next.token {
            Token::Number(number) => Term::Number(*number),
            Token::Text(text) => Term::Text(text.clone()),
            _ if self.is("true") => Term::Bool(true),
            _ if self.is("false") => Term::Bool(false),
            _ if self.is("null") => {
                return Err(Fault::syntax(self.next.span.clone(), NULL));
            }
            Token::Name { path, .. } => {
                let path = shown(path);
                return Err(self.expected(&format!("a value (write a text in quotes, '{path}')")));
            }
            _ => return Err(self.expected("a value (a number, a text in quotes, true or false)")),
        };
        literals.push(self.advance()?.span);
        Ok(term)
    }
}
