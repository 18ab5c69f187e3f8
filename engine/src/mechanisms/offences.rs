//! Offences of oracle nodes: reports far from the round's price, and silence. They are adjudicated by the rule alone, in
//! the step they are noted; cut stake pays victims first, then the reporter, the insurance fund, and the rest is burned.
//!
//! What the rule cannot see is a majority that lies together: the round's price is then the lie, and it is the honest who
//! deviate from it.

use std::collections::BTreeMap;

use bevy_ecs::prelude::{Component, Query, Res, ResMut, Resource, World};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::Rejected;
use crate::clock::Now;
use crate::domain::{AgentId, Funds, Harm, Vault};
use crate::math::deterrence;
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::mechanisms::oracle::{NodeReport, Round, Rounds};
use crate::mechanisms::vaults::{self, Cut};
use crate::params;
use crate::phase::{Half, Phase};
use crate::probe::{Cell, Outcome, Probe};
use crate::registry::{BlockSpec, Directory, Kind, Registry, part};
use crate::scenario::SetupError;
use crate::tx::Tx;
use crate::units::{Amount, Millis, Rounding, Span, whole};

const OFFENCES: &str = "protocol.offences";

/// Offences of oracle nodes.
pub(super) struct Offences;

/// The block `protocol.offences`.
#[derive(Component, Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct OffenceTerms {
    /// Deviation from the round's price beyond which a report is an offence.
    deviation_tolerance: f64,
    /// Share of a node's stake cut for it.
    deviation_slash: f64,
    /// Silence that is an offence, each time it has lasted that long.
    downtime_after: Span,
    /// Share of a node's stake cut for it.
    downtime_slash: f64,
    /// Share of what victims leave that goes to the node whose report was nearest to the round's price.
    reporter_share: f64,
    /// Share of what victims leave that goes to the insurance fund.
    insurance_share: f64,
}

impl Default for OffenceTerms {
    fn default() -> Self {
        Self {
            deviation_tolerance: 0.05,
            deviation_slash: 0.0,
            downtime_after: Span(3_600_000),
            downtime_slash: 0.0,
            reporter_share: 0.0,
            insurance_share: 0.0,
        }
    }
}

/// What a node did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deed {
    Deviation,
    Downtime,
}

/// One offence, as noted in the Oracle phase and adjudicated in the Slash phase.
#[derive(Clone, Copy, Debug)]
struct Offence {
    feed: usize,
    vault: usize,
    node: AgentId,
    deed: Deed,
    /// The node whose report was nearest to the round's price.
    reporter: Option<AgentId>,
}

/// Offences of the step under way, and when nodes last reported.
#[derive(Resource, Clone, Debug, Default)]
struct Docket {
    offences: Vec<Offence>,
    heard: BTreeMap<(usize, AgentId), Millis>,
}

/// Totals of the run.
#[derive(Component, Clone, Copy, Debug, Default)]
struct Convictions {
    deviations: u64,
    downtimes: u64,
    /// Reports that were adjudicated or could have been.
    reports: u64,
}

