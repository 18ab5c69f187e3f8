//! The Record phase: probes, events and faults become rows of frames; the end of a run adds the closing tables.

use std::sync::Arc;

use bevy_ecs::prelude::World;

use crate::clock::Now;
use crate::domain::{Agent, Change, Cohorts, Groups, Roster};
use crate::event::{Event, EventTable, Events};
use crate::frame::{Data, Frame, Item};
use crate::host::Fault;
use crate::ledger::Ledger;
use crate::mechanism::Assets;
use crate::probe::{Cell, Probe, STEP_TABLES};
use crate::queue::Refusals;
use crate::registry::{Directory, Kind, Registry};
use crate::scenario::{Measure, Measures};
use crate::valuation;

/// A column of a table of events: its name, unit and meaning, and what it takes of an event.
type EventColumn = (&'static str, &'static str, &'static str, fn(&World, &Event) -> Item);

const WHAT: EventColumn = ("what", "", "What happened.", |_, event| Item::Text(event.what.into()));
const AGENT: EventColumn =
    ("agent", "", "Agent id, −1 for none.", |_, event| Item::Int(event.agent.map_or(-1, |agent| i64::from(agent.0))));
const COHORT: EventColumn = ("cohort", "", "The agent's cohort.", |world, event| {
    Item::Text(event.agent.map_or_else(|| "".into(), |agent| cohort_of(world, agent.0)))
});
const ACCOUNT: EventColumn = ("account", "", "Margin account id, −1 for none.", |_, event| {
    Item::Int(event.account.map_or(-1, |account| i64::from(account.0)))
});
const PRICE: EventColumn = ("price", "quote/base", "Price, 0 for none.", |_, event| Item::Float(event.price));
const SIZE: EventColumn =
    ("size", "base units", "Signed size in the base asset's smallest unit.", |_, event| Item::Int(event.size));
const AMOUNT: EventColumn =
    ("amount", "settlement units", "Amount in the settlement asset's smallest unit.", |_, event| {
        Item::Int(event.amount)
    });
const STAKE: EventColumn =
    ("stake", "stake units", "Stake in its asset's smallest unit.", |_, event| Item::Int(event.size));

/// The column that names the thing an event is about.
const fn thing(name: &'static str, doc: &'static str) -> EventColumn {
    (name, "", doc, |world, event| {
        Item::Text(
            event.thing.map_or("", |thing| world.resource::<Directory>().name(thing.kind, thing.index as usize)).into(),
        )
    })
}

/// Table, name, unit and meaning of every column of the tables of events, behind `step` and `time_ms`.
#[must_use]
pub fn event_columns() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let columns = EventTable::ALL
        .into_iter()
        .map(event_layout)
        .flat_map(|(table, columns)| columns.into_iter().map(move |(name, unit, doc, _)| (table, name, unit, doc)));
    columns.collect()
}

/// The name and the columns of a table of events.
fn event_layout(table: EventTable) -> (&'static str, Vec<EventColumn>) {
    match table {
        EventTable::Liquidations => {
            ("liquidations", vec![WHAT, AGENT, COHORT, ACCOUNT, thing("market", "The market."), SIZE, PRICE, AMOUNT])
        }
        EventTable::Stakes => ("stakes", vec![WHAT, AGENT, COHORT, thing("vault", "The vault."), STAKE]),
        EventTable::Slashes => (
            "slashes",
            vec![
                WHAT,
                AGENT,
                COHORT,
                thing("vault", "The vault."),
                STAKE,
                ("price", "coins", "Market price of the staked asset after it.", |_, event| Item::Float(event.price)),
                ("raised", "settlement units", "What it raised.", |_, event| Item::Int(event.amount)),
            ],
        ),
        EventTable::Votes => (
            "votes",
            vec![
                ("choice", "", "For, against or abstained.", |_, event| Item::Text(event.what.into())),
                AGENT,
                COHORT,
                thing("proposal", "The proposal."),
                ("weight", "token units", "Weight when cast, in the token's smallest unit.", |_, event| {
                    Item::Int(event.size)
                }),
            ],
        ),
        EventTable::Governance => (
            "governance",
            vec![
                WHAT,
                AGENT,
                COHORT,
                thing("proposal", "The proposal."),
                ("path", "", "The parameter that changes, empty for none.", |world, event| {
                    let path =
                        |change: Change| world.resource::<Directory>().name(Kind::Parameter, change.parameter).into();
                    Item::Text(event.change.map_or_else(|| "".into(), path))
                }),
                ("before", "", "Its value before.", |_, event| {
                    Item::Float(event.change.map_or(f64::NAN, |change| change.before))
                }),
                ("after", "", "Its value after.", |_, event| {
                    Item::Float(event.change.map_or(f64::NAN, |change| change.after))
                }),
            ],
        ),
        EventTable::Events => (
            "events",
            vec![WHAT, AGENT, COHORT, ACCOUNT, thing("thing", "The market, vault or proposal."), SIZE, PRICE, AMOUNT],
        ),
    }
}

