//! What is wrong with a scenario, and where: one message, one place in the text the user wrote, one
//! hint. Nothing here knows RON; the places come from the source map in `text`.

use std::fmt;
use std::sync::Arc;

use palisade_agents::nearest;

/// A range in a text the user wrote: a file, or one `--set path=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it, or `--set path=value`.
    pub file: String,
    /// Line, from 1; 0 when the place is the file as a whole.
    pub line: u32,
    /// Column in characters, from 1; 0 when the place is the file as a whole.
    pub column: u32,
    /// Byte offset in that text.
    pub offset: usize,
    /// Length in bytes, never past the end of the line.
    pub len: usize,
}

impl Place {
    fn whole(file: impl Into<String>) -> Self {
        let (line, column, offset, len) = (0, 0, 0, 0);
        Place { file: file.into(), line, column, offset, len }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// One diagnostic about a scenario or one of its files.
///
/// Plain display is `file:line:column: message`; as a `miette::Diagnostic` it also shows the line
/// and the help.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {}", .0.place, .0.message)]
pub struct Problem(Box<Report>);

#[derive(Clone, Debug)]
struct Report {
    message: String,
    help: Option<String>,
    place: Place,
    source: Option<miette::NamedSource<Arc<str>>>,
}

impl Problem {
    /// A problem with a file as a whole, such as one that cannot be read.
    pub fn file(file: impl Into<String>, message: impl Into<String>) -> Self {
        let (message, place) = (message.into(), Place::whole(file));
        Problem(Box::new(Report { message, help: None, place, source: None }))
    }

    /// A problem on one line of a file whose text is not kept.
    pub(super) fn line(file: impl Into<String>, line: u64, message: impl Into<String>) -> Self {
        let mut problem = Problem::file(file, message);
        problem.0.place.line = u32::try_from(line).unwrap_or(u32::MAX);
        problem.0.place.column = 1;
        problem
    }

    /// The same problem with a hint, where there is one.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<Option<String>>) -> Self {
        self.0.help = help.into().filter(|help| !help.is_empty());
        self
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What was expected, and the nearest right name.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The line that it is in, where its text is kept.
    #[must_use]
    pub fn source_line(&self) -> Option<&str> {
        let text = self.0.source.as_ref()?.inner();
        text.lines().nth(usize::try_from(self.0.place.line).ok()?.checked_sub(1)?)
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.place
    }
}

impl miette::Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.0.source.as_ref().map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        self.0.source.as_ref()?;
        let Place { offset, len, .. } = self.0.place;
        Some(Box::new(std::iter::once(miette::LabeledSpan::underline((offset, len)))))
    }
}

/// A text the user wrote, under the name they know it by.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: Arc<str>,
}

impl Source {
    pub(super) fn new(name: impl Into<String>, text: &str) -> Self {
        Source { name: name.into(), text: Arc::from(text) }
    }

    /// The place of `len` bytes at `offset`, cut at the end of its first line.
    pub(super) fn place(&self, offset: usize, len: usize) -> Place {
        let offset = floor(&self.text, offset);
        let before = &self.text[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = &self.text[offset..];
        let line_end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        Place {
            file: self.name.clone(),
            line: count(before.matches('\n').count() + 1),
            column: count(before[start..].chars().count() + 1),
            offset,
            len: floor(rest, len.min(line_end)),
        }
    }

    pub(super) fn problem(&self, offset: usize, len: usize, message: impl Into<String>) -> Problem {
        let source = miette::NamedSource::new(&self.name, self.text.clone());
        let (message, place) = (message.into(), self.place(offset, len));
        Problem(Box::new(Report { message, help: None, place, source: Some(source) }))
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}

/// `did you mean …? expected …` for a name that is none of `known`.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> Option<String> {
    let near = nearest(word, known.iter().copied()).map(|name| format!("did you mean `{name}`?"));
    let listed: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let expected = match listed.as_slice() {
        [] => None,
        [only] => Some(format!("expected {only}")),
        many => Some(format!("expected one of {}", many.join(", "))),
    };
    let parts: Vec<String> = near.into_iter().chain(expected).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_nearest(word: &str, expected: Option<&str>) {
        let known = ["imr", "mmr", "liquidation", "settlement", "a"];
        assert_eq!(nearest(word, known), expected, "nearest to {word}");
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        check_nearest("imrr", Some("imr"));
        check_nearest("IMR", Some("imr"));
        check_nearest("liqudation", Some("liquidation"));
        check_nearest("setlemnet", Some("settlement"));
        check_nearest("waterfall", None);
        check_nearest("b", None);
        check_nearest("", None);
    }

    #[track_caller]
    fn check_place(text: &str, offset: usize, len: usize, expected: (u32, u32, usize)) {
        let place = Source::new("x.ron", text).place(offset, len);
        assert_eq!((place.line, place.column, place.len), expected);
    }

    #[test]
    fn columns_are_characters_and_the_range_ends_with_its_line() {
        check_place("abc", 0, 2, (1, 1, 2));
        check_place("a\né=b\nc", 5, 1, (2, 3, 1));
        check_place("a\nbcd\nc", 3, 9, (2, 2, 2));
        check_place("a\r\nb", 0, 9, (1, 1, 1));
        check_place("a", 9, 9, (1, 2, 0));
        check_place("", 0, 0, (1, 1, 0));
    }

    #[test]
    fn display_is_place_and_message_and_help_lists_the_names() {
        let problem = Source::new("x.ron", "(imrr: 1)")
            .problem(1, 4, "unknown field `imrr`")
            .with_help(suggestion("imrr", &["imr", "mmr"]));
        assert_eq!(problem.to_string(), "x.ron:1:2: unknown field `imrr`");
        assert_eq!(problem.help(), Some("did you mean `imr`? expected one of `imr`, `mmr`"));
        assert_eq!(Problem::file("x.ron", "gone").to_string(), "x.ron: gone");
    }

    #[test]
    fn rendered_report_shows_the_line_and_the_help() {
        let problem = Source::new("x.ron", "(\n  imrr: 1,\n)").problem(4, 4, "bad").with_help("help me".to_owned());
        let mut shown = String::new();
        miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
            .render_report(&mut shown, &problem)
            .expect("rendering into a string");
        assert!(shown.contains("x.ron:2:3") && shown.contains("imrr: 1") && shown.contains("help me"), "{shown}");
    }
}
