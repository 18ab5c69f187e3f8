//! Figures of a whole run that no single mechanism owns: what attackers put in and carried out, and what was refused.

use std::ops::Range;

use bevy_ecs::prelude::{Resource, World};

use crate::domain::{AgentId, Cohorts};
use crate::ledger::Ledger;
use crate::mechanism::Assets;
use crate::mechanisms::safety::exit::Estate;
use crate::probe::{Cell, Outcome, Probe};
use crate::queue::Refusals;
use crate::registry::{Kind, Registry};
use crate::units::Amount;
use crate::valuation;

/// What one attacker has in its wallet and on paper.
#[derive(Clone, Copy, Debug, Default)]
struct Stand {
    wallet: i128,
    paper: i128,
}

/// The attackers' settlement money, watched after each of their actions.
#[derive(Resource, Clone, Debug, Default)]
pub struct Ventures {
    /// The attackers' ids: they come last, so they are a range.
    agents: Range<u32>,
    stands: Vec<Stand>,
    total: Stand,
    /// Wallets and margin at the start.
    start: i128,
    lowest: i128,
    peak_profit: i128,
    peak_cost: i128,
    /// All that attackers hold at the start, and what it would bring there.
    brought: Estate,
    worth: i128,
}

impl Ventures {
    pub(crate) fn begin(world: &mut World) {
        let mut ranges = world.resource::<Cohorts>().attackers().map(|cohort| cohort.agents.clone());
        let agents = ranges.next().map_or(0..0, |first| first.start..ranges.last().map_or(first.end, |last| last.end));
        let stands: Vec<Stand> = agents.clone().map(|agent| stand(world, AgentId(agent))).collect();
        let wallet = stands.iter().map(|stand| stand.wallet).sum();
        let margin: i128 = agents
            .clone()
            .filter_map(|agent| valuation::agent(world, AgentId(agent)))
            .map(|agent| i128::from(valuation::equity_of(world, agent)))
            .sum();
        let total = Stand { wallet, paper: 0 };
        let brought = Estate::of(world, agents.clone());
        let worth = brought.proceeds(world);
        world.insert_resource(Self {
            agents,
            stands,
            total,
            start: wallet + margin,
            lowest: wallet,
            peak_profit: 0,
            peak_cost: 0,
            brought,
            worth,
        });
    }

    /// Looks again after an action of `agent`, when it is an attacker: at that agent alone, so that a crowd of attackers
    /// costs no more than a crowd of traders.
    pub(crate) fn observe(world: &mut World, agent: AgentId) {
        let ventures = world.resource::<Self>();
        if !ventures.agents.contains(&agent.0) {
            return;
        }
        let place = (agent.0 - ventures.agents.start) as usize;
        let (now, cost) = (stand(world, agent), largest_cost(world, agent));
        let mut ventures = world.resource_mut::<Self>();
        let before = std::mem::replace(&mut ventures.stands[place], now);
        ventures.total.wallet += now.wallet - before.wallet;
        ventures.total.paper += now.paper - before.paper;
        ventures.lowest = ventures.lowest.min(ventures.total.wallet);
        ventures.peak_profit = ventures.peak_profit.max(ventures.total.paper);
        ventures.peak_cost = ventures.peak_cost.max(cost);
    }
}

fn stand(world: &World, agent: AgentId) -> Stand {
    let settlement = world.resource::<Assets>().settlement();
    let Some(agent) = valuation::agent(world, agent) else { return Stand::default() };
    let wallet = i128::from(world.resource::<Ledger>().balance(agent.wallet.asset(settlement)));
    let mut paper = 0;
    for (_, positions) in valuation::accounts(world, agent) {
        for position in &positions.0 {
            let market = crate::registry::part(world, Kind::Market, usize::from(position.market));
            paper += market.map_or(0, |market| i128::from(valuation::profit(market, position).max(0)));
        }
    }
    Stand { wallet, paper }
}

/// Entry notional of the agent's largest position.
fn largest_cost(world: &World, agent: AgentId) -> i128 {
    let accounts = valuation::agent(world, agent).into_iter().flat_map(|agent| valuation::accounts(world, agent));
    let costs = accounts.flat_map(|(_, positions)| positions.0.iter().map(|position| i128::from(position.cost.abs())));
    costs.max().unwrap_or(0)
}

/// Sum over the attackers as they stand now.
fn now(world: &World, pick: fn(&Stand) -> i128) -> i128 {
    world.resource::<Ventures>().agents.clone().map(|agent| pick(&stand(world, AgentId(agent)))).sum()
}

#[allow(clippy::cast_precision_loss)]
fn coins(world: &World, units: i128) -> f64 {
    units as f64 / world.resource::<Assets>().settlement_scale()
}

