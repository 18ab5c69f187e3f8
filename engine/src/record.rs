//! The Record phase: probes, events and faults become rows of frames; the end of a run adds the closing tables.

use std::sync::Arc;

use bevy_ecs::prelude::World;

use crate::clock::Now;
use crate::domain::{Agent, Cohorts, Groups, Roster};
use crate::event::{Event, EventTable, Events};
use crate::frame::{Data, Frame, Item};
use crate::host::Fault;
use crate::ledger::Ledger;
use crate::mechanism::Assets;
use crate::probe::{Cell, Probe};
use crate::queue::Refusals;
use crate::registry::{Directory, Kind, Registry};
use crate::valuation;

/// The tables with a row per step, and which kind of thing they list.
const STEP_TABLES: [(Kind, &str, &str); 5] = [
    (Kind::Protocol, "world", ""),
    (Kind::Market, "markets", "market"),
    (Kind::Feed, "feeds", "feed"),
    (Kind::Venue, "venues", "venue"),
    (Kind::Asset, "assets", "asset"),
];

/// Rows not yet taken.
#[derive(Debug)]
pub(crate) struct Recorder {
    steps: Vec<(Kind, Vec<Probe>, Frame)>,
    liquidations: Frame,
    events: Frame,
    faults: Frame,
}

impl Recorder {
    /// Empty tables for everything `world` declares.
    pub(crate) fn of(world: &World) -> Self {
        let registry = world.resource::<Registry>();
        let steps = STEP_TABLES
            .iter()
            .map(|(kind, table, key)| {
                let probes: Vec<Probe> = registry.probes.iter().filter(|probe| probe.kind == *kind).copied().collect();
                let mut frame = keyed(table);
                if !key.is_empty() {
                    frame = frame.with(key, "", "Its name.", Data::Text(Vec::new()));
                }
                for probe in &probes {
                    frame = frame.with(probe.name, probe.unit, probe.doc, empty(world, probe));
                }
                (*kind, probes, frame)
            })
            .collect();
        let faults = keyed("faults")
            .with("agent", "", "Agent id.", Data::Int(Vec::new()))
            .with("cohort", "", "Its cohort.", Data::Text(Vec::new()))
            .with("hook", "", "The hook that failed.", Data::Text(Vec::new()))
            .with("place", "", "file:line:column.", Data::Text(Vec::new()))
            .with("message", "", "What failed.", Data::Text(Vec::new()));
        Self { steps, liquidations: event_table("liquidations"), events: event_table("events"), faults }
    }

    /// Adds the rows of the step that just ended.
    pub(crate) fn record(&mut self, world: &mut World, faults: &[Fault]) {
        let now = *world.resource::<Now>();
        for (kind, probes, frame) in &mut self.steps {
            for place in 0..world.resource::<Directory>().count(*kind) {
                let mut row = key(now);
                if *kind != Kind::Protocol {
                    row.push(Item::Text(world.resource::<Directory>().name(*kind, place).into()));
                }
                row.extend(probes.iter().map(|probe| item((probe.read)(world, place))));
                frame.push(&row);
            }
        }
        for event in world.resource_mut::<Events>().take() {
            let row = event_row(world, now, &event);
            match event.table {
                EventTable::Liquidations => self.liquidations.push(&row),
                EventTable::Events => self.events.push(&row),
            }
        }
        for fault in faults {
            let mut row = key(now);
            row.push(Item::Int(i64::from(fault.agent.0)));
            row.push(Item::Text(cohort_of(world, fault.agent.0)));
            row.push(Item::Text(fault.hook.name().into()));
            row.push(Item::Text(fault.place.clone()));
            row.push(Item::Text(fault.message.clone()));
            self.faults.push(&row);
        }
    }

    /// Takes the rows of all step tables.
    pub(crate) fn take(&mut self) -> Vec<Frame> {
        let steps = self.steps.iter_mut().map(|(_, _, frame)| frame.take());
        let mut frames: Vec<Frame> = steps.collect();
        frames.extend([self.liquidations.take(), self.events.take(), self.faults.take()]);
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

fn event_table(table: &'static str) -> Frame {
    keyed(table)
        .with("what", "", "What happened.", Data::Text(Vec::new()))
        .with("agent", "", "Agent id, −1 for none.", Data::Int(Vec::new()))
        .with("cohort", "", "The agent's cohort.", Data::Text(Vec::new()))
        .with("account", "", "Margin account id, −1 for none.", Data::Int(Vec::new()))
        .with("market", "", "The market.", Data::Text(Vec::new()))
        .with("size", "base units", "Signed size in the base asset's smallest unit.", Data::Int(Vec::new()))
        .with("price", "quote/base", "Price, 0 for none.", Data::Float(Vec::new()))
        .with("amount", "settlement units", "Amount in the settlement asset's smallest unit.", Data::Int(Vec::new()))
}

#[allow(clippy::cast_possible_wrap)]
fn key(now: Now) -> Vec<Item> {
    vec![Item::Int(now.step as i64), Item::Int((now.time + now.dt.0) as i64)]
}

fn empty(world: &World, probe: &Probe) -> Data {
    match (probe.read)(world, 0) {
        Cell::Int(_) => Data::Int(Vec::new()),
        Cell::Float(_) => Data::Float(Vec::new()),
        Cell::Flag(_) => Data::Flag(Vec::new()),
    }
}

fn item(cell: Cell) -> Item {
    match cell {
        Cell::Int(value) => Item::Int(value),
        // One bit pattern for NaN, whatever made it.
        Cell::Float(value) => Item::Float(if value.is_nan() { f64::NAN } else { value }),
        Cell::Flag(value) => Item::Flag(value),
    }
}

fn cohort_of(world: &World, agent: u32) -> Arc<str> {
    let cohorts = &world.resource::<Cohorts>().0;
    cohorts.iter().find(|cohort| cohort.agents.contains(&agent)).map_or("", |cohort| cohort.name.as_str()).into()
}

fn event_row(world: &World, now: Now, event: &Event) -> Vec<Item> {
    let mut row = key(now);
    let market = event.market.map_or("", |market| world.resource::<Directory>().name(Kind::Market, market));
    row.push(Item::Text(event.what.into()));
    row.push(Item::Int(event.agent.map_or(-1, |agent| i64::from(agent.0))));
    row.push(Item::Text(event.agent.map_or_else(|| "".into(), |agent| cohort_of(world, agent.0))));
    row.push(Item::Int(event.account.map_or(-1, |account| i64::from(account.0))));
    row.push(Item::Text(market.into()));
    row.push(Item::Int(event.size));
    row.push(Item::Float(event.price));
    row.push(Item::Int(event.amount));
    row
}

/// The tables that describe a whole run: agents, flows, parameters and refusals.
pub(crate) fn closing(world: &World) -> Vec<Frame> {
    vec![agents(world), flows(world), params(world), refusals(world)]
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

fn params(world: &World) -> Frame {
    let mut frame = Frame::new("params")
        .with("path", "", "The parameter's dotted path.", Data::Text(Vec::new()))
        .with("unit", "", "Its unit.", Data::Text(Vec::new()))
        .with("value", "", "Its value at the end.", Data::Float(Vec::new()));
    for (path, unit, value) in param_values(world) {
        frame.push(&[Item::Text(path.into()), Item::Text(unit.into()), Item::Float(value)]);
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
