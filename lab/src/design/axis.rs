//! An axis of a sweep: a dotted path of the scenario and what may stand there, as a command line gives it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::error::DesignError;
use super::range::{Numbers, Range, Scale};
use crate::source::value;

/// A dotted path of the scenario and what may stand there. Written `path=FROM..TO`, with `:log`, `:int` and `/POINTS`
/// behind it in any order, or `path=[a,b,c]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Axis {
    path: String,
    domain: Domain,
}

/// What may stand at a path.
#[derive(Clone, PartialEq, Debug)]
pub enum Domain {
    /// One of these RON texts.
    Values(Vec<String>),
    /// A number of a range.
    Range(Range),
}

const FORMS: &str = "`path=FROM..TO`, with `:log`, `:int` or `/POINTS` behind it, or `path=[a,b,c]`";
const LIST: &str = "a list of values such as `[a,b,c]`";

impl Axis {
    /// An axis of a path.
    ///
    /// # Errors
    /// A path that is not names joined by single dots; no value, one that cannot be read or one given twice; a range that
    /// holds nothing.
    pub fn new(path: &str, domain: Domain) -> Result<Self, DesignError> {
        let text = Self { path: path.to_owned(), domain: domain.clone() }.to_string();
        Self::checked(path, domain).map_err(|expected| DesignError::Axis { text, expected })
    }

    /// The axis, or what was expected of it.
    fn checked(path: &str, domain: Domain) -> Result<Self, String> {
        let path = path.trim().to_owned();
        if path.split('.').any(str::is_empty) {
            return Err("a path of names joined by single dots before `=`".to_owned());
        }
        let domain = match domain {
            Domain::Values(values) => Domain::Values(distinct(&values)?),
            Domain::Range(range) => match range.fault() {
                None => domain,
                Some(expected) => return Err(expected.to_owned()),
            },
        };
        Ok(Self { path, domain })
    }

    /// The dotted path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What may stand there.
    #[must_use]
    pub const fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The RON text of the value at a place `0 ≤ u < 1` of the axis; listed values are equally likely.
    #[must_use]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn at(&self, u: f64) -> String {
        match &self.domain {
            Domain::Values(values) => values[((u * values.len() as f64) as usize).min(values.len() - 1)].clone(),
            Domain::Range(range) => range.at(u),
        }
    }

    /// How many values it has in a grid; `None` for a range of real numbers that does not say.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match &self.domain {
            Domain::Values(values) => Some(values.len() as u64),
            Domain::Range(range) => range.count(),
        }
    }

    /// Its values in a grid, in order.
    pub(super) fn levels(&self) -> Vec<String> {
        match &self.domain {
            Domain::Values(values) => values.clone(),
            Domain::Range(range) => range.levels(),
        }
    }
}

/// Each value without what stands around it, or what was expected of them.
fn distinct(values: &[String]) -> Result<Vec<String>, String> {
    let mut seen = BTreeSet::new();
    let one = |value: &String| {
        // The line break ends a comment behind the value.
        let alone = value::items(&format!("[{value}\n]")).ok().filter(|items| items.len() == 1);
        let alone = alone.and_then(|mut items| items.pop()).ok_or_else(|| format!("{LIST}, found `{value}`"))?;
        let form = value::canonical(&alone).map_err(|problem| format!("{LIST} ({})", problem.message()))?;
        if seen.insert(form) { Ok(alone) } else { Err(format!("every value once, found `{alone}` again")) }
    };
    if values.is_empty() {
        return Err(format!("{LIST} with at least one value"));
    }
    values.iter().map(one).collect()
}

impl FromStr for Axis {
    type Err = DesignError;

    fn from_str(text: &str) -> Result<Self, DesignError> {
        read(text).map_err(|expected| DesignError::Axis { text: text.to_owned(), expected })
    }
}

fn read(text: &str) -> Result<Axis, String> {
    let (path, what) = text.split_once('=').ok_or(FORMS)?;
    let what = what.trim();
    let domain = match what.starts_with('[') {
        true => Domain::Values(value::items(what).map_err(|problem| format!("{LIST} ({})", problem.message()))?),
        false => Domain::Range(range(what)?),
    };
    Axis::checked(path, domain)
}

