//! The course of a proposal: opened, voted on, passed or defeated, queued, in force or expired; or vetoed on the way.

use bevy_ecs::prelude::{Component, World};

use super::ballots::{self, clock};
use super::propose::{note, resolve};
use super::terms;
use crate::action::{Actor, Args, Rejected};
use crate::domain::{Change, Proposal};
use crate::math::tally::{self, Calendar, ProposalState, Tally, Thresholds};
use crate::registry::{Directory, Kind, part};
use crate::tx::Tx;
use crate::units::{Millis, Span};

/// How far a proposal is.
#[derive(Component, Clone, Debug)]
pub(super) struct Course {
    calendar: Calendar,
    /// Votes with their weights when cast.
    pub(super) tally: Tally,
    /// What it needs, by the terms and the supply when it was proposed: a later vote does not move its goal.
    needs: Thresholds,
    extended: bool,
    ending: Option<Standing>,
    noted: Standing,
}

/// Where a proposal stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    Pending,
    Active,
    Defeated,
    Succeeded,
    Queued,
    Expired,
    Executed,
    Vetoed,
}

impl Standing {
    /// Its number in views and tables.
    pub(super) const fn number(self) -> u8 {
        self as u8
    }

    /// Whether its vote has not ended.
    pub(super) const fn is_undecided(self) -> bool {
        matches!(self, Self::Pending | Self::Active)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Pending => "proposed",
            Self::Active => "opened",
            Self::Defeated => "defeated",
            Self::Succeeded => "passed",
            Self::Queued => "queued",
            Self::Expired => "expired",
            Self::Executed => "executed",
            Self::Vetoed => "vetoed",
        }
    }
}

impl Course {
    /// A proposal whose vote opens at `opens`, in that very step, and stays open for `period`.
    pub(super) fn new(needs: Thresholds, opens: Millis, period: Span) -> Self {
        let time = |time: Millis| i64::try_from(time).unwrap_or(i64::MAX);
        // Bravo's calendar opens a vote behind its start and closes it behind its end.
        let start = time(opens) - 1;
        let calendar = Calendar { start, end: start.saturating_add(time(period.0)), eta: None, grace: i64::MAX };
        Self { calendar, tally: Tally::default(), needs, extended: false, ending: None, noted: Standing::Pending }
    }

    pub(super) const fn is_ended(&self) -> bool {
        self.ending.is_some()
    }

    /// Whether its tally is final, whatever becomes of its voters' tokens.
    pub(super) const fn is_counted(&self) -> bool {
        self.ending.is_some() || self.calendar.eta.is_some()
    }

    /// Milliseconds of voting left.
    pub(super) fn left(&self, now: i64) -> i64 {
        self.calendar.end.saturating_add(1).saturating_sub(now).max(0)
    }

    /// Milliseconds until it may be executed, when it is queued.
    pub(super) fn locked(&self, now: i64) -> Option<i64> {
        self.calendar.eta.map(|eta| eta.saturating_sub(now).max(0))
    }
}

/// Where a proposal stands now.
pub(super) fn standing(world: &World, place: usize) -> Option<Standing> {
    let course = part::<Course>(world, Kind::Proposal, place)?;
    if let Some(ending) = course.ending {
        return Some(ending);
    }
    let now = clock(world);
    let tally = ballots::tally(world, place);
    Some(match tally::state(course.calendar, tally, course.needs, (now, now)) {
        ProposalState::Pending => Standing::Pending,
        ProposalState::Active => Standing::Active,
        ProposalState::Defeated => Standing::Defeated,
        ProposalState::Succeeded => Standing::Succeeded,
        ProposalState::Queued => Standing::Queued,
        ProposalState::Expired => Standing::Expired,
    })
}

/// Keeps a vote open once its quorum is reached, where the terms say so; once a proposal.
pub(super) fn extend(tx: &mut Tx<'_>, place: usize) -> Result<(), Rejected> {
    let extension = terms(tx.world()).map_or(0, |terms| terms.extension.0);
    let entity = tx.entity(Kind::Proposal, place).ok_or(Rejected::NOT_FOUND)?;
    let course = tx.get::<Course>(entity)?;
    let reached = course.needs.reached(ballots::tally(tx.world(), place));
    if extension == 0 || course.extended || !reached {
        return Ok(());
    }
    let now = clock(tx.world());
    let mut course = tx.write::<Course>(entity).ok_or(Rejected::NOT_FOUND)?;
    course.extended = true;
    course.calendar.end = tally::extended_end(course.calendar.end, now, i64::try_from(extension).unwrap_or(i64::MAX));
    Ok(())
}

