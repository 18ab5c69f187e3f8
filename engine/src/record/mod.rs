//! The Record phase: probes, events and faults become rows of frames; the end of a run adds the closing tables. What
//! most runs have no use for (positions, trades, reports) is recorded on request.

mod closing;
mod events;
mod positions;

use std::sync::Arc;

use bevy_ecs::prelude::World;

pub use self::events::event_columns;
use self::events::{EventColumn, event_frame};
use crate::clock::Now;
use crate::domain::{Cohorts, Parameter};
use crate::event::{EventTable, Events};
use crate::frame::{Data, Frame, Item};
use crate::host::Fault;
use crate::params;
use crate::probe::{Cell, Probe, STEP_TABLES};
use crate::registry::{Directory, Kind, Registry};
use crate::scenario::{Measure, Measures};

/// The table with a row per step and thing of a kind.
#[derive(Debug)]
struct Steps {
    kind: Kind,
    probes: Vec<Probe>,
    /// The things' names.
    names: Vec<Arc<str>>,
    frame: Frame,
}

/// What is recorded beside the tables of every run; it never changes what happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recording {
    /// Positions and reports are recorded in every such step only, from the first on.
    pub every: u64,
    /// The table `positions`.
    pub positions: bool,
    /// The table `trades`.
    pub trades: bool,
    /// The table `reports`.
    pub reports: bool,
}

impl Default for Recording {
    fn default() -> Self {
        Self { every: 1, positions: false, trades: false, reports: false }
    }
}

impl Recording {
    /// Whether what is recorded by step is recorded in this one.
    fn is_due(self, now: Now) -> bool {
        now.step.is_multiple_of(self.every.max(1))
    }
}

/// Rows not yet taken.
#[derive(Debug)]
pub(crate) struct Recorder {
    recording: Recording,
    steps: Vec<Steps>,
    positions: Frame,
    events: Vec<(EventTable, Vec<EventColumn>, Frame)>,
    faults: Frame,
    /// Values of all parameters at the start.
    params: Vec<f64>,
}

impl Recorder {
    /// Empty tables for everything `world` declares.
    pub(crate) fn of(world: &mut World, measures: &Measures, recording: Recording) -> Self {
        world.resource_mut::<Events>().keep(EventTable::Trades, recording.trades);
        world.resource_mut::<Events>().keep(EventTable::Reports, recording.reports);
        let world = &*world;
        let registry = world.resource::<Registry>();
        let steps = STEP_TABLES
            .iter()
            .map(|(kind, table, key, doc)| {
                let of_kind = registry.probes.iter().filter(|probe| probe.kind == *kind);
                let (probes, columns): (Vec<Probe>, Vec<Data>) =
                    of_kind.filter_map(|probe| Some((*probe, empty(world, probe)?))).unzip();
                let mut frame = keyed(table, doc);
                if !key.is_empty() {
                    frame = frame.with(*key, "", "Its name.", Data::Text(Vec::new()));
                }
                for (probe, column) in probes.iter().zip(columns) {
                    frame = frame.with(probe.name, probe.unit, probe.doc, column);
                }
                for (name, Measure { unit, doc, .. }) in measures.probes.iter().filter(|_| *kind == Kind::Protocol) {
                    frame = frame.with(name.clone(), unit.clone(), doc.clone(), Data::Float(Vec::new()));
                }
                Steps { kind: *kind, probes, names: Vec::new(), frame }
            })
            .collect();
        let is_kept = |table: &EventTable| world.resource::<Events>().keeps(*table);
        Self {
            recording,
            steps,
            positions: positions::layout(),
            events: EventTable::ALL.into_iter().filter(is_kept).map(|table| event_frame(world, table)).collect(),
            faults: faults_layout(),
            params: param_values(world).into_iter().map(|(.., value)| value).collect(),
        }
    }

