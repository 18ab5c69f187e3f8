//! From the last step of `ron`'s cursor to the value an error is about. `ron` reports where its
//! cursor was, which is before a value it would not take, inside one it gave up on, or just behind
//! one whose content was refused.

use ron::error::Span as Moved;

use super::text::offset_of;
use super::tree::{Entry, Kind, Node, Span};

/// The last step of the cursor within the value that was being read.
pub(super) struct Trail<'a> {
    text: &'a str,
    root: &'a Node,
    from: usize,
    to: usize,
}

/// What an error is about: a value, or a map key (without a node).
pub(super) struct Culprit<'a> {
    pub(super) span: Span,
    pub(super) node: Option<&'a Node>,
    entry: Option<&'a Entry>,
}

impl Culprit<'_> {
    /// ` for `key``, when it stands under one.
    pub(super) fn whose(&self) -> String {
        match (self.node, self.entry) {
            (Some(_), Some(entry)) => format!(" for `{}`", entry.key),
            (None, _) => " for the key".to_owned(),
            (Some(_), None) => String::new(),
        }
    }
}

impl<'a> Trail<'a> {
    /// `text` is the whole composed text, of which `moved` counts lines from the start of `root`.
    pub(super) fn new(text: &'a str, root: &'a Node, moved: &Moved) -> Self {
        let at = |position| root.span.start + offset_of(root.span.of(text), position);
        let (from, to) = (at(moved.start), at(moved.end));
        Trail { text, root, from: from.min(to), to }
    }

    /// The value that was read to its end and then refused, or the struct that ended too early.
    pub(super) fn consumed(&self) -> Culprit<'a> {
        self.deepest(self.from)
    }

    /// The value that the cursor stands before or got stuck in.
    pub(super) fn met(&self) -> Culprit<'a> {
        let here = self.deepest(self.to);
        let Some(node) = here.node else {
            return here;
        };
        if node.span.start == self.to || matches!(node.kind, Kind::Leaf) || self.before_payload() {
            return here;
        }
        if let Some(entry) = node.entries().iter().find(|entry| entry.key_span.start == self.to) {
            let key = Culprit { span: entry.key_span, node: None, entry: Some(entry) };
            return if matches!(node.kind, Kind::Map(_)) { key } else { here };
        }
        self.ended(self.from).unwrap_or_else(|| self.deepest(self.from))
    }

    /// Whether the cursor stands between a variant's name and its parentheses.
    pub(super) fn before_payload(&self) -> bool {
        let named = self.deepest(self.to).node.filter(|node| node.name.is_some());
        named.is_some_and(|node| {
            let read = &self.text[node.span.start..self.to];
            !read.is_empty() && !read.contains('(') && self.text[self.to..].trim_start().starts_with('(')
        })
    }

    /// The place of the field name `found`.
    pub(super) fn named(&self, found: &str) -> Span {
        let container = self.deepest(self.from).node.unwrap_or(self.root);
        let local = container.entries().iter().find(|entry| entry.key == found).map(|entry| entry.key_span);
        self.read(found).or(local).or_else(|| key_below(self.root, found)).unwrap_or_else(|| self.consumed().span)
    }

    /// The place of the variant name `found`.
    pub(super) fn word(&self, found: &str) -> Span {
        self.read(found).unwrap_or_else(|| self.consumed().span)
    }

    /// The cursor's last step, if it read exactly this name.
    fn read(&self, found: &str) -> Option<Span> {
        let span = Span::new(self.from, self.to);
        let text = span.of(self.text);
        (text.strip_prefix("r#").unwrap_or(text) == found).then_some(span)
    }

    fn deepest(&self, at: usize) -> Culprit<'a> {
        self.down(|node| node.span.contains(at))
    }

    /// The value that ends exactly at an offset.
    fn ended(&self, at: usize) -> Option<Culprit<'a>> {
        let holds = |node: &Node| node.span.start < at && at <= node.span.end;
        Some(self.down(holds)).filter(|culprit| culprit.span.end == at)
    }

    fn down(&self, holds: impl Fn(&Node) -> bool) -> Culprit<'a> {
        let (mut node, mut entry) = (self.root, None);
        while let Some((index, child)) = node.children().enumerate().find(|(_, child)| holds(child)) {
            entry = node.entries().get(index).or(entry);
            node = child;
        }
        Culprit { span: node.span, node: Some(node), entry }
    }
}

fn key_below(node: &Node, found: &str) -> Option<Span> {
    let here = node.entries().iter().find(|entry| entry.key == found).map(|entry| entry.key_span);
    here.or_else(|| node.children().find_map(|child| key_below(child, found)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, dead_code)]
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use crate::source::Document;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Side {
        Long,
        Custom((u8, u8)),
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(try_from = "f64")]
    struct Share(f64);

    impl TryFrom<f64> for Share {
        type Error = String;

        fn try_from(value: f64) -> Result<Self, String> {
            let within = (0.0..=1.0).contains(&value);
            within.then_some(Share(value)).ok_or_else(|| format!("share {value} is not within 0 and 1"))
        }
    }

    #[track_caller]
    fn check<T: DeserializeOwned + std::fmt::Debug>(value: &str, expected: &str) {
        let document = Document::from_text("x", &format!("(v: {value})"), &[]).unwrap();
        let problem = document.parse::<T>("v").unwrap_err();
        let help = problem.help().map(|help| format!(" | {help}"));
        let report = format!("{}{}", problem, help.unwrap_or_default());
        assert_eq!(report, format!("x:1:{expected}"));
    }

    #[test]
    fn a_value_that_was_not_taken() {
        check::<Side>(
            "\"long\"",
            "5: expected a name without quotes, found the text \"long\" | a name has no quotes: long",
        );
        check::<Side>("-5", "5: expected a name without quotes, found `-5`");
        check::<Vec<(u8, f64)>>("[(1, \"x\")]", "10: expected a number, found the text \"x\" | a number has no quotes");
        check::<Vec<u8>>("[1, /* 2 */ 1.5]", "17: expected an integer, found `1.5`");
    }

    #[test]
    fn a_value_that_was_only_partly_taken() {
        check::<Side>("long(1)", "5: `long` takes no value in parentheses");
        check::<Vec<Side>>("[long (x: 1)]", "6: `long` takes no value in parentheses");
        check::<Side>("custom", "5: `custom` needs a value in parentheses");
        check::<Vec<Side>>("[custom , long]", "6: `custom` needs a value in parentheses");
        check::<Side>("custom((1, 2, 3))", "19: `3` is one element too many");
        check::<Side>("custom((1, 2), 3)", "20: `3` is one element too many");
        check::<u8>("1.5", "5: expected an integer, found `1.5`");
        check::<f64>("0x1", "5: expected a plain decimal number, found `0x1`");
    }

    #[test]
    fn a_value_that_was_taken_and_refused() {
        check::<Side>("custom((1))", "12: expected a tuple of size 2, found 1 elements");
        check::<Vec<u8>>("[1, 300]", "9: `300` is out of range");
        check::<Share>("1.5", "5: share 1.5 is not within 0 and 1");
        check::<Vec<Share>>("[1, -2, 0]", "9: share -2 is not within 0 and 1");
        check::<Tagged>("(kind: \"A\")", "5: missing field `x`");
        check::<Tagged>("(kind: \"A\", x: 1, y: 2)", "23: unknown field `y` | expected `x`");
        check::<Either>("\"q\"", "5: data did not match any variant of untagged enum Either");
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "kind", deny_unknown_fields)]
    enum Tagged {
        A { x: u8 },
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(u8),
        Many(Vec<u8>),
    }
}
