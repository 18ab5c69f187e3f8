//! Auctions of what underwater accounts hold: descending ones, which the first taker at the going price ends, and ascending
//! ones, which end some time after the last better bid. What nobody takes stays open, as where nobody takes it over.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bevy_ecs::prelude::{Component, World};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bids::{self, Bid};
use super::{Seizure, allowed, ask_keepers, hand_over, pay_penalty, underwater};
use crate::action::Rejected;
use crate::book::Book;
use crate::clock::Now;
use crate::domain::{AccountId, AgentId, LiquidationRoute, LiquidationTerms, Market, UNLIMITED};
use crate::event::{Event, EventTable};
use crate::host::Hook;
use crate::inquiry::Answers;
use crate::math::liquidation::{bankruptcy_price, going_price};
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::params;
use crate::phase::{Half, Phase};
use crate::registry::{BlockSpec, Directory, Handle, Kind, Registry, part};
use crate::scenario::SetupError;
use crate::tx::Tx;
use crate::units::{Amount, Millis, Price, Rounding, Span, whole};
use crate::valuation;

const AUCTIONS: &str = "protocol.auctions";

/// Auctions of underwater accounts' positions.
pub(in crate::mechanisms) struct Auctions;

/// How the price comes about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    /// It gets worse for the account until somebody takes it.
    #[default]
    Dutch,
    /// Bidders make it better for the account, until nobody does.
    English,
}

/// The block `protocol.auctions`.
#[derive(Component, Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuctionTerms {
    /// How the price comes about.
    pub(super) form: Form,
    /// How long an auction lasts at most; a Dutch one reaches the account's bankruptcy price by then.
    duration: Span,
    /// Time after the last better bid at which an English auction ends.
    quiet: Span,
    /// Where a Dutch auction starts: how much better than the mark for the account.
    premium: f64,
    /// How much better than the best one a bid of an English auction must be.
    increment: f64,
    /// Largest notional of one auction; what is beyond follows in the next one.
    lot: f64,
}

impl Default for AuctionTerms {
    fn default() -> Self {
        Self {
            form: Form::Dutch,
            duration: Span(120_000),
            quiet: Span(30_000),
            premium: 0.01,
            increment: 0.001,
            lot: UNLIMITED,
        }
    }
}

/// One sale under way.
#[derive(Clone, Debug)]
pub(super) struct Auction {
    pub(super) market: u16,
    /// Base units for sale, signed like the position.
    pub(super) size: Amount,
    opened: Millis,
    start: f64,
    /// The account's bankruptcy price when it began, or the mark where it was bankrupt already.
    pub(super) floor: f64,
    /// Standing bids of an English auction, and when the best of them came.
    pub(super) bids: BTreeMap<AgentId, Bid>,
    improved: Millis,
}

/// The sales under way, by account, and totals of the run.
#[derive(Component, Clone, Debug, Default)]
pub(super) struct Sales {
    pub(super) open: BTreeMap<AccountId, Auction>,
    pub(super) settled: u64,
    pub(super) failed: u64,
    /// Sum of the discounts to the mark of those settled, as ratios.
    pub(super) discounts: f64,
}

impl Mechanism for Auctions {
    fn name(&self) -> &'static str {
        "auctions"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.push(BlockSpec::of::<AuctionTerms>(
            AUCTIONS,
            "Auctions of underwater accounts' positions, where `protocol.liquidation.route` is `auction`: form, times and prices.",
        ));
        registry.params.extend(params![AuctionTerms, Kind::Protocol, "protocol.auctions";
            premium: "ratio", 0.0, 1.0, Neither, "How much better than the mark a Dutch auction starts for the account.";
            increment: "ratio", 0.0, 1.0, Neither, "How much better than the best one a bid of an English auction must be.";
            lot: "coins", 1e-6, UNLIMITED, Neither, "Largest notional of one auction.";
        ]);
        bids::declare(registry);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let terms = setup.block::<AuctionTerms>(AUCTIONS)?;
        let route = part::<LiquidationTerms>(setup.world, Kind::Protocol, 0).map(|terms| terms.route);
        match (route, terms) {
            (Some(LiquidationRoute::Auction), terms) => {
                let terms = terms.unwrap_or_default();
                for (name, span) in [("duration", terms.duration), ("quiet", terms.quiet)] {
                    if span.0 == 0 {
                        return Err(SetupError::value(format!("{AUCTIONS}.{name}"), "expected a time above zero"));
                    }
                }
                setup.protocol((terms, Sales::default()));
                setup.state::<AuctionTerms>();
                setup.state::<Sales>();
                setup.system(Phase::Liquidate, Half::Prepare, open);
                setup.system(Phase::Liquidate, Half::Settle, settle);
                Ok(())
            }
            (_, Some(_)) => {
                let message = "nothing is auctioned without `route: auction` in `protocol.liquidation`";
                Err(SetupError::value(AUCTIONS, message))
            }
            (_, None) => Ok(()),
        }
    }
}

