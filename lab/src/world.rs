//! One world of a run with all that is read off it: figures, tracked columns, tables, its paired baseline, and for the
//! first world the details of the report.

use palisade_engine::Simulation;
use palisade_engine::frame::{Data, Frame, Item};
use palisade_engine::mechanism::Assets;
use palisade_engine::probe::Cell;
use palisade_engine::registry::Kind;
use palisade_engine::units::Millis;

use crate::details::{self, FaultCount};
use crate::figure::{FAULTS, LOSS_CAUSED};
use crate::load::{LoadError, Loaded};
use crate::report::{GroupRow, World};
use crate::run::RunError;
use crate::session::{Cast, Nobody, Played, Session, Spectator};
use crate::store::{Store, WorldTables, Written};
use crate::story::Story;
use crate::track::Tracker;

/// What to play and what to read off it.
#[derive(Clone)]
pub(crate) struct Order<'a> {
    /// Its place in the run, from 0.
    pub(crate) place: u32,
    pub(crate) seed: u64,
    /// Whether the same world without attackers runs too, when there are attackers.
    pub(crate) paired: bool,
    pub(crate) trackers: Vec<Tracker>,
    pub(crate) store: Option<&'a Store>,
}

/// What was read off.
pub(crate) struct WorldResult {
    pub(crate) seed: u64,
    /// Simulated time at its end.
    pub(crate) time: Millis,
    /// A value for each of [`Loaded::outcomes`].
    pub(crate) figures: Vec<f64>,
    /// A value for each tracker.
    pub(crate) tracked: Vec<f64>,
    /// Every group with what it was worth.
    pub(crate) groups: Vec<GroupRow>,
    /// Details, of the first world only.
    pub(crate) details: Option<World>,
    pub(crate) written: Vec<Written>,
}

/// What the details need of the rows that go by.
struct Seen {
    story: Story,
    faults: FaultCount,
    flows: Frame,
    refusals: Frame,
}

impl Seen {
    fn of(simulation: &Simulation) -> Self {
        let assets = simulation.world().resource::<Assets>();
        let wallet = starting_wallet(simulation);
        Self {
            story: Story::new(assets.name(assets.settlement()), assets.settlement_scale(), wallet),
            faults: FaultCount::default(),
            flows: Frame::new("flows", ""),
            refusals: Frame::new("refusals", ""),
        }
    }

    fn see(&mut self, frame: &Frame) {
        self.story.see(frame);
        self.faults.see(frame);
        match frame.table {
            "flows" => self.flows = frame.clone(),
            "refusals" => self.refusals = frame.clone(),
            _ => {}
        }
    }
}

/// Reads off a world what was ordered.
struct Readings<'a> {
    trackers: Vec<Tracker>,
    is_first: bool,
    seen: Option<Seen>,
    tables: Option<WorldTables<'a>>,
}

impl Spectator for Readings<'_> {
    fn begin(&mut self, simulation: &Simulation) {
        self.seen = self.is_first.then(|| Seen::of(simulation));
    }

    fn see(&mut self, frame: &Frame) -> Result<(), RunError> {
        self.trackers.iter_mut().for_each(|tracker| tracker.see(frame));
        if let Some(seen) = &mut self.seen {
            seen.see(frame);
        }
        self.tables.as_mut().map_or(Ok(()), |tables| tables.add(frame))
    }

    fn looks(&self) -> bool {
        !self.trackers.is_empty() || self.is_first || self.tables.is_some()
    }
}

impl Session<'_> {
    /// Plays a world, and its baseline behind it.
    pub(crate) fn world(&self, order: &Order<'_>) -> Result<WorldResult, RunError> {
        self.unless_tripped(|| self.played_once(order.clone()))
    }

    fn played_once(&self, order: Order<'_>) -> Result<WorldResult, RunError> {
        let Order { place, seed, paired, trackers, store } = order;
        let tables = store.map(|store| store.world(place, seed));
        let mut readings = Readings { trackers, is_first: place == 0, seen: None, tables };
        let result = self.read_off((seed, paired), &mut readings);
        match (result, readings.tables) {
            (Ok(result), tables) => {
                Ok(WorldResult { written: tables.map_or(Ok(Vec::new()), WorldTables::close)?, ..result })
            }
            (Err(error), tables) => {
                tables.map_or(Ok(()), WorldTables::discard)?;
                Err(error)
            }
        }
    }

    fn read_off(&self, (seed, paired): (u64, bool), readings: &mut Readings<'_>) -> Result<WorldResult, RunError> {
        let mut played = self.play(seed, Cast::Full, readings)?;
        let attacked = self.loaded.has_attackers();
        let baseline =
            if paired && attacked { Some(self.play(seed, Cast::WithoutAttackers, &mut Nobody)?) } else { None };
        let groups = details::groups(&played, baseline.as_ref());
        let unknown = attacked && baseline.is_none();
        let caused = if unknown { f64::NAN } else { details::loss_caused(&groups) };
        let figures = figures(self.loaded, &mut played, caused);
        self.check_backstops(&played.host, (seed, played.simulation.steps_done().saturating_sub(1)))?;
        let figures = figures?;
        if let Some(tables) = &mut readings.tables {
            tables.add(&run_row(self.loaded, &played.simulation, &figures))?;
            tables.add(&group_rows(&groups))?;
        }
        Ok(WorldResult {
            seed,
            time: played.simulation.time(),
            tracked: readings.trackers.iter().map(Tracker::value).collect(),
            details: readings.seen.as_ref().map(|seen| self.details(seed, &played, groups.clone(), (seen, caused))),
            groups,
            figures,
            written: Vec::new(),
        })
    }

    fn details(&self, seed: u64, played: &Played, groups: Vec<GroupRow>, rest: (&Seen, f64)) -> World {
        let ((seen, caused), simulation) = (rest, &played.simulation);
        World {
            seed,
            story: seen.story.tell(),
            groups,
            flows: details::flows(simulation, &seen.flows),
            refusals: details::refusals(&seen.refusals),
            faults: seen.faults.faults(simulation),
            attack: self.loaded.has_attackers().then(|| details::attack(simulation, caused)),
            solvency: details::solvency(simulation),
        }
    }
}

