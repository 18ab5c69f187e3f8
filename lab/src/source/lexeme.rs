//! A cursor over RON text: spaces, comments, identifiers, and where the literals that brackets may
//! hide in end. Their contents are checked by `ron`.

use super::tree::Span;

/// Why a text is refused, at an offset in that text.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
    /// A second place that the message ends with, by its line: `(first given on line 3)`.
    pub(super) see: Option<(usize, &'static str)>,
    /// An ordinary syntax error, which `ron` words better.
    pub(super) vague: bool,
}

pub(super) type Scan<T> = Result<T, Box<Refusal>>;

pub(super) fn refuse(span: Span, message: impl Into<String>) -> Box<Refusal> {
    Box::new(Refusal { span, message: message.into(), help: None, see: None, vague: false })
}

pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn eat_while(&mut self, wanted: impl Fn(char) -> bool) {
        self.at += length_while(self.rest(), wanted);
    }

    pub(super) fn since(&self, start: usize) -> Span {
        Span::new(start, self.at)
    }

    /// An ordinary mistake at the cursor.
    pub(super) fn vague(&self, message: &str) -> Box<Refusal> {
        let end = self.at + self.peek().map_or(0, char::len_utf8);
        let refusal = refuse(Span::new(self.at, end), message);
        Box::new(Refusal { vague: true, ..*refusal })
    }

    /// Skips spaces and comments.
    pub(super) fn skip(&mut self) -> Scan<()> {
        loop {
            self.eat_while(is_space);
            if self.rest().starts_with("//") {
                self.eat_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                let Some(len) = comment_end(self.rest()) else {
                    let span = Span::new(self.at, self.at + 2);
                    return Err(refuse(span, "this comment is never closed"));
                };
                self.at += len;
            } else {
                return Ok(());
            }
        }
    }

    /// Everything that could belong to a number, and so `5m` as a whole.
    pub(super) fn number(&mut self) {
        self.eat_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '-'));
    }

    /// A plain or raw (`r#…`) identifier.
    pub(super) fn identifier(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let is_plain = |c: char| c.is_alphanumeric() || c == '_';
        let (skip, name) = if let Some(raw) = rest.strip_prefix("r#") {
            let is_raw = |c: char| is_plain(c) || matches!(c, '.' | '+' | '-');
            (2, &raw[..length_while(raw, is_raw)])
        } else if rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            (0, &rest[..length_while(rest, is_plain)])
        } else {
            return None;
        };
        self.at += skip + name.len();
        (!name.is_empty()).then_some(name)
    }

    /// Takes a string, a byte string, their raw forms, or a character.
    pub(super) fn quoted(&mut self) -> Scan<bool> {
        let Some(quote) = Quote::at(self.rest()) else {
            return Ok(false);
        };
        let Some(len) = quote.len(self.rest()) else {
            let span = Span::new(self.at, self.at + 1);
            return Err(refuse(span, "this quote is never closed"));
        };
        self.at += len;
        Ok(true)
    }
}

fn length_while(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.find(|c| !wanted(c)).unwrap_or(text.len())
}

/// How a string, a byte string, their raw forms or a character begins.
pub(super) struct Quote {
    /// Bytes up to and including the opening mark.
    prefix: usize,
    /// Number of `#` of a raw string.
    hashes: Option<usize>,
    mark: char,
}

impl Quote {
    pub(super) fn at(rest: &str) -> Option<Self> {
        let body = rest.strip_prefix('b').unwrap_or(rest);
        let (hashes, body) = match body.strip_prefix('r') {
            Some(raw) => {
                let marked = raw.trim_start_matches('#');
                (Some(raw.len() - marked.len()), marked)
            }
            None => (None, body),
        };
        let opens = |&c: &char| c == '"' || (c == '\'' && hashes.is_none());
        let mark = body.chars().next().filter(opens)?;
        let prefix = rest.len() - body.len() + 1;
        Some(Quote { prefix, hashes, mark })
    }

    /// The length of the whole literal at the start of `rest`, or none when it is never closed.
    fn len(&self, rest: &str) -> Option<usize> {
        let body = &rest[self.prefix..];
        let end = match (self.hashes, self.mark) {
            (Some(hashes), _) => raw_end(body, hashes),
            (None, '\'') => char_end(body),
            (None, mark) => escaped_end(body, mark),
        };
        end.map(|end| self.prefix + end)
    }
}

fn raw_end(body: &str, hashes: usize) -> Option<usize> {
    let ending = format!("\"{}", "#".repeat(hashes));
    body.find(&ending).map(|at| at + ending.len())
}

fn char_end(body: &str) -> Option<usize> {
    let first = body.chars().next()?;
    if first == '\\' {
        return escaped_end(body, '\'');
    }
    let closed = body[first.len_utf8()..].starts_with('\'');
    closed.then(|| first.len_utf8() + 1)
}

fn escaped_end(body: &str, mark: char) -> Option<usize> {
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            c if c == mark => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The length of a block comment, which may hold others, at the start of `rest`.
fn comment_end(rest: &str) -> Option<usize> {
    let (mut at, mut level) = (2, 1_usize);
    while level > 0 {
        at += rest[at..].find(['/', '*'])?;
        if rest[at..].starts_with("/*") {
            (at, level) = (at + 2, level + 1);
        } else if rest[at..].starts_with("*/") {
            (at, level) = (at + 2, level - 1);
        } else {
            at += 1;
        }
    }
    Some(at)
}

/// Exactly the characters that `ron` skips.
fn is_space(c: char) -> bool {
    let ascii = matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0B' | '\x0C');
    ascii || matches!(c, '\u{85}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_quote(text: &str, expected: Option<&str>) {
        let len = Quote::at(text).and_then(|quote| quote.len(text));
        assert_eq!(len.map(|len| &text[..len]), expected, "for {text}");
    }

    #[test]
    fn literals_end_at_their_own_mark() {
        check_quote(r#""a(\"b" , "c""#, Some(r#""a(\"b""#));
        check_quote(r#""a\\" rest"#, Some(r#""a\\""#));
        check_quote(r###"r#"a"b"# x"###, Some(r###"r#"a"b"#"###));
        check_quote(r#"b"a" x"#, Some(r#"b"a""#));
        check_quote(r#"br"a\" x"#, Some(r#"br"a\""#));
        check_quote("'(' x", Some("'('"));
        check_quote(r"'\'' x", Some(r"'\''"));
        check_quote("''' x", Some("'''"));
        check_quote("b'(' x", Some("b'('"));
    }

    #[test]
    fn open_literals_and_words_do_not_end() {
        for text in ["\"a", "r#\"a\"", "'ab'", "'", "\"\\\"", "role", "r#type", "b", "br#x", ""] {
            check_quote(text, None);
        }
    }

    #[test]
    fn block_comments_nest() {
        assert_eq!(comment_end("/* a /* b */ c */ d"), Some(17));
        assert_eq!(comment_end("/*/"), None);
        assert_eq!(comment_end("/* /* */"), None);
    }
}
