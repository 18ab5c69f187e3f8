//! What can be wrong with a script, and where. Faults of a running strategy are not here: they are data of the run.

use std::fmt;
use std::sync::Arc;

use palisade_engine::scenario::SetupError;

/// A place in a script that cannot stay as it is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}{}", Hint(hint.as_deref()))]
pub struct ScriptProblem {
    /// The file, as the user knows it.
    pub file: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// The column in characters, from 1; 0 for the line as a whole.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// How to put it right.
    pub hint: Option<String>,
    /// The whole text of the file, for showing the line.
    pub text: Arc<str>,
}

struct Hint<'a>(Option<&'a str>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |hint| write!(out, " ({hint})"))
    }
}

impl ScriptProblem {
    /// A problem with a file as a whole.
    pub(crate) fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, message: message.into(), hint: None, text: "".into() }
    }

    /// The line of the file that the problem is in.
    #[must_use]
    pub fn source_line(&self) -> Option<&str> {
        self.text.lines().nth(self.line.checked_sub(1)?)
    }
}

/// Why a scenario's strategies cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Scripts have problems: all of them.
    #[error("{}", summary(.0))]
    Script(Vec<ScriptProblem>),
    /// The scenario asks for what the scripts or the protocol have not got: all of it.
    #[error("{}", summary(.0))]
    Setup(Vec<SetupError>),
}

fn summary(problems: &[impl ToString]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl From<SetupError> for LoadError {
    fn from(error: SetupError) -> Self {
        Self::Setup(vec![error])
    }
}

impl From<Vec<SetupError>> for LoadError {
    fn from(errors: Vec<SetupError>) -> Self {
        Self::Setup(errors)
    }
}

impl From<Vec<ScriptProblem>> for LoadError {
    fn from(problems: Vec<ScriptProblem>) -> Self {
        Self::Script(problems)
    }
}

impl From<ScriptProblem> for LoadError {
    fn from(problem: ScriptProblem) -> Self {
        Self::Script(vec![problem])
    }
}

/// Longer words are no misspelling of anything, and comparing them would take long.
const LONGEST_WORD: usize = 64;

/// The known name that `word` was probably meant to be, ignoring case, or none when every name is
/// too far.
///
/// The distance counts insertions, deletions, substitutions and swaps of neighbors; one is always
/// allowed, and one more for every three letters of the word.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST_WORD {
        return None;
    }
    let lower = word.to_lowercase();
    let limit = (lower.chars().count() / 3).max(1);
    let distance = |name: &str| strsim::osa_distance(&lower, &name.to_lowercase());
    known
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|&(distance, name)| distance <= limit && name != word && distance < name.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// "did you mean …" for the nearest known name.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|near| format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_close_and_stable() {
        assert_eq!(nearest("equty", ["equity", "entry"]), Some("equity"));
        assert_eq!(nearest("sise", ["side", "size"]), Some("side"));
        assert_eq!(nearest("balance", ["size"]), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest(&"long".repeat(20), [format!("{}s", "long".repeat(20)).as_str()]), None);
    }
}