/// Makes one change.
pub(super) fn apply(tx: &mut Tx<'_>, change: usize) -> Result<Change, Rejected> {
    let change = *part::<Change>(tx.world(), Kind::Change, change).ok_or(Rejected::NOT_FOUND)?;
    let (spec, thing) = resolve(tx.world(), change.parameter)?;
    let (before, write) = ((spec.read)(tx.world(), thing).ok_or(Rejected::NOT_FOUND)?, spec.write);
    write(tx, thing, change.after);
    Ok(Change { before, ..change })
}

pub(super) fn execute(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let place = args.handle(0, Kind::Proposal)? as usize;
    let entity = tx.entity(Kind::Proposal, place).ok_or(Rejected::NOT_FOUND)?;
    let standing = standing(tx.world(), place).ok_or(Rejected::NOT_FOUND)?;
    let locked = tx.get::<Course>(entity)?.locked(clock(tx.world()));
    let at_once = terms(tx.world()).is_some_and(|terms| terms.timelock.0 == 0);
    match standing {
        Standing::Queued if locked == Some(0) => {}
        Standing::Succeeded if at_once => {}
        Standing::Queued | Standing::Succeeded => return Err(Rejected::new("timelock")),
        _ => return Err(Rejected::new("not_passed")),
    }
    let proposal = tx.get::<Proposal>(entity)?.clone();
    for change in proposal.first_change..proposal.first_change + proposal.changes {
        let made = apply(tx, change)?;
        note(tx, "changed", (actor.agent, place), Some(made));
    }
    end(tx, place, Standing::Executed)?;
    note(tx, Standing::Executed.word(), (actor.agent, place), None);
    Ok(())
}

pub(super) fn veto(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let place = args.handle(0, Kind::Proposal)? as usize;
    let standing = standing(tx.world(), place).ok_or(Rejected::NOT_FOUND)?;
    if !(standing.is_undecided() || matches!(standing, Standing::Succeeded | Standing::Queued)) {
        return Err(Rejected::new("proposal_has_ended"));
    }
    end(tx, place, Standing::Vetoed)?;
    note(tx, Standing::Vetoed.word(), (actor.agent, place), None);
    Ok(())
}

/// Ends a proposal for good; its tally stays as it is now.
fn end(tx: &mut Tx<'_>, place: usize, ending: Standing) -> Result<(), Rejected> {
    let entity = tx.entity(Kind::Proposal, place).ok_or(Rejected::NOT_FOUND)?;
    let tally = ballots::tally(tx.world(), place);
    let mut course = tx.write::<Course>(entity).ok_or(Rejected::NOT_FOUND)?;
    course.tally = tally;
    course.ending = Some(ending);
    course.noted = ending;
    Ok(())
}

/// Queues what has passed, notes what changed, and keeps this step's weights for votes that open in the next one.
pub(super) fn move_proposals(world: &mut World) {
    for place in 0..world.resource::<Directory>().count(Kind::Proposal) {
        let Some(entity) = world.resource::<Directory>().entity(Kind::Proposal, place) else { continue };
        if world.get::<Course>(entity).is_none_or(Course::is_ended) {
            continue;
        }
        // What cannot be noted now is looked at again in the next step.
        let _ = Tx::new(world).scope(|tx| move_on(tx, place));
    }
    ballots::keep_weights(world);
}

fn move_on(tx: &mut Tx<'_>, place: usize) -> Result<(), Rejected> {
    let entity = tx.entity(Kind::Proposal, place).ok_or(Rejected::NOT_FOUND)?;
    let now = clock(tx.world());
    let proposer = tx.get::<Proposal>(entity)?.proposer;
    if standing(tx.world(), place) == Some(Standing::Succeeded) {
        let terms = terms(tx.world()).ok_or(Rejected::NOT_FOUND)?;
        let time = |span: Span| i64::try_from(span.0).unwrap_or(i64::MAX);
        let (timelock, grace) = (time(terms.timelock), time(terms.grace));
        let tally = ballots::tally(tx.world(), place);
        let mut course = tx.write::<Course>(entity).ok_or(Rejected::NOT_FOUND)?;
        // Passed at the end of its vote, whatever the length of steps; or now, by a super quorum.
        let passed = now.min(course.calendar.end.saturating_add(1));
        course.calendar.eta = Some(passed.saturating_add(timelock));
        course.calendar.grace = grace;
        course.tally = tally;
        note(tx, Standing::Succeeded.word(), (proposer, place), None);
    }
    let standing = standing(tx.world(), place).ok_or(Rejected::NOT_FOUND)?;
    if tx.get::<Course>(entity)?.noted != standing {
        note(tx, standing.word(), (proposer, place), None);
        tx.write::<Course>(entity).ok_or(Rejected::NOT_FOUND)?.noted = standing;
    }
    if matches!(standing, Standing::Defeated | Standing::Expired) {
        end(tx, place, standing)?;
        tx.write::<Proposal>(entity).ok_or(Rejected::NOT_FOUND)?.snapshot = None;
    }
    Ok(())
}
