//! Where along one value of a scenario a condition begins to hold: the largest leverage that is safe, the smallest quorum.
//! Each seed has its own threshold, found on a grid and then by bisection; together they give one with an interval.

use palisade_agents::evaluate_flag;
use serde::Serialize;

use crate::figure::LOSS_CAUSED;
use crate::load::{LoadError, RunRequest, load};
use crate::run::{RunError, Watch, in_order};
use crate::session::Session;
use crate::source::Override;
use crate::stats;
use crate::world::Order;

/// What to look for.
#[derive(Clone, PartialEq, Debug)]
pub struct Search {
    /// The value's dotted path.
    pub path: String,
    /// Where to begin: the condition should not hold there.
    pub from: f64,
    /// Where to end; below `from` to go down.
    pub to: f64,
    /// A condition on outcomes.
    pub until: String,
    /// Pieces into which the way is cut first, so that a condition that comes and goes is seen.
    pub pieces: u32,
    /// How near the two sides of a threshold must come, as a share of the way.
    pub precision: f64,
}

/// What was found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Threshold {
    /// The value's path.
    pub path: String,
    /// Where the search began.
    pub from: f64,
    /// Where it ended.
    pub to: f64,
    /// The condition.
    pub until: String,
    /// What each seed gave.
    pub seeds: Vec<Found>,
    /// Seeds with a threshold between the ends.
    pub crossed: u32,
    /// The lower median over all seeds, those without a threshold counted before the beginning or beyond the end;
    /// infinite (`null` in JSON) when it lies there: towards `from` where the condition holds from the start.
    pub median: f64,
    /// Its 95 % interval by order statistics, where there are enough seeds; ends as for the median.
    pub interval: Option<(f64, f64)>,
    /// How near the two sides of a threshold came.
    pub resolution: f64,
    /// Seeds in which the condition ceased to hold again on the way.
    pub wavering: u32,
    /// Worlds that were run.
    pub worlds: u32,
    /// Whether seeds are missing because the search was ended early.
    pub interrupted: bool,
}

/// The threshold of one seed.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Found {
    /// The seed.
    pub seed: u64,
    /// What was found.
    pub verdict: Verdict,
    /// The last value at which the condition did not hold, where there is a threshold.
    pub below: Option<f64>,
    /// The first value at which it held.
    pub above: Option<f64>,
    /// How often along the grid it began or ceased to hold.
    pub turns: u32,
    /// Worlds that were run.
    pub worlds: u32,
}

/// What was found for a seed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It begins to hold between the ends.
    Begins,
    /// It holds at the beginning already.
    HoldsFromTheStart,
    /// It holds nowhere that was looked at.
    NeverHolds,
}

impl Found {
    /// The middle of the two sides; infinite where the threshold lies before `from` or beyond `to`.
    fn value(&self, search: &Search) -> f64 {
        let outward = if search.to > search.from { f64::INFINITY } else { f64::NEG_INFINITY };
        match (self.verdict, self.below, self.above) {
            (Verdict::Begins, Some(below), Some(above)) => f64::midpoint(below, above),
            (Verdict::HoldsFromTheStart, ..) => -outward,
            _ => outward,
        }
    }

    /// Whether the condition ceases to hold behind where it first held.
    fn wavers(&self) -> bool {
        self.turns > u32::from(self.verdict == Verdict::Begins)
    }
}

/// Searches for the threshold of every seed of the request.
///
/// # Errors
/// As for loading and running; ends that are equal or at which the scenario cannot be loaded; a condition on no outcome.
pub fn threshold(request: &RunRequest, search: &Search, watch: &dyn Watch) -> Result<Threshold, RunError> {
    let usage = |text: String| RunError::from(LoadError::Usage(text));
    if !(search.from.is_finite() && search.to.is_finite()) || search.from == search.to {
        return Err(usage(format!("--from {} --to {}: expected two different numbers", search.from, search.to)));
    }
    // Both ends are loaded before anything runs, so that a wrong path or condition is found at once.
    for end in [search.from, search.to] {
        load(&search.at(request, end)?).map(drop)?;
    }
    let whole = search.is_whole(request)?;
    let seeds = in_order((request.seeds as usize, request.jobs), watch, |place| {
        let seed = request.seed + place as u64;
        search.of_seed(request, (seed, whole), watch).inspect(|_| watch.finished_world(seed))
    })?;
    let mut values: Vec<f64> = seeds.iter().map(|found| found.value(search)).collect();
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(Threshold {
        path: search.path.clone(),
        from: search.from,
        to: search.to,
        until: search.until.clone(),
        crossed: count(seeds.iter().filter(|found| found.verdict == Verdict::Begins).count()),
        median,
        interval: stats::median_interval(&values),
        resolution: search.resolution(),
        wavering: count(seeds.iter().filter(|found| found.wavers()).count()),
        worlds: seeds.iter().map(|found| found.worlds).sum(),
        interrupted: count(seeds.len()) < request.seeds,
        seeds,
    })
}

