//! Hunting for an attack that pays: the parameters of an attacker's strategy are searched for the highest profit on some
//! seeds, and what is found is judged on others, so that luck is not a finding. What the best plan still needs and what would
//! stop it, [`capital`] and [`defence`] say; [`certificate`] keeps it so that anybody can check it. That nothing is found is
//! never a proof that there is nothing.

mod capital;
mod certificate;
mod defence;
mod edge;
mod field;
mod search;
mod space;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

pub use capital::Capital;
pub use certificate::{Certificate, CertificateError, Checked, Compared, Script, World};
pub use defence::{Defence, DefenceVerdict, Way};
pub use field::Taking;
pub use space::{Attacker, Choice, Scale, Still, Variable};

use crate::command::{Worlds, reproduce};
use crate::figure::LOSS_CAUSED;
use crate::load::{LoadError, Loaded, RunRequest, load};
use crate::run::{RunError, Watch, in_order};
use crate::session::{STACK, Session};
use crate::source::Override;
use crate::stats;
use crate::world::Order;
use field::{Field, check_rate, total};
use space::Space;

/// How many of the best plans are judged on held-out seeds, beside the one that the search began with.
const FINALISTS: usize = 5;
/// The value of a plan that cannot be played.
const HOPELESS: f64 = -1e30;
/// What a coordinate outside of its bounds costs, as a share of what attackers start with, at the distance of the whole
/// range: enough to lead the search back where nothing else does.
const LEASH: f64 = 0.01;

/// What to hunt with.
#[derive(Clone, PartialEq, Debug)]
pub struct Hunting {
    /// What is searched.
    pub choice: Choice,
    /// The most plans to look at.
    pub budget: u32,
    /// Seeds on which plans are judged, behind those of the request, on which they are found.
    pub held_out: u32,
    /// What capital costs, as a share of it a year.
    pub capital_cost: f64,
    /// Defences whose break-even is looked for; those of the scenario's counterfactuals when there are none.
    pub defences: Vec<Way>,
    /// How far to look behind the best plan.
    pub scope: Scope,
}

/// How far a hunt looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// For the best plan alone.
    Plan,
    /// And for the smallest capital with which it still pays, and for what would stop it.
    #[default]
    Whole,
}

/// What was found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Hunt {
    /// Version of the program.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The settlement asset, in which coins are counted.
    pub settlement: String,
    /// Smallest units in a coin of it.
    pub unit: f64,
    /// Who attacks.
    pub attackers: Vec<Attacker>,
    /// Whether the best plan pays: the interval of its profit on held-out seeds lies above 0.
    pub found: bool,
    /// The plan with the highest mean on held-out seeds; on the seeds of the search where it was ended before.
    pub best: Judged,
    /// The plan that the search began with: the scenario's, or the strategy's defaults.
    pub start: Judged,
    /// What was searched.
    pub searched: Vec<Variable>,
    /// What was not.
    pub still: Vec<Still>,
    /// The most plans that were to be looked at.
    pub budget: u32,
    /// Plans looked at.
    pub evaluations: u32,
    /// How often the search began anew.
    pub restarts: u32,
    /// The seeds of the search.
    pub seeds: Vec<u64>,
    /// The seeds on which the best plans were judged.
    pub held_out: Vec<u64>,
    /// How many plans were judged: together their intervals cover in 95 % of cases.
    pub judged: usize,
    /// What capital costs, as a share of it a year.
    pub capital_cost: f64,
    /// The smallest capital with which the best plan still pays.
    pub capital: Option<Capital>,
    /// What would stop the best plan.
    pub defences: Vec<Defence>,
    /// Counterfactuals of the scenario that are no single number.
    pub unsearched: Vec<String>,
    /// Whether it was ended early.
    pub interrupted: bool,
    /// The command that plays the best plan on held-out seeds.
    pub command: String,
}

/// A plan with what it brought, in coins.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Judged {
    /// The value of each searched parameter, in the order of [`Hunt::searched`].
    pub plan: Vec<f64>,
    /// Its mean profit on the seeds of the search; none where it cannot be played.
    pub found_at: Option<f64>,
    /// Its mean profit on held-out seeds.
    pub mean: Option<f64>,
    /// The interval of that mean, by Student's t for all plans that were judged.
    pub interval: Option<(f64, f64)>,
    /// Its lowest profit there.
    pub lowest: Option<f64>,
    /// Its highest profit there.
    pub highest: Option<f64>,
    /// What attackers put in at most, on average.
    pub outlay: Option<f64>,
    /// What everyone else lost by it, on average; of the best plan alone.
    pub loss_caused: Option<f64>,
    /// What it brought in each held-out world, in smallest units.
    pub worlds: Vec<Taking>,
}

