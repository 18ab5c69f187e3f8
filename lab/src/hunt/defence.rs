//! The value of a defence at which a plan begins not to pay, the plan staying as it is: an attacker who searched again could
//! do better. Defences are single numbers of the scenario, those of its counterfactuals unless others are named.

use palisade_engine::mechanisms::ALL;
use palisade_engine::params::{Looser, ParamSpec};
use palisade_engine::registry::{Kind, Registry};
use serde::Serialize;

use super::Hunter;
use super::edge::{Which, edge};
use super::space::four_digits;
use crate::load::{LoadError, Loaded, RunRequest, load};
use crate::run::RunError;
use crate::source::{Document, Override};

/// Pieces into which the way is cut before the piece with the break-even is halved.
const PIECES: u32 = 8;
/// Halvings behind that: to within a thousandth of the way.
const HALVINGS: u32 = 7;
/// Ends so far apart are searched by ratios.
const WIDE: f64 = 100.0;

/// A defence to move, as it was asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct Way {
    /// Its dotted path.
    pub path: String,
    /// From where to where; from where it is to its tightest value when nothing is said.
    pub ends: Option<(f64, f64)>,
}

/// What was found of a defence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DefenceVerdict {
    /// The plan breaks even on the way.
    BreaksEven,
    /// It pays all along the way.
    DoesNotReach,
    /// It does not pay at the beginning of the way.
    NeverPays,
}

/// A defence moved, with the plan as it is.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Defence {
    /// Its dotted path.
    pub path: String,
    /// Where it begins: what it is in the scenario, unless something else was asked for.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// What was found.
    pub verdict: DefenceVerdict,
    /// The last value at which the plan pays.
    pub pays_at: Option<f64>,
    /// The next value at which it does not.
    pub stops_at: Option<f64>,
    /// The plan's mean profit at the end of the way, in coins; none where it cannot be played there.
    pub profit_at_end: Option<f64>,
    /// Whether the plan pays again behind where it stops paying.
    pub wavers: bool,
}

/// A number within the text of a value, such as that of `Fixed(45000.0)`.
#[derive(Clone, PartialEq, Debug)]
struct Numeral {
    before: String,
    value: f64,
    after: String,
    whole: bool,
}

impl Numeral {
    /// The only number of a text.
    fn of(text: &str) -> Option<Self> {
        let is_part = |c: char| c.is_ascii_digit() || "+-._eE".contains(c);
        let digit = text.find(|c: char| c.is_ascii_digit())?;
        let lead = text[..digit].trim_end_matches(['-', '+', '.']);
        let tail = text[lead.len()..].find(|c| !is_part(c)).map_or("", |end| &text[lead.len() + end..]);
        let number = text[lead.len()..text.len() - tail.len()].replace('_', "");
        let is_alone = |text: &str| !text.contains(|c: char| c.is_ascii_digit() || c == '"');
        let value = number.parse().ok().filter(|value: &f64| value.is_finite())?;
        let whole = !number.contains(['.', 'e', 'E']);
        (is_alone(lead) && is_alone(tail)).then(|| Self {
            before: lead.trim().to_owned(),
            value,
            after: tail.trim().to_owned(),
            whole,
        })
    }

    fn bare(value: f64) -> Self {
        Self { before: String::new(), value, after: String::new(), whole: false }
    }

    fn text(&self, value: f64) -> String {
        format!("{}{value}{}", self.before, self.after)
    }
}

/// A defence with the values that it takes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Course {
    path: String,
    numeral: Numeral,
    from: f64,
    to: f64,
    whole: bool,
}

/// What there is to move.
pub(crate) struct Ways {
    pub(crate) found: Vec<Course>,
    /// Counterfactuals that are no single number.
    pub(crate) others: Vec<String>,
}

