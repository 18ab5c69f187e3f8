//! What agents see of governance, and its figures.

use bevy_ecs::prelude::World;

use super::ballots::{self, Estimates, clock, thresholds};
use super::course::{self, Course, Standing};
use super::propose::resolve;
use super::{terms, token};
use crate::domain::{Change, Proposal, Votable};
use crate::math::tally::Weight;
use crate::mechanism::Assets;
use crate::params::Looser;
use crate::probe::Outcome;
use crate::registry::{Directory, Kind, Registry, part};
use crate::units::Span;
use crate::valuation;
use crate::view::{FieldKind, OwnField, OwnScope, PublicField};

pub(super) fn declare(registry: &mut Registry) {
    let number = FieldKind::Number;
    let field = PublicField::new;
    registry.public.extend([
        #[allow(clippy::cast_precision_loss)]
        field(Kind::Protocol, "proposals", number, "proposals", "Proposals so far.", |world, _| {
            world.resource::<Directory>().count(Kind::Proposal) as f64
        }),
        field(Kind::Protocol, "vote_token", FieldKind::Handle(Kind::Asset), "", "The asset that votes.", |world, _| {
            token(world).map_or(-1.0, |token| f64::from(token.0))
        })
        .fixed(),
        field(Kind::Protocol, "vote_supply", number, "token coins", "All votes there are.", |world, _| {
            coins(world, ballots::supply(world))
        }),
        field(Kind::Protocol, "vote_quorum", number, "token coins", "Votes that a proposal needs.", |world, _| {
            thresholds(world).map_or(0.0, |thresholds| coins(world, thresholds.quorum))
        }),
        field(
            Kind::Protocol,
            "vote_threshold",
            number,
            "token coins",
            "Votes that a proposer must exceed.",
            |world, _| terms(world).map_or(0.0, |terms| terms.threshold * coins(world, ballots::supply(world))),
        ),
    ]);
    declare_proposals(registry);
    registry.public.extend([
        #[allow(clippy::cast_precision_loss)]
        field(
            Kind::Change,
            "parameter",
            FieldKind::Handle(Kind::Parameter),
            "",
            "The parameter it changes.",
            |world, place| part::<Change>(world, Kind::Change, place).map_or(-1.0, |change| change.parameter as f64),
        ),
        field(Kind::Change, "before", number, "", "The parameter's value when this was proposed.", |world, place| {
            part::<Change>(world, Kind::Change, place).map_or(f64::NAN, |change| change.before)
        }),
        field(Kind::Change, "after", number, "", "The value asked for.", |world, place| {
            part::<Change>(world, Kind::Change, place).map_or(f64::NAN, |change| change.after)
        }),
        field(Kind::Change, "loosens", FieldKind::Flag, "", "Whether it loosens a safeguard.", |world, place| {
            flag(loosens(world, place))
        }),
        field(Kind::Parameter, "value", number, "", "Its present value.", |world, place| {
            let parameter = world.get_resource::<Votable>().and_then(|votable| votable.0.get(place));
            parameter.and_then(|parameter| (parameter.read)(world, parameter.thing)).unwrap_or(f64::NAN)
        }),
        field(Kind::Parameter, "low", number, "", "The smallest legal value.", |world, place| {
            resolve(world, place).map_or(f64::NAN, |(spec, _)| spec.bounds.0)
        })
        .fixed(),
        field(Kind::Parameter, "high", number, "", "The largest legal value.", |world, place| {
            resolve(world, place).map_or(f64::NAN, |(spec, _)| spec.bounds.1)
        })
        .fixed(),
    ]);
    declare_own(registry);
    let outcome = |name, unit, doc, read| Outcome { name, unit, doc, read };
    registry.outcomes.extend([
        outcome("proposals_executed", "proposals", "Proposals put into force.", |world| {
            count(world, Standing::Executed)
        }),
        outcome("proposals_defeated", "proposals", "Proposals voted down or short of their quorum.", |world| {
            count(world, Standing::Defeated)
        }),
        outcome("proposals_vetoed", "proposals", "Proposals that a guardian ended.", |world| {
            count(world, Standing::Vetoed)
        }),
    ]);
}

