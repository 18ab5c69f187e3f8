//! A scenario's own expectations: figures that must come out, and what must become of them when a parameter changes.

use std::fmt;

use palisade_agents::nearest;
use palisade_engine::registry::{Kind as Thing, Registry};
use palisade_engine::scenario::Measures;
use palisade_engine::units::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::assemble::{Found, optional};
use crate::figure::Figure;
use crate::source::{Document, Override, Problem, suggestion};

/// What an expected figure rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The scenario puts it in.
    Input,
    /// A parameter was chosen so that it comes out.
    Fitted,
    /// It follows.
    Predicted,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Input => "input",
            Self::Fitted => "fitted",
            Self::Predicted => "predicted",
        })
    }
}

/// How near a figure must come.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize, JsonSchema)]
pub(crate) enum Tolerance {
    /// Within this share of the value.
    Relative(#[schemars(range(min = 0.0))] f64),
    /// The value itself.
    Exact,
    /// Between two numbers.
    Range(f64, f64),
    /// Less than a number.
    Below(f64),
    /// More than a number.
    Above(f64),
}

impl Tolerance {
    pub(crate) fn allows(self, expected: f64, found: f64) -> bool {
        match self {
            Self::Relative(share) => (found - expected).abs() <= share * expected.abs(),
            Self::Exact => found == expected,
            Self::Range(low, high) => (low..=high).contains(&found),
            Self::Below(limit) => found < limit,
            Self::Above(limit) => found > limit,
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relative(share) => write!(out, "±{} %", (share * 1e6).round() / 1e4),
            Self::Exact => out.write_str("exact"),
            Self::Range(low, high) => write!(out, "{low} to {high}"),
            Self::Below(limit) => write!(out, "below {limit}"),
            Self::Above(limit) => write!(out, "above {limit}"),
        }
    }
}

/// A figure that must come out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectation {
    /// Its name: an outcome, or with `at` a column of the table `world`.
    pub(crate) outcome: String,
    /// When the column is read.
    #[serde(default)]
    pub(crate) at: Option<Span>,
    /// What is expected; not needed where the tolerance holds numbers of its own.
    #[serde(default)]
    pub(crate) value: Option<f64>,
    /// How near it must come.
    pub(crate) tolerance: Tolerance,
    /// What it rests on; only what is predicted scores.
    pub(crate) kind: Kind,
    /// The reason.
    #[serde(default)]
    pub(crate) why: String,
}

/// What a figure does when parameters change.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize, JsonSchema)]
pub(crate) enum Claim {
    /// It stays below a number.
    Below(f64),
    /// It exceeds a number.
    Above(f64),
    /// It is less than before.
    Falls,
    /// It is more than before.
    Rises,
    /// It is this number, to nine digits.
    Equals(f64),
}

impl Claim {
    pub(crate) fn holds(self, base: f64, found: f64) -> bool {
        match self {
            Self::Below(limit) => found < limit,
            Self::Above(limit) => found > limit,
            Self::Falls => found < base,
            Self::Rises => found > base,
            Self::Equals(value) => (found - value).abs() <= 1e-9 * value.abs(),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Below(limit) => write!(out, "below {limit}"),
            Self::Above(limit) => write!(out, "above {limit}"),
            Self::Falls => out.write_str("falls"),
            Self::Rises => out.write_str("rises"),
            Self::Equals(value) => write!(out, "equals {value}"),
        }
    }
}

/// A change of the scenario, and what becomes of a figure.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variation {
    /// The values that change, as `path=value`.
    #[schemars(length(min = 1))]
    pub(crate) set: Vec<String>,
    /// The figure's name: an outcome, or with `at` a column of the table `world`.
    pub(crate) outcome: String,
    /// When the column is read.
    #[serde(default)]
    pub(crate) at: Option<Span>,
    /// What becomes of it.
    pub(crate) claim: Claim,
    /// The reason.
    #[serde(default)]
    pub(crate) why: String,
    #[serde(skip)]
    pub(crate) overrides: Vec<Override>,
}

