//! Votes: what they weigh, who is asked, and how they are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bevy_ecs::prelude::{Component, Resource, World};

use super::course::{self, Course, Standing};
use super::{Weighing, terms, token};
use crate::action::{Actor, Args, Intent, MAX_ARGS, Rejected, Value};
use crate::clock::Now;
use crate::domain::{Agent, AgentId, CohortId, Cohorts, Holders, Proposal, Roster, Vault};
use crate::event::{Event, EventTable};
use crate::host::Hook;
use crate::inquiry::{Answers, Inquiries, Inquiry, Listeners};
use crate::ledger::{AssetId, Bucket, Ledger, Slot};
use crate::math::tally::{self, Choice, Tally, Weight};
use crate::mechanism::Assets;
use crate::queue::{self, Queue};
use crate::registry::{Directory, Handle, Kind, Registry, part};
use crate::rule::Chosen;
use crate::tx::Tx;
use crate::units::{Amount, Rounding, whole};
use crate::valuation;

/// The votes cast on a proposal, with their weights when cast.
#[derive(Component, Clone, Debug, Default)]
pub(super) struct Ballots(pub(super) BTreeMap<AgentId, (Choice, Amount)>);

/// Who has answered a proposal's question, so that nobody is asked twice while the vote is on its way.
#[derive(Component, Clone, Debug, Default)]
pub(super) struct Answered(BTreeSet<AgentId>);

/// The rule of weights.
#[derive(Component, Clone, Debug)]
pub(super) struct WeightRule(pub(super) Chosen);

/// Every agent's weight at the end of the last step, by id.
#[derive(Resource, Clone, Debug, Default)]
pub(super) struct Checkpoint {
    weights: Arc<Vec<Amount>>,
    /// What all weights come to, where a rule makes them.
    total: Weight,
    /// Where each agent's wallet begins, in rising order.
    wallets: Vec<Slot>,
}

/// What changes of open proposals would do to agents, by change and agent, in coins of free collateral.
#[derive(Resource, Clone, Debug, Default)]
pub(super) struct Estimates(pub(super) BTreeMap<(usize, AgentId), f64>);

/// Weights before the first step.
pub(super) fn begin(world: &mut World) {
    world.insert_resource(Checkpoint::default());
    world.insert_resource(Estimates::default());
    begin_snapshots(world);
    keep_total(world);
}

fn begin_snapshots(world: &mut World) {
    let Some(token) = snapshot_token(world) else { return };
    world.resource_mut::<Ledger>().follow(Bucket::Wallet);
    let agents = world.resource::<Roster>().agents().iter().filter_map(|entity| world.get::<Agent>(*entity));
    let wallets: Vec<Slot> = agents.map(|agent| agent.wallet).collect();
    assert!(wallets.is_sorted(), "Invariant: wallets rise with their agents");
    let weights = Arc::new(all_weights(world, token));
    world.insert_resource(Checkpoint { weights, total: 0, wallets });
}

fn all_weights(world: &World, token: AssetId) -> Vec<Amount> {
    let vaults: Vec<usize> = voting(world, token).collect();
    let agents = world.resource::<Roster>().agents().iter().filter_map(|entity| world.get::<Agent>(*entity));
    agents.map(|agent| weigh(world, agent, (token, vaults.iter().copied()))).collect()
}

/// Keeps every agent's weight for votes that open later, and what all come to.
pub(super) fn keep_weights(world: &mut World) {
    keep_snapshots(world);
    keep_total(world);
}

/// Whoever moved no token and holds no shares weighs what it did.
fn keep_snapshots(world: &mut World) {
    let Some(token) = snapshot_token(world) else { return };
    let moved = world.resource_mut::<Ledger>().take_changed(Bucket::Wallet);
    let mut checkpoint = std::mem::take(&mut *world.resource_mut::<Checkpoint>());
    let wallets = &checkpoint.wallets;
    let owner = |slot: Slot| {
        let place = wallets.partition_point(|wallet| *wallet <= slot).checked_sub(1)?;
        let agent = AgentId(u32::try_from(place).ok()?);
        (wallets[place].asset(token) == slot).then_some(agent)
    };
    let changed = moved.into_iter().filter_map(owner).chain(world.resource::<Holders>().iter());
    let vaults: Vec<usize> = voting(world, token).collect();
    let reweighed = changed.filter_map(|id| {
        let agent = valuation::agent(world, id)?;
        Some((id.0 as usize, weigh(world, agent, (token, vaults.iter().copied()))))
    });
    for (place, weight) in reweighed {
        if checkpoint.weights[place] != weight {
            Arc::make_mut(&mut checkpoint.weights)[place] = weight;
        }
    }
    debug_assert!(*checkpoint.weights == all_weights(world, token), "Invariant: a weight changed unseen");
    *world.resource_mut::<Checkpoint>() = checkpoint;
}

