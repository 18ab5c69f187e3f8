//! One block a step: who proposes it, what gets in, in which order, and what it pays.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

use bevy_ecs::prelude::{Component, World};

use super::{BaseFeeTo, BlockspaceTerms};
use crate::action::{Intent, Rejected};
use crate::clock::Now;
use crate::domain::{AgentId, CohortId, Cohorts, Funds, Holders, Vault};
use crate::host::Hook;
use crate::inquiry::{Answers, Inquiries, Inquiry, Listeners};
use crate::ledger::Slot;
use crate::math::fees::next_base_fee;
use crate::mechanism::{Assets, coins_to_units};
use crate::queue::{self, Pending, Queue};
use crate::registry::{Directory, Handle, Kind, part};
use crate::rng::Streams;
use crate::rule::RuleFn;
use crate::scenario::Role;
use crate::tx::Tx;
use crate::units::{Amount, Millis, Span};
use crate::valuation;

/// What orders blocks, resolved.
#[derive(Component, Clone)]
pub(super) struct Chain {
    pub(super) rank: RuleFn,
    /// Whether the proposer's strategy is asked for the order.
    pub(super) asks: bool,
    /// The validators' vault, by place.
    pub(super) vault: usize,
    /// Where burned fees lie.
    pub(super) burned: Slot,
}

/// The block of the step, and totals of the run.
#[derive(Component, Clone, Copy, Debug, Default)]
pub(super) struct Block {
    /// In settlement units.
    pub(super) base_fee: Amount,
    pub(super) proposer: Option<AgentId>,
    pub(super) is_asked: bool,
    /// Actions that fit, and those that are in.
    pub(super) room: u64,
    pub(super) included: u64,
    /// Actions since the base fee last moved, and when that was.
    pub(super) used: u64,
    pub(super) since: Millis,
    /// Actions that were not included so far, and those among them that a proposer left out.
    pub(super) missed: u64,
    pub(super) censored: u64,
}

/// Draws the proposer, and asks it about everything that is ready.
pub(super) fn open(world: &mut World) {
    let Some(chain) = part::<Chain>(world, Kind::Protocol, 0) else { return };
    let proposer = drawn(world, &stakes(world, chain.vault));
    let asked = proposer.filter(|_| chain.asks).and_then(|agent| {
        let cohort = valuation::agent(world, agent)?.cohort;
        world.resource::<Listeners>().has(cohort, Hook::Order).then_some((cohort, agent))
    });
    let room = part::<BlockspaceTerms>(world, Kind::Protocol, 0)
        .map_or(0, |terms| world.resource::<Now>().quota(terms.capacity));
    if let Some(mut block) = block_mut(world) {
        *block = Block { proposer, is_asked: asked.is_some(), room, included: 0, ..*block };
    }
    let Some((cohort, agent)) = asked else { return };
    let places = 0..world.resource::<Queue>().ready.len();
    let mut inquiries = world.resource_mut::<Inquiries>();
    places.for_each(|place| inquiries.push(question(cohort, agent, place)));
}

fn question(cohort: CohortId, agent: AgentId, place: usize) -> Inquiry {
    Inquiry { hook: Hook::Order, cohort, agents: vec![agent], subject: Some(Handle::new(Kind::Pending, place)) }
}

fn block_mut(world: &mut World) -> Option<bevy_ecs::change_detection::Mut<'_, Block>> {
    let entity = world.resource::<Directory>().entity(Kind::Protocol, 0)?;
    world.get_mut::<Block>(entity)
}

/// Who may propose, with its stake: validators, and attackers, who may do whatever the public may.
fn stakes(world: &World, vault: usize) -> Vec<(AgentId, Amount)> {
    let may = |agent: &AgentId| {
        let cohort = valuation::agent(world, *agent).map(|agent| usize::from(agent.cohort.0));
        let role = cohort.and_then(|cohort| world.resource::<Cohorts>().0.get(cohort)).map(|cohort| cohort.role);
        matches!(role, Some(Role::Validator | Role::Attacker))
    };
    let staked =
        world.resource::<Holders>().iter().filter(may).map(|agent| (agent, valuation::stake(world, agent, vault)));
    staked.filter(|(_, stake)| *stake > 0).collect()
}