/// All that a scenario says about its own results.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expectations {
    pub(crate) figures: Vec<Expectation>,
    pub(crate) variations: Vec<Variation>,
    pub(crate) fitted: Vec<String>,
}

/// The names that an expectation may use.
pub(crate) struct Names<'a> {
    /// Figures of a whole run.
    pub(crate) outcomes: Vec<&'a str>,
    /// Columns of the `world` table.
    pub(crate) columns: Vec<&'a str>,
    /// How long the scenario runs.
    pub(crate) length: Span,
}

impl<'a> Names<'a> {
    /// The names of these figures, and the columns of mechanisms and of the scenario's own scripts.
    pub(crate) fn of(figures: &'a [Figure], (registry, own): (&Registry, &'a Measures), length: Span) -> Self {
        let declared = registry.probes.iter().filter(|probe| probe.kind == Thing::Protocol).map(|probe| probe.name);
        Self {
            outcomes: figures.iter().map(|figure| figure.name.as_str()).collect(),
            columns: declared.chain(own.probes.iter().map(|(name, _)| name.as_str())).collect(),
            length,
        }
    }
}

/// Reads and checks `expect`, `counterfactuals` and `fitted`.
///
/// # Errors
/// Everything that is wrong with them.
pub(crate) fn read(document: &Document, names: &Names<'_>) -> Result<Expectations, Vec<Problem>> {
    let mut found = Found::default();
    let figures: Vec<Expectation> = found.keep(optional(document, "expect"));
    let mut variations: Vec<Variation> = found.keep(optional(document, "counterfactuals"));
    let fitted: Vec<String> = found.keep(optional(document, "fitted"));
    for (place, figure) in figures.iter().enumerate() {
        let path = format!("expect.{place}");
        found.keep(check_name(document, names, &path, (&figure.outcome, figure.at)));
        found.keep(check_tolerance(document, &path, figure));
    }
    for (place, variation) in variations.iter_mut().enumerate() {
        let path = format!("counterfactuals.{place}");
        found.keep(check_name(document, names, &path, (&variation.outcome, variation.at)));
        variation.overrides = found.keep(overrides(document, &path, &variation.set));
    }
    for (place, parameter) in fitted.iter().enumerate().filter(|(_, parameter)| document.raw(parameter).is_none()) {
        let message = format!("the scenario has no `{parameter}`");
        found.0.push(document.problem(&format!("fitted.{place}"), message, None));
    }
    if found.0.is_empty() { Ok(Expectations { figures, variations, fitted }) } else { Err(found.0) }
}

/// The changes that the counterfactual at a path makes.
fn overrides(document: &Document, path: &str, sets: &[String]) -> Result<Vec<Override>, Problem> {
    if sets.is_empty() {
        return Err(document.problem(&format!("{path}.set"), "changes nothing", None));
    }
    document.overrides(&format!("{path}.set"), sets)
}

fn check_name(document: &Document, names: &Names<'_>, path: &str, figure: (&str, Option<Span>)) -> Result<(), Problem> {
    let (name, at) = figure;
    let (known, other) = match at {
        Some(_) => (&names.columns, &names.outcomes),
        None => (&names.outcomes, &names.columns),
    };
    if !known.contains(&name) {
        let place = format!("{path}.outcome");
        let here = nearest(name, known.iter().copied());
        let (message, hint) = match at {
            None if here.is_none() && other.contains(&name) => (
                format!("`{name}` is a column of the `world` table"),
                Some("say when it is read, such as `at: \"10m\"`".to_owned()),
            ),
            None => (format!("there is no outcome called `{name}`"), suggestion(name, known)),
            Some(_) => (format!("the `world` table has no column `{name}`"), suggestion(name, known)),
        };
        return Err(document.problem(&place, message, hint));
    }
    match at {
        Some(at) if at > names.length => {
            let message = format!("{at} is after the end of the run at {}", names.length);
            Err(document.problem(&format!("{path}.at"), message, None))
        }
        _ => Ok(()),
    }
}