fn declare_proposals(registry: &mut Registry) {
    let field = |name, kind, unit, doc, read| PublicField::new(Kind::Proposal, name, kind, unit, doc, read);
    let number = FieldKind::Number;
    registry.public.extend([
        field(
            "state",
            number,
            "",
            "PENDING, OPEN, DEFEATED, PASSED, QUEUED, EXPIRED, IN_FORCE or VETOED: 0 to 7.",
            |world, place| course::standing(world, place).map_or(f64::NAN, |standing| f64::from(standing.number())),
        ),
        field("open", FieldKind::Flag, "", "Whether it is being voted on.", |world, place| {
            flag(course::standing(world, place) == Some(Standing::Active))
        }),
        field("executable", FieldKind::Flag, "", "Whether it may be executed now.", |world, place| {
            let locked = part::<Course>(world, Kind::Proposal, place).and_then(|course| course.locked(clock(world)));
            flag(course::standing(world, place) == Some(Standing::Queued) && locked == Some(0))
        }),
        field("for_votes", number, "token coins", "Votes for it.", |world, place| {
            coins(world, ballots::tally(world, place).for_votes)
        }),
        field("against_votes", number, "token coins", "Votes against it.", |world, place| {
            coins(world, ballots::tally(world, place).against_votes)
        }),
        field("abstain_votes", number, "token coins", "Votes that abstain.", |world, place| {
            coins(world, ballots::tally(world, place).abstain_votes)
        }),
        field("time_left", number, "s", "Time until its vote ends.", |world, place| {
            let left = part::<Course>(world, Kind::Proposal, place).map_or(0, |course| course.left(clock(world)));
            seconds(left)
        }),
        field("locked", number, "s", "Time until it may be executed, 0 when it is not queued.", |world, place| {
            let locked = part::<Course>(world, Kind::Proposal, place).and_then(|course| course.locked(clock(world)));
            seconds(locked.unwrap_or(0))
        }),
        field("loosens", FieldKind::Flag, "", "Whether any of its changes loosens a safeguard.", |world, place| {
            let proposal = part::<Proposal>(world, Kind::Proposal, place);
            let mut changes =
                proposal.map_or(0..0, |proposal| proposal.first_change..proposal.first_change + proposal.changes);
            flag(changes.any(|change| loosens(world, change)))
        }),
        #[allow(clippy::cast_precision_loss)]
        field("changes", number, "changes", "How many parameters it changes.", |world, place| {
            part::<Proposal>(world, Kind::Proposal, place).map_or(0.0, |proposal| proposal.changes as f64)
        }),
        #[allow(clippy::cast_precision_loss)]
        field("first_change", number, "", "The place of its first change among all changes.", |world, place| {
            part::<Proposal>(world, Kind::Proposal, place).map_or(-1.0, |proposal| proposal.first_change as f64)
        }),
    ]);
}

fn declare_own(registry: &mut Registry) {
    let own = |scope, name, unit, doc, gather| OwnField { scope, name, unit, doc, gather };
    registry.own.extend([
        own(
            OwnScope::Agent,
            "votes",
            "token coins",
            "Own votes now: what tokens in the wallet and at stake weigh.",
            |world, rows, out| {
                out.extend(rows.agents.iter().map(|agent| coins(world, Weight::from(ballots::weight(world, *agent)))));
            },
        ),
        own(OwnScope::Agent, "exposure", "coins", "Notional of all own positions.", |world, rows, out| {
            let scale = world.resource::<Assets>().settlement_scale();
            out.extend(rows.agents.iter().map(|agent| {
                valuation::agent(world, *agent).map_or(0.0, |agent| valuation::exposure(world, agent) / scale)
            }));
        }),
        own(
            OwnScope::Change,
            "estimate",
            "coins",
            "What a change alone would add to own free collateral; known while voting on it.",
            |world, rows, out| {
                let estimates = world.resource::<Estimates>();
                out.extend(
                    rows.agents.iter().map(|agent| estimates.0.get(&(rows.first, *agent)).copied().unwrap_or(0.0)),
                );
            },
        ),
    ]);
}

/// Whether a change goes the looser way from the parameter's present value.
fn loosens(world: &World, place: usize) -> bool {
    let Some(change) = part::<Change>(world, Kind::Change, place) else { return false };
    let Ok((spec, thing)) = resolve(world, change.parameter) else { return false };
    let now = (spec.read)(world, thing).unwrap_or(change.before);
    match spec.looser {
        Looser::Lower => change.after < now,
        Looser::Higher => change.after > now,
        Looser::Neither => false,
    }
}

fn flag(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}

#[allow(clippy::cast_precision_loss)]
fn coins(world: &World, weight: Weight) -> f64 {
    token(world).map_or(0.0, |token| weight as f64 / world.resource::<Assets>().scale(token))
}

fn seconds(millis: i64) -> f64 {
    Span(u64::try_from(millis).unwrap_or(0)).seconds()
}

#[allow(clippy::cast_precision_loss)]
fn count(world: &World, wanted: Standing) -> f64 {
    let places = 0..world.resource::<Directory>().count(Kind::Proposal);
    places.filter(|place| course::standing(world, *place) == Some(wanted)).count() as f64
}
