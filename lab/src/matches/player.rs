//! Who plays a match: this process, on the thread that asks.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use palisade_agents::evaluate;

use super::{Entry, Order, Pairing, Payoff, Status};
use crate::command::{Worlds, reproduce};
use crate::figure::{FAULTS, LOSS_CAUSED};
use crate::load::{LoadError, Loaded, load_here};
use crate::report::GroupRow;
use crate::run::{RunError, Watch};
use crate::session::Session;
use crate::world::Order as WorldOrder;

/// Plays matches.
pub(crate) trait Player: Sync {
    /// Plays a match for a worker; none when it was ended early.
    ///
    /// # Errors
    /// Nobody can play here: what comes of the match is not known.
    fn play(&self, worker: usize, what: (&Pairing, Order), seed: u64) -> Result<Option<Entry>, RunError>;
}

/// Plays nothing: what is not known stays so.
pub(crate) struct Nobody;

impl Player for Nobody {
    fn play(&self, _: usize, _: (&Pairing, Order), _: u64) -> Result<Option<Entry>, RunError> {
        Ok(None)
    }
}

/// A pairing's scenario, or why there is none.
type Read = Result<Loaded, LoadError>;

/// Plays in this process. Scenarios are loaded once for as long as some worker plays them.
pub(crate) struct InProcess<'a> {
    watch: &'a dyn Watch,
    loaded: Mutex<BTreeMap<u32, Weak<Read>>>,
    held: Vec<Mutex<Option<Arc<Read>>>>,
}

impl<'a> InProcess<'a> {
    pub(crate) fn new(watch: &'a dyn Watch, jobs: usize) -> Self {
        let held = (0..jobs).map(|_| Mutex::default()).collect();
        Self { watch, loaded: Mutex::default(), held }
    }

    fn load(&self, worker: usize, (pairing, order): (&Pairing, Order)) -> Arc<Read> {
        let mut shared = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shared.get(&order.pairing).and_then(Weak::upgrade);
        let loaded = known.unwrap_or_else(|| {
            shared.retain(|_, loaded| loaded.strong_count() > 0);
            drop(shared);
            let loaded = Arc::new(load_here(&pairing.request));
            let mut shared = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            shared.insert(order.pairing, Arc::downgrade(&loaded));
            loaded
        });
        *self.held[worker].lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&loaded));
        loaded
    }
}

impl Player for InProcess<'_> {
    fn play(&self, worker: usize, (pairing, order): (&Pairing, Order), seed: u64) -> Result<Option<Entry>, RunError> {
        let entry = Entry {
            order,
            seed,
            status: Status::Done,
            payoffs: Vec::new(),
            figures: Vec::new(),
            faults: 0,
            message: String::new(),
            command: String::new(),
        };
        let fault = |_| "a fault of this program".to_owned();
        let loaded = match catch_unwind(AssertUnwindSafe(|| self.load(worker, (pairing, order)))).map_err(fault) {
            Ok(loaded) => loaded,
            Err(message) => {
                let command = command(pairing, seed);
                return Ok(Some(Entry { status: Status::Failed, message, command, ..entry }));
            }
        };
        let result = match &*loaded {
            Err(error) if error.is_not_applicable() => {
                return Ok(Some(Entry { status: Status::NotApplicable, message: error.to_string(), ..entry }));
            }
            Err(error) => Err(error.to_string()),
            Ok(loaded) => one(loaded, pairing, seed, self.watch),
        };
        Ok(match result {
            Ok((figures, payoffs, faults)) => Some(Entry { figures, payoffs, faults, ..entry }),
            Err(_) if self.watch.interrupted() => None,
            Err(message) => Some(Entry { status: Status::Failed, message, command: command(pairing, seed), ..entry }),
        })
    }
}

/// The command that shows a match.
pub(super) fn command(pairing: &Pairing, seed: u64) -> String {
    reproduce(&pairing.request, Worlds { seed, seeds: 1, steps: pairing.request.steps })
}

/// Figures and payoffs of one match, and how often strategies failed in it.
fn one(loaded: &Loaded, pairing: &Pairing, seed: u64, watch: &dyn Watch) -> Result<(Vec<f64>, Vec<f64>, u64), String> {
    let session = Session { loaded, request: &pairing.request, watch };
    let uses = |payoff: &Payoff| matches!(payoff, Payoff::Figures(text) if text.contains(LOSS_CAUSED));
    let paired = pairing.payoffs.iter().any(uses);
    // Details are of no use here, and only the first place of a run has them.
    let order = WorldOrder { place: 1, seed, paired, trackers: Vec::new(), store: None };
    let world = catch_unwind(AssertUnwindSafe(|| session.world(&order)));
    let world = world.map_err(|_| "the world could not be played: a fault of this program".to_owned())?;
    let world = world.map_err(|error: RunError| error.to_string())?;
    let names = loaded.outcomes().iter().map(|outcome| outcome.name.clone());
    let values: BTreeMap<String, f64> = names.zip(world.figures.iter().copied()).collect();
    let payoffs = pairing.payoffs.iter().map(|payoff| worth(payoff, &values, (&world.groups, loaded)));
    let payoffs = payoffs.collect::<Result<_, _>>()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count
    let faults = values.get(FAULTS).copied().unwrap_or_default() as u64;
    Ok((world.figures, payoffs, faults))
}

fn group<'a>(groups: &'a [GroupRow], name: &str) -> Result<&'a GroupRow, String> {
    groups.iter().find(|group| group.group == name).ok_or_else(|| format!("there is no group `{name}`"))
}

/// What a match is worth to a side, of the figures and the groups of its world.
fn worth(
    payoff: &Payoff,
    values: &BTreeMap<String, f64>,
    (groups, loaded): (&[GroupRow], &Loaded),
) -> Result<f64, String> {
    match payoff {
        Payoff::Figures(text) => {
            let value = values.get(text).copied().map_or_else(|| evaluate(text, values), Ok)?;
            if value.is_finite() { Ok(value) } else { Err(format!("the payoff `{text}` is no finite number here")) }
        }
        Payoff::Group(seat) => {
            let cohort = loaded.scenario.cohorts.iter().find(|(path, _)| path == seat);
            let agents = cohort.map_or(1, |(_, cohort)| cohort.count.max(1));
            let name = seat.rsplit('.').next().unwrap_or_default();
            group(groups, name).map(|group| group.change / f64::from(agents))
        }
        Payoff::Return(name) => group(groups, name).map(|group| group.change / group.start),
    }
}