/// What attackers hold before the first step.
fn starting_wallet(simulation: &Simulation) -> Option<f64> {
    let probes = &simulation.registry().probes;
    let probe = probes.iter().find(|probe| probe.kind == Kind::Protocol && probe.name == "attacker_wallet")?;
    match (probe.read)(simulation.world(), 0) {
        Cell::Float(value) => Some(value),
        Cell::Int(_) | Cell::Flag(_) | Cell::Absent => None,
    }
}

#[allow(clippy::cast_precision_loss)]
fn figures(loaded: &Loaded, played: &mut Played, caused: f64) -> Result<Vec<f64>, LoadError> {
    let simulation = &played.simulation;
    let read = |name: &str| match name {
        LOSS_CAUSED => caused,
        FAULTS => simulation.fault_count() as f64,
        _ => simulation.outcome(name).unwrap_or(f64::NAN),
    };
    let own = loaded.scenario.measures.outcomes.len();
    let known = &loaded.outcomes[..loaded.outcomes.len() - own];
    let mut figures: Vec<f64> = known.iter().map(|outcome| read(&outcome.name)).collect();
    let by_name = known.iter().map(|outcome| outcome.name.clone()).zip(figures.iter().copied()).collect();
    figures.extend(played.host.outcomes(simulation, &by_name).map_err(LoadError::Usage)?);
    Ok(figures)
}

/// The tables of a world that are made here, without rows and without a column for each outcome.
pub(crate) fn layouts() -> [Frame; 2] {
    [runs_layout(), groups_layout()]
}

fn runs_layout() -> Frame {
    Frame::new("runs", "A whole run with its figures.")
        .with("steps", "steps", "Steps done.", Data::Int(Vec::new()))
        .with("time_ms", "ms", "Simulated time at the end.", Data::Int(Vec::new()))
}

/// The row of the table `runs`.
#[allow(clippy::cast_possible_wrap)]
fn run_row(loaded: &Loaded, simulation: &Simulation, figures: &[f64]) -> Frame {
    let mut frame = runs_layout();
    let mut row = vec![Item::Int(simulation.steps_done() as i64), Item::Int(simulation.time() as i64)];
    for (outcome, figure) in loaded.outcomes.iter().zip(figures) {
        frame = frame.with(outcome.name.clone(), outcome.unit.clone(), outcome.doc.clone(), Data::Float(Vec::new()));
        row.push(Item::Float(*figure));
    }
    frame.push(&row);
    frame
}

fn groups_layout() -> Frame {
    let mut frame = Frame::new("groups", "What a group was worth.")
        .with("group", "", "A cohort or a party of the protocol.", Data::Text(Vec::new()))
        .with("role", "", "A cohort's role, or what the party is.", Data::Text(Vec::new()));
    for (name, doc) in [
        ("start", "Worth before the first step."),
        ("end", "Worth after the last step."),
        ("without_attack", "Its change in the paired world without attackers, NaN when nothing was paired."),
    ] {
        frame = frame.with(name, "coins", doc, Data::Float(Vec::new()));
    }
    frame
}

/// The rows of the table `groups`.
fn group_rows(groups: &[GroupRow]) -> Frame {
    let mut frame = groups_layout();
    for group in groups {
        frame.push(&[
            Item::Text(group.group.as_str().into()),
            Item::Text(group.role.as_str().into()),
            Item::Float(group.start),
            Item::Float(group.end),
            Item::Float(group.without_attack.unwrap_or(f64::NAN)),
        ]);
    }
    frame
}
