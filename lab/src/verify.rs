//! A scenario against its own claims: expected figures of the base run, and what becomes of figures when parameters
//! change, each change a run of its own.

use palisade_engine::units::{Millis, Span};
use serde::Serialize;

pub use crate::expect::Kind;
use crate::figure::LOSS_CAUSED;
use crate::load::{LoadError, Loaded, RunRequest, load};
use crate::run::{RunError, Watch, in_order};
use crate::session::Session;
use crate::source::Override;
use crate::track::Tracker;
use crate::world::Order;

/// Why there is no verification.
pub type VerifyError = RunError;

/// What became of a scenario's claims.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// The scenario's name.
    pub scenario: String,
    /// The seed of all runs.
    pub seed: u64,
    /// Expected figures.
    pub expectations: Vec<Expected>,
    /// Changes and their claims that were looked at.
    pub counterfactuals: Vec<Counterfactual>,
    /// Predicted figures that came out.
    pub predicted_ok: u32,
    /// Predicted figures.
    pub predicted: u32,
    /// Parameters that were fitted.
    pub fitted: u32,
    /// Whether counterfactuals are missing because the verification was ended early.
    pub interrupted: bool,
}

impl Verification {
    /// Whether everything was looked at and came out.
    #[must_use]
    pub fn ok(&self) -> bool {
        let figures = self.expectations.iter().all(|expected| expected.ok);
        figures && self.counterfactuals.iter().all(|counterfactual| counterfactual.ok) && !self.interrupted
    }
}

/// One expected figure.
#[derive(Clone, Debug, Serialize)]
pub struct Expected {
    /// The outcome, or the column of the `world` table.
    pub outcome: String,
    /// When the column is read.
    pub at: Option<String>,
    /// What the figure rests on.
    pub kind: Kind,
    /// The expected value; `null` for a range or a limit without one.
    pub expected: f64,
    /// How near it must come.
    pub tolerance: String,
    /// The value found.
    pub found: f64,
    /// Whether that is near enough.
    pub ok: bool,
    /// Where the value comes from.
    pub why: String,
}

/// One change of parameters.
#[derive(Clone, Debug, Serialize)]
pub struct Counterfactual {
    /// The changes, as `--set` takes them.
    pub set: Vec<String>,
    /// The outcome, or the column of the `world` table.
    pub outcome: String,
    /// When the column is read.
    pub at: Option<String>,
    /// What is claimed of it.
    pub claim: String,
    /// Its value without the changes.
    pub base: f64,
    /// Its value with them.
    pub found: f64,
    /// Whether the claim holds.
    pub ok: bool,
    /// The mechanism behind the claim.
    pub why: String,
}

/// A figure to read off a run: an outcome, or a column at a time.
type Figure = (String, Option<Span>);

/// Runs a scenario with the request's seed and checks what it says about its results.
///
/// # Errors
/// As for loading and running; a usage error when the scenario expects nothing.
pub fn verify(request: &RunRequest, watch: &dyn Watch) -> Result<Verification, VerifyError> {
    let loaded = load(request)?;
    let claims = &loaded.expectations;
    if claims.figures.is_empty() {
        let message = format!("{}: the scenario has no `expect`, so there is nothing to verify", loaded.scenario.name);
        return Err(LoadError::Usage(message).into());
    }
    let mut wanted: Vec<Figure> = claims.figures.iter().map(|figure| (figure.outcome.clone(), figure.at)).collect();
    wanted.extend(claims.variations.iter().map(|variation| (variation.outcome.clone(), variation.at)));
    // All runs are loaded before the first one starts, so that a wrong change is found at once.
    let changed = claims.variations.iter().map(|variation| {
        let sets = request.sets.iter().chain(&variation.overrides).cloned().collect();
        load(&RunRequest { sets, ..request.clone() })
    });
    let changed: Vec<Loaded> = changed.collect::<Result<_, _>>()?;
    let runs = in_order((1 + changed.len(), request.jobs), watch, |place| match place.checked_sub(1) {
        None => figures(&loaded, request, watch, &wanted),
        Some(place) => figures(&changed[place], request, watch, &wanted[claims.figures.len() + place..][..1]),
    })?;
    Ok(judge(&loaded, request, &runs))
}

/// The values of some figures in a run of one world, paired only when one of them needs it.
fn figures(loaded: &Loaded, request: &RunRequest, watch: &dyn Watch, wanted: &[Figure]) -> Result<Vec<f64>, RunError> {
    let tracked = |(name, at): &Figure| Some(Tracker::new(name, at.as_ref().map(|at| -> Millis { at.0 })?));
    let paired = wanted.iter().any(|(name, at)| at.is_none() && name == LOSS_CAUSED);
    let trackers = wanted.iter().filter_map(tracked).collect();
    let session = Session { loaded, request, watch };
    // Details are of no use here, and only the first place of a run has them.
    let world = session.world(&Order { place: 1, seed: request.seed, paired, trackers, store: None })?;
    let mut tracked = world.tracked.into_iter();
    let outcome = |name: &str| loaded.outcomes.iter().position(|outcome| outcome.name == name);
    let value = |(name, at): &Figure| match at {
        Some(_) => tracked.next().unwrap_or(f64::NAN),
        None => outcome(name).map_or(f64::NAN, |place| world.figures[place]),
    };
    Ok(wanted.iter().map(value).collect())
}

/// What became of an attack under a change.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Stop {
    /// The changes, as `--set` takes them; none for the world as it was.
    pub set: Vec<String>,
    /// What attackers carried out less what they put in.
    pub net: f64,
    /// What everyone else lost by the attack.
    pub loss_caused: f64,
    /// The mechanism behind the change, in the scenario's words.
    pub why: String,
}

