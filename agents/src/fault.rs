//! Turns an error of the script engine into a place and one printable line.

use rhai::{Dynamic, EvalAltResult, Position};

use crate::draft::Places;
use crate::natives;
use crate::problem::did_you_mean;
use crate::sandbox::Stop;

/// The longest message.
const MAX_MESSAGE: usize = 300;

/// What went wrong, and in which of the draft's sources.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    pub(crate) source: usize,
    pub(crate) at: Position,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Where each script function stands, and the names of all methods, for hints.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) places: &'a Places,
    pub(crate) methods: &'a [&'static str],
    /// The operations that the call was allowed.
    pub(crate) fuel: u64,
}

/// Locates `error`, raised below the function `root`.
pub(crate) fn locate(error: &EvalAltResult, stop: Option<Stop>, root: &str, known: Known<'_>) -> Failure {
    let mut function = known.places.get(root).copied();
    let mut inner = error;
    while let EvalAltResult::ErrorInFunctionCall(name, _, cause, _) = inner {
        function = known.places.get(name.as_str()).copied().or(function);
        inner = cause;
    }
    let (source, begin) = function.unwrap_or((0, Position::NONE));
    let (message, hint) = match stop {
        Some(Stop::Fuel) => {
            (format!("more than {} operations", known.fuel), Some("is there a loop that does not end?".into()))
        }
        Some(Stop::Memory) => ("back-stop: too much memory in one call".into(), None),
        Some(Stop::Deadline) => ("back-stop: one call took too long".into(), None),
        Some(Stop::Panic) => ("internal fault in the script engine".into(), None),
        None => describe(inner, known),
    };
    // A meter may stop a call between two statements.
    let at = if inner.position().is_none() { begin } else { inner.position() };
    Failure { source, at, message, hint }
}

impl Failure {
    /// Message and hint as one printable line.
    pub(crate) fn line(&self) -> String {
        let whole = match &self.hint {
            Some(hint) => format!("{} ({hint})", self.message),
            None => self.message.clone(),
        };
        printable(&whole)
    }
}

fn describe(error: &EvalAltResult, known: Known<'_>) -> (String, Option<String>) {
    match error {
        EvalAltResult::ErrorRuntime(value, _) => (thrown(value), None),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let name = signature.split([' ', '(']).next().unwrap_or(signature);
            if name == "[]" || name.is_empty() {
                return (format!("there is no function {signature}"), None);
            }
            let own = known.places.keys().map(String::as_str);
            let known = own.chain(known.methods.iter().copied()).chain(natives::names().map(|known| -> &str { known }));
            (format!("there is no `{signature}`"), did_you_mean(name, known))
        }
        EvalAltResult::ErrorTooManyOperations(_) => (format!("more than {} operations", known.fuel), None),
        EvalAltResult::ErrorStackOverflow(_) => ("functions call each other too deeply".into(), None),
        _ => {
            let text = error.to_string();
            let end = text.rfind(" (line ").unwrap_or(text.len());
            (text[..end].to_owned(), None)
        }
    }
}

fn thrown(value: &Dynamic) -> String {
    match value.read_lock::<rhai::ImmutableString>() {
        Some(text) => text.to_string(),
        None if value.is_unit() => "the strategy threw ()".into(),
        None => format!("the strategy threw {value}"),
    }
}

/// One line of at most 300 printable characters, without the hashes in names of anonymous functions.
pub(crate) fn printable(text: &str) -> String {
    let mut parts = text.split("anon$");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str("a closure");
        clean.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    let clean: String = without_paths(&clean).chars().map(shown).collect();
    clean.chars().take(MAX_MESSAGE).collect()
}

/// The text with the names of Rust's types as scripts know them: they are another matter on every machine.
fn without_paths(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_:<>".contains(c);
    let plain = |word: &str| {
        let (path, end) = word.split_at(word.trim_end_matches(|c| !is_part(c)).len());
        let name = path.split('<').next().unwrap_or(path).rsplit("::").next().unwrap_or(path);
        if path.contains("::") { name.to_lowercase() + end } else { word.to_owned() }
    };
    text.split_inclusive(|c| !is_part(c)).map(plain).collect()
}

/// A character as it may stand in a message: itself, a space, or its number.
fn shown(letter: char) -> String {
    match letter {
        '\\' | '"' | '\'' => letter.into(),
        _ if letter.is_whitespace() || letter.is_ascii_control() => " ".into(),
        _ => letter.escape_debug().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_printable_line() {
        assert_eq!(printable("a\nb\u{1b}[2J anon$0123abcd!"), "a b [2J a closure!");
        assert_eq!(printable(&"x".repeat(1_000)).len(), MAX_MESSAGE);
        assert_eq!(printable("is core::ops::range::Range<i64>, not a: b::C"), "is range, not a: c");
        assert_eq!(printable("a\u{202e}b\u{200b}c\u{2028}d\\e\"f' é漢"), "a\\u{202e}b\\u{200b}c d\\e\"f' é漢");
    }
}
