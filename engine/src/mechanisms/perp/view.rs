//! What agents and tables see of perpetual markets and positions.

use bevy_ecs::prelude::World;

use super::funding::funding_rate;
use super::trade::{cap, venue_depth};
use crate::clock::Now;
use crate::domain::{Feed, Market, MarketTerms, Position};
use crate::mechanism::Assets;
use crate::probe::{Cell, Probe};
use crate::registry::{Kind, Registry, part};
use crate::units::{Amount, Price, Span};
use crate::valuation;
use crate::view::{FieldKind, OwnField, OwnScope, PublicField, Rows};

#[allow(clippy::cast_precision_loss)]
fn contracts(world: &World, place: usize, pick: fn(&Market) -> Amount) -> f64 {
    part::<Market>(world, Kind::Market, place).map_or(0.0, |market| pick(market) as f64 / market.base_scale)
}

fn mark(world: &World, place: usize) -> f64 {
    part::<Market>(world, Kind::Market, place).and_then(|market| market.mark).map_or(0.0, Price::get)
}

/// Contracts that the fuller side may still grow by.
fn room(world: &World, place: usize) -> f64 {
    let mark = mark(world, place);
    if mark <= 0.0 {
        return 0.0;
    }
    let fuller = contracts(world, place, |market| market.long.max(market.short));
    let room = cap(world, place) / mark - fuller;
    if room > 0.0 { room } else { 0.0 }
}

fn term(world: &World, place: usize, pick: fn(&MarketTerms) -> f64) -> f64 {
    part::<MarketTerms>(world, Kind::Market, place).map_or(0.0, pick)
}

fn pool_liquid(world: &World) -> f64 {
    valuation::fund(world, |funds| funds.pool)
}

pub(super) fn declare_view(registry: &mut Registry) {
    let number = FieldKind::Number;
    let field = |name, kind, unit, doc, read| PublicField::new(Kind::Market, name, kind, unit, doc, read);
    registry.public.extend([
        PublicField::new(
            Kind::Protocol,
            "time",
            number,
            "s",
            "Simulated time at the start of this step.",
            |world, _| Span(world.resource::<Now>().time).seconds(),
        ),
        PublicField::new(Kind::Protocol, "dt", number, "s", "Length of this step.", |world, _| {
            world.resource::<Now>().dt.seconds()
        }),
        #[allow(clippy::cast_precision_loss)]
        PublicField::new(Kind::Protocol, "step", number, "steps", "The step, from 0.", |world, _| {
            world.resource::<Now>().step as f64
        }),
        PublicField::new(
            Kind::Protocol,
            "settlement",
            FieldKind::Handle(Kind::Asset),
            "",
            "The asset that margin is settled in.",
            |world, _| f64::from(world.resource::<Assets>().settlement().0),
        )
        .fixed(),
        field("mark", number, "coins", "The mark price, 0 before the feed has published.", mark),
        field("index", number, "coins", "The feed's price, which this market marks to.", mark),
        field("stale", FieldKind::Flag, "", "Whether the price is too old to trade on.", |world, place| {
            if part::<Market>(world, Kind::Market, place).is_none_or(|market| market.stale) { 1.0 } else { 0.0 }
        }),
        field("oi_long", number, "contracts", "Sum of long positions.", |world, place| {
            contracts(world, place, |market| market.long)
        }),
        field("oi_short", number, "contracts", "Sum of short positions.", |world, place| {
            contracts(world, place, |market| market.short)
        }),
        field("oi_room", number, "contracts", "What the fuller side may still grow by under the caps.", room),
        field("skew", number, "contracts", "Longs minus shorts.", |world, place| contracts(world, place, Market::skew)),
        field("funding_rate", number, "ratio/day", "What longs pay to shorts.", funding_rate),
        field("imr", number, "ratio", "Initial margin ratio before tiers and volatility.", |world, place| {
            term(world, place, |terms| terms.imr)
        }),
        field("mmr", number, "ratio", "Maintenance margin ratio before tiers and volatility.", |world, place| {
            term(world, place, |terms| terms.mmr)
        }),
        field("skew_scale", number, "contracts", "Skew at which the price impact is 100 %.", |world, place| {
            term(world, place, |terms| terms.skew_scale)
        }),
        field("fee", number, "ratio", "Fee on notional.", |world, place| term(world, place, |terms| terms.fee)),
        field("pool_liquid", number, "coins", "What the pool can pay at once.", |world, _| pool_liquid(world)),
        field("venue_depth", number, "coins", "2 % depth of the market's venues together.", venue_depth),
        field("spot", FieldKind::Handle(Kind::Venue), "", "The venue that trades the base asset.", |world, place| {
            let first = part::<Market>(world, Kind::Market, place).and_then(|market| market.venues.first());
            #[allow(clippy::cast_precision_loss)]
            first.map_or(-1.0, |venue| *venue as f64)
        })
        .fixed(),
        #[allow(clippy::cast_precision_loss)]
        field("feed", FieldKind::Handle(Kind::Feed), "", "The feed of its index.", |world, place| {
            part::<Market>(world, Kind::Market, place).map_or(-1.0, |market| market.feed as f64)
        })
        .fixed(),
    ]);
    let own = |name, unit, doc, gather| OwnField { scope: OwnScope::Position, name, unit, doc, gather };
    registry.own.extend([
        own("size", "contracts", "Signed size, 0 when there is no position.", |world, rows, out| {
            gather_position(world, rows, out, |position, market| units(position.size) / market.base_scale);
        }),
        own("entry", "coins", "Mean price of what is open, 0 when there is no position.", |world, rows, out| {
            gather_position(world, rows, out, |position, market| market.price_of(position.size, position.cost));
        }),
        own("profit", "coins", "Unrealized profit at the mark.", |world, rows, out| {
            let scale = world.resource::<Assets>().settlement_scale();
            gather_position(world, rows, out, |position, market| units(valuation::profit(market, position)) / scale);
        }),
        own("notional", "coins", "Size at the mark, without sign.", |world, rows, out| {
            let scale = world.resource::<Assets>().settlement_scale();
            gather_position(world, rows, out, |position, market| valuation::notional(market, position.size) / scale);
        }),
    ]);
}

