//! Bids in auctions, what bidders see of one, and the figures of all.

use bevy_ecs::prelude::World;

use super::auctions::{Auction, AuctionTerms, Form, Sales, sales};
use crate::clock::Now;
use crate::domain::{AccountId, AgentId, Market};
use crate::mechanism::Assets;
use crate::probe::{Cell, Outcome, Probe};
use crate::registry::{Kind, Registry, part};
use crate::rng::{Streams, splitmix};
use crate::units::{Price, Span};
use crate::valuation;
use crate::view::{FieldKind, PublicField};

/// What somebody bids.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bid {
    pub(super) price: f64,
    /// When it came.
    pub(super) step: u64,
    /// Among equal bids of a step the smallest goes first.
    pub(super) luck: u64,
}

/// An answer as a bid, if it is a price.
pub(super) fn of(world: &World, (account, agent): (AccountId, AgentId), price: f64) -> Option<(AgentId, Bid)> {
    let price = Price::new(price)?.get();
    let (key, step) = (valuation::agent(world, agent)?.key, world.resource::<Now>().step);
    let luck = world.resource::<Streams>().mix("auction", key ^ splitmix(u64::from(account.0) + 1), step);
    Some((agent, Bid { price, step, luck }))
}

pub(super) fn declare(registry: &mut Registry) {
    let field = |name, kind, unit, doc, read| PublicField::new(Kind::Auction, name, kind, unit, doc, read);
    let number = FieldKind::Number;
    registry.public.extend([
        field("market", FieldKind::Handle(Kind::Market), "", "The market of the position.", |world, place| {
            seen(world, place, |auction, _, _| f64::from(auction.market)).unwrap_or(-1.0)
        }),
        field(
            "long",
            FieldKind::Flag,
            "",
            "Whether what is sold is a long: then a bid is better the higher it is.",
            |world, place| seen(world, place, |auction, _, _| f64::from(u8::from(auction.size > 0))).unwrap_or(0.0),
        ),
        field("english", FieldKind::Flag, "", "Whether bids rise, instead of a price that falls.", |world, place| {
            seen(world, place, |_, terms, _| f64::from(u8::from(terms.form == Form::English))).unwrap_or(0.0)
        }),
        #[allow(clippy::cast_precision_loss)]
        field("size", number, "contracts", "Signed size of what is sold.", |world, place| {
            seen(world, place, |auction, _, market| auction.size as f64 / market.base_scale).unwrap_or(0.0)
        }),
        field("notional", number, "coins", "What is sold, at the mark.", |world, place| {
            let scale = world.resource::<Assets>().settlement_scale();
            seen(world, place, |auction, _, market| valuation::notional(market, auction.size) / scale).unwrap_or(0.0)
        }),
        field(
            "price",
            number,
            "coins",
            "The least that counts now: the going price, or what beats the best bid.",
            |world, place| {
                let now = world.resource::<Now>().time;
                seen(world, place, |auction, terms, _| auction.price(terms, now)).unwrap_or(0.0)
            },
        ),
        field("best_bid", number, "coins", "The best bid so far, 0 when there is none.", |world, place| {
            seen(world, place, |auction, _, _| auction.leader().map_or(0.0, |(_, bid)| bid.price)).unwrap_or(0.0)
        }),
        field(
            "floor",
            number,
            "coins",
            "Where a falling price ends and bids begin: the account's bankruptcy price.",
            |world, place| seen(world, place, |auction, _, _| auction.floor).unwrap_or(0.0),
        ),
        field("time_left", number, "s", "Until it ends, if no better bid comes.", |world, place| {
            let now = world.resource::<Now>().time;
            seen(world, place, |auction, terms, _| Span(auction.ends(terms).saturating_sub(now)).seconds())
                .unwrap_or(0.0)
        }),
    ]);
    declare_figures(registry);
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_wrap)]
fn declare_figures(registry: &mut Registry) {
    let outcome = |name, unit, doc, read| Outcome { name, unit, doc, read };
    registry.outcomes.extend([
        outcome("auctions_settled", "auctions", "Auctions in which a position was taken.", |world| {
            sales(world).map_or(0.0, |sales| sales.settled as f64)
        }),
        outcome("auctions_failed", "auctions", "Auctions that ended without a taker.", |world| {
            sales(world).map_or(0.0, |sales| sales.failed as f64)
        }),
        outcome("auction_discount", "ratio", "What takers paid less than the mark, on average.", |world| {
            sales(world).map_or(0.0, discount)
        }),
    ]);
    let probe = |name, unit, doc, read| Probe { kind: Kind::Protocol, name, unit, doc, read };
    registry.probes.extend([
        probe("auctions_open", "auctions", "Auctions that go on.", |world, _| {
            sales(world).map_or(Cell::Absent, |sales| Cell::Int(sales.open.len() as i64))
        }),
        probe("auctions_settled", "auctions", "Auctions in which a position was taken so far.", |world, _| {
            sales(world).map_or(Cell::Absent, |sales| Cell::Int(sales.settled as i64))
        }),
        probe("auctions_failed", "auctions", "Auctions that ended without a taker so far.", |world, _| {
            sales(world).map_or(Cell::Absent, |sales| Cell::Int(sales.failed as i64))
        }),
        probe("auction_discount", "ratio", "What takers paid less than the mark so far, on average.", |world, _| {
            sales(world).map_or(Cell::Absent, |sales| Cell::Float(discount(sales)))
        }),
    ]);
}

#[allow(clippy::cast_precision_loss)]
fn discount(sales: &Sales) -> f64 {
    sales.discounts / sales.settled.max(1) as f64
}

fn seen(world: &World, place: usize, read: impl Fn(&Auction, &AuctionTerms, &Market) -> f64) -> Option<f64> {
    let auction = sales(world)?.open.get(&AccountId(u32::try_from(place).ok()?))?;
    let terms = part::<AuctionTerms>(world, Kind::Protocol, 0)?;
    Some(read(auction, terms, part::<Market>(world, Kind::Market, usize::from(auction.market))?))
}
