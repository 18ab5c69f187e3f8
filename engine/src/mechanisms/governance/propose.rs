//! Drafts and proposals: what may be asked for, and by whom.

use bevy_ecs::prelude::{Component, World};

use super::ballots::{self, Answered, Ballots};
use super::course::{self, Course};
use super::{GovernanceTerms, Weighing};
use crate::action::{Actor, Args, Rejected};
use crate::clock::Now;
use crate::domain::{AgentId, Change, Proposal, Roster, Votable};
use crate::event::{Event, EventTable};
use crate::params::ParamSpec;
use crate::registry::{Directory, Handle, Kind, Registry, part};
use crate::tx::Tx;

/// Changes of an agent's next proposal: parameter by place, and its new value.
#[derive(Component, Clone, Debug, Default)]
pub(super) struct Draft(Vec<(usize, f64)>);

/// The most changes a proposal may have (as Compound's Governor Bravo).
const MAX_CHANGES: usize = 10;
/// The most proposals of a run.
const MAX_PROPOSALS: usize = 10_000;

/// Gives every agent an empty draft.
pub(super) fn give_drafts(world: &mut World) {
    for entity in world.resource::<Roster>().agents().to_vec() {
        world.entity_mut(entity).insert(Draft::default());
    }
}

/// A parameter's declaration and the place of the thing that carries it.
pub(super) fn resolve(world: &World, parameter: usize) -> Result<(&ParamSpec, usize), Rejected> {
    let votable = world.get_resource::<Votable>().ok_or(Rejected::NOT_FOUND)?;
    let of = votable.0.get(parameter).ok_or(Rejected::NOT_FOUND)?;
    let spec = world.resource::<Registry>().params.get(of.spec).ok_or(Rejected::NOT_FOUND)?;
    Ok((spec, of.thing))
}

/// Refuses values outside the parameter's bounds, and parameters that cannot be voted on.
fn check(world: &World, parameter: usize, value: f64) -> Result<f64, Rejected> {
    let (spec, thing) = resolve(world, parameter)?;
    if !(spec.bounds.0..=spec.bounds.1).contains(&value) {
        return Err(Rejected::new("outside_bounds"));
    }
    let path = world.resource::<Directory>().name(Kind::Parameter, parameter);
    let covers =
        |fixed: &String| path.strip_prefix(fixed.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    if super::terms(world).is_none_or(|terms| terms.immutable.iter().any(covers)) {
        return Err(Rejected::new("immutable"));
    }
    (spec.read)(world, thing).ok_or(Rejected::NOT_FOUND)
}

fn draft_of(tx: &Tx<'_>, agent: AgentId) -> Result<bevy_ecs::entity::Entity, Rejected> {
    tx.world().resource::<Roster>().agent(agent).ok_or(Rejected::NOT_FOUND)
}

pub(super) fn draft(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let (parameter, value) = (args.handle(0, Kind::Parameter)? as usize, args.number(1)?);
    check(tx.world(), parameter, value)?;
    let entity = draft_of(tx, actor.agent)?;
    let mut draft = tx.write::<Draft>(entity).ok_or(Rejected::NOT_FOUND)?;
    draft.0.retain(|(known, _)| *known != parameter);
    if draft.0.len() >= MAX_CHANGES {
        return Err(Rejected::new("too_many_changes"));
    }
    draft.0.push((parameter, value));
    Ok(())
}

pub(super) fn propose(tx: &mut Tx<'_>, actor: Actor, _: &Args<'_>) -> Result<(), Rejected> {
    let terms = tx.get::<GovernanceTerms>(tx.protocol()?)?.clone();
    let entity = draft_of(tx, actor.agent)?;
    let changes = std::mem::take(&mut tx.write::<Draft>(entity).ok_or(Rejected::NOT_FOUND)?.0);
    if changes.is_empty() {
        return Err(Rejected::new("nothing_drafted"));
    }
    check_proposer(tx.world(), actor.agent, &terms)?;
    let (now, places) = (tx.world().resource::<Now>().time, tx.world().resource::<Directory>());
    let (first_change, number) = (places.count(Kind::Change), places.count(Kind::Proposal));
    if number >= MAX_PROPOSALS {
        return Err(Rejected::new("too_many_proposals"));
    }
    let opens = now.saturating_add(terms.review.0);
    let snapshot = (terms.review.0 == 0).then(|| ballots::snapshot(tx.world())).flatten();
    let proposal = Proposal { proposer: actor.agent, first_change, changes: changes.len(), snapshot };
    let needs = ballots::thresholds(tx.world()).ok_or(Rejected::NOT_FOUND)?;
    let course = Course::new(needs, opens, terms.period);
    let name = format!("proposal {number}");
    let place = tx.spawn(Kind::Proposal, &name, (proposal, course, Ballots::default(), Answered::default()));
    for (index, (parameter, after)) in changes.into_iter().enumerate() {
        let change = Change { parameter, before: check(tx.world(), parameter, after)?, after };
        tx.spawn(Kind::Change, &format!("{name} change {index}"), change);
        note(tx, "proposed", (actor.agent, place), Some(change));
    }
    Ok(())
}

/// Refuses proposers with too few votes, and a second proposal while one of theirs is on its way.
#[allow(clippy::cast_precision_loss)]
fn check_proposer(world: &World, agent: AgentId, terms: &GovernanceTerms) -> Result<(), Rejected> {
    let weight = match terms.weight {
        Weighing::Current => ballots::weight(world, agent),
        Weighing::Snapshot => {
            ballots::snapshot(world).and_then(|weights| weights.get(agent.0 as usize).copied()).unwrap_or(0)
        }
    };
    if weight as f64 <= terms.threshold * ballots::supply(world) as f64 {
        return Err(Rejected::new("below_proposal_threshold"));
    }
    let under_way = |place: usize| {
        let own = part::<Proposal>(world, Kind::Proposal, place).is_some_and(|proposal| proposal.proposer == agent);
        own && course::standing(world, place).is_some_and(course::Standing::is_undecided)
    };
    if (0..world.resource::<Directory>().count(Kind::Proposal)).any(under_way) {
        return Err(Rejected::new("proposal_under_way"));
    }
    Ok(())
}

/// Notes a moment of a proposal.
pub(super) fn note(tx: &mut Tx<'_>, what: &'static str, (agent, place): (AgentId, usize), change: Option<Change>) {
    let thing = Some(Handle::new(Kind::Proposal, place));
    tx.note(Event { agent: Some(agent), thing, change, ..Event::new(EventTable::Governance, what) });
}