/// The defences that were asked for, or those of the scenario's counterfactuals.
pub(crate) fn ways(loaded: &Loaded, request: &RunRequest, asked: &[Way]) -> Result<Ways, LoadError> {
    let mut ways = Ways { found: Vec::new(), others: Vec::new() };
    for way in asked {
        ways.found.push(Course::asked(loaded.document(), way)?);
    }
    for variation in loaded.expectations.variations.iter().filter(|_| asked.is_empty()) {
        let course = match variation.overrides.as_slice() {
            [one] => Course::toward(loaded.document(), one),
            _ => None,
        };
        let Some(course) = course else {
            ways.others.push(variation.set.join(" "));
            continue;
        };
        // Of two that move one number, the one that goes farther.
        match ways.found.iter_mut().find(|known| known.path == course.path) {
            Some(known) if (course.to - course.from).abs() <= (known.to - known.from).abs() => {}
            Some(known) => *known = course,
            None => ways.found.push(course),
        }
    }
    for course in &mut ways.found {
        for end in [course.from, course.to] {
            load(&course.at(request, end)?)?;
        }
        // What is written without a point may still take one.
        let middle = f64::midpoint(course.from, course.to).floor() + 0.5;
        course.whole = course.whole && load(&course.at(request, middle)?).is_err();
    }
    Ok(ways)
}

impl Course {
    /// From where it is to where it was asked to go.
    fn asked(document: &Document, way: &Way) -> Result<Self, LoadError> {
        let path = &way.path;
        let spec = spec(path);
        let refuse = |message: String| Err(LoadError::Usage(format!("--defence {path}: {message}")));
        let now =
            document.raw(path).map_or_else(|| spec.as_ref().map(|spec| Numeral::bare((spec.default)())), Numeral::of);
        let Some(numeral) = now else { return refuse("is no single number of the scenario".into()) };
        let to = match (way.ends, spec.map(|spec| (spec.looser, spec.bounds))) {
            (Some((from, to)), _) if from.is_finite() && to.is_finite() && from != to => {
                return Ok(Self { path: path.clone(), whole: numeral.whole, numeral, from, to });
            }
            (Some(_), _) => return refuse("expected two different numbers, such as 0.04..0.5".into()),
            (None, Some((Looser::Lower, (_, high)))) => high,
            (None, Some((Looser::Higher, (low, _)))) => low,
            (None, Some((Looser::Neither, _)) | None) => {
                return refuse(format!("neither way plainly protects more: say where to go, as in {path}=0.1..0.5"));
            }
        };
        let from = numeral.value;
        if from == to {
            return refuse(format!("is at its tightest value, {to}, already"));
        }
        Ok(Self { path: path.clone(), whole: numeral.whole, numeral, from, to })
    }

    /// From where it is to what a counterfactual makes of it, where both are a number in the same place of the value.
    fn toward(document: &Document, set: &Override) -> Option<Self> {
        let to = Numeral::of(&set.value)?;
        let from = match document.raw(&set.path) {
            Some(text) => Numeral::of(text)?,
            None => Numeral::bare((spec(&set.path)?.default)()),
        };
        let same = from.before == to.before && from.after == to.after && from.value != to.value;
        let whole = from.whole && to.whole;
        same.then(|| Self { path: set.path.clone(), from: from.value, to: to.value, whole, numeral: to })
    }

    fn set(&self, value: f64) -> Result<Override, LoadError> {
        Ok(format!("{}={}", self.path, self.numeral.text(value)).parse()?)
    }

    fn at(&self, request: &RunRequest, value: f64) -> Result<RunRequest, LoadError> {
        let mut changed = request.clone();
        changed.sets.push(self.set(value)?);
        Ok(changed)
    }

    fn is_wide(&self) -> bool {
        let (low, high) = if self.from < self.to { (self.from, self.to) } else { (self.to, self.from) };
        low > 0.0 && high > WIDE * low
    }

    /// The value so far along between two.
    fn between(&self, from: f64, to: f64, part: f64) -> f64 {
        let value =
            if self.is_wide() { from * libm::exp(part * libm::log(to / from)) } else { from + part * (to - from) };
        if self.whole { value.round() } else { four_digits(value) }
    }
}

