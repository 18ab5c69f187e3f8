//! The shape of a composed text: nodes with byte spans, the walk along a dotted path, and the
//! canonical form that is hashed. Values are not interpreted; a leaf is its text.

use std::fmt::Write as _;

/// A byte range in the composed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        Span { start, end }
    }

    pub(super) fn of(self, text: &str) -> &str {
        &text[self.start..self.end]
    }

    pub(super) fn contains(self, at: usize) -> bool {
        (self.start..self.end).contains(&at)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    /// The struct or variant name before `(`.
    pub(super) name: Option<Box<str>>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Leaf,
    List(Vec<Node>),
    /// `(…)` without field names; empty parentheses too.
    Tuple(Vec<Node>),
    Struct(Vec<Entry>),
    Map(Vec<Entry>),
}

/// A struct field or a map entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

/// How far a dotted path leads: the deepest node that exists and the part of the path beyond it.
pub(super) struct Walk<'a, 'p> {
    pub(super) node: &'a Node,
    /// The key under which `node` stands, unless it is the root or an item.
    pub(super) entry: Option<&'a Entry>,
    pub(super) rest: &'p str,
}

impl Node {
    pub(super) fn walk<'p>(&self, path: &'p str) -> Walk<'_, 'p> {
        let mut walk = Walk { node: self, entry: None, rest: path };
        while !walk.rest.is_empty() {
            let Some(next) = walk.node.payload().step(walk.rest) else {
                break;
            };
            walk = next;
        }
        walk.node = walk.node.inlined();
        walk
    }

    pub(super) fn find(&self, path: &str) -> Option<&Node> {
        let walk = self.walk(path);
        walk.rest.is_empty().then_some(walk.node)
    }

    fn step<'p>(&self, path: &'p str) -> Option<Walk<'_, 'p>> {
        match &self.kind {
            Kind::Leaf => None,
            Kind::List(items) | Kind::Tuple(items) => {
                let (index, rest) = path.split_once('.').unwrap_or((path, ""));
                let node = items.get(index.parse::<usize>().ok()?)?;
                Some(Walk { node, entry: None, rest })
            }
            Kind::Struct(entries) | Kind::Map(entries) => entries
                .iter()
                .filter_map(|entry| Some((entry, after(path, &entry.key)?)))
                .min_by_key(|(_, rest)| rest.len())
                .map(|(entry, rest)| Walk { node: &entry.value, entry: Some(entry), rest }),
        }
    }

    /// The value inside `Inline(…)`, or the node itself.
    pub(super) fn inlined(&self) -> &Node {
        match (self.name.as_deref(), &self.kind) {
            (Some("Inline"), Kind::Tuple(items)) if items.len() == 1 => &items[0],
            _ => self,
        }
    }

    /// The value that a longer path continues in: inside `Inline(…)` and `Some(…)`.
    pub(super) fn payload(&self) -> &Node {
        match (self.name.as_deref(), &self.kind) {
            (Some("Inline" | "Some"), Kind::Tuple(items)) if items.len() == 1 => items[0].payload(),
            _ => self,
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Struct(entries) | Kind::Map(entries) => entries,
            Kind::Leaf | Kind::List(_) | Kind::Tuple(_) => &[],
        }
    }

    /// Child names in file order: field names, map keys, or indexes.
    pub(super) fn keys(&self) -> Vec<String> {
        match &self.kind {
            Kind::Leaf => Vec::new(),
            Kind::List(items) | Kind::Tuple(items) => (0..items.len()).map(|i| i.to_string()).collect(),
            Kind::Struct(entries) | Kind::Map(entries) => entries.iter().map(|e| e.key.clone()).collect(),
        }
    }

    pub(super) fn children(&self) -> impl Iterator<Item = &Node> {
        let (items, entries): (&[Node], &[Entry]) = match &self.kind {
            Kind::Leaf => (&[], &[]),
            Kind::List(items) | Kind::Tuple(items) => (items, &[]),
            Kind::Struct(entries) | Kind::Map(entries) => (&[], entries),
        };
        items.iter().chain(entries.iter().map(|entry| &entry.value))
    }

    /// Writes the value without comments, trailing commas and spacing.
    pub(super) fn canonical(&self, text: &str, out: &mut String) {
        let (open, close) = match &self.kind {
            Kind::Leaf => return out.push_str(self.span.of(text)),
            Kind::List(_) => ('[', ']'),
            Kind::Tuple(_) | Kind::Struct(_) => ('(', ')'),
            Kind::Map(_) => ('{', '}'),
        };
        out.push_str(self.name.as_deref().unwrap_or(""));
        out.push(open);
        for (i, child) in self.children().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            out.push_str(comma);
            if let Some(entry) = self.entries().get(i) {
                let _ = write!(out, "{}:", entry.key_span.of(text));
            }
            child.canonical(text, out);
        }
        out.push(close);
    }
}

fn after<'p>(path: &'p str, key: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(key)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.').filter(|rest| !rest.is_empty()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::source::scan::scan;

    const TEXT: &str = r#"( part: Inline(( m: {"A-B/C:D": (imr: 0.1), "a.b": (x: 1)} )),
        expect: [(value: 1), Max(2)], maybe: Some((y: 3)), /* c */ noise: Normal(sd: 4), )"#;

    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        let tree = scan(TEXT).unwrap();
        assert_eq!(tree.find(path).map(|node| node.span.of(TEXT)), expected, "at {path}");
    }

    #[test]
    fn paths_lead_through_wrappers_keys_and_indexes() {
        check("part.m.A-B/C:D.imr", Some("0.1"));
        check("part.m.a.b.x", Some("1"));
        check("expect.0.value", Some("1"));
        check("expect.1.0", Some("2"));
        check("maybe", Some("Some((y: 3))"));
        check("maybe.y", Some("3"));
        check("noise.sd", Some("4"));
        check("part.m.A-B/C:D.imr.deeper", None);
        check("expect.2", None);
        check("part.", None);
        check("", Some(TEXT));
    }

    #[test]
    fn keys_are_names_or_indexes_in_file_order() {
        let tree = scan(TEXT).unwrap();
        assert_eq!(tree.keys(), ["part", "expect", "maybe", "noise"]);
        assert_eq!(tree.find("part.m").unwrap().keys(), ["A-B/C:D", "a.b"]);
        assert_eq!(tree.find("expect").unwrap().keys(), ["0", "1"]);
    }

    #[test]
    fn the_canonical_form_has_no_layout() {
        let mut out = String::new();
        scan(TEXT).unwrap().canonical(TEXT, &mut out);
        let expected = r#"(part:Inline((m:{"A-B/C:D":(imr:0.1),"a.b":(x:1)})),expect:[(value:1),Max(2)],"#;
        assert_eq!(out, format!("{expected}maybe:Some((y:3)),noise:Normal(sd:4))"));
    }
}