/// Keeps what all weights come to, where a rule makes them: the supply of tokens says nothing of it.
fn keep_total(world: &mut World) {
    let Some(token) = token(world).filter(|_| rule(world).is_some()) else { return };
    let weights = snapshot(world).unwrap_or_else(|| Arc::new(all_weights(world, token)));
    world.resource_mut::<Checkpoint>().total = weights.iter().map(|weight| Weight::from(*weight)).sum();
}

/// The rule that makes the weights, where tokens held and staked are not what they are.
fn rule(world: &World) -> Option<&Chosen> {
    part::<WeightRule>(world, Kind::Protocol, 0).map(|rule| &rule.0).filter(|rule| !rule.is_built_in())
}

/// Tokens that weigh a share of all votes in one hand, which are so many now, in coins of both; `None` where no number of
/// tokens does. Where a rule makes the weights, those bought add to all there are.
#[allow(clippy::cast_precision_loss)]
pub(super) fn tokens_for(world: &World, (token, share): (AssetId, f64), votes: f64) -> Option<f64> {
    let Some(rule) = rule(world) else { return Some(votes) };
    if share >= 1.0 {
        return None;
    }
    let votes = votes / (1.0 - share);
    let weigh =
        |tokens: f64| rule.answer(&[tokens, 0.0]).unwrap_or(0.0).max(rule.answer(&[0.0, tokens]).unwrap_or(0.0));
    let (mut low, mut high) =
        (0.0, world.resource::<Ledger>().issued(token) as f64 / world.resource::<Assets>().scale(token));
    if weigh(high) < votes {
        return None;
    }
    // Halved until the places after the point are gone.
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if weigh(middle) < votes { low = middle } else { high = middle }
    }
    Some(high)
}

/// The voting asset, where votes count past weights.
fn snapshot_token(world: &World) -> Option<AssetId> {
    token(world).filter(|_| terms(world).is_some_and(|terms| terms.weight == Weighing::Snapshot))
}

/// The weights that a vote which opens now counts, when it counts past ones.
pub(super) fn snapshot(world: &World) -> Option<Arc<Vec<Amount>>> {
    let counts_past = terms(world).is_some_and(|terms| terms.weight == Weighing::Snapshot);
    counts_past.then(|| Arc::clone(&world.resource::<Checkpoint>().weights))
}

/// An agent's votes now: tokens in its wallet and at stake.
pub(super) fn weight(world: &World, agent: AgentId) -> Amount {
    valuation::agent(world, agent).map_or(0, |agent| weight_of(world, agent))
}

fn weight_of(world: &World, agent: &Agent) -> Amount {
    token(world).map_or(0, |token| weigh(world, agent, (token, voting(world, token))))
}

/// The vaults whose stake votes.
fn voting(world: &World, token: AssetId) -> impl Iterator<Item = usize> {
    let all = 0..world.resource::<Directory>().count(Kind::Vault);
    all.filter(move |place| part::<Vault>(world, Kind::Vault, *place).is_some_and(|vault| vault.asset == token))
}

fn weigh(world: &World, agent: &Agent, (token, vaults): (AssetId, impl Iterator<Item = usize>)) -> Amount {
    let held = world.resource::<Ledger>().balance(agent.wallet.asset(token));
    let staked = vaults.map(|place| valuation::stake(world, agent.id, place)).fold(0, Amount::saturating_add);
    match rule(world) {
        None => held.saturating_add(staked),
        Some(rule) => ruled(rule, (held, staked), world.resource::<Assets>().scale(token)),
    }
}

/// What a rule makes of tokens held and staked: nothing where it has no answer.
#[allow(clippy::cast_precision_loss)]
fn ruled(rule: &Chosen, (held, staked): (Amount, Amount), scale: f64) -> Amount {
    let votes = rule.answer(&[held as f64 / scale, staked as f64 / scale]).unwrap_or(0.0);
    // Twice as many of the largest weights still fit.
    whole(votes * scale, Rounding::Down).map_or(Amount::MAX / 4, |votes| votes.min(Amount::MAX / 4))
}

/// All votes there are: the tokens, those burned left out, or what all weights came to where a rule makes them.
pub(super) fn supply(world: &World) -> Weight {
    let Some(token) = token(world) else { return 0 };
    if rule(world).is_some() {
        return world.resource::<Checkpoint>().total;
    }
    let ledger = world.resource::<Ledger>();
    ledger.issued(token) - ledger.in_buckets(&[Bucket::Burned], token)
}

