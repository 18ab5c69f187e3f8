//! One `--set path=value`, as it was written on the command line and as a source of places.

use std::fmt;
use std::str::FromStr;

use super::compose;
use super::problem::{Problem, Source};
use super::text::Composed;
use super::tree::Node;

/// One `--set path=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Dotted path from the top of the scenario: `protocol.markets.ETH-PERP.imr`.
    pub path: String,
    /// RON text; a bare word is quoted where it replaces a string.
    pub value: String,
}

impl FromStr for Override {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let Some((path, value)) = text.split_once('=') else {
            let problem = Source::new(format!("--set {text}"), text).problem(0, text.len(), "there is no `=`");
            return Err(problem.with_help("write `--set path=value`".to_owned()));
        };
        let over = Override { path: path.trim().to_owned(), value: value.trim().to_owned() };
        over.named().map(|()| over)
    }
}

impl fmt::Display for Override {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}={}", self.path, self.value)
    }
}

impl Override {
    pub(super) fn source(&self) -> Source {
        let text = self.to_string();
        let shown: String = text.lines().next().unwrap_or("").chars().take(80).collect();
        Source::new(format!("--set {shown}"), &text)
    }

    pub(super) fn at_path(&self, rest: &str, message: impl Into<String>) -> Problem {
        self.source().problem(self.path.len() - rest.len(), first(rest).len(), message)
    }

    pub(super) fn named(&self) -> Result<(), Problem> {
        match self.path.split('.').any(str::is_empty) {
            true => Err(self.at_path(&self.path, "a path is names joined by single dots")),
            false => Ok(()),
        }
    }

    /// The value on its own, placed within `path=value`.
    pub(super) fn parsed(&self) -> Result<(Composed, Node), Problem> {
        let source = compose::decode(&self.source().name, self.source().text.as_bytes())?;
        let alone = Composed::from_offset(source, self.path.len() + 1);
        let node = alone.check()?;
        Ok((alone, node))
    }
}

/// The first segment of a path.
pub(super) fn first(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check_refused(set: &str, expected: &str) {
        let problem = set.parse::<Override>().unwrap_err();
        let report = format!("{problem} | {}", problem.help().unwrap_or(""));
        assert_eq!(report, format!("--set {set}:1:{expected}"));
    }

    #[test]
    fn an_override_is_a_path_and_a_value() {
        check_refused("seed", "1: there is no `=` | write `--set path=value`");
        check_refused("=1", "1: a path is names joined by single dots | ");
        check_refused("a..b=1", "1: a path is names joined by single dots | ");
        let expected = Override { path: "a.b".to_owned(), value: "c=d".to_owned() };
        assert_eq!("a.b = c=d".parse::<Override>().unwrap(), expected);
    }
}