    /// Adds the rows of the step that just ended, with what scripts measured in it.
    pub(crate) fn record(&mut self, world: &mut World, measured: &[f64], faults: &[Fault]) {
        let now = *world.resource::<Now>();
        let mut row = Vec::new();
        for Steps { kind, probes, names, frame } in &mut self.steps {
            let directory = world.resource::<Directory>();
            names.extend((names.len()..directory.count(*kind)).map(|place| Arc::from(directory.name(*kind, place))));
            for (place, name) in names.iter().enumerate() {
                row.clear();
                row.extend(key(now));
                if *kind != Kind::Protocol {
                    row.push(Item::Text(Arc::clone(name)));
                }
                row.extend(probes.iter().map(|probe| item((probe.read)(world, place))));
                if *kind == Kind::Protocol {
                    // A host that runs no scripts measures nothing.
                    row.extend(measured.iter().map(|value| Item::Float(*value)));
                    row.resize(frame.columns.len(), Item::Float(f64::NAN));
                }
                frame.push(&row);
            }
        }
        let is_due = self.recording.is_due(now);
        if self.recording.positions && is_due {
            positions::add(world, &mut self.positions);
        }
        for event in world.resource_mut::<Events>().take() {
            if event.table == EventTable::Reports && !is_due {
                continue;
            }
            let of_table = self.events.iter_mut().find(|(table, ..)| *table == event.table);
            let Some((_, columns, frame)) = of_table else { continue };
            row.clear();
            row.extend(key(now));
            row.extend(columns.iter().map(|(.., read)| read(world, &event)));
            frame.push(&row);
        }
        for fault in faults {
            row.clear();
            row.extend(key(now));
            row.push(Item::Int(fault.agent.map_or(-1, |agent| i64::from(agent.0))));
            row.push(Item::Text(fault.agent.map_or_else(|| "".into(), |agent| cohort_of(world, agent.0))));
            row.push(Item::Text(fault.hook.into()));
            row.push(Item::Text(fault.place.clone()));
            row.push(Item::Text(fault.message.clone()));
            self.faults.push(&row);
        }
    }

    /// The tables that describe a whole run: agents, flows, parameters and refusals.
    pub(crate) fn closing(&self, world: &World) -> Vec<Frame> {
        closing::closing(world, &self.params)
    }

    /// Takes the rows of all step tables.
    pub(crate) fn take(&mut self) -> Vec<Frame> {
        let steps = self.steps.iter_mut().map(|steps| steps.frame.take());
        let mut frames: Vec<Frame> = steps.collect();
        frames.extend(self.events.iter_mut().map(|(.., frame)| frame.take()));
        frames.push(self.faults.take());
        if self.recording.positions {
            frames.push(self.positions.take());
        }
        frames
    }
}

/// Tables of every world and their columns, but for those whose columns the registry declares and those of events: their
/// headers, without rows.
#[must_use]
pub fn layouts() -> Vec<Frame> {
    [faults_layout(), positions::layout()].into_iter().chain(closing::layouts()).collect()
}

fn faults_layout() -> Frame {
    keyed("faults", "A call of a script that failed.")
        .with("agent", "", "Agent id, -1 for a rule.", Data::Int(Vec::new()))
        .with("cohort", "", "Its cohort.", Data::Text(Vec::new()))
        .with("hook", "", "The function that failed.", Data::Text(Vec::new()))
        .with("place", "", "file:line:column.", Data::Text(Vec::new()))
        .with("message", "", "What failed.", Data::Text(Vec::new()))
}

fn keyed(table: &'static str, doc: &'static str) -> Frame {
    Frame::new(table, doc).with("step", "steps", "The step, from 0.", Data::Int(Vec::new())).with(
        "time_ms",
        "ms",
        "Simulated time at the end of the step.",
        Data::Int(Vec::new()),
    )
}

#[allow(clippy::cast_possible_wrap)]
fn key(now: Now) -> [Item; 2] {
    [Item::Int(now.step as i64), Item::Int((now.time + now.dt.0) as i64)]
}

/// The empty column of a probe, where the world has what it is about.
fn empty(world: &World, probe: &Probe) -> Option<Data> {
    match (probe.read)(world, 0) {
        Cell::Int(_) => Some(Data::Int(Vec::new())),
        Cell::Float(_) => Some(Data::Float(Vec::new())),
        Cell::Flag(_) => Some(Data::Flag(Vec::new())),
        Cell::Absent => None,
    }
}

fn item(cell: Cell) -> Item {
    match cell {
        Cell::Int(value) => Item::Int(value),
        // One bit pattern for NaN, whatever made it.
        Cell::Float(value) => Item::Float(if value.is_nan() { f64::NAN } else { value }),
        Cell::Flag(value) => Item::Flag(value),
        Cell::Absent => Item::Float(f64::NAN),
    }
}

fn cohort_of(world: &World, agent: u32) -> Arc<str> {
    let cohorts = &world.resource::<Cohorts>().0;
    cohorts.iter().find(|cohort| cohort.agents.contains(&agent)).map_or("", |cohort| cohort.name.as_str()).into()
}

/// Every risk parameter of every thing, with its present value.
pub(crate) fn param_values(world: &World) -> Vec<(String, &'static str, f64)> {
    let params = &world.resource::<Registry>().params;
    let value = |(path, Parameter { spec, thing, read }): (String, Parameter)| {
        Some((path, params[spec].unit, read(world, thing)?))
    };
    params::all(world).filter_map(value).collect()
}