/// The table with a row per step and thing of a kind.
#[derive(Debug)]
struct Steps {
    kind: Kind,
    probes: Vec<Probe>,
    /// The things' names.
    names: Vec<Arc<str>>,
    frame: Frame,
}

/// Rows not yet taken.
#[derive(Debug)]
pub(crate) struct Recorder {
    steps: Vec<Steps>,
    events: Vec<(EventTable, Vec<EventColumn>, Frame)>,
    faults: Frame,
    /// Values of all parameters at the start.
    params: Vec<f64>,
}

impl Recorder {
    /// Empty tables for everything `world` declares.
    pub(crate) fn of(world: &World, measures: &Measures) -> Self {
        let registry = world.resource::<Registry>();
        let steps = STEP_TABLES
            .iter()
            .map(|(kind, table, key)| {
                let of_kind = registry.probes.iter().filter(|probe| probe.kind == *kind);
                let (probes, columns): (Vec<Probe>, Vec<Data>) =
                    of_kind.filter_map(|probe| Some((*probe, empty(world, probe)?))).unzip();
                let mut frame = keyed(table);
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
        let faults = keyed("faults")
            .with("agent", "", "Agent id, -1 for a rule.", Data::Int(Vec::new()))
            .with("cohort", "", "Its cohort.", Data::Text(Vec::new()))
            .with("hook", "", "The function that failed.", Data::Text(Vec::new()))
            .with("place", "", "file:line:column.", Data::Text(Vec::new()))
            .with("message", "", "What failed.", Data::Text(Vec::new()));
        Self {
            steps,
            events: EventTable::ALL.map(|table| event_frame(world, table)).into(),
            faults,
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
        for event in world.resource_mut::<Events>().take() {
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
        vec![agents(world), flows(world), params(world, &self.params), refusals(world)]
    }

    /// Takes the rows of all step tables.
    pub(crate) fn take(&mut self) -> Vec<Frame> {
        let steps = self.steps.iter_mut().map(|steps| steps.frame.take());
        let mut frames: Vec<Frame> = steps.collect();
        frames.extend(self.events.iter_mut().map(|(.., frame)| frame.take()));
        frames.push(self.faults.take());
        frames
    }
}

fn keyed(table: &'static str) -> Frame {
    Frame::new(table).with("step", "steps", "The step, from 0.", Data::Int(Vec::new())).with(
        "time_ms",
        "ms",
        "Simulated time at the end of the step.",
        Data::Int(Vec::new()),
    )
}

fn event_frame(world: &World, table: EventTable) -> (EventTable, Vec<EventColumn>, Frame) {
    let (name, columns) = event_layout(table);
    let blank = Event::new(table, "");
    let frame = columns.iter().fold(keyed(name), |frame, (name, unit, doc, read)| {
        let data = match read(world, &blank) {
            Item::Int(_) => Data::Int(Vec::new()),
            Item::Float(_) => Data::Float(Vec::new()),
            Item::Flag(_) => Data::Flag(Vec::new()),
            Item::Text(_) => Data::Text(Vec::new()),
        };
        frame.with(*name, *unit, *doc, data)
    });
    (table, columns, frame)
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

fn agents(world: &World) -> Frame {
    let mut frame = Frame::new("agents")
        .with("agent", "", "Agent id.", Data::Int(Vec::new()))
        .with("cohort", "", "Its cohort.", Data::Text(Vec::new()))
        .with("role", "", "Its role.", Data::Text(Vec::new()))
        .with("wallet", "settlement units", "Settlement asset in its wallet at the end.", Data::Int(Vec::new()))
        .with("equity", "settlement units", "Equity of its margin accounts at the end.", Data::Int(Vec::new()))
        .with(
            "worth",
            "coins",
            "All it holds at market prices, negative equity counted as 0.",
            Data::Float(Vec::new()),
        );
    let (cohorts, ledger) = (world.resource::<Cohorts>(), world.resource::<Ledger>());
    let settlement = world.resource::<Assets>().settlement();
    for entity in world.resource::<Roster>().agents() {
        let Some(agent) = world.get::<Agent>(*entity) else { continue };
        let cohort = &cohorts.0[usize::from(agent.cohort.0)];
        frame.push(&[
            Item::Int(i64::from(agent.id.0)),
            Item::Text(cohort.name.as_str().into()),
            Item::Text(cohort.role.name().into()),
            Item::Int(ledger.balance(agent.wallet.asset(settlement))),
            Item::Int(valuation::equity_of(world, agent)),
            Item::Float(valuation::agent_worth(world, agent)),
        ]);
    }
    frame
}

fn flows(world: &World) -> Frame {
    let mut frame = Frame::new("flows")
        .with("from", "", "The group that paid.", Data::Text(Vec::new()))
        .with("to", "", "The group that received.", Data::Text(Vec::new()))
        .with("reason", "", "Why.", Data::Text(Vec::new()))
        .with("asset", "", "In which asset.", Data::Text(Vec::new()))
        .with("amount", "asset units", "How much, in the asset's smallest unit.", Data::Int(Vec::new()));
    let (groups, assets) = (world.resource::<Groups>(), world.resource::<Assets>());
    for (flow, amount) in world.resource::<Ledger>().flows() {
        frame.push(&[
            Item::Text(groups.0[usize::from(flow.from.0)].as_str().into()),
            Item::Text(groups.0[usize::from(flow.to.0)].as_str().into()),
            Item::Text(flow.reason.into()),
            Item::Text(assets.name(flow.asset).into()),
            Item::Int(i64::try_from(amount).unwrap_or(i64::MAX)),
        ]);
    }
    frame
}

fn params(world: &World, start: &[f64]) -> Frame {
    let mut frame = Frame::new("params")
        .with("path", "", "The parameter's dotted path.", Data::Text(Vec::new()))
        .with("unit", "", "Its unit.", Data::Text(Vec::new()))
        .with("start", "", "Its value at the start.", Data::Float(Vec::new()))
        .with("value", "", "Its value at the end.", Data::Float(Vec::new()));
    for ((path, unit, value), start) in param_values(world).into_iter().zip(start) {
        frame.push(&[Item::Text(path.into()), Item::Text(unit.into()), Item::Float(*start), Item::Float(value)]);
    }
    frame
}

/// Every risk parameter of every thing, with its present value.
pub(crate) fn param_values(world: &World) -> Vec<(String, &'static str, f64)> {
    let (registry, directory) = (world.resource::<Registry>(), world.resource::<Directory>());
    let mut values = Vec::new();
    for param in &registry.params {
        for (place, name) in directory.names(param.kind).enumerate() {
            if let Some(value) = (param.read)(world, place) {
                values.push((param.path(name), param.unit, value));
            }
        }
    }
    values
}

fn refusals(world: &World) -> Frame {
    let mut frame = Frame::new("refusals")
        .with("cohort", "", "Who asked.", Data::Text(Vec::new()))
        .with("action", "", "For what.", Data::Text(Vec::new()))
        .with("reason", "", "Why it was refused.", Data::Text(Vec::new()))
        .with("count", "actions", "How often.", Data::Int(Vec::new()));
    let (registry, cohorts) = (world.resource::<Registry>(), world.resource::<Cohorts>());
    for ((cohort, action, rejected), count) in &world.resource::<Refusals>().counts {
        frame.push(&[
            Item::Text(cohorts.0.get(usize::from(cohort.0)).map_or("", |cohort| cohort.name.as_str()).into()),
            Item::Text(registry.actions.get(usize::from(action.0)).map_or("", |action| action.name).into()),
            Item::Text(rejected.reason.into()),
            Item::Int(i64::try_from(*count).unwrap_or(i64::MAX)),
        ]);
    }
    frame
}