/// Opens auctions of underwater accounts, as many as the throughput allows, and asks for bids on all there are.
fn open(world: &mut World) {
    Book::follow(world);
    let Some(throughput) = part::<LiquidationTerms>(world, Kind::Protocol, 0).map(|terms| terms.throughput) else {
        return;
    };
    let limit = usize::try_from(world.resource::<Now>().quota(throughput)).unwrap_or(usize::MAX);
    let mut open = with_sales(world, |sales| std::mem::take(&mut sales.open)).unwrap_or_default();
    // What has become sound, or has been closed, is sold no longer.
    open.retain(|account, auction| {
        !matches!(auction.seizure(world, *account), Err(Rejected::HEALTHY | Rejected::NOT_FOUND))
    });
    let new = underwater(world).into_iter().map(|(account, _)| account).filter(|account| !open.contains_key(account));
    // What cannot be priced now is looked at again in the next step.
    let new: Vec<_> = new.take(limit).filter_map(|account| Some((account, opened(world, account).ok()?))).collect();
    open.extend(new);
    let owned = |account: &AccountId| Some((*account, valuation::account(world, *account)?.0.owner));
    let about: Vec<_> = open.keys().filter_map(owned).collect();
    with_sales(world, |sales| sales.open = open);
    ask_keepers(world, (Hook::Bid, Kind::Auction), about);
}

#[allow(clippy::cast_precision_loss)]
fn opened(world: &World, account: AccountId) -> Result<Auction, Rejected> {
    let seizure = Seizure::of(world, account, None)?;
    let liquidation = part::<LiquidationTerms>(world, Kind::Protocol, 0).ok_or(Rejected::NOT_FOUND)?;
    let terms = part::<AuctionTerms>(world, Kind::Protocol, 0).ok_or(Rejected::NOT_FOUND)?;
    let position = seizure.position;
    let market = part::<Market>(world, Kind::Market, usize::from(position.market)).ok_or(Rejected::NOT_FOUND)?;
    let mark = market.mark.ok_or(Rejected::STALE)?.get();
    let sign = position.size.signum();
    let scale = world.resource::<Assets>().settlement_scale();
    let lot = whole(terms.lot * scale / valuation::notional(market, 1), Rounding::Down).unwrap_or(Amount::MAX);
    let size = sign * allowed(world, seizure, (liquidation, seizure.penalty(world, liquidation)))?.min(lot.max(1));
    let floor = bankruptcy_price(mark, position.size as f64 * market.unit, seizure.risk.nc.max(0) as f64);
    let opened = world.resource::<Now>().time;
    Ok(Auction {
        market: position.market,
        size,
        opened,
        start: mark * (1.0 + sign as f64 * terms.premium),
        floor: Price::saturating(floor).get(),
        bids: BTreeMap::new(),
        improved: opened,
    })
}

pub(super) fn sales(world: &World) -> Option<&Sales> {
    part::<Sales>(world, Kind::Protocol, 0)
}

fn with_sales<T>(world: &mut World, change: impl FnOnce(&mut Sales) -> T) -> Option<T> {
    let protocol = world.resource::<Directory>().entity(Kind::Protocol, 0)?;
    world.get_mut::<Sales>(protocol).map(|mut sales| change(&mut sales))
}

impl Auction {
    /// What is to be taken, while the account is underwater and still has it.
    fn seizure(&self, world: &World, account: AccountId) -> Result<Seizure, Rejected> {
        let seizure = Seizure::of(world, account, Some(self.market))?;
        let is_same = seizure.position.size.signum() == self.size.signum();
        is_same.then_some(seizure).ok_or(Rejected::NOT_FOUND)
    }