impl Hunt {
    /// Units as coins.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn coins(&self, units: i64) -> f64 {
        units as f64 / self.unit
    }
}

/// A plan with what it brought on the seeds of the search.
#[derive(Clone, Debug)]
struct Candidate {
    plan: Vec<f64>,
    takings: Option<Vec<Taking>>,
}

impl Candidate {
    /// What it brought in all; what cannot be played comes last.
    fn total(&self) -> i128 {
        self.takings.as_deref().map_or(i128::MIN, total)
    }
}

/// Searches for the attack that pays best, and judges it.
///
/// # Errors
/// As for loading and running; a scenario without attackers, or with nothing to search.
pub fn hunt(
    request: &RunRequest,
    hunting: &Hunting,
    watch: &dyn Watch,
) -> Result<(Hunt, Option<Certificate>), RunError> {
    let (seeds, held_out) = check(request, hunting)?;
    let asked = load(request)?;
    let space = Space::of(&asked, &hunting.choice)?;
    let field = Field { request, watch, capital_cost: hunting.capital_cost };
    // The plan to begin with is played as it would be by hand, so that what is wrong with it is told.
    let first = field.with(&space.sets(&space.start(), 1.0)?);
    let loaded = load(&first)?;
    let ways = defence::ways(&loaded, &first, &hunting.defences)?;
    let threads = request.jobs.max(1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build();
    let pool = pool.map_err(|error| LoadError::Usage(format!("cannot start {threads} threads: {error}")))?;
    pool.install(|| Hunter { space, field, hunting, seeds, held_out, loaded }.hunt(ways))
}

/// The seeds of the search and those held out.
fn check(request: &RunRequest, hunting: &Hunting) -> Result<(Vec<u64>, Vec<u64>), LoadError> {
    check_rate(hunting.capital_cost)?;
    let refuse = |text: String| Err(LoadError::Usage(text));
    if hunting.budget == 0 {
        return refuse("--budget: expected at least 1".into());
    }
    if hunting.held_out < 2 {
        return refuse("--held-out: an interval needs at least 2 seeds".into());
    }
    if !request.forks.is_empty() {
        return refuse("--set-at: a hunt takes no forks".into());
    }
    let all = u64::from(request.seeds) + u64::from(hunting.held_out);
    let Some(end) = request.seed.checked_add(all).filter(|_| request.seeds > 0) else {
        return refuse(format!("--seed {}: {all} seeds from there exceed 64 bits", request.seed));
    };
    let between = request.seed + u64::from(request.seeds);
    Ok(((request.seed..between).collect(), (between..end).collect()))
}

/// A hunt under way.
struct Hunter<'a> {
    space: Space,
    field: Field<'a>,
    hunting: &'a Hunting,
    seeds: Vec<u64>,
    held_out: Vec<u64>,
    /// The scenario with the plan to begin with.
    loaded: Loaded,
}

/// The plans that were looked at, best first.
struct Looked {
    candidates: Vec<Candidate>,
    evaluations: u32,
    restarts: u32,
    ended: bool,
}

