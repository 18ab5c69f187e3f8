//! A structural reading of RON: brackets, names, keys and leaves with their byte spans. It refuses
//! what RON lets pass in silence (repeated keys, numbers that are not finite, bottomless nesting)
//! and leaves the wording of ordinary syntax errors to `ron` itself.

use std::collections::BTreeMap;

use super::lexeme::{Cursor, Quote, Refusal, Scan, refuse};
use super::number;
use super::tree::{Entry, Kind, Node, Span};

/// The deepest nesting of brackets.
const MAX_DEPTH: usize = 64;

/// The tree of a text. `ron` may still refuse what passes here.
pub(super) fn scan(text: &str) -> Scan<Node> {
    let cursor = Cursor { text, at: 0 };
    let mut scanner = Scanner { cursor, depth: 0 };
    scanner.attribute()?;
    let node = scanner.value()?;
    scanner.cursor.skip()?;
    match scanner.cursor.peek() {
        None => Ok(node),
        Some(_) => Err(scanner.cursor.vague("expected the end of the text")),
    }
}

struct Scanner<'t> {
    cursor: Cursor<'t>,
    depth: usize,
}

/// The keys of one struct or map so far, by what makes two of them one.
type Seen = BTreeMap<(bool, String), usize>;

impl Scanner<'_> {
    fn value(&mut self) -> Scan<Node> {
        self.cursor.skip()?;
        let start = self.cursor.at;
        match self.cursor.peek() {
            None => Err(self.cursor.vague("expected a value, found the end")),
            Some('(') => self.group(start, None),
            Some('[') => self.list(start),
            Some('{') => self.map(start),
            Some('0'..='9' | '+' | '-' | '.') => {
                self.cursor.number();
                self.leaf(start)
            }
            Some(_) if self.cursor.quoted()? => Ok(self.node(start, Kind::Leaf)),
            Some(_) => self.word(start),
        }
    }

    fn node(&self, start: usize, kind: Kind) -> Node {
        Node { span: self.cursor.since(start), name: None, kind }
    }

    /// A number or a bare word.
    fn leaf(&self, start: usize) -> Scan<Node> {
        let span = self.cursor.since(start);
        let Some(message) = number::refusal(span.of(self.cursor.text)) else {
            return Ok(self.node(start, Kind::Leaf));
        };
        let quoted = message.ends_with("is not a number");
        let help = quoted.then_some("text, such as a duration, needs quotes");
        let refusal = refuse(span, message);
        Err(Box::new(Refusal { help, ..*refusal }))
    }

    fn word(&mut self, start: usize) -> Scan<Node> {
        let Some(name) = self.cursor.identifier() else {
            return Err(self.cursor.vague("expected a value"));
        };
        let leaf = self.leaf(start)?;
        self.cursor.skip()?;
        if self.cursor.peek() == Some('(') {
            return self.group(start, Some(name.into()));
        }
        self.cursor.at = leaf.span.end;
        Ok(leaf)
    }

    /// `(…)`, decided by its first element: named fields or plain items.
    fn group(&mut self, start: usize, name: Option<Box<str>>) -> Scan<Node> {
        let open = self.enter()?;
        let (mut fields, mut items, mut seen) = (Vec::new(), Vec::new(), Seen::new());
        while !self.closed(open, ')')? {
            match self.field_name()? {
                Some((key, key_span)) if items.is_empty() => {
                    let what = format!("field `{key}`");
                    once(&mut seen, (true, key.clone()), key_span, &what)?;
                    let value = self.value()?;
                    fields.push(Entry { key, key_span, value });
                }
                None if fields.is_empty() => items.push(self.value()?),
                _ => return Err(self.cursor.vague("expected names for all elements or none")),
            }
            self.comma(open, ')')?;
        }
        let kind = match fields.is_empty() {
            true => Kind::Tuple(items),
            false => Kind::Struct(fields),
        };
        self.depth -= 1;
        let node = self.node(start, kind);
        Ok(Node { name, ..node })
    }

    fn list(&mut self, start: usize) -> Scan<Node> {
        let open = self.enter()?;
        let mut items = Vec::new();
        while !self.closed(open, ']')? {
            items.push(self.value()?);
            self.comma(open, ']')?;
        }
        self.depth -= 1;
        Ok(self.node(start, Kind::List(items)))
    }

    fn map(&mut self, start: usize) -> Scan<Node> {
        let open = self.enter()?;
        let (mut entries, mut seen) = (Vec::new(), Seen::new());
        while !self.closed(open, '}')? {
            let key_span = self.value()?.span;
            let key = self.key(key_span, &mut seen)?;
            self.cursor.skip()?;
            if !self.cursor.eat(':') {
                return Err(self.cursor.vague("expected `:`"));
            }
            let value = self.value()?;
            entries.push(Entry { key, key_span, value });
            self.comma(open, '}')?;
        }
        self.depth -= 1;
        Ok(self.node(start, Kind::Map(entries)))
    }

    fn key(&self, span: Span, seen: &mut Seen) -> Scan<String> {
        let text = span.of(self.cursor.text);
        let identity = key_identity(text);
        let key = match &identity {
            (true, string) if string.is_empty() => {
                return Err(refuse(span, "a map key must not be empty"));
            }
            (true, string) => string.clone(),
            (false, _) => text.to_owned(),
        };
        once(seen, identity, span, &format!("key `{key}`")).map(|()| key)
    }

    fn field_name(&mut self) -> Scan<Option<(String, Span)>> {
        let start = self.cursor.at;
        if Quote::at(self.cursor.rest()).is_none()
            && let Some(name) = self.cursor.identifier()
        {
            let span = self.cursor.since(start);
            self.cursor.skip()?;
            if self.cursor.eat(':') {
                return Ok(Some((name.to_owned(), span)));
            }
        }
        self.cursor.at = start;
        Ok(None)
    }

    fn enter(&mut self) -> Scan<usize> {
        let open = self.cursor.at;
        self.cursor.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("brackets are nested deeper than {MAX_DEPTH} levels");
            return Err(refuse(self.cursor.since(open), message));
        }
        Ok(open)
    }

    /// Takes the closing bracket if it is next. Another closing bracket or the end of the text is
    /// refused here, where the opening one is known.
    fn closed(&mut self, open: usize, close: char) -> Scan<bool> {
        self.cursor.skip()?;
        let (at, bracket) = (self.cursor.at, &self.cursor.text[open..=open]);
        match self.cursor.peek() {
            Some(c) if c == close => Ok(self.cursor.eat(close)),
            Some(c @ (')' | ']' | '}')) => {
                let message = format!("expected `{close}` to close the `{bracket}`, found `{c}`");
                let refusal = refuse(Span::new(at, at + 1), message);
                let see = Some((open, "opened on line"));
                Err(Box::new(Refusal { see, ..*refusal }))
            }
            Some(_) => Ok(false),
            None => {
                let message = format!("this `{bracket}` is never closed");
                Err(refuse(Span::new(open, open + 1), message))
            }
        }
    }

    /// Takes the comma before the next element; the closing bracket is left where it is.
    fn comma(&mut self, open: usize, close: char) -> Scan<()> {
        self.cursor.skip()?;
        let ended = self.cursor.peek() == Some(close);
        if ended || self.cursor.eat(',') || self.closed(open, close)? {
            return Ok(());
        }
        Err(self.cursor.vague("expected a comma"))
    }

    fn attribute(&mut self) -> Scan<()> {
        self.cursor.skip()?;
        if self.cursor.peek() != Some('#') {
            return Ok(());
        }
        let span = Span::new(self.cursor.at, self.cursor.at + 1);
        let refusal = refuse(span, "a scenario has no `#![…]` attributes");
        let help = Some("`implicit_some` is always on; no other extension is used");
        Err(Box::new(Refusal { help, ..*refusal }))
    }
}