impl Mechanism for Offences {
    fn name(&self) -> &'static str {
        "offences"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.push(BlockSpec::of::<OffenceTerms>(
            OFFENCES,
            "Offences of oracle nodes: tolerance, silence, what is cut, and who gets it. Victims of wrongful liquidations are paid first; what nobody gets is burned.",
        ));
        registry.params.extend(params![OffenceTerms, Kind::Protocol, "protocol.offences";
            deviation_tolerance: "ratio", 0.0, 10.0, Higher, "Deviation from the round's price beyond which a report is an offence.";
            deviation_slash: "ratio", 0.0, 1.0, Lower, "Share of a node's stake cut for a deviation; 0 leaves deviations alone.";
            downtime_slash: "ratio", 0.0, 1.0, Lower, "Share of a node's stake cut for silence; 0 leaves silence alone.";
            reporter_share: "ratio", 0.0, 1.0, Neither, "Share of what victims leave that goes to the node nearest to the round's price.";
            insurance_share: "ratio", 0.0, 1.0, Lower, "Share of what victims leave that goes to the insurance fund; the rest is burned.";
        ]);
        let outcome = |name, unit, doc, read| Outcome { name, unit, doc, read };
        registry.outcomes.extend([
            outcome("deviation_offences", "offences", "Reports adjudicated as deviations.", |world| {
                convictions(world, |totals| totals.deviations)
            }),
            outcome("downtime_offences", "offences", "Silences adjudicated.", |world| {
                convictions(world, |totals| totals.downtimes)
            }),
            outcome(
                "wrongful_liquidations",
                "liquidations",
                "Liquidations that a feed's own sources, without latency or noise, did not call for.",
                |world| over_feeds(world, |harm| harm.liquidations as f64),
            ),
            outcome("wrongful_harm", "coins", "What wrongful liquidations cost their accounts.", |world| {
                in_coins(world, |harm| harm.total)
            }),
            outcome("victims_paid", "coins", "What cut stake paid to victims of wrongful liquidations.", |world| {
                in_coins(world, |harm| harm.paid)
            }),
        ]);
        let probe = |name, unit, doc, read| Probe { kind: Kind::Feed, name, unit, doc, read };
        registry.probes.extend([
            probe(
                "reference",
                "coins",
                "What the sources say, without latency or noise; seen by no agent.",
                |world, place| {
                    let feed = part::<crate::domain::Feed>(world, Kind::Feed, place);
                    Cell::Float(feed.and_then(|feed| feed.reference).map_or(0.0, crate::units::Price::get))
                },
            ),
            probe(
                "reporting_stake",
                "ratio",
                "Share of the nodes' stake that reported in this step.",
                |world, place| Cell::Float(round(world, place).map_or(0.0, reporting)),
            ),
            probe("wrongful_harm", "settlement units", "What wrongful liquidations cost so far.", |world, place| {
                Cell::Int(part::<Harm>(world, Kind::Feed, place).map_or(0, |harm| harm.total))
            }),
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let terms: OffenceTerms = setup.block(OFFENCES)?.unwrap_or_default();
        if terms.downtime_after.0 == 0 {
            return Err(SetupError::value(format!("{OFFENCES}.downtime_after"), "expected a time above zero"));
        }
        if terms.reporter_share + terms.insurance_share > 1.0 {
            let path = format!("{OFFENCES}.insurance_share");
            return Err(SetupError::value(path, "expected at most 1 together with `reporter_share`"));
        }
        setup.protocol((terms, Convictions::default()));
        setup.world.insert_resource(Docket::default());
        setup.state::<OffenceTerms>();
        setup.state::<Convictions>();
        setup.system(Phase::Oracle, Half::Settle, note_offences);
        setup.system(Phase::Slash, Half::Settle, adjudicate);
        Ok(())
    }
}

/// Share of a node's stake that is cut for a deviation.
pub(super) fn deviation_slash(world: &World) -> f64 {
    part::<OffenceTerms>(world, Kind::Protocol, 0).map_or(0.0, |terms| terms.deviation_slash)
}

#[allow(clippy::cast_precision_loss)]
fn convictions(world: &World, pick: fn(&Convictions) -> u64) -> f64 {
    part::<Convictions>(world, Kind::Protocol, 0).map_or(0.0, |totals| pick(totals) as f64)
}

fn over_feeds(world: &World, pick: fn(&Harm) -> f64) -> f64 {
    world.resource::<Directory>().entities(Kind::Feed).filter_map(|entity| world.get::<Harm>(entity)).map(pick).sum()
}

#[allow(clippy::cast_precision_loss)]
fn in_coins(world: &World, pick: fn(&Harm) -> Amount) -> f64 {
    let feeds = world.resource::<Directory>().entities(Kind::Feed).filter_map(|entity| world.get::<Harm>(entity));
    feeds.map(|harm| i128::from(pick(harm))).sum::<i128>() as f64 / world.resource::<Assets>().settlement_scale()
}

fn round(world: &World, place: usize) -> Option<&Round> {
    world.resource::<Rounds>().0.get(place)
}

fn reporting(round: &Round) -> f64 {
    let all: f64 = round.reports.iter().map(|report| report.stake).sum();
    let reported: f64 = round.reports.iter().filter(|report| report.price.is_some()).map(|report| report.stake).sum();
    if all > 0.0 { reported / all } else { 0.0 }
}

fn note_offences(
    terms: Query<'_, '_, &OffenceTerms>,
    mut totals: Query<'_, '_, &mut Convictions>,
    rounds: Res<'_, Rounds>,
    now: Res<'_, Now>,
    mut docket: ResMut<'_, Docket>,
) {
    let (Ok(terms), Ok(mut totals)) = (terms.single(), totals.single_mut()) else { return };
    if terms.deviation_slash == 0.0 && terms.downtime_slash == 0.0 {
        return;
    }
    for (feed, round) in rounds.0.iter().enumerate() {
        let reporter = nearest(round);
        for report in &round.reports {
            let offence = |deed| Offence { feed, vault: round.vault, node: report.agent, deed, reporter };
            let heard = docket.heard.entry((feed, report.agent)).or_insert(now.time);
            if let Some(price) = report.price {
                *heard = now.time;
                totals.reports += 1;
                let far = round.price.is_some_and(|median| (price / median - 1.0).abs() > terms.deviation_tolerance);
                if far && terms.deviation_slash > 0.0 {
                    docket.offences.push(offence(Deed::Deviation));
                }
            } else if now.time - *heard >= terms.downtime_after.0 {
                *heard = now.time;
                if terms.downtime_slash > 0.0 {
                    docket.offences.push(offence(Deed::Downtime));
                }
            }
        }
    }
}

/// The node whose report was nearest to the round's price; of equals the first.
fn nearest(round: &Round) -> Option<AgentId> {
    let median = round.price?;
    let distance = |report: &NodeReport| report.price.map(|price| ((price / median - 1.0).abs(), report.agent));
    let nearest = round.reports.iter().filter_map(distance).min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    nearest.map(|(_, agent)| agent)
}

fn adjudicate(world: &mut World) {
    let offences = std::mem::take(&mut world.resource_mut::<Docket>().offences);
    for offence in offences {
        // An amount beyond 64 bits leaves the stake as it was.
        let _ = Tx::new(world).scope(|tx| convict(tx, offence));
    }
}

fn convict(tx: &mut Tx<'_>, offence: Offence) -> Result<(), Rejected> {
    let protocol = tx.protocol()?;
    let terms = tx.get::<OffenceTerms>(protocol)?.clone();
    let (part, word) = match offence.deed {
        Deed::Deviation => (terms.deviation_slash, "cut_for_deviation"),
        Deed::Downtime => (terms.downtime_slash, "cut_for_downtime"),
    };
    let mut totals = tx.write::<Convictions>(protocol).ok_or(Rejected::NOT_FOUND)?;
    match offence.deed {
        Deed::Deviation => totals.deviations += 1,
        Deed::Downtime => totals.downtimes += 1,
    }
    let mut cut = vaults::cut_one(tx, offence.vault, offence.node, part)?;
    let all = cut.amount;
    if all == 0 {
        return Ok(());
    }
    let paid = pay_victims(tx, &mut cut, offence.feed)?;
    let raised = paid + share_out(tx, cut, (&terms, offence.reporter.filter(|node| *node != offence.node)))?;
    vaults::note_cut(tx, word, (offence.vault, Some(offence.node)), (all, raised))
}

/// Sells as much of the cut stake as the feed's victims are owed, and pays them pro rata; returns what they got.
fn pay_victims(tx: &mut Tx<'_>, cut: &mut Cut, feed: usize) -> Result<Amount, Rejected> {
    let entity = tx.entity(Kind::Feed, feed).ok_or(Rejected::NOT_FOUND)?;
    let owed: Vec<_> = tx.get::<Harm>(entity)?.claims.iter().map(|(account, claim)| (*account, *claim)).collect();
    let claims: Vec<Amount> = owed.iter().map(|(_, claim)| *claim).collect();
    let wanted = claims.iter().copied().fold(0, Amount::saturating_add);
    if wanted == 0 {
        return Ok(0);
    }
    // The insurance fund is where the proceeds clear.
    let fund = tx.get::<Funds>(tx.protocol()?)?.insurance;
    let (used, raised) = vaults::dispose(tx, *cut, fund, wanted)?;
    cut.amount -= used;
    let payments = deterrence::compensate(raised.min(wanted), &claims);
    let mut paid = 0;
    for ((account, _), payment) in owed.iter().zip(&payments) {
        let margin = tx.account(*account)?.margin;
        tx.transfer(fund, margin, *payment, "compensation")?;
        paid += payment;
    }
    let mut harm = tx.write::<Harm>(entity).ok_or(Rejected::NOT_FOUND)?;
    for ((account, _), payment) in owed.iter().zip(payments) {
        if let Some(claim) = harm.claims.get_mut(account) {
            *claim -= payment;
        }
    }
    harm.claims.retain(|_, claim| *claim > 0);
    harm.paid = harm.paid.saturating_add(paid);
    Ok(raised)
}

/// The reporter's share in kind, the insurance fund's by the vault's disposal, and the rest burned; returns what was
/// raised.
#[allow(clippy::cast_precision_loss)]
fn share_out(
    tx: &mut Tx<'_>,
    cut: Cut,
    (terms, reporter): (&OffenceTerms, Option<AgentId>),
) -> Result<Amount, Rejected> {
    let entity = tx.entity(Kind::Vault, cut.vault).ok_or(Rejected::NOT_FOUND)?;
    let vault = tx.get::<Vault>(entity)?.clone();
    let part = |share: f64| whole(cut.amount as f64 * share, Rounding::Down).ok_or(Rejected::OVERFLOW);
    let (for_reporter, for_insurance) = (part(terms.reporter_share)?, part(terms.insurance_share)?);
    let mut left = cut.amount;
    if let Some(reporter) = reporter {
        let wallet = tx.agent(reporter)?.wallet.asset(vault.asset);
        let reward = for_reporter.min(left);
        tx.transfer(vault.staked, wallet, reward, "reporter_reward")?;
        left -= reward;
    }
    let fund = tx.get::<Funds>(tx.protocol()?)?.insurance;
    let insured = Cut { amount: for_insurance.min(left), ..cut };
    let (used, raised) = if insured.amount > 0 { vaults::dispose(tx, insured, fund, Amount::MAX)? } else { (0, 0) };
    left -= used;
    tx.transfer(vault.staked, vault.burned, left, "burned")?;
    Ok(raised)
}