impl Hunter<'_> {
    fn hunt(&self, ways: defence::Ways) -> Result<(Hunt, Option<Certificate>), RunError> {
        let looked = self.search()?;
        let mut hunt = self.blank(&looked, &ways);
        let finalists = self.finalists(&looked.candidates);
        let judged = if looked.ended { None } else { self.judge(&finalists)? };
        let Some(judged) = judged else {
            hunt.interrupted = true;
            return Ok((hunt, None));
        };
        let ranked = |judged: &Judged| judged.worlds.iter().map(|world| i128::from(world.profit)).sum::<i128>();
        // The earlier one of equals: it was better on the seeds of the search.
        let best = judged.iter().rev().max_by_key(|judged| ranked(judged)).unwrap_or(&judged[0]);
        hunt.judged = judged.len();
        hunt.start = judged.iter().find(|judged| judged.plan == self.space.start()).unwrap_or(&judged[0]).clone();
        hunt.best = best.clone();
        hunt.found = best.interval.is_some_and(|(low, _)| low > 0.0);
        hunt.command = self.command(&hunt.best.plan)?;
        let losses = self.losses(&hunt.best.plan)?;
        if losses.len() < self.held_out.len() {
            hunt.interrupted = true;
            return Ok((hunt, None));
        }
        hunt.best.loss_caused = Some(stats::mean(&losses));
        let certificate = Certificate::of(self, &hunt, &losses)?;
        if hunt.found && self.hunting.scope == Scope::Whole {
            hunt.interrupted = self.interrupted(self.look_further(&mut hunt, ways))?;
        }
        Ok((hunt, Some(certificate)))
    }

    /// What the best plan still needs, and what would stop it.
    fn look_further(&self, hunt: &mut Hunt, ways: defence::Ways) -> Result<(), RunError> {
        hunt.capital = Some(capital::smallest(self, &hunt.best.plan)?);
        for way in ways.found {
            let defence = defence::break_even(self, &hunt.best.plan, way)?;
            hunt.defences.push(defence);
        }
        Ok(())
    }

    /// Whether work was ended early, which is no error.
    fn interrupted(&self, result: Result<(), RunError>) -> Result<bool, RunError> {
        match result {
            Err(RunError::Interrupted) => Ok(true),
            result => result.map(|()| false),
        }
    }

    fn search(&self) -> Result<Looked, RunError> {
        let start = self.space.start();
        let seen: Mutex<BTreeMap<Vec<u64>, Candidate>> = Mutex::new(BTreeMap::new());
        let failed: Mutex<Option<RunError>> = Mutex::new(None);
        let value = |plan: Vec<f64>| -> f64 {
            let key: Vec<u64> = plan.iter().map(|value| value.to_bits()).collect();
            if let Some(known) = seen.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
                return self.value(known);
            }
            let loaded = self.space.played(&self.loaded, &plan);
            // With the changes that reproduce it, should a world break.
            let request = self.space.sets(&plan, 1.0).map(|sets| self.field.with(&sets)).map_err(RunError::from);
            match request.and_then(|request| self.field.play_loaded((&loaded, &request), &self.seeds)) {
                Ok(takings) => {
                    let candidate = Candidate { plan, takings };
                    let value = self.value(&candidate);
                    seen.lock().unwrap_or_else(PoisonError::into_inner).insert(key, candidate);
                    value
                }
                Err(error) => {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    f64::NAN
                }
            }
        };
        let leash = LEASH * self.space.wallets() * self.unit();
        let mut ended = value(start.clone()).is_nan();
        let mut walk = search::Walk::default();
        if !ended {
            let left = (self.hunting.budget - 1, self.field.request.seed);
            walk = search::walk((&self.space.point(&start), &self.space.widths()), left, |point| {
                let (plan, outside) = self.space.plan(point);
                value(plan) - leash * outside
            });
            ended = walk.ended;
        }
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None | Some(RunError::Interrupted) => {}
            Some(error) => return Err(error),
        }
        let mut candidates: Vec<Candidate> =
            seen.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect();
        // Of plans that bring the same, the one that stands first in the order of their bits.
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.total()));
        // Of a generation that was ended early, some plans were played all the same.
        let played = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
        let evaluations = if ended { played } else { walk.evaluations + 1 };
        Ok(Looked { candidates, evaluations, restarts: walk.restarts, ended })
    }

    /// What the search makes of a plan: its mean profit, in units.
    #[allow(clippy::cast_precision_loss)]
    fn value(&self, candidate: &Candidate) -> f64 {
        candidate.takings.as_deref().map_or(HOPELESS, |takings| total(takings) as f64 / self.seeds.len() as f64)
    }

    /// The best plans, and the one that the search began with.
    fn finalists(&self, candidates: &[Candidate]) -> Vec<Candidate> {
        let start = self.space.start();
        let (best, others) = candidates.split_at(FINALISTS.min(candidates.len()));
        let mut finalists = best.to_vec();
        finalists.extend(others.iter().find(|candidate| candidate.plan == start).cloned());
        finalists
    }

    /// The finalists on held-out seeds; nothing when it was ended early.
    fn judge(&self, finalists: &[Candidate]) -> Result<Option<Vec<Judged>>, RunError> {
        let mut judged = Vec::with_capacity(finalists.len());
        for candidate in finalists {
            let sets = self.space.sets(&candidate.plan, 1.0)?;
            match self.field.play(&sets, &self.held_out) {
                Ok(takings) => judged.push(self.judged(candidate, takings, finalists.len())),
                Err(RunError::Interrupted) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(judged))
    }

    fn judged(&self, candidate: &Candidate, takings: Option<Vec<Taking>>, among: usize) -> Judged {
        let worlds = takings.unwrap_or_default();
        let profits: Vec<f64> = worlds.iter().map(|world| self.coins(world.profit)).collect();
        let outlays: Vec<f64> = worlds.iter().map(|world| self.coins(world.outlay)).collect();
        let played = (!worlds.is_empty()).then_some(());
        Judged {
            plan: candidate.plan.clone(),
            found_at: candidate.takings.as_ref().map(|_| self.value(candidate) / self.unit()),
            mean: played.map(|()| stats::mean(&profits)),
            interval: played.and_then(|()| stats::mean_interval_among(&profits, among)),
            lowest: profits.iter().copied().reduce(|a, b| if b < a { b } else { a }),
            highest: profits.iter().copied().reduce(|a, b| if b > a { b } else { a }),
            outlay: played.map(|()| stats::mean(&outlays)),
            loss_caused: None,
            worlds,
        }
    }

    /// What others lost by a plan in each held-out world, in coins.
    fn losses(&self, plan: &[f64]) -> Result<Vec<f64>, RunError> {
        losses((&self.field.with(&self.space.sets(plan, 1.0)?), &self.held_out), self.field.watch)
    }

    fn blank(&self, looked: &Looked, ways: &defence::Ways) -> Hunt {
        let scenario = &self.loaded.scenario;
        let unplayed = |candidate: &Candidate| self.judged(candidate, None, 1);
        let start = self.space.start();
        let begun = Candidate { plan: start.clone(), takings: None };
        let begun = looked.candidates.iter().find(|candidate| candidate.plan == start).unwrap_or(&begun);
        Hunt {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: scenario.name.clone(),
            settlement: scenario.settlement.clone(),
            unit: self.unit(),
            attackers: self.space.attackers.clone(),
            found: false,
            best: unplayed(looked.candidates.first().unwrap_or(begun)),
            start: unplayed(begun),
            searched: self.space.variables.clone(),
            still: self.space.still.clone(),
            budget: self.hunting.budget,
            evaluations: looked.evaluations,
            restarts: looked.restarts,
            seeds: self.seeds.clone(),
            held_out: self.held_out.clone(),
            judged: 0,
            capital_cost: self.hunting.capital_cost,
            capital: None,
            defences: Vec::new(),
            unsearched: ways.others.clone(),
            interrupted: false,
            command: self.command(&looked.candidates.first().unwrap_or(begun).plan).unwrap_or_default(),
        }
    }

    /// The command that plays a plan on held-out seeds.
    fn command(&self, plan: &[f64]) -> Result<String, LoadError> {
        let request = RunRequest { forks: Vec::new(), ..self.field.with(&self.space.sets(plan, 1.0)?) };
        let seeds = u32::try_from(self.held_out.len()).unwrap_or(u32::MAX);
        let seed = self.held_out.first().copied().unwrap_or(request.seed);
        Ok(reproduce(&request, Worlds { seed, seeds, steps: request.steps }))
    }

    /// The mean profit of the scenario with some changes on held-out seeds, in coins; nothing where it cannot be played.
    fn profit(&self, sets: &[Override]) -> Result<Option<f64>, RunError> {
        let takings = self.field.play(sets, &self.held_out)?;
        Ok(takings.map(|takings| stats::mean(&takings.iter().map(|one| self.coins(one.profit)).collect::<Vec<_>>())))
    }

    #[allow(clippy::cast_precision_loss)]
    fn coins(&self, units: i64) -> f64 {
        units as f64 / self.unit()
    }

    /// Smallest units in a coin.
    fn unit(&self) -> f64 {
        self.loaded.settlement_scale()
    }
}

/// What others lost in the world of each seed beyond the paired one, in coins; an early end leaves out the last ones.
fn losses((request, seeds): (&RunRequest, &[u64]), watch: &dyn Watch) -> Result<Vec<f64>, RunError> {
    let loaded = load(request)?;
    let place = loaded.outcomes().iter().position(|outcome| outcome.name == LOSS_CAUSED);
    let session = Session { loaded: &loaded, request, watch };
    in_order((seeds.len(), request.jobs), watch, |at| {
        let world =
            session.world(&Order { place: 1, seed: seeds[at], paired: true, trackers: Vec::new(), store: None })?;
        Ok(place.map_or(f64::NAN, |place| world.figures[place]))
    })
}
