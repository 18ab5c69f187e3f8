//! Typed reading of a value with `ron`, and its errors in the user's words. The text is known to be
//! sound by then, so whatever `ron` still refuses is a value of the wrong shape; `culprit` says
//! which value that is.

use ron::Error;
use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

use super::culprit::{Culprit, Trail};
use super::problem::{Problem, suggestion};
use super::text::{Composed, lower_first};
use super::tree::{Kind, Node, Span};

/// What `ron` may recurse for a type: some steps for each of the 64 levels a text may have.
const RECURSION: usize = 512;

/// The value of `node`, or what its type has against it.
pub(super) fn parse<T: DeserializeOwned>(composed: &Composed, node: &Node) -> Result<T, Problem> {
    let options =
        ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME).with_recursion_limit(RECURSION);
    options.from_str(node.span.of(composed.text())).map_err(|error| explain(composed, node, &error))
}

/// What `ron` has against the text of `node`, in the user's words.
pub(super) fn explain(composed: &Composed, node: &Node, error: &ron::error::SpannedError) -> Problem {
    let trail = Trail::new(composed.text(), node, &error.span);
    Failure { composed, trail }.problem(&error.code)
}

struct Failure<'a> {
    composed: &'a Composed,
    trail: Trail<'a>,
}

impl Failure<'_> {
    fn problem(&self, error: &Error) -> Problem {
        match error {
            Error::NoSuchStructField { expected, found, outer } => {
                let message = format!("unknown field `{found}`{}", within(outer.as_deref()));
                self.at(self.trail.named(found), message).with_help(suggestion(found, expected))
            }
            Error::NoSuchEnumVariant { expected, found, outer } => {
                let message = format!("unknown variant `{found}`{}", within(outer.as_deref()));
                self.at(self.trail.word(found), message).with_help(suggestion(found, expected))
            }
            Error::MissingStructField { field, outer } => {
                let message = format!("missing field `{field}`{}", within(outer.as_deref()));
                self.at(self.trail.consumed().span, message)
            }
            Error::DuplicateStructField { field, outer } => {
                let message = format!("field `{field}`{} is given twice", within(outer.as_deref()));
                self.at(self.trail.named(field), message)
            }
            Error::Message(message) => self.custom(message),
            Error::InvalidValueForType { expected, .. } => self.unlike(&self.trail.consumed(), expected),
            Error::ExpectedDifferentLength { expected, found } => {
                let culprit = self.trail.consumed();
                self.at(culprit.span, format!("expected {expected}{}, found {found} elements", culprit.whose()))
            }
            other => self.shape(other),
        }
    }

    fn at(&self, span: Span, message: impl Into<String>) -> Problem {
        self.composed.problem(span, message)
    }

    /// An error that a type made itself: from `try_from`, or by serde's flattening.
    fn custom(&self, message: &str) -> Problem {
        let named = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        let span = named.map_or_else(|| self.trail.consumed().span, |name| self.trail.named(name));
        self.at(span, message)
    }

    fn unlike(&self, culprit: &Culprit, expected: &str) -> Problem {
        let found = describe(culprit, culprit.span.of(self.composed.text()));
        self.at(culprit.span, format!("expected {expected}{}, found {found}", culprit.whose()))
    }

    /// A value that is not what its type wants.
    fn shape(&self, error: &Error) -> Problem {
        let culprit = self.trail.met();
        let text = culprit.span.of(self.composed.text());
        let name = culprit.node.and_then(|node| node.name.as_deref());
        match (error, name) {
            (Error::IntegerOutOfBounds, _) => {
                self.at(culprit.span, format!("`{text}` is out of range{}", culprit.whose()))
            }
            (Error::ExpectedStructLike, _) if is_word(text) => {
                self.at(culprit.span, format!("`{text}` needs a value in parentheses"))
            }
            (Error::ExpectedComma | Error::ExpectedStructLikeEnd | Error::TrailingCharacters, Some(name))
                if self.trail.before_payload() =>
            {
                self.at(culprit.span, format!("`{name}` takes no value in parentheses"))
            }
            (Error::ExpectedStructLikeEnd | Error::ExpectedOptionEnd, _) => {
                self.at(culprit.span, format!("{} is one element too many", describe(&culprit, text)))
            }
            _ => match wanted(error, text) {
                Some(expected) => self.unlike(&culprit, &expected).with_help(self.hint(error, text)),
                None => self.at(culprit.span, lower_first(&error.to_string())),
            },
        }
    }

    fn hint(&self, error: &Error, text: &str) -> Option<String> {
        let hint = match error {
            Error::ExpectedString if is_word(text) => format!("text needs quotes: \"{text}\""),
            Error::ExpectedIdentifier if text.starts_with('"') => {
                format!("a name has no quotes: {}", text.trim_matches('"'))
            }
            Error::ExpectedFloat | Error::ExpectedInteger if text.starts_with('"') => {
                "a number has no quotes".to_owned()
            }
            _ => return None,
        };
        Some(hint)
    }
}