fn once(seen: &mut Seen, identity: (bool, String), span: Span, what: &str) -> Scan<()> {
    match seen.insert(identity, span.start) {
        None => Ok(()),
        Some(first) => {
            let see = Some((first, "first given on line"));
            let refusal = refuse(span, format!("{what} is given twice"));
            Err(Box::new(Refusal { see, ..*refusal }))
        }
    }
}

/// What makes two keys one: the content of a string however it is written (true), the value of a
/// number, or the text of anything else.
fn key_identity(key: &str) -> (bool, String) {
    if let Ok(text) = ron::from_str::<String>(key) {
        return (true, text);
    }
    match ron::from_str::<ron::Value>(key) {
        Ok(number @ ron::Value::Number(_)) => (false, format!("{number:?}")),
        _ => (false, key.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The canonical form of a text that passes, or `offset message`.
    fn outcome(text: &str) -> String {
        match scan(text) {
            Ok(node) => {
                let mut out = String::new();
                node.canonical(text, &mut out);
                out
            }
            Err(refusal) if refusal.vague => "vague".to_owned(),
            Err(refusal) => format!("{} {}", refusal.span.start, refusal.message),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let start: String = text.chars().take(80).collect();
        assert_eq!(outcome(text), expected, "for {start}");
    }

    #[test]
    fn sound_texts_keep_their_shape() {
        check(" ( a : 1 , b : [ 2 , 3 , ] ) // end", "(a:1,b:[2,3])");
        check("/* { /* ( */ */ {\"k\": Some ( x ), 'c': ()}", "{\"k\":Some(x),'c':()}");
        check("Name(r#type: r#\"a\"b)\"#, s: \"\\\")\")", "Name(r#type:r#\"a\"b)\"#,s:\"\\\")\")");
        check("(b'x', 'b', b\"z\", true, None)", "(b'x','b',b\"z\",true,None)");
    }

    #[test]
    fn repeated_names_are_refused_at_the_second() {
        check("(a: 1, b: 2, a: 3)", "13 field `a` is given twice");
        check("(a: 1, r#a: 3)", "7 field `a` is given twice");
        check("{\"a\": 1, r\"a\": 3}", "9 key `a` is given twice");
        check("{\"a\": 1, \"\\x61\": 3}", "9 key `a` is given twice");
        check("{1: 1, 0x1: 3}", "7 key `0x1` is given twice");
        check("{x: 1, y: 3}", "{x:1,y:3}");
        check("{x: 1, x: 3}", "7 key `x` is given twice");
        check("{\"a\": {\"a\": 1}, \"b\": {\"a\": 1}}", "{\"a\":{\"a\":1},\"b\":{\"a\":1}}");
        check("{\"\": 1}", "1 a map key must not be empty");
    }

    #[test]
    fn brackets_must_match() {
        check("(a: [1, 2)", "9 expected `]` to close the `[`, found `)`");
        check("(a: [1, 2", "4 this `[` is never closed");
        check("(a: 1", "0 this `(` is never closed");
        check("{\"a\": 1)", "7 expected `}` to close the `{`, found `)`");
        check("(a: \"x)", "4 this quote is never closed");
        check("(/* )", "1 this comment is never closed");
        check("#![enable(x)] ()", "0 a scenario has no `#![…]` attributes");
    }

    #[test]
    fn ordinary_mistakes_are_left_to_ron() {
        let texts = ["", "(a 1)", "(a: 1, 2)", "(1, a: 2)", "() ()", "[1 2]", "(a: )", "?", ")"];
        for text in texts {
            check(text, "vague");
        }
    }

    #[test]
    fn nesting_stops_at_the_limit_without_recursing_further() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let refused = |offset: usize| format!("{offset} brackets are nested deeper than 64 levels");
        check(&nested(MAX_DEPTH), &nested(MAX_DEPTH));
        check(&nested(MAX_DEPTH + 1), &refused(64));
        check(&"(".repeat(1_000_000), &refused(64));
        check(&"{".repeat(1_000_000), &refused(64));
        check(&"Some(".repeat(1_000_000), &refused(324));
        check(&"/*".repeat(1_000_000), "0 this comment is never closed");
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 512,
            failure_persistence: None,
            ..Default::default()
        })]

        #[test]
        fn no_text_panics_and_canonical_forms_are_stable(
            text in r#"[\[\](){}:,"'\\/*#rb\n 0-9a-ceIN.+_-]{0,40}"#
        ) {
            let form = outcome(&text);
            if scan(&text).is_ok() {
                prop_assert_eq!(outcome(&form), form.clone());
            }
        }
    }
}