fn range(text: &str) -> Result<Range, String> {
    let (ends, mut behind) = text.split_at(text.find([':', '/']).unwrap_or(text.len()));
    let (from, to) = ends.split_once("..").ok_or(FORMS)?;
    let end = |text: &str| {
        let digits = text.trim().replace('_', "");
        digits.parse::<f64>().map_err(|_| format!("numbers at both ends of `..`, found `{}`", text.trim()))
    };
    let mut range =
        Range { from: end(from)?, to: end(to)?, scale: Scale::Linear, numbers: Numbers::Real, points: None };
    while !behind.is_empty() {
        let word = behind[1..].find([':', '/']).map_or(behind, |length| &behind[..=length]);
        behind = &behind[word.len()..];
        match (word[..1].to_owned() + word[1..].trim()).as_str() {
            ":log" if range.scale == Scale::Linear => range.scale = Scale::Log,
            ":int" if range.numbers == Numbers::Real => range.numbers = Numbers::Whole,
            word => {
                let points = word.strip_prefix('/').filter(|_| range.points.is_none());
                let points = points.and_then(|points| points.trim().parse().ok());
                let wrong = || format!("`:log`, `:int` or `/POINTS` behind the range, each once, found `{word}`");
                range.points = Some(points.ok_or_else(wrong)?);
            }
        }
    }
    Ok(range)
}

impl fmt::Display for Axis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.domain {
            Domain::Values(values) => write!(out, "{}=[{}]", self.path, values.join(",")),
            Domain::Range(range) => write!(out, "{}={range}", self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str, at: [&str; 3]) {
        let axis: Axis = text.parse().unwrap();
        assert_eq!(axis.to_string(), shown);
        assert_eq!(shown.parse::<Axis>().unwrap(), axis, "reads back");
        assert_eq!([0.0, 0.5, 0.999_999_999_999_9].map(|u| axis.at(u)), at, "for {text}");
    }

    #[test]
    fn axes_read_back_and_give_values_of_their_domain() {
        check("a.b=0.01..0.5", "a.b=0.01..0.5", ["0.01", "0.255", "0.5"]);
        check("a.b = 0.01 .. 1 : log", "a.b=0.01..1:log", ["0.01", "0.1", "1"]);
        check("x=1..9:int", "x=1..9:int", ["1", "5", "9"]);
        check("x=1..9/5", "x=1..9/5", ["1", "5", "9"]);
        check("x=1..1_000/4:log:int", "x=1..1000:log:int/4", ["1", "31", "1000"]);
        check("x=-1e-9..1e-9", "x=-1e-9..1e-9", ["-1e-9", "0", "1e-9"]);
        check("m.A-B/C:D.fee=[0.001]", "m.A-B/C:D.fee=[0.001]", ["0.001"; 3]);
        check("t=[ sell , hold, ]", "t=[sell,hold]", ["sell", "hold", "hold"]);
        check(
            "t=[(a: 1, b: [2]), \"x, y\"]",
            "t=[(a: 1, b: [2]),\"x, y\"]",
            ["(a: 1, b: [2])", "\"x, y\"", "\"x, y\""],
        );
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        assert_eq!(text.parse::<Axis>().unwrap_err().to_string(), format!("`{text}`: expected {expected}"));
    }

    #[test]
    fn a_wrong_axis_is_refused_with_what_was_expected() {
        for text in ["x", "x=", "x=5", "x=1-9", "x=1:log"] {
            check_refused(text, FORMS);
        }
        for path in ["=1..2", "a..b=1..2", ".a=[1]"] {
            check_refused(path, "a path of names joined by single dots before `=`");
        }
        check_refused("x=1..b", "numbers at both ends of `..`, found `b`");
        check_refused("x=..3", "numbers at both ends of `..`, found ``");
        check_refused("x=3..1", "the smaller end first, and a larger one");
        check_refused("x=0..1:log", "ends above 0 for a log scale");
        check_refused("x=0.5..3:int", "whole ends below 2^53 for whole numbers");
        check_refused("x=1..3/1", "2 points or more, for both ends are among them");
        for (text, found) in [
            ("x=1..3:ln", ":ln"),
            ("x=1..3/", "/"),
            ("x=1..3/2/3", "/3"),
            ("x=1..3:int:int", ":int"),
            ("x=1..3/-1", "/-1"),
        ] {
            check_refused(text, &format!("`:log`, `:int` or `/POINTS` behind the range, each once, found `{found}`"));
        }
        check_refused("x=[]", "a list of values such as `[a,b,c]` with at least one value");
        check_refused("x=[1 2]", "a list of values such as `[a,b,c]` (expected comma)");
        check_refused("x=[1, 5m]", "a list of values such as `[a,b,c]` (`5m` is not a number)");
        check_refused("x=[0.1, 0.10]", "every value once, found `0.10` again");
    }

    #[test]
    fn values_that_are_given_directly_are_held_to_the_same() {
        let axis = |values: &[&str]| Axis::new("x", Domain::Values(values.iter().map(|&v| v.to_owned()).collect()));
        assert_eq!(axis(&[" 1 // one", "2"]).unwrap().to_string(), "x=[1,2]");
        let error = axis(&["1, 2"]).unwrap_err().to_string();
        assert_eq!(error, "`x=[1, 2]`: expected a list of values such as `[a,b,c]`, found `1, 2`");
    }
}