/// What an agent's vote on a proposal weighs now.
pub(super) fn weight_on(world: &World, place: usize, agent: AgentId) -> Amount {
    let Some(proposal) = part::<Proposal>(world, Kind::Proposal, place) else { return 0 };
    match terms(world).map(|terms| terms.weight) {
        None => 0,
        Some(Weighing::Current) => weight(world, agent),
        Some(Weighing::Snapshot) => {
            proposal.snapshot.as_ref().and_then(|weights| weights.get(agent.0 as usize)).copied().unwrap_or(0)
        }
    }
}

/// The tally of a proposal: under current weights every vote weighs what its voter has now, so that a token that
/// changed hands does not vote twice.
pub(super) fn tally(world: &World, place: usize) -> Tally {
    let Some(course) = part::<Course>(world, Kind::Proposal, place) else { return Tally::default() };
    let is_current = terms(world).is_some_and(|terms| terms.weight == Weighing::Current);
    if !is_current || course.is_counted() {
        return course.tally;
    }
    let mut tally = Tally::default();
    if let Some(ballots) = part::<Ballots>(world, Kind::Proposal, place) {
        for (agent, (choice, _)) in &ballots.0 {
            tally.add(*choice, Weight::from(weight(world, *agent)));
        }
    }
    tally
}

pub(super) fn cast(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let place = args.handle(0, Kind::Proposal)? as usize;
    let choice = choice(args.number(1)?).ok_or(Rejected::ARGUMENT)?;
    let entity = tx.entity(Kind::Proposal, place).ok_or(Rejected::NOT_FOUND)?;
    if course::standing(tx.world(), place) != Some(Standing::Active) {
        return Err(Rejected::new("vote_is_not_open"));
    }
    if tx.get::<Ballots>(entity)?.0.contains_key(&actor.agent) {
        return Err(Rejected::new("already_voted"));
    }
    let weight = weight_on(tx.world(), place, actor.agent);
    if weight == 0 {
        return Err(Rejected::new("no_votes"));
    }
    let agent = actor.agent;
    tx.amend::<Ballots>(
        entity,
        |ballots| {
            ballots.0.insert(agent, (choice, weight));
        },
        move |ballots| {
            ballots.0.remove(&agent);
        },
    )?;
    tx.write::<Course>(entity).ok_or(Rejected::NOT_FOUND)?.tally.add(choice, Weight::from(weight));
    course::extend(tx, place)?;
    let thing = Some(Handle::new(Kind::Proposal, place));
    let word = match choice {
        Choice::For => "for",
        Choice::Against => "against",
        Choice::Abstain => "abstain",
    };
    tx.note(Event { agent: Some(agent), thing, size: weight, ..Event::new(EventTable::Votes, word) });
    Ok(())
}

/// A choice as scripts write it: AGAINST 0, FOR 1, ABSTAIN 2, as Governor Bravo counts them.
fn choice(value: f64) -> Option<Choice> {
    [(0.0, Choice::Against), (1.0, Choice::For), (2.0, Choice::Abstain)]
        .into_iter()
        .find(|(number, _)| *number == value)
        .map(|(_, choice)| choice)
}

/// Asks everybody with a `vote` hook and a vote who has not answered yet, about every open proposal.
pub(super) fn ask_voters(world: &mut World) {
    world.resource_mut::<Estimates>().0.clear();
    forget_missed(world);
    for place in 0..world.resource::<Directory>().count(Kind::Proposal) {
        if course::standing(world, place) != Some(Standing::Active) {
            continue;
        }
        open(world, place);
        let asked = voters(world, place);
        let everyone: Vec<AgentId> = asked.iter().flat_map(|(_, agents)| agents.iter().copied()).collect();
        estimate(world, place, &everyone);
        let subject = Some(Handle::new(Kind::Proposal, place));
        let mut inquiries = world.resource_mut::<Inquiries>();
        for (cohort, agents) in asked {
            inquiries.push(Inquiry { hook: Hook::Vote, cohort, agents, subject });
        }
    }
}

/// Votes that got into no block were not heard: their voters are asked again.
fn forget_missed(world: &mut World) {
    let missed = std::mem::take(&mut world.resource_mut::<Queue>().missed);
    let cast = world.resource::<Registry>().action("cast");
    for intent in missed.iter().filter(|intent| Some(intent.action) == cast) {
        let Ok(place) = Args(&intent.args).handle(0, Kind::Proposal) else { continue };
        let entity = world.resource::<Directory>().entity(Kind::Proposal, place as usize);
        if let Some(mut answered) = entity.and_then(|entity| world.get_mut::<Answered>(entity)) {
            answered.0.remove(&intent.actor.agent);
        }
    }
}