fn check_tolerance(document: &Document, path: &str, figure: &Expectation) -> Result<(), Problem> {
    let wrong = |message: &str| Err(document.problem(&format!("{path}.tolerance"), message, None));
    match figure.tolerance {
        Tolerance::Relative(_) | Tolerance::Exact if figure.value.is_none() => {
            wrong("`Relative` and `Exact` compare with a `value`, which is missing")
        }
        Tolerance::Relative(share) if share < 0.0 => wrong("a share is not negative"),
        Tolerance::Range(low, high) if low > high => wrong("the first number of a range is the lower one"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let document = Document::from_text("x.ron", text, &[]).unwrap();
        let names = Names {
            outcomes: vec!["withdrawn", "insolvent"],
            columns: vec!["solvency", "attacker_wallet"],
            length: Span(3_600_000),
        };
        let problem = &read(&document, &names).unwrap_err()[0];
        assert_eq!(format!("{problem} | {}", problem.help().unwrap_or("")), expected);
    }

    #[test]
    fn names_are_checked_before_anything_runs() {
        check(
            "(expect: [(outcome: \"withdraw\", value: 1, tolerance: Exact, kind: predicted)])",
            "x.ron:1:21: there is no outcome called `withdraw` | did you mean `withdrawn`? expected one of `withdrawn`, `insolvent`",
        );
        check(
            "(expect: [(outcome: \"solvency\", value: 1, tolerance: Exact, kind: input)])",
            "x.ron:1:21: `solvency` is a column of the `world` table | say when it is read, such as `at: \"10m\"`",
        );
        check(
            "(expect: [(outcome: \"solvency\", at: \"2h\", value: 1, tolerance: Exact, kind: input)])",
            "x.ron:1:37: 2h is after the end of the run at 1h | ",
        );
        check(
            "(expect: [(outcome: \"insolvent\", tolerance: Exact, kind: input)])",
            "x.ron:1:45: `Relative` and `Exact` compare with a `value`, which is missing | ",
        );
        check("(fitted: [\"fitted.7\"])", "x.ron:1:11: the scenario has no `fitted.7` | ");
        check(
            "(counterfactuals: [(set: [\"a\"], outcome: \"insolvent\", claim: Falls)])",
            "x.ron:1:27: there is no `=` | write `--set path=value`",
        );
    }

    #[track_caller]
    fn check_tolerance(tolerance: Tolerance, found: f64, expected: bool) {
        assert_eq!(tolerance.allows(100.0, found), expected, "{tolerance} of {found}");
    }

    #[test]
    fn bounds_of_ranges_belong_to_them_and_limits_do_not() {
        check_tolerance(Tolerance::Relative(0.05), 105.0, true);
        check_tolerance(Tolerance::Relative(0.05), 105.1, false);
        check_tolerance(Tolerance::Relative(0.05), f64::NAN, false);
        check_tolerance(Tolerance::Exact, 100.0, true);
        check_tolerance(Tolerance::Range(1.0, 2.0), 2.0, true);
        check_tolerance(Tolerance::Below(1.0), 1.0, false);
        check_tolerance(Tolerance::Above(1.0), 1.0, false);
        assert_eq!(Tolerance::Relative(0.07).to_string(), "±7 %");
    }

    #[test]
    fn claims_compare_with_the_base_or_a_number() {
        assert!(Claim::Falls.holds(2.0, 1.0) && !Claim::Falls.holds(2.0, 2.0));
        assert!(Claim::Rises.holds(1.0, 2.0) && !Claim::Rises.holds(1.0, 1.0));
        assert!(Claim::Equals(0.0).holds(1.0, 0.0) && !Claim::Equals(1.0).holds(1.0, 1.1));
    }
}