/// Runs the changes that a scenario names as its counterfactuals, each once, behind the world as it is.
///
/// # Errors
/// As for loading and running.
pub fn what_if(loaded: &Loaded, request: &RunRequest, watch: &dyn Watch) -> Result<Vec<Stop>, VerifyError> {
    let mut changes: Vec<(Vec<String>, Vec<Override>, String)> = vec![(Vec::new(), Vec::new(), String::new())];
    for variation in &loaded.expectations.variations {
        if !changes.iter().any(|(set, ..)| *set == variation.set) {
            changes.push((variation.set.clone(), variation.overrides.clone(), variation.why.clone()));
        }
    }
    if changes.len() == 1 {
        return Ok(Vec::new());
    }
    let wanted: Vec<Figure> = ["attacker_net", LOSS_CAUSED].map(|name| (name.to_owned(), None)).into();
    let stops = in_order((changes.len(), request.jobs), watch, |place| {
        let (set, overrides, why) = &changes[place];
        let sets = request.sets.iter().chain(overrides).cloned().collect();
        let request = RunRequest { sets, ..request.clone() };
        let found = figures(&load(&request)?, &request, watch, &wanted)?;
        Ok(Stop { set: set.clone(), net: found[0], loss_caused: found[1], why: why.clone() })
    })?;
    if stops.len() < changes.len() { Err(RunError::Interrupted) } else { Ok(stops) }
}

fn judge(loaded: &Loaded, request: &RunRequest, runs: &[Vec<f64>]) -> Verification {
    let claims = &loaded.expectations;
    let (base, changed) = runs.split_first().map_or((&[][..], runs), |(base, changed)| (base.as_slice(), changed));
    let (expected, before) = base.split_at(claims.figures.len().min(base.len()));
    let at = |at: Option<Span>| at.map(|at| at.to_string());
    let expectations: Vec<Expected> = claims
        .figures
        .iter()
        .zip(expected)
        .map(|(figure, found)| {
            let value = figure.value.unwrap_or(f64::NAN);
            Expected {
                outcome: figure.outcome.clone(),
                at: at(figure.at),
                kind: figure.kind,
                expected: value,
                tolerance: figure.tolerance.to_string(),
                found: *found,
                ok: figure.tolerance.allows(value, *found),
                why: figure.why.clone(),
            }
        })
        .collect();
    let counterfactuals: Vec<Counterfactual> = claims
        .variations
        .iter()
        .zip(before)
        .zip(changed)
        .map(|((variation, base), found)| {
            let found = found.first().copied().unwrap_or(f64::NAN);
            Counterfactual {
                set: variation.set.clone(),
                outcome: variation.outcome.clone(),
                at: at(variation.at),
                claim: variation.claim.to_string(),
                base: *base,
                found,
                ok: variation.claim.holds(*base, found),
                why: variation.why.clone(),
            }
        })
        .collect();
    let count = |ok: &dyn Fn(&Expected) -> bool| {
        let predicted = expectations.iter().filter(|expected| expected.kind == Kind::Predicted && ok(expected));
        u32::try_from(predicted.count()).unwrap_or(u32::MAX)
    };
    Verification {
        scenario: loaded.scenario.name.clone(),
        seed: request.seed,
        predicted_ok: count(&|expected| expected.ok),
        predicted: count(&|_| true),
        fitted: u32::try_from(claims.fitted.len()).unwrap_or(u32::MAX),
        interrupted: counterfactuals.len() < claims.variations.len(),
        expectations,
        counterfactuals,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sample::{self, Onlooker};

    #[test]
    fn figures_and_changes_are_judged() {
        let (_folder, request) = sample::calm(&[]);
        let verification = verify(&request, &Onlooker::default()).unwrap();
        let judged: Vec<(bool, bool)> =
            verification.expectations.iter().map(|expected| (expected.ok, expected.expected.is_nan())).collect();
        // The insurance fund begins with 10,000: the second expectation is one that the sample misses.
        assert_eq!(judged, [(true, false), (false, true)]);
        assert_eq!((verification.predicted_ok, verification.predicted, verification.fitted), (1, 1, 1));
        let claim = &verification.counterfactuals[0];
        assert!(claim.ok && claim.found > claim.base && claim.base >= 10_000.0, "{claim:?}");
        assert!(!verification.ok() && !verification.interrupted);
        assert_eq!(verification.expectations[1].at.as_deref(), Some("1m"));
    }

    #[test]
    fn a_scenario_without_expectations_cannot_be_verified() {
        let (_folder, request) = sample::calm(&[
            ("expect:", "//"),
            ("(outcome: \"insolvent\"", "//"),
            ("(outcome: \"insurance_fund\", at: \"1m\", tol", "//"),
            ("],\ncounterfactuals", "counterfactuals"),
        ]);
        let error = verify(&request, &Onlooker::default()).unwrap_err();
        assert!(matches!(error, RunError::Load(LoadError::Usage(_))), "{error}");
    }

    #[test]
    fn a_change_that_cannot_be_loaded_is_found_before_anything_runs() {
        let (_folder, request) =
            sample::calm(&[("set: [\"protocol.funds.insurance", "set: [\"protocol.funds.insurances")]);
        let watch = Onlooker::default();
        let error = verify(&request, &watch).unwrap_err();
        assert!(error.to_string().contains("insurances"), "{error}");
        assert_eq!(watch.steps.into_inner(), 0);
    }

    #[test]
    fn an_interrupted_verification_says_so() {
        let (_folder, request) = sample::calm(&[]);
        let verification = verify(&request, &Onlooker { interrupts: true, ..Onlooker::default() }).unwrap();
        assert!(verification.interrupted && verification.counterfactuals.is_empty());
    }
}