impl Search {
    fn at(&self, request: &RunRequest, value: f64) -> Result<RunRequest, RunError> {
        let set: Override = format!("{}={value}", self.path).parse().map_err(LoadError::from)?;
        let mut changed = request.clone();
        changed.sets.push(set);
        changed.fail_if = Some(self.until.clone());
        Ok(changed)
    }

    /// Whether the value is one of whole numbers: both ends are, and nothing between two of them can be loaded.
    fn is_whole(&self, request: &RunRequest) -> Result<bool, RunError> {
        let ends_are = self.from.fract() == 0.0 && self.to.fract() == 0.0;
        Ok(ends_are && load(&self.at(request, f64::midpoint(self.from, self.to).floor() + 0.5)?).is_err())
    }

    /// Halvings behind the grid.
    fn halvings(&self) -> u32 {
        let mut width = 1.0 / f64::from(self.pieces.max(1));
        let mut halvings = 0;
        while width > self.precision && halvings < 50 {
            width /= 2.0;
            halvings += 1;
        }
        halvings
    }

    fn resolution(&self) -> f64 {
        let halves = (0..self.halvings()).fold(1.0, |all: f64, _| all * 2.0);
        (self.to - self.from).abs() / f64::from(self.pieces.max(1)) / halves
    }

    fn of_seed(&self, request: &RunRequest, (seed, whole): (u64, bool), watch: &dyn Watch) -> Result<Found, RunError> {
        let mut worlds = 0;
        let paired = self.until.contains(LOSS_CAUSED);
        let mut holds = |value: f64| -> Result<bool, RunError> {
            if watch.interrupted() {
                return Err(RunError::Interrupted);
            }
            worlds += 1;
            let request = self.at(request, value)?;
            let loaded = load(&request)?;
            let session = Session { loaded: &loaded, request: &request, watch };
            let world = session.world(&Order { place: 1, seed, paired, trackers: Vec::new(), store: None })?;
            let names = loaded.outcomes().iter().map(|outcome| outcome.name.clone());
            let values = names.zip(world.figures).collect();
            evaluate_flag(&self.until, &values)
                .map_err(|message| LoadError::Usage(format!("--until {:?}: {message}", self.until)).into())
        };
        let pieces = self.pieces.max(1);
        let rounded = |value: f64| if whole { value.round() } else { value };
        let along = |piece: u32| rounded(self.from + (self.to - self.from) * f64::from(piece) / f64::from(pieces));
        let grid = (0..=pieces).map(|piece| holds(along(piece))).collect::<Result<Vec<bool>, _>>()?;
        let turns = grid.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let first = grid.windows(2).position(|pair| !pair[0] && pair[1]);
        let (mut below, mut above) = (None, None);
        let verdict = match first {
            _ if grid[0] => Verdict::HoldsFromTheStart,
            None => Verdict::NeverHolds,
            Some(piece) => {
                let piece = u32::try_from(piece).unwrap_or(u32::MAX);
                let (mut low, mut high) = (along(piece), along(piece + 1));
                for _ in 0..self.halvings() {
                    let middle = rounded(f64::midpoint(low, high));
                    if middle == low || middle == high {
                        break;
                    }
                    if holds(middle)? { high = middle } else { low = middle }
                }
                (below, above) = (Some(low), Some(high));
                Verdict::Begins
            }
        };
        Ok(Found { seed, verdict, below, above, turns: u32::try_from(turns).unwrap_or(u32::MAX), worlds })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sample::{self, Onlooker};

    fn search(from: f64, to: f64, until: &str) -> Search {
        let path = "protocol.funds.insurance".to_owned();
        Search { path, from, to, until: until.to_owned(), pieces: 4, precision: 1e-4 }
    }

    /// The solvency of every seed.
    fn solvency(request: &RunRequest) -> Vec<f64> {
        let loaded = load(request).unwrap();
        let (_, figures) = crate::run::run_worlds(&loaded, request, &Onlooker::default()).unwrap();
        let place = loaded.outcomes().iter().position(|outcome| outcome.name == "solvency").unwrap();
        figures.iter().map(|figures| figures[place]).collect()
    }

    /// Solvency grows with the insurance fund one for one: where the fund of 5,000 gives a seed `S`, the condition that
    /// solvency reaches some `T` begins at 5,000 + T − S.
    #[test]
    fn the_threshold_of_every_seed_lies_where_the_condition_begins() {
        let (_folder, request) = sample::calm(&[("insurance: 10000.0", "insurance: 5000.0")]);
        let request = RunRequest { seeds: 6, jobs: 2, steps: Some(3), ..request };
        let solvency = solvency(&request);
        let target = solvency[0] + 0.25;
        let up = search(1_000.0, 9_000.0, &format!("solvency >= {target}"));
        let found = threshold(&request, &up, &Onlooker::default()).unwrap();
        assert_eq!((found.crossed, found.wavering, found.worlds), (6, 0, 6 * (5 + 12)));
        for (Found { below, above, .. }, solvency) in found.seeds.iter().zip(&solvency) {
            let (below, above, expected) = (below.unwrap(), above.unwrap(), 5_000.0 + target - solvency);
            assert!(below <= expected + 1e-3 && expected <= above + 1e-3, "{below} {expected} {above}");
            assert!((above - below - found.resolution).abs() < 1e-6 && found.resolution < 1.0);
        }
        let (median, (low, high)) = (found.median, found.interval.unwrap());
        assert!(low <= median && median <= high);
        let down = search(9_000.0, 1_000.0, &format!("solvency < {target}"));
        let down = threshold(&request, &down, &Onlooker::default()).unwrap();
        assert!((down.median - median).abs() <= found.resolution, "{down:?}");
    }

    #[test]
    fn a_condition_that_never_or_always_holds_has_no_threshold() {
        let (_folder, request) = sample::calm(&[]);
        let request = RunRequest { steps: Some(2), ..request };
        let verdict = |until: &str| {
            let found = threshold(&request, &search(1_000.0, 2_000.0, until), &Onlooker::default()).unwrap();
            assert_eq!((found.interval, found.crossed), (None, 0));
            (found.seeds[0].verdict, found.median)
        };
        assert_eq!(verdict("insolvent > 1"), (Verdict::NeverHolds, f64::INFINITY));
        assert_eq!(verdict("insolvent < 1"), (Verdict::HoldsFromTheStart, f64::NEG_INFINITY));
    }

    /// A condition that holds between two values alone is seen to cease, and whole numbers are searched by whole numbers.
    #[test]
    fn a_condition_that_ceases_is_told_and_counts_stay_whole() {
        let (_folder, request) = sample::calm(&[]);
        let request = RunRequest { steps: Some(2), ..request };
        let base = solvency(&request)[0] - 10_000.0;
        let until = format!("solvency > {} && solvency < {}", base + 3_000.0, base + 6_000.0);
        let found = threshold(&request, &search(1_000.0, 9_000.0, &until), &Onlooker::default()).unwrap();
        assert_eq!((found.wavering, found.seeds[0].turns), (1, 2), "{found:?}");
        let count = Search {
            path: "population.some traders.count".into(),
            precision: 1e-3,
            ..search(1.0, 9.0, "executed_actions >= 6")
        };
        let found = threshold(&request, &count, &Onlooker::default()).unwrap();
        let (below, above) = (found.seeds[0].below.unwrap(), found.seeds[0].above.unwrap());
        assert!(below.fract() == 0.0 && above == below + 1.0, "{found:?}");
    }

    #[test]
    fn what_makes_no_sense_is_found_before_anything_runs() {
        let (_folder, request) = sample::calm(&[]);
        let refused = |search: Search| {
            let watch = Onlooker::default();
            let error = threshold(&request, &search, &watch).unwrap_err().to_string();
            assert_eq!(watch.steps.into_inner(), 0);
            error
        };
        assert!(refused(search(1.0, 1.0, "insolvent > 0")).contains("two different numbers"));
        assert!(refused(search(1.0, 2.0, "insolvnt > 0")).contains("insolvnt"));
        assert!(
            refused(Search { path: "protocol.funds.insurence".into(), ..search(1.0, 2.0, "insolvent > 0") })
                .contains("insurence")
        );
    }
}