/// One of them, by stake.
#[allow(clippy::cast_precision_loss)]
fn drawn(world: &World, stakes: &[(AgentId, Amount)]) -> Option<AgentId> {
    let total: i128 = stakes.iter().map(|(_, stake)| i128::from(*stake)).sum();
    let step = world.resource::<Now>().step;
    let mut left = world.resource::<Streams>().stream("blockspace.proposer", 0, step).uniform() * total as f64;
    let found = stakes.iter().find(|(_, stake)| {
        left -= *stake as f64;
        left < 0.0
    });
    // Rounding may leave nothing to the last one's stretch.
    found.or(stakes.last()).map(|(agent, _)| *agent)
}

/// Puts what is ready in its order, and takes in what fits and pays.
pub(super) fn fill(world: &mut World) {
    let answers = world.resource_mut::<Answers>().take();
    let Some(block) = part::<Block>(world, Kind::Protocol, 0).copied() else { return };
    let ready = std::mem::take(&mut world.resource_mut::<Queue>().ready);
    let ahead = std::mem::take(&mut world.resource_mut::<Queue>().ahead);
    let ranks: Vec<Option<f64>> = match block.proposer.filter(|_| block.is_asked) {
        Some(proposer) => {
            let answer = |place| answers.get(&(Some(Handle::new(Kind::Pending, place)), proposer)).copied();
            (0..ready.len()).map(answer).collect()
        }
        None => ranked(world, &ready).into_iter().map(Some).collect(),
    };
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for pending in arranged(&ready, &ranks, ahead) {
        let fits = (taken.len() as u64) < block.room && Tx::new(world).scope(|tx| pay(tx, &pending)).is_ok();
        if fits { taken.push(pending) } else { refused.push(pending.intent) }
    }
    let left_out = ready.iter().zip(&ranks).filter(|(_, rank)| rank.is_none()).map(|(pending, _)| pending.intent);
    let mut censored = 0;
    refused.extend(left_out.inspect(|_| censored += 1));
    refused.iter().for_each(|intent| queue::note(world, intent, Err(Rejected::NOT_INCLUDED)));
    let (included, missed) = (taken.len() as u64, refused.len() as u64);
    let mut queue = world.resource_mut::<Queue>();
    (queue.ready, queue.missed) = (taken, refused);
    let next = fee_after(world, Block { included, used: block.used + included, ..block });
    if let Some(mut block) = block_mut(world) {
        *block = Block { missed: next.missed + missed, censored: next.censored + censored, ..next };
    }
}

/// Everything by the protocol's rule; one that fails ranks all alike.
#[allow(clippy::cast_precision_loss)]
fn ranked(world: &World, ready: &[Pending]) -> Vec<f64> {
    let Some(chain) = part::<Chain>(world, Kind::Protocol, 0) else { return Vec::new() };
    let assets = world.resource::<Assets>();
    let scale = part::<Vault>(world, Kind::Vault, chain.vault).map_or(1.0, |vault| assets.scale(vault.asset));
    let column = |read: &dyn Fn(&Pending) -> f64| ready.iter().map(read).collect::<Vec<f64>>();
    let stake = |pending: &Pending| valuation::stake(world, pending.intent.actor.agent, chain.vault) as f64 / scale;
    let columns = [
        column(&|pending| pending.tip as f64 / assets.settlement_scale()),
        column(&stake),
        column(&super::view::size),
        column(&|pending| super::view::waited(world, pending)),
    ];
    let mut ranks = Vec::with_capacity(ready.len());
    (chain.rank)(&[&columns[0], &columns[1], &columns[2], &columns[3]], &mut ranks);
    ranks.resize(ready.len(), 0.0);
    ranks
}