/// The risk parameter at a path.
fn spec(path: &str) -> Option<ParamSpec> {
    let leads = |spec: &&ParamSpec| {
        let inside = path.strip_prefix(spec.block).and_then(|rest| rest.strip_prefix('.'));
        match inside {
            Some(inside) if spec.kind == Kind::Protocol => inside == spec.name,
            Some(inside) => inside
                .strip_suffix(spec.name)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|thing| !thing.is_empty()),
            None => false,
        }
    };
    Registry::of(&ALL).params.iter().find(leads).copied()
}

/// Where along its way a defence stops a plan from paying.
pub(crate) fn break_even(hunter: &Hunter<'_>, plan: &[f64], course: Course) -> Result<Defence, RunError> {
    let mut grid: Vec<f64> = (0..=PIECES)
        .map(|piece| match piece {
            0 => course.from,
            PIECES => course.to,
            piece => course.between(course.from, course.to, f64::from(piece) / f64::from(PIECES)),
        })
        .collect();
    grid.dedup();
    let sets = hunter.space.sets(plan, 1.0)?;
    let mut at_end = None;
    let found = edge(
        (&grid, HALVINGS),
        Which::First,
        |one, other| course.between(one, other, 0.5),
        |value| {
            let mut sets = sets.clone();
            sets.push(course.set(value)?);
            let profit = hunter.profit(&sets)?;
            if value == course.to {
                at_end = profit;
            }
            Ok(profit.is_some_and(|profit| profit > 0.0))
        },
    )?;
    Ok(Defence {
        from: course.from,
        to: course.to,
        verdict: match (found.holds, found.fails) {
            (None, _) => DefenceVerdict::NeverPays,
            (_, None) => DefenceVerdict::DoesNotReach,
            _ => DefenceVerdict::BreaksEven,
        },
        pays_at: found.holds,
        stops_at: found.fails,
        profit_at_end: at_end,
        wavers: found.wavers,
        path: course.path,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, f64, &str, bool)>) {
        let found = Numeral::of(text);
        let found = found.as_ref().map(|n| (n.before.as_str(), n.value, n.after.as_str(), n.whole));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn the_only_number_of_a_value_is_found() {
        check("0.04", Some(("", 0.04, "", false)));
        check("-1e-3", Some(("", -0.001, "", false)));
        check("5", Some(("", 5.0, "", true)));
        check("Fixed(45_000.0)", Some(("Fixed(", 45_000.0, ")", false)));
        check("Fixed( 3 )", Some(("Fixed(", 3.0, ")", true)));
        check("LogNormal(2000.0, 0.8)", None);
        check("\"4h\"", None);
        check("[\"protocol.markets\"]", None);
        check("takeover", None);
    }

    #[test]
    fn parameters_are_known_by_their_paths() {
        assert_eq!(spec("protocol.governance.quorum").unwrap().name, "quorum");
        assert_eq!(spec("protocol.markets.ETH-PERP.oi_cap").unwrap().name, "oi_cap");
        assert_eq!(spec("protocol.markets.ETH-PERP.oi_cap_depth_share").unwrap().name, "oi_cap_depth_share");
        assert!(spec("protocol.markets.oi_cap").is_none() && spec("population.nodes.count").is_none());
    }

    #[test]
    fn ways_are_walked_by_differences_or_by_ratios() {
        let course = |from, to, whole| Course { path: "a.b".into(), numeral: Numeral::bare(0.0), from, to, whole };
        assert_eq!(course(0.0, 5.0, true).between(0.0, 5.0, 0.5), 3.0);
        assert_eq!(course(0.1, 0.5, false).between(0.1, 0.5, 0.5), 0.3);
        assert_eq!(course(1e15, 0.1, false).between(1e15, 0.1, 0.5), 1e7);
    }

    #[test]
    fn of_two_counterfactuals_on_one_number_the_one_that_goes_farther_is_walked() {
        let request = RunRequest { scenario: "mango_2022".into(), ..RunRequest::default() };
        let ways = ways(&load(&request).unwrap(), &request, &[]).unwrap();
        let collar: Vec<&Course> = ways.found.iter().filter(|way| way.path.contains("collar")).collect();
        assert_eq!(collar.iter().map(|way| (way.from, way.to)).collect::<Vec<_>>(), [(1e6, 0.003)]);
    }
}