    /// A price as the account likes it: more for what it sells, less for what it buys back.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn worth(&self, price: f64) -> f64 {
        self.size.signum() as f64 * price
    }

    /// Which of two bids goes first: the better one, of equals the earlier, of one step's by luck.
    fn first(&self, one: &Bid, two: &Bid) -> Ordering {
        let by_price = self.worth(two.price).total_cmp(&self.worth(one.price));
        by_price.then((one.step, one.luck).cmp(&(two.step, two.luck)))
    }

    /// Who has the best bid so far.
    pub(super) fn leader(&self) -> Option<(AgentId, Bid)> {
        let leader = self.bids.iter().min_by(|(_, one), (_, two)| self.first(one, two));
        leader.map(|(agent, bid)| (*agent, *bid))
    }

    /// The least that a bid must be now: the going price, or what beats the best bid.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn price(&self, terms: &AuctionTerms, now: Millis) -> f64 {
        match (terms.form, self.leader()) {
            (Form::Dutch, _) => {
                going_price(self.start, self.floor, (now - self.opened) as f64 / terms.duration.0 as f64)
            }
            (Form::English, None) => self.floor,
            (Form::English, Some((_, best))) => best.price * (1.0 + self.size.signum() as f64 * terms.increment),
        }
    }

    /// When it is over, as far as is known now.
    pub(super) fn ends(&self, terms: &AuctionTerms) -> Millis {
        let deadline = self.opened + terms.duration.0;
        if self.bids.is_empty() { deadline } else { deadline.min(self.improved + terms.quiet.0) }
    }

    /// Takes in the bids of a step; those who may have it now, the best first.
    fn hear(&mut self, terms: &AuctionTerms, now: Millis, mut heard: Vec<(AgentId, Bid)>) -> Vec<(AgentId, Bid)> {
        let (least, leader) = (self.worth(self.price(terms, now)), self.leader());
        // Nobody outbids itself.
        heard.retain(|(agent, bid)| {
            let beats =
                leader.is_none_or(|(other, best)| other != *agent && self.worth(bid.price) > self.worth(best.price));
            beats && self.worth(bid.price) >= least
        });
        if terms.form == Form::English {
            if !heard.is_empty() {
                self.improved = now;
            }
            self.bids.extend(heard.drain(..));
            if now >= self.ends(terms) {
                heard.extend(self.bids.iter().map(|(agent, bid)| (*agent, *bid)));
            }
        }
        heard.sort_by(|(_, one), (_, two)| self.first(one, two));
        heard
    }
}

/// Hears the bids; hands over what is sold, and ends what is over.
fn settle(world: &mut World) {
    let answers = world.resource_mut::<Answers>().take();
    let (now, Some(terms)) = (*world.resource::<Now>(), part::<AuctionTerms>(world, Kind::Protocol, 0).cloned()) else {
        return;
    };
    let accounts: Vec<AccountId> = sales(world).into_iter().flat_map(|sales| sales.open.keys().copied()).collect();
    for account in accounts {
        let subject = Some(Handle { kind: Kind::Auction, index: account.0 });
        let all = (subject, AgentId(0))..=(subject, AgentId(u32::MAX));
        let heard = answers.range(all).filter_map(|((_, agent), price)| bids::of(world, (account, *agent), *price));
        let heard = heard.collect();
        let takers = with_sales(world, |sales| Some(sales.open.get_mut(&account)?.hear(&terms, now.time, heard)));
        let Some(auction) = sales(world).and_then(|sales| sales.open.get(&account)).cloned() else { continue };
        let going = (terms.form == Form::Dutch).then(|| auction.price(&terms, now.time));
        let mut takers = takers.flatten().unwrap_or_default().into_iter();
        // Who cannot carry it is passed over.
        let sold = takers.find_map(|(agent, bid)| {
            let taken = (agent, going.unwrap_or(bid.price));
            Tx::new(world).scope(|tx| sell(tx, (account, &auction), taken)).ok()
        });
        let is_over = now.time >= auction.ends(&terms);
        with_sales(world, |sales| {
            match sold {
                Some(discount) => {
                    sales.settled += 1;
                    sales.discounts += discount;
                }
                None if is_over => sales.failed += 1,
                None => return,
            }
            sales.open.remove(&account);
        });
        if sold.is_none() && is_over {
            note_failure(world, account, &auction);
        }
    }
}

fn note_failure(world: &mut World, account: AccountId, auction: &Auction) {
    let agent = valuation::account(world, account).map(|(record, _)| record.owner);
    let thing = Some(Handle::new(Kind::Market, usize::from(auction.market)));
    let event = Event::new(EventTable::Events, "auction_failed");
    Tx::new(world).note(Event {
        agent,
        account: Some(account),
        thing,
        size: auction.size,
        price: auction.floor,
        ..event
    });
}

/// Hands the lot over at a price, if the taker can carry it; the penalty goes to the insurance fund. Returns the discount to
/// the mark.
fn sell(
    tx: &mut Tx<'_>,
    (account, auction): (AccountId, &Auction),
    (taker, price): (AgentId, f64),
) -> Result<f64, Rejected> {
    let seizure = auction.seizure(tx.world(), account)?;
    let place = usize::from(auction.market);
    let size = -auction.size.signum() * auction.size.abs().min(seizure.position.size.abs());
    let mark = part::<Market>(tx.world(), Kind::Market, place).and_then(|market| market.mark).ok_or(Rejected::STALE)?;
    let penalty = seizure.penalty(tx.world(), tx.get::<LiquidationTerms>(tx.protocol()?)?);
    let carrier = tx.account_of(taker, 0)?;
    Seizure::run(tx, account, |tx| {
        let cost = hand_over(tx, (account, carrier), (place, size), price)?;
        pay_penalty(tx, taker, (account, cost), (penalty, 0.0))
    })?;
    Ok(auction.worth(mark.get() - price) / mark.get())
}