#[allow(clippy::cast_precision_loss)]
fn units(amount: Amount) -> f64 {
    amount as f64
}

fn gather_position(world: &World, rows: Rows<'_>, out: &mut Vec<f64>, read: impl Fn(&Position, &Market) -> f64) {
    let Some(market) = part::<Market>(world, Kind::Market, rows.second) else { return };
    out.extend(rows.agents.iter().map(|agent| {
        let account =
            valuation::agent(world, *agent).and_then(|agent| valuation::accounts(world, agent).nth(rows.first));
        account
            .and_then(|(_, positions)| positions.in_market(rows.second))
            .map_or(0.0, |position| read(position, market))
    }));
}

pub(super) fn declare_probes(registry: &mut Registry) {
    let probe = |name, unit, doc, read| Probe { kind: Kind::Market, name, unit, doc, read };
    registry.probes.extend([
        probe("mark", "coins", "The mark price, 0 before the feed has published.", |world, place| {
            Cell::Float(mark(world, place))
        }),
        probe(
            "index",
            "coins",
            "What the sources of its feed say, without latency or noise; seen by no agent.",
            |world, place| Cell::Float(index(world, place)),
        ),
        probe("oracle", "coins", "The price last published by its feed, 0 before the first.", |world, place| {
            Cell::Float(feed(world, place).and_then(|feed| feed.price).map_or(0.0, Price::get))
        }),
        probe("oi_long", "contracts", "Sum of long positions.", |world, place| {
            Cell::Float(contracts(world, place, |market| market.long))
        }),
        probe("oi_short", "contracts", "Sum of short positions.", |world, place| {
            Cell::Float(contracts(world, place, |market| market.short))
        }),
        probe("oi_notional", "coins", "Notional of the fuller side.", |world, place| {
            Cell::Float(contracts(world, place, |market| market.long.max(market.short)) * mark(world, place))
        }),
        probe("oi_cap", "coins", "Largest notional of either side that is allowed.", |world, place| {
            Cell::Float(cap(world, place))
        }),
        probe("funding_rate", "ratio/day", "What longs pay to shorts.", |world, place| {
            Cell::Float(funding_rate(world, place))
        }),
        probe("margin_factor", "ratio", "Factor that volatility puts on requirements.", |world, place| {
            Cell::Float(part::<Market>(world, Kind::Market, place).map_or(f64::NAN, |market| market.margin_factor))
        }),
        Probe {
            kind: Kind::Protocol,
            name: "pool_liquid",
            unit: "coins",
            doc: "What the pool can pay at once.",
            read: |world, _| Cell::Float(pool_liquid(world)),
        },
    ]);
}

fn feed(world: &World, place: usize) -> Option<&Feed> {
    part::<Feed>(world, Kind::Feed, part::<Market>(world, Kind::Market, place)?.feed)
}

/// NaN before the sources have a price.
fn index(world: &World, place: usize) -> f64 {
    feed(world, place).and_then(|feed| feed.reference).map_or(f64::NAN, Price::get)
}