/// What has a rank, largest first and equals as they stand; the places that one agent's actions get are filled in the
/// order in which it asked for them. What the proposer asked for about one of them goes right before it, or, when that
/// one is left out, before all.
fn arranged(ready: &[Pending], ranks: &[Option<f64>], ahead: Vec<(usize, Intent)>) -> Vec<Pending> {
    // −0 and 0 are one rank, and what is no number comes last.
    let rank = |place: &usize| ranks[*place].map(|rank| if rank.is_nan() { f64::NEG_INFINITY } else { rank + 0.0 });
    let agent = |place: usize| ready[place].intent.actor.agent;
    let mut own: BTreeMap<AgentId, VecDeque<usize>> = BTreeMap::new();
    let mut by_rank: Vec<usize> = (0..ready.len()).filter(|place| rank(place).is_some()).collect();
    by_rank.iter().for_each(|place| own.entry(agent(*place)).or_default().push_back(*place));
    by_rank.sort_by(|one, two| rank(two).partial_cmp(&rank(one)).unwrap_or(Ordering::Equal));
    let mut before: BTreeMap<Option<usize>, Vec<Pending>> = BTreeMap::new();
    for (place, intent) in ahead {
        let target = Some(place).filter(|place| ranks.get(*place).is_some_and(Option::is_some));
        before.entry(target).or_default().push(Pending { due: 0, tip: 0, intent });
    }
    let mut all = before.remove(&None).unwrap_or_default();
    for place in by_rank.into_iter().filter_map(|place| own.get_mut(&agent(place))?.pop_front()) {
        all.extend(before.remove(&Some(place)).unwrap_or_default());
        all.push(ready[place]);
    }
    all
}

/// The base fee and the tip, from the agent's wallet; where nobody proposes, there is no tip.
fn pay(tx: &mut Tx<'_>, pending: &Pending) -> Result<(), Rejected> {
    let protocol = tx.protocol()?;
    let (block, burned) = (*tx.get::<Block>(protocol)?, tx.get::<Chain>(protocol)?.burned);
    let settlement = tx.world().resource::<Assets>().settlement();
    let purse = |tx: &Tx<'_>, agent| Ok(tx.agent(agent)?.wallet.asset(settlement));
    let proposer = block.proposer.map(|agent| purse(tx, agent)).transpose()?;
    let to = match tx.get::<BlockspaceTerms>(protocol)?.base_fee_to {
        BaseFeeTo::Burn => burned,
        BaseFeeTo::Insurance => tx.get::<Funds>(protocol)?.insurance,
        BaseFeeTo::Proposer => proposer.unwrap_or(burned),
    };
    let payer = purse(tx, pending.intent.actor.agent)?;
    tx.transfer(payer, to, block.base_fee, "base_fee")?;
    proposer.map_or(Ok(()), |proposer| tx.transfer(payer, proposer, pending.tip, "tip"))
}

/// The block with the base fee of the next step: it moves once for every block that ends in this one, by what was used in
/// the meantime, in equal parts.
#[allow(clippy::cast_precision_loss)]
fn fee_after(world: &World, mut block: Block) -> Block {
    let now = *world.resource::<Now>();
    let Some(terms) = part::<BlockspaceTerms>(world, Kind::Protocol, 0) else { return block };
    let blocks = now.crossings(terms.block);
    if blocks == 0 {
        return block;
    }
    let end = now.time + now.dt.0;
    let target = terms.capacity * terms.target * Span(end - block.since).seconds() / blocks as f64;
    for _ in 0..blocks {
        block.base_fee = next_base_fee(block.base_fee, block.used as f64 / blocks as f64, target, terms.fee_change);
    }
    let scale = world.resource::<Assets>().settlement_scale();
    let floor = coins_to_units(scale, terms.fee_floor, "").unwrap_or(0);
    Block { base_fee: block.base_fee.max(floor), used: 0, since: end, ..block }
}