/// What the type wanted, when `ron` met `text` instead.
fn wanted(error: &Error, text: &str) -> Option<String> {
    let expected = match error {
        Error::ExpectedInteger | Error::InvalidIntegerDigit { .. } | Error::UnderscoreAtBeginning => "an integer",
        // A number was read up to a letter or point that its type has no use for.
        Error::ExpectedComma | Error::TrailingCharacters if text.contains('.') => "an integer",
        Error::ExpectedComma | Error::TrailingCharacters => "a plain decimal number",
        Error::ExpectedFloat | Error::FloatUnderscore => "a number",
        Error::ExpectedBoolean => "`true` or `false`",
        Error::ExpectedString | Error::ExpectedStringEnd => "text in quotes",
        Error::ExpectedChar => "one character in single quotes",
        Error::ExpectedArray => "a list `[…]`",
        Error::ExpectedMap => "a map `{…}`",
        Error::ExpectedIdentifier | Error::SuggestRawIdentifier(_) => "a name without quotes",
        Error::ExpectedStructLike => "parentheses `(…)`",
        Error::ExpectedMapColon => "named fields `name: value`",
        Error::ExpectedUnit => "`()`",
        Error::ExpectedNamedStructLike(name) if !name.is_empty() => {
            return Some(format!("`(…)` of `{name}`"));
        }
        Error::ExpectedDifferentStructName { expected, .. } => {
            return Some(format!("`(…)` of `{expected}`"));
        }
        _ => return None,
    };
    Some(expected.to_owned())
}

fn describe(culprit: &Culprit, text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    let cut = if shown.len() < text.len() { "…" } else { "" };
    let name = culprit.node.and_then(|node| node.name.as_deref()).unwrap_or("");
    match culprit.node.map(|node| &node.kind) {
        Some(Kind::List(_)) => "a list `[…]`".to_owned(),
        Some(Kind::Map(_)) => "a map `{…}`".to_owned(),
        Some(Kind::Tuple(items)) if items.is_empty() => format!("`{name}()`"),
        Some(Kind::Tuple(_)) => format!("`{name}(…)`"),
        Some(Kind::Struct(_)) => format!("named fields `{name}(…)`"),
        Some(Kind::Leaf) | None if text.starts_with('"') => format!("the text {shown}{cut}"),
        Some(Kind::Leaf) | None => format!("`{shown}{cut}`"),
    }
}

fn within(outer: Option<&str>) -> String {
    outer.map(|outer| format!(" in `{outer}`")).unwrap_or_default()
}