/// Settlement coins that went from any group to the attackers, or back, for one of `reasons`.
#[must_use]
pub fn attacker_flow(world: &World, reasons: &[&str], received: bool) -> f64 {
    let cohorts = world.resource::<Cohorts>();
    let settlement = world.resource::<Assets>().settlement();
    let is_attacker = |group| cohorts.attackers().any(|cohort| cohort.group == group);
    let total = world
        .resource::<Ledger>()
        .flows()
        .filter(|(flow, _)| flow.asset == settlement && reasons.contains(&flow.reason))
        .filter(|(flow, _)| is_attacker(if received { flow.to } else { flow.from }))
        .map(|(_, amount)| amount)
        .sum();
    coins(world, total)
}

/// The most that attackers had put in at any moment, in settlement units.
#[must_use]
pub fn attacker_outlay(world: &World) -> i128 {
    let ventures = world.resource::<Ventures>();
    ventures.start - ventures.lowest
}

/// What attackers gained, in settlement units: all they hold now less all they held at the start, both sold at once at the
/// depth of venues, accounts closed against the pool.
#[must_use]
pub fn attacker_profit(world: &World) -> i128 {
    let ventures = world.resource::<Ventures>();
    Estate::of(world, ventures.agents.clone()).proceeds(world) - ventures.worth
}

/// All that attackers held at the start, and what it would have brought there, in settlement units.
#[must_use]
pub fn attackers_brought(world: &World) -> (&Estate, i128) {
    let ventures = world.resource::<Ventures>();
    (&ventures.brought, ventures.worth)
}

fn flag(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}

/// Declares what belongs to no mechanism.
pub(crate) fn declare(registry: &mut Registry) {
    let outcome = |name, unit, doc, read| Outcome { name, unit, doc, read };
    registry.outcomes.extend([
        outcome("attacker_outlay", "coins", "The most that attackers had put in at any moment: starting wallets and margin minus the wallets' lowest level.", |world| {
            coins(world, attacker_outlay(world))
        }),
        outcome("attacker_gross", "coins", "What came back to attackers' wallets after that moment.", |world| {
            let ventures = world.resource::<Ventures>();
            coins(world, now(world, |stand| stand.wallet) - ventures.lowest)
        }),
        outcome("attacker_net", "coins", "What attackers carried out of the world: wallets at the end minus wallets and margin at the start, settlement asset only.", |world| {
            let ventures = world.resource::<Ventures>();
            coins(world, now(world, |stand| stand.wallet) - ventures.start)
        }),
        outcome("attack_profitable", "flag", "Whether attackers carried out more than they brought.", |world| {
            let ventures = world.resource::<Ventures>();
            flag(now(world, |stand| stand.wallet) > ventures.start)
        }),
        outcome("attacker_profit", "coins", "What attackers gained: all they hold at the end less all they held at the start, tokens and stake sold at the depth of venues, accounts closed against the pool.", |world| {
            coins(world, attacker_profit(world))
        }),
        outcome("peak_paper_profit", "coins", "Largest unrealized profit of the attackers' positions, seen after each of their actions.", |world| {
            coins(world, world.resource::<Ventures>().peak_profit)
        }),
        outcome(
            "position_notional",
            "coins",
            "Entry notional of the attackers' largest position, seen after each of their actions.",
            |world| coins(world, world.resource::<Ventures>().peak_cost),
        ),
        outcome("insolvent", "flag", "Whether claims on the protocol exceed its assets at the end.", |world| flag(valuation::solvency(world) < 0)),
        outcome("solvency", "coins", "Assets of the protocol minus all claims on it at the end, unrealized profit included.", |world| {
            coins(world, valuation::solvency(world))
        }),
        outcome("refused_actions", "actions", "Actions that were refused.", |world| count(world.resource::<Refusals>().total())),
        outcome("executed_actions", "actions", "Actions that took effect.", |world| count(world.resource::<Refusals>().executed)),
    ]);
    let probe = |name, unit, doc, read| Probe { kind: Kind::Protocol, name, unit, doc, read };
    registry.probes.extend([
        probe("attacker_wallet", "coins", "Settlement asset in the attackers' wallets.", |world, _| {
            Cell::Float(coins(world, now(world, |stand| stand.wallet)))
        }),
        probe(
            "attacker_paper_profit",
            "coins",
            "Positive unrealized profit of the attackers' positions.",
            |world, _| Cell::Float(coins(world, now(world, |stand| stand.paper))),
        ),
        probe(
            "solvency",
            "coins",
            "Assets of the protocol minus all claims on it, unrealized profit included.",
            |world, _| Cell::Float(coins(world, valuation::solvency(world))),
        ),
        probe("refused_actions", "actions", "Actions refused so far.", |world, _| {
            Cell::Int(Amount::try_from(world.resource::<Refusals>().total()).unwrap_or(Amount::MAX))
        }),
    ]);
}

#[allow(clippy::cast_precision_loss)]
fn count(value: u64) -> f64 {
    value as f64
}