/// Keeps the weights that count, in the step in which the vote opens.
fn open(world: &mut World, place: usize) {
    let weights = snapshot(world);
    let entity = world.resource::<Directory>().entity(Kind::Proposal, place);
    let proposal = entity.and_then(|entity| world.get_mut::<Proposal>(entity));
    if let Some(mut proposal) = proposal.filter(|proposal| proposal.snapshot.is_none()) {
        proposal.snapshot = weights;
    }
}

fn voters(world: &World, place: usize) -> Vec<(CohortId, Vec<AgentId>)> {
    let Some(answered) = part::<Answered>(world, Kind::Proposal, place) else { return Vec::new() };
    let listeners = world.resource::<Listeners>();
    let cohorts = world.resource::<Cohorts>().0.iter().enumerate();
    let ids = cohorts.filter_map(|(place, cohort)| Some((CohortId(u16::try_from(place).ok()?), cohort)));
    let waits = |agent: &AgentId| !answered.0.contains(agent) && weight_on(world, place, *agent) > 0;
    ids.filter(|(id, _)| listeners.has(*id, Hook::Vote))
        .map(|(id, cohort)| (id, cohort.agents.clone().map(AgentId).filter(waits).collect()))
        .collect()
}

/// What each change, made alone, would do to the free collateral of those who are asked.
#[allow(clippy::cast_precision_loss)]
fn estimate(world: &mut World, place: usize, agents: &[AgentId]) {
    let Some(proposal) = part::<Proposal>(world, Kind::Proposal, place) else { return };
    let changes = proposal.first_change..proposal.first_change + proposal.changes;
    let free: Vec<Amount> = agents.iter().map(|agent| free_collateral(world, *agent)).collect();
    for change in changes {
        let mut after = Vec::new();
        // Always refused, so that nothing of it stays.
        let _: Result<(), Rejected> = Tx::new(world).scope(|tx| {
            course::apply(tx, change)?;
            after = agents.iter().map(|agent| free_collateral(tx.world(), *agent)).collect();
            Err(Rejected::new("estimate"))
        });
        let scale = world.resource::<crate::mechanism::Assets>().settlement_scale();
        let gains = free.iter().zip(after).map(|(before, after)| after.saturating_sub(*before) as f64 / scale);
        let rows: Vec<_> = agents.iter().copied().zip(gains).map(|(agent, gain)| ((change, agent), gain)).collect();
        world.resource_mut::<Estimates>().0.extend(rows);
    }
}

fn free_collateral(world: &World, agent: AgentId) -> Amount {
    let accounts = valuation::agent(world, agent).into_iter().flat_map(|agent| valuation::accounts(world, agent));
    let free = accounts.map(|(account, positions)| valuation::free_collateral(world, account, positions));
    free.fold(0, Amount::saturating_add)
}

/// Sends the answers on their way as votes.
pub(super) fn hear_voters(world: &mut World) {
    let answers = world.resource_mut::<Answers>().take();
    let Some(action) = world.resource::<Registry>().action("cast") else { return };
    let mut intents = Vec::new();
    for ((subject, agent), choice) in answers {
        let Some(subject) = subject.filter(|subject| subject.kind == Kind::Proposal) else { continue };
        let entity = world.resource::<Directory>().entity(Kind::Proposal, subject.index as usize);
        if let Some(mut answered) = entity.and_then(|entity| world.get_mut::<Answered>(entity)) {
            answered.0.insert(agent);
        }
        let mut args = [None; MAX_ARGS];
        (args[0], args[1]) = (Some(Value::Handle(subject)), Some(Value::Number(choice)));
        intents.push(Intent { actor: Actor { agent, account: 0 }, action, args });
    }
    queue::admit(world, &intents);
}

/// What a proposal made now would need.
pub(super) fn thresholds(world: &World) -> Option<tally::Thresholds> {
    let (terms, supply) = (terms(world)?, supply(world));
    Some(tally::Thresholds {
        quorum: tally::quorum(supply, terms.quorum),
        super_quorum: (terms.super_quorum <= 1.0).then(|| tally::quorum(supply, terms.super_quorum)),
        counts: terms.quorum_counts,
        majority: terms.majority,
    })
}

/// The time as the calendars of proposals count it.
pub(super) fn clock(world: &World) -> i64 {
    i64::try_from(world.resource::<Now>().time).unwrap_or(i64::MAX)
}