fn is_word(text: &str) -> bool {
    text.starts_with(char::is_alphabetic) && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, dead_code)]
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use crate::source::Document;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Market {
        imr: f64,
        #[serde(default)]
        lots: u8,
        #[serde(default)]
        side: Option<Side>,
        #[serde(default)]
        name: String,
        #[serde(default)]
        pool: Option<Pool>,
        #[serde(default)]
        steps: Vec<(f64, f64)>,
        #[serde(default)]
        open: bool,
        #[serde(default)]
        by_day: BTreeMap<String, u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "snake_case")]
    enum Side {
        Long,
        Short,
        Both { skew: f64 },
        Custom(Pool),
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pool {
        fee: f64,
    }

    fn parse(market: &str) -> Result<Market, String> {
        let text = format!("(\n  protocol: Inline((m: {{\"A\":\n{market}}})),\n)");
        let document = Document::from_text("x", &text, &[]).unwrap();
        document.parse("protocol.m.A").map_err(|problem| {
            let place = problem.place();
            let help = problem.help().map(|help| format!(" | {help}")).unwrap_or_default();
            format!("{}:{} {}{help}", place.line, place.column, problem.message())
        })
    }

    #[track_caller]
    fn check(market: &str, expected: &str) {
        assert_eq!(parse(market).unwrap_err(), expected, "for {market}");
    }

    #[test]
    fn optional_values_need_no_some() {
        let market = parse("(imr: 1, side: long, pool: (fee: 2), steps: [(1, 2)])").unwrap();
        assert_eq!(market.pool.unwrap().fee, 2.0);
        assert!(parse("(imr: 1, side: Some(short), pool: None)").unwrap().pool.is_none());
    }

    #[test]
    fn unknown_names_are_placed_on_the_name_with_the_nearest_right_one() {
        let fields = "expected one of `imr`, `lots`, `side`, `name`, `pool`, `steps`, `open`, `by_day`";
        check("(lots: 1,\n imrr: 1)", &format!("4:2 unknown field `imrr` in `Market` | did you mean `imr`? {fields}"));
        let fee = "did you mean `fee`? expected `fee`";
        check("(imr: 1, pool: (fees: 1))", &format!("3:17 unknown field `fees` in `Pool` | {fee}"));
        check("(imr: 1, pool: Some((fees: 1)))", &format!("3:22 unknown field `fees` in `Pool` | {fee}"));
        check("(imr: 1, side: custom((fees: 1)))", &format!("3:24 unknown field `fees` in `Pool` | {fee}"));
        check("(imr: 1, side: both(sk: 1))", "3:21 unknown field `sk` in `both` | expected `skew`");
        check(
            "(imr: 1,\n  side: lomg)",
            "4:9 unknown variant `lomg` in `Side` | did you mean `long`? expected one of `long`, `short`, `both`, `custom`",
        );
    }

    #[test]
    fn missing_fields_are_placed_on_their_struct() {
        check("(lots: 1)", "3:1 missing field `imr` in `Market`");
        check("()", "3:1 missing field `imr` in `Market`");
        check("(imr: 1, pool: ( ))", "3:16 missing field `fee` in `Pool`");
        check("(imr: 1, side: custom(()))", "3:23 missing field `fee` in `Pool`");
        check("(imr: 1, side: both())", "3:16 missing field `skew` in `both`");
    }

    #[test]
    fn wrong_types_say_what_was_expected_and_found() {
        check("(imr: \"x\")", "3:7 expected a number for `imr`, found the text \"x\" | a number has no quotes");
        check("(imr: [1])", "3:7 expected a number for `imr`, found a list `[…]`");
        check("(imr: x)", "3:7 expected a number for `imr`, found `x`");
        check("(imr: (a: 1))", "3:7 expected a number for `imr`, found named fields `(…)`");
        check("(imr: 0x10)", "3:7 expected a plain decimal number for `imr`, found `0x10`");
        check("(imr: 1, lots: 1.5)", "3:16 expected an integer for `lots`, found `1.5`");
        check("(imr: 1, lots: 1e2)", "3:16 expected an integer for `lots`, found `1e2`");
        check("(imr: 1, lots: abc)", "3:16 expected an integer for `lots`, found `abc`");
        check("(imr: 1, lots: 300)", "3:16 `300` is out of range for `lots`");
        check("(imr: 1, lots: -1)", "3:16 `-1` is out of range for `lots`");
        check("(imr: 1, open: 1)", "3:16 expected `true` or `false` for `open`, found `1`");
        check(
            "(imr: 1, name: abc)",
            "3:16 expected text in quotes for `name`, found `abc` | text needs quotes: \"abc\"",
        );
        check("(imr: 1, steps: 5)", "3:17 expected a list `[…]` for `steps`, found `5`");
        check("(imr: 1, by_day: [])", "3:18 expected a map `{…}` for `by_day`, found a list `[…]`");
        check("(imr: 1, by_day: {1: 1})", "3:19 expected text in quotes for the key, found `1`");
        check("(imr: 1, pool: \"x\")", "3:16 expected `(…)` of `Pool` for `pool`, found the text \"x\"");
        check("(imr: 1, pool: {})", "3:16 expected `(…)` of `Pool` for `pool`, found a map `{…}`");
        check("(imr: 1, pool: Tool(fee: 1))", "3:16 expected `(…)` of `Pool` for `pool`, found named fields `Tool(…)`");
    }
}
