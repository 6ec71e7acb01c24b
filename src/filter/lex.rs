//! The lexer: from text to tokens.

use super::error::{Fault, shown};
use std::ops::Range;
use twinspire_towers::internals::Number;

/// Names of fields only in backquotes.
const KEYWORDS: [&str; 10] = [
    "and", "or", "not", "in", "between", "has", "is", "null", "true", "false",
];

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A field or a keyword.
    Name {
        path: String,
        /// Whether no part is in backquotes; only then it may be a keyword.
        bare: bool,
    },
    /// A text in quotes.
    Text(String),
    /// A number.
    Number(Number),
    /// Punctuation or an operator.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// A token and its span.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

/// Splits a text into tokens, one at a time.
pub(super) struct Lexer<'a> {
    text: &'a str,
    /// Offset of the next byte.
    at: usize,
}

/// Whether a word is a keyword, in any case.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// Whether a name needs no backquotes, unless it is a keyword.
pub(super) fn is_bare(name: &str) -> bool {
    name.starts_with(starts_name) && name.chars().all(continues_name)
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn continues_name(c: char) -> bool {
    starts_name(c) || c.is_numeric()
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token; [`Token::End`] at the end, every time.
    pub(super) fn word(&mut self) -> Result<Word, Fault> {
        self.skip(char::is_whitespace);
        let from = self.at;
        let Some(first) = self.peek() else {
            let span = from..from;
            let token = Token::End;
            return Ok(Word { token, span });
        };
        let token = match first {
            '\'' | '"' => self.quoted(first)?,
            '`' => self.name()?,
            c if starts_name(c) => self.name()?,
            c if c.is_ascii_digit() || matches!(c, '.' | '+' | '-') => self.number()?,
            _ => self.symbol(first)?,
        };
        let span = from..self.at;
        Ok(Word { token, span })
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn next_if(&mut self, passes: impl Fn(char) -> bool) -> bool {
        let found = self.peek().is_some_and(passes);
        if found {
            self.next();
        }
        found
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.next_if(|c| c == wanted)
    }

    fn skip(&mut self, passes: impl Fn(char) -> bool) {
        while self.next_if(&passes) {}
    }

    /// The text since this offset.
    fn since(&self, from: usize) -> &'a str {
        self.text.get(from..self.at).unwrap_or_default()
    }

    fn symbol(&mut self, first: char) -> Result<Token, Fault> {
        let from = self.at;
        self.next();
        let symbol = match first {
            '(' => "(",
            ')' => ")",
            ',' => ",",
            '=' => {
                self.eat('=');
                "="
            }
            '<' if self.eat('=') => "<=",
            '<' if self.eat('>') => "!=",
            '<' => "<",
            '>' if self.eat('=') => ">=",
            '>' => ">",
            '!' if self.eat('=') => "!=",
            _ => {
                let hint = match first {
                    '!' => "; write `not`",
                    '&' => "; write `and`",
                    '|' => "; write `or`",
                    '‘' | '’' | '“' | '”' | '´' => {
                        "; write texts in straight quotes, ' or \""
                    }
                    _ => "; write names of other characters in backquotes, texts in quotes",
                };
                let doubled = matches!(first, '&' | '|') && self.eat(first);
                let span = from..self.at;
                let times = if doubled { 2 } else { 1 };
                let word = shown(&first.to_string().repeat(times));
                return Err(Fault::syntax(span, format!("unexpected `{word}`{hint}")));
            }
        };
        Ok(Token::Symbol(symbol))
    }

    /// A path: names joined by dots.
    fn name(&mut self) -> Result<Token, Fault> {
        let (mut path, mut bare) = (String::new(), true);
        loop {
            let from = self.at;
            if self.eat('`') {
                bare = false;
                self.backquoted(from, &mut path)?;
            } else {
                self.skip(continues_name);
                let name = self.since(from);
                if !is_bare(name) {
                    let span = from..from + name.len();
                    let message =
                        "a name expected after the dot; write other characters in backquotes";
                    return Err(Fault::syntax(span, message));
                }
                path.push_str(name);
            }
            if !self.eat('.') {
                return Ok(Token::Name { path, bare });
            }
            path.push('.');
        }
    }

    fn backquoted(&mut self, from: usize, path: &mut String) -> Result<(), Fault> {
        while let Some(c) = self.next() {
            if c == '`' && !self.eat('`') {
                return Ok(());
            }
            path.push(c);
        }
        Err(Fault::syntax(
            from..self.text.len(),
            "the backquote is not closed",
        ))
    }

    fn quoted(&mut self, quote: char) -> Result<Token, Fault> {
        let from = self.at;
        self.next();
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                '\\' => text.push(self.escaped(self.at - 1)?),
                c if c == quote && !self.eat(quote) => return Ok(Token::Text(text)),
                c => text.push(c),
            }
        }
        let message = format!("the text is not closed; close it with {quote}");
        Err(Fault::syntax(from..self.text.len(), message))
    }

    /// The character of an escape sequence, whose backslash is at `from`.
    fn escaped(&mut self, from: usize) -> Result<char, Fault> {
        let found = match self.next() {
            Some(c @ ('\\' | '\'' | '"')) => Some(c),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') if self.eat('{') => {
                let digits = self.at;
                self.skip(|c| c.is_ascii_hexdigit());
                let digits = self.since(digits);
                let code = u32::from_str_radix(digits, 16)
                    .ok()
                    .and_then(char::from_u32);
                code.filter(|_| self.eat('}'))
            }
            _ => None,
        };
        found.ok_or_else(|| {
            let span = from..self.at;
            let message =
                r#"unknown escape: \ must precede \, ', ", n, r, t or u{…}; write \\ for a backslash"#;
            Fault::syntax(span, message)
        })
    }

    fn number(&mut self) -> Result<Token, Fault> {
        let from = self.at;
        let digit = |c: char| c.is_ascii_digit();
        let sign = |c: char| matches!(c, '+' | '-');
        self.next_if(sign);
        self.skip(digit);
        self.eat('.');
        self.skip(digit);
        let mantissa = self.at;
        if self.next_if(|c| matches!(c, 'e' | 'E')) {
            self.next_if(sign);
            if !self.next_if(digit) {
                // No exponent, but a word without a space before it.
                self.at = mantissa;
            }
            self.skip(digit);
        }
        let number = number(self.since(from));
        let glued = self.at;
        self.skip(|c| continues_name(c) || c == '.');
        let span = from..self.at;
        match number {
            Some(Ok(number)) if glued == span.end => Ok(Token::Number(number)),
            Some(Err(message)) if glued == span.end => Err(Fault::syntax(span, message)),
            _ => {
                let word = shown(self.since(from));
                let message = format!(
                    "`{word}` is not a number; write texts in quotes, names that start with a digit in backquotes"
                );
                Err(Fault::syntax(span, message))
            }
        }
    }
}

/// The number that a word writes: with digits alone a 64-bit integer, otherwise a 64-bit float. `None` if it
/// is not a number.
fn number(word: &str) -> Option<Result<Number, &'static str>> {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse::<f64>().ok().map(|number| Ok(number.into()));
    }
    let signed = word.parse::<i64>().map(Number::from);
    let unsigned = |_| word.parse::<u64>().map(Number::from);
    let beyond = "the integer has more than 64 bits; write a point or an exponent for a float";
    Some(signed.or_else(unsigned).map_err(|_| beyond))
}
