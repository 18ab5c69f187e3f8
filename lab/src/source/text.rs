//! The composed text and its source map: every byte knows the file, or the `--set`, it came from.
//! Also the check that a text is sound: the structural scan first, then `ron`'s own syntax.

use serde::de::IgnoredAny;

use super::lexeme::Refusal;
use super::problem::{Place, Problem, Source};
use super::scan::scan;
use super::tree::{Node, Span};

/// What `ron` may recurse while only the syntax is read: two steps a bracket and some to spare.
const SYNTAX_RECURSION: usize = 160;

/// Text put in place of a range.
pub(super) struct Patch {
    pub(super) text: String,
    /// Index into `Composed::sources`.
    pub(super) source: usize,
    pub(super) offset: usize,
    /// `None` when the text stands letter for letter in the source; otherwise all of it is placed
    /// on that many bytes.
    pub(super) width: Option<usize>,
}

/// A run of composed text that ends where the next piece starts.
#[derive(Clone, Debug)]
struct Piece {
    start: usize,
    source: usize,
    offset: usize,
    width: Option<usize>,
}

impl Piece {
    fn at(&self, start: usize) -> Piece {
        let moved = if self.width.is_none() { start - self.start } else { 0 };
        Piece { start, offset: self.offset + moved, ..self.clone() }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Composed {
    text: String,
    pieces: Vec<Piece>,
    sources: Vec<Source>,
}

impl Composed {
    pub(super) fn new(source: Source) -> Self {
        Composed::from_offset(source, 0)
    }

    /// The text of `source` from `offset` on.
    pub(super) fn from_offset(source: Source, offset: usize) -> Self {
        let piece = Piece { start: 0, source: 0, offset, width: None };
        Composed { text: source.text[offset..].to_owned(), pieces: vec![piece], sources: vec![source] }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn add_source(&mut self, source: Source) -> usize {
        self.sources.push(source);
        self.sources.len() - 1
    }

    /// Puts `patches`, in order, in place of `span`.
    pub(super) fn replace(&mut self, span: Span, patches: Vec<Patch>) {
        let ends = self.pieces.iter().skip(1).map(|piece| piece.start).chain([self.text.len()]);
        let tail: Vec<Piece> = self
            .pieces
            .iter()
            .zip(ends)
            .filter(|&(_, end)| end > span.end)
            .map(|(piece, _)| piece.at(piece.start.max(span.end)))
            .collect();
        self.pieces.retain(|piece| piece.start < span.start);
        let mut inserted = String::new();
        for Patch { text, source, offset, width } in patches.into_iter().filter(|patch| !patch.text.is_empty()) {
            self.pieces.push(Piece { start: span.start + inserted.len(), source, offset, width });
            inserted.push_str(&text);
        }
        let shift = |at: usize| at - span.end + span.start + inserted.len();
        self.pieces.extend(tail.into_iter().map(|piece| Piece { start: shift(piece.start), ..piece }));
        self.text.replace_range(span.start..span.end, &inserted);
    }

    fn locate(&self, span: Span) -> (&Source, usize, usize) {
        let index = self.pieces.partition_point(|piece| piece.start <= span.start).saturating_sub(1);
        let Some(piece) = self.pieces.get(index) else {
            return (&self.sources[0], 0, 0);
        };
        let end = self.pieces.get(index + 1).map_or(self.text.len(), |next| next.start);
        let len = piece.width.unwrap_or_else(|| span.end.min(end).saturating_sub(span.start));
        (&self.sources[piece.source], piece.at(span.start.max(piece.start)).offset, len)
    }

    /// The place of a range, cut where it leaves the file it starts in.
    pub(super) fn place(&self, span: Span) -> Place {
        let (source, offset, len) = self.locate(span);
        source.place(offset, len)
    }

    pub(super) fn problem(&self, span: Span, message: impl Into<String>) -> Problem {
        let (source, offset, len) = self.locate(span);
        source.problem(offset, len, message)
    }

    /// The tree of a sound text.
    pub(super) fn check(&self) -> Result<Node, Problem> {
        match scan(&self.text) {
            Ok(node) => self.syntax().map_or(Ok(node), Err),
            Err(refusal) if refusal.vague => Err(self.syntax().unwrap_or_else(|| self.refused(&refusal))),
            Err(refusal) => Err(self.refused(&refusal)),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Problem {
        let see = refusal.see.map(|(at, phrase)| (self.place(Span::new(at, at)).line, phrase));
        let see = see.map(|(line, phrase)| format!(" ({phrase} {line})")).unwrap_or_default();
        let message = format!("{}{see}", refusal.message);
        self.problem(refusal.span, message).with_help(refusal.help.map(str::to_owned))
    }

    /// What `ron` has against the syntax.
    fn syntax(&self) -> Option<Problem> {
        let options = ron::Options::default().with_recursion_limit(SYNTAX_RECURSION);
        let error = options.from_str::<IgnoredAny>(&self.text).err()?;
        let at = offset_of(&self.text, error.span.end);
        let end = self.text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
        Some(self.problem(Span::new(at, end), lower_first(&error.code.to_string())))
    }
}

/// The byte offset of a line and column as `ron` counts them.
pub(super) fn offset_of(text: &str, position: ron::error::Position) -> usize {
    let lines = text.split_inclusive('\n').take(position.line.saturating_sub(1));
    let start = lines.map(str::len).sum::<usize>();
    let mut columns = text[start..].char_indices();
    columns.nth(position.col.saturating_sub(1)).map_or(text.len(), |(at, _)| start + at)
}

pub(super) fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn composed(text: &str) -> Composed {
        Composed::new(Source::new("x.ron", text))
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(composed(text).check().unwrap_err().to_string(), expected);
    }

    #[test]
    fn refusals_name_their_place_and_the_one_they_refer_to() {
        check("(\n  a: 1,\n  b: 2,\n  a: 3,\n)", "x.ron:4:3: field `a` is given twice (first given on line 2)");
        check("(m: {\n \"k\": 1,\n \"k\": 2})", "x.ron:3:2: key `k` is given twice (first given on line 2)");
        check("(\n  a: [1, 2,\n)", "x.ron:3:1: expected `]` to close the `[`, found `)` (opened on line 2)");
        check("(a: NaN)", "x.ron:1:5: `NaN` is not a finite number");
        check("(a: [1,\n -inf])", "x.ron:2:2: `-inf` is not a finite number");
        check("(a: 1e999)", "x.ron:1:5: `1e999` is not a finite number: it is too large");
        check("(a: 1e-310)", "x.ron:1:5: `1e-310` is too close to zero to be held exactly");
        check("(a: 5m)", "x.ron:1:5: `5m` is not a number");
        let deep = "x.ron:1:65: brackets are nested deeper than 64 levels";
        check(&"[".repeat(1_000_000), deep);
    }

    #[test]
    fn syntax_errors_are_worded_by_ron() {
        check("", "x.ron:1:1: unexpected end of RON");
        check("(a: 1\n b: 2)", "x.ron:2:2: expected comma");
        check("(a: 1) x", "x.ron:1:8: non-whitespace trailing characters");
        check("(a: \"\\q\")", "x.ron:1:8: unknown escape character");
        check("{\"a\" 1}", "x.ron:1:6: expected colon");
        check("(a: ?)", "x.ron:1:5: unexpected char '?'");
    }

    #[test]
    fn the_deepest_text_passes_both_readings() {
        for (open, close) in [("(a: ", ")"), ("[", "]"), ("{1: ", "}"), ("Some(", ")")] {
            let text = format!("{}1{}", open.repeat(64), close.repeat(64));
            assert!(composed(&text).check().is_ok(), "{open}");
        }
    }

    #[test]
    fn replaced_ranges_lead_to_their_own_sources() {
        let mut text = composed("abc\ndef");
        let other = text.add_source(Source::new("y.ron", "12\n34"));
        let patch = |text: &str, offset, width| Patch { text: text.to_owned(), source: other, offset, width };
        text.replace(Span::new(1, 5), vec![patch("<<", 0, Some(1)), patch("34", 3, None)]);
        assert_eq!(text.text(), "a<<34ef");
        let places = (0..=7).map(|at| text.place(Span::new(at, at + 1)).to_string());
        let y = ["y.ron:1:1", "y.ron:1:1", "y.ron:2:1", "y.ron:2:2"];
        let expected = [&["x.ron:1:1"], y.as_slice(), &["x.ron:2:2", "x.ron:2:3", "x.ron:2:4"]];
        assert_eq!(places.collect::<Vec<_>>(), expected.concat());

        text.replace(Span::new(2, 4), Vec::new());
        assert_eq!(text.text(), "a<4ef");
        let places = (0..=4).map(|at| text.place(Span::new(at, at + 1)).to_string());
        let expected = ["x.ron:1:1", "y.ron:1:1", "y.ron:2:2", "x.ron:2:2", "x.ron:2:3"];
        assert_eq!(places.collect::<Vec<_>>(), expected);
    }
}
