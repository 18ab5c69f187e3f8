//! A value by itself, as it stands behind the `=` of `--set path=value`: the items of a list, and the one form that all
//! texts of a value share.

use super::compose;
use super::problem::Problem;
use super::text::Composed;
use super::tree::{Kind, Node};

/// The texts of a list's items, as they are written.
pub(crate) fn items(text: &str) -> Result<Vec<String>, Problem> {
    let (composed, node) = read(text)?;
    match &node.kind {
        Kind::List(items) => Ok(items.iter().map(|item| item.span.of(composed.text()).to_owned()).collect()),
        _ => Err(composed.problem(node.span, "expected a list")),
    }
}

/// The text without comments, spacing and trailing commas; decimal numbers by their value, so that `0.10`, `1e-1` and
/// `.1` are one. Within brackets numbers stay as they are written.
pub(crate) fn canonical(text: &str) -> Result<String, Problem> {
    let (composed, node) = read(text)?;
    let mut out = String::new();
    node.canonical(composed.text(), &mut out);
    Ok(if matches!(node.kind, Kind::Leaf) { decimal(&out).unwrap_or(out) } else { out })
}

fn read(text: &str) -> Result<(Composed, Node), Problem> {
    let composed = Composed::new(compose::decode("value", text.as_bytes())?);
    let node = composed.check()?;
    Ok((composed, node))
}

/// A decimal number in its shortest form; a whole one without a fraction, for `3` and `3.0` set the same value wherever
/// both are accepted.
fn decimal(leaf: &str) -> Option<String> {
    leaf.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')).then_some(())?;
    let digits: String = leaf.chars().filter(|c| *c != '_').collect();
    if let Ok(whole) = digits.parse::<i128>() {
        return Some(whole.to_string());
    }
    let value = digits.parse::<f64>().ok().filter(|value| value.is_finite())?;
    // Below 2^53, where every whole number is one of f64.
    let is_whole = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
    Some(if is_whole { format!("{:.0}", value + 0.0) } else { format!("{value:?}") })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check_items(text: &str, expected: &[&str]) {
        assert_eq!(items(text).unwrap(), expected, "for {text}");
    }

    #[test]
    fn items_end_at_the_commas_between_them() {
        check_items("[1, 2]", &["1", "2"]);
        check_items(
            "[(a: 1, b: [2, 3]), \"x, y]\", Some( z ), Inline((c: 1))]",
            &["(a: 1, b: [2, 3])", "\"x, y]\"", "Some( z )", "Inline((c: 1))"],
        );
        check_items("[]", &[]);
        assert_eq!(items("(1, 2)").unwrap_err().to_string(), "value:1:1: expected a list");
        assert_eq!(items("[1 2]").unwrap_err().to_string(), "value:1:4: expected comma");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(canonical(text).unwrap(), expected, "for {text}");
    }

    #[test]
    fn texts_of_one_value_share_a_form() {
        for text in ["0.1", "0.10", "1e-1", ".1", "+0.1", "1_0e-2", " 0.1 /* a tenth */"] {
            check(text, "0.1");
        }
        for text in ["3", "3.0", "3.", "0.3e1", "+3", "03"] {
            check(text, "3");
        }
        for text in ["0", "-0", "-0.0", "0e5"] {
            check(text, "0");
        }
        check("1e300", "1e300");
        check("18446744073709551615", "18446744073709551615");
        check("18446744073709551614", "18446744073709551614");
        check("( a : 1.0 , b : [ 2 , ] )", "(a:1.0,b:[2])");
    }

    #[test]
    fn what_is_not_a_decimal_number_stays_as_it_is() {
        for text in ["0xFF", "1u8", "\"0.10\"", "trader", "None"] {
            check(text, text);
        }
    }
}
