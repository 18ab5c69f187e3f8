//! Tables that describe a whole run: agents, flows, parameters, refusals and stakes held.

use bevy_ecs::prelude::World;

use super::{cohort_of, param_values};
use crate::domain::{Agent, Cohorts, Groups, Holders, Roster, Vault};
use crate::frame::{Data, Frame, Item};
use crate::ledger::Ledger;
use crate::mechanism::Assets;
use crate::queue::Refusals;
use crate::registry::{Directory, Kind, Registry, part};
use crate::valuation;

/// The tables as of now; `start` are the values of all parameters at the start.
pub(super) fn closing(world: &World, start: &[f64]) -> Vec<Frame> {
    vec![agents(world), flows(world), params(world, start), refusals(world), holdings(world)]
}

/// The same tables without rows.
pub(super) fn layouts() -> [Frame; 5] {
    [agents_layout(), flows_layout(), params_layout(), refusals_layout(), holdings_layout()]
}

fn agents_layout() -> Frame {
    Frame::new("agents", "An agent at the end of a run.")
        .with("agent", "", "Agent id.", Data::Int(Vec::new()))
        .with("cohort", "", "Its cohort.", Data::Text(Vec::new()))
        .with("role", "", "Its role.", Data::Text(Vec::new()))
        .with("wallet", "settlement units", "Settlement asset in its wallet at the end.", Data::Int(Vec::new()))
        .with("equity", "settlement units", "Equity of its margin accounts at the end.", Data::Int(Vec::new()))
        .with("worth", "coins", "All it holds at market prices, negative equity counted as 0.", Data::Float(Vec::new()))
}

fn agents(world: &World) -> Frame {
    let mut frame = agents_layout();
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

fn flows_layout() -> Frame {
    Frame::new("flows", "What one group paid another in a whole run, for one reason.")
        .with("from", "", "The group that paid.", Data::Text(Vec::new()))
        .with("to", "", "The group that received.", Data::Text(Vec::new()))
        .with("reason", "", "Why.", Data::Text(Vec::new()))
        .with("asset", "", "In which asset.", Data::Text(Vec::new()))
        .with("amount", "asset units", "How much, in the asset's smallest unit.", Data::Int(Vec::new()))
}

fn flows(world: &World) -> Frame {
    let mut frame = flows_layout();
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

fn params_layout() -> Frame {
    Frame::new("params", "A risk parameter of one thing, at the start and at the end.")
        .with("path", "", "The parameter's dotted path.", Data::Text(Vec::new()))
        .with("unit", "", "Its unit.", Data::Text(Vec::new()))
        .with("start", "", "Its value at the start.", Data::Float(Vec::new()))
        .with("value", "", "Its value at the end.", Data::Float(Vec::new()))
}

fn params(world: &World, start: &[f64]) -> Frame {
    let mut frame = params_layout();
    for ((path, unit, value), start) in param_values(world).into_iter().zip(start) {
        frame.push(&[Item::Text(path.into()), Item::Text(unit.into()), Item::Float(*start), Item::Float(value)]);
    }
    frame
}

fn refusals_layout() -> Frame {
    Frame::new("refusals", "Actions of one kind that were refused for one reason.")
        .with("cohort", "", "Who asked.", Data::Text(Vec::new()))
        .with("action", "", "For what.", Data::Text(Vec::new()))
        .with("reason", "", "Why it was refused.", Data::Text(Vec::new()))
        .with("count", "actions", "How often.", Data::Int(Vec::new()))
}

fn refusals(world: &World) -> Frame {
    let mut frame = refusals_layout();
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

fn holdings_layout() -> Frame {
    Frame::new("holdings", "What an agent has at stake in a vault at the end of a run.")
        .with("agent", "", "Agent id.", Data::Int(Vec::new()))
        .with("cohort", "", "Its cohort.", Data::Text(Vec::new()))
        .with("vault", "", "The vault.", Data::Text(Vec::new()))
        .with("stake", "stake units", "Its stake, in the asset's smallest unit.", Data::Int(Vec::new()))
}

fn holdings(world: &World) -> Frame {
    let mut frame = holdings_layout();
    let (directory, ledger) = (world.resource::<Directory>(), world.resource::<Ledger>());
    for (place, name) in directory.names(Kind::Vault).enumerate() {
        let Some(vault) = part::<Vault>(world, Kind::Vault, place) else { continue };
        for agent in world.resource::<Holders>().iter() {
            let Some((holding, _)) = valuation::holding(world, agent, place) else { continue };
            frame.push(&[
                Item::Int(i64::from(agent.0)),
                Item::Text(cohort_of(world, agent.0)),
                Item::Text(name.into()),
                Item::Int(valuation::stake_of_shares(ledger, vault, holding.shares)),
            ]);
        }
    }
    frame
}
