//! Constant-product pools: an asset's price made by the trades of agents.

use std::collections::BTreeMap;

use bevy_ecs::prelude::{Component, Query, Res, World};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{ActionSpec, Actor, ArgKind, ArgSpec, Args, Receiver, Rejected, Who};
use crate::clock::Now;
use crate::domain::{AgentId, External, History, Venue};
use crate::event::{Event, EventTable};
use crate::ledger::{Bucket, Ledger, Slot};
use crate::math::impact;
use crate::mechanism::{Assets, Mechanism, Setup, price_at};
use crate::outcomes::attacker_flow;
use crate::params;
use crate::phase::{Half, Phase};
use crate::probe::{Cell, Outcome, Probe};
use crate::registry::{BlockSpec, Directory, Handle, Kind, Registry, part};
use crate::scenario::SetupError;
use crate::tx::Tx;
use crate::units::{Amount, Price};
use crate::view::{FieldKind, PublicField};

const VENUES: &str = "market.venues";

/// Trading venues.
pub(super) struct Venues;

/// A venue, under `market.venues`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VenueBlock {
    /// The asset traded.
    base: String,
    /// The asset it is priced in, another one.
    quote: String,
    /// Price at the start, in quote per base.
    #[schemars(with = "Price")]
    price: f64,
    /// Quote reserve at the start, in coins; the base reserve follows from the price.
    #[schemars(range(min = 0.0))]
    depth: f64,
    /// Fee on what goes in.
    #[serde(default = "default_fee")]
    fee: f64,
}

fn default_fee() -> f64 {
    VenueTerms::default().fee
}

/// What may be voted on.
#[derive(Component, Clone, Debug)]
struct VenueTerms {
    fee: f64,
}

impl Default for VenueTerms {
    fn default() -> Self {
        Self { fee: 0.003 }
    }
}

/// Highest and first price seen at the end of a step.
#[derive(Component, Clone, Copy, Debug)]
struct Extremes {
    first: f64,
    peak: f64,
}

const VENUE: ArgSpec = ArgSpec { name: "venue", kind: ArgKind::Handle(Kind::Venue), unit: "", doc: "The venue." };
const SPENT: ArgSpec = ArgSpec { name: "spend", kind: ArgKind::Amount, unit: "quote coins", doc: "Quote to spend." };
const SOLD: ArgSpec = ArgSpec { name: "amount", kind: ArgKind::Amount, unit: "base coins", doc: "Base to sell." };

impl Mechanism for Venues {
    fn name(&self) -> &'static str {
        "venues"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.push(BlockSpec::of::<BTreeMap<String, VenueBlock>>(
            VENUES,
            "Constant-product pools: base, quote, price, depth and fee each.",
        ));
        registry.params.extend(params![VenueTerms, Kind::Venue, "market.venues";
            fee: "ratio", 0.0, 0.5, Neither, "Fee on what goes in, kept by the pool.";
        ]);
        declare_view(registry);
        let probe = |name, unit, doc, read| Probe { kind: Kind::Venue, name, unit, doc, read };
        registry.probes.extend([
            probe("price", "quote/base", "Price of the next infinitesimal trade.", |world, place| {
                Cell::Float(price(world, place))
            }),
            probe("depth", "quote coins", "Quote that moves the price by 2 %.", |world, place| {
                Cell::Float(depth(world, place))
            }),
            probe("base_reserve", "base units", "Base in the pool.", |world, place| {
                reserve(world, place, |venue| venue.base_slot)
            }),
            probe("quote_reserve", "quote units", "Quote in the pool.", |world, place| {
                reserve(world, place, |venue| venue.quote_slot)
            }),
        ]);
        registry.outcomes.extend([
            Outcome {
                name: "attacker_bought",
                unit: "coins",
                doc: "Settlement coins that attackers paid on venues.",
                read: |world| attacker_flow(world, &["swap"], false),
            },
            Outcome {
                name: "attacker_sold",
                unit: "coins",
                doc: "Settlement coins that attackers got on venues.",
                read: |world| attacker_flow(world, &["swap"], true),
            },
        ]);
        registry.outcomes.push(Outcome {
            name: "spot_multiple",
            unit: "ratio",
            doc: "Largest ratio, over venues, of the highest price at the end of a step to the first price.",
            read: |world| {
                let ratio = |extremes: &Extremes| extremes.peak / extremes.first;
                let venues = world.resource::<Directory>().entities(Kind::Venue);
                venues
                    .filter_map(|entity| world.get::<Extremes>(entity))
                    .map(ratio)
                    .fold(1.0, |a, b| if b > a { b } else { a })
            },
        });
        registry.actions.extend([
            ActionSpec {
                name: "buy",
                receiver: Receiver::Me,
                who: Who::Everyone,
                args: &[VENUE, SPENT],
                doc: "Buys base on a venue.",
                run: buy,
            },
            ActionSpec {
                name: "sell",
                receiver: Receiver::Me,
                who: Who::Everyone,
                args: &[VENUE, SOLD],
                doc: "Sells base on a venue.",
                run: sell,
            },
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let blocks: BTreeMap<String, VenueBlock> = setup.block(VENUES)?.unwrap_or_default();
        for (name, block) in blocks {
            open_venue(setup, &name, &block)?;
        }
        setup.state::<VenueTerms>();
        setup.state::<Venue>();
        setup.system(Phase::Execute, Half::Settle, note_prices);
        Ok(())
    }
}

fn declare_view(registry: &mut Registry) {
    let number = FieldKind::Number;
    let field = |name, kind, unit, doc, read| PublicField::new(Kind::Venue, name, kind, unit, doc, read);
    registry.public.extend([
        field("price", number, "quote/base", "Price of the next infinitesimal trade.", price),
        field("depth", number, "quote coins", "Quote that moves the price by 2 %.", depth),
        field("base_reserve", number, "base coins", "Base in the pool.", |world, place| reserves(world, place).0),
        field("quote_reserve", number, "quote coins", "Quote in the pool.", |world, place| reserves(world, place).1),
        field("fee", number, "ratio", "Fee on what goes in.", |world, place| {
            part::<VenueTerms>(world, Kind::Venue, place).map_or(0.0, |terms| terms.fee)
        }),
        field("base", FieldKind::Handle(Kind::Asset), "", "The asset traded.", |world, place| {
            part::<Venue>(world, Kind::Venue, place).map_or(-1.0, |venue| f64::from(venue.base.0))
        })
        .fixed(),
        field("quote", FieldKind::Handle(Kind::Asset), "", "The asset it is priced in.", |world, place| {
            part::<Venue>(world, Kind::Venue, place).map_or(-1.0, |venue| f64::from(venue.quote.0))
        })
        .fixed(),
        field(
            "has_external",
            FieldKind::Flag,
            "",
            "Whether the base asset has a price outside the world.",
            |world, place| {
                if external(world, place).is_some() { 1.0 } else { 0.0 }
            },
        ),
        field(
            "external",
            number,
            "coins",
            "The base asset's price outside the world, 0 when there is none.",
            |world, place| external(world, place).unwrap_or(0.0),
        ),
    ]);
}

fn open_venue(setup: &mut Setup<'_>, name: &str, block: &VenueBlock) -> Result<(), SetupError> {
    let path = format!("{VENUES}.{name}");
    let base = setup.asset(&block.base, &format!("{path}.base"))?;
    let quote = setup.asset(&block.quote, &format!("{path}.quote"))?;
    if base == quote {
        return Err(SetupError::value(format!("{path}.quote"), "expected an asset other than the base"));
    }
    let price = price_at(block.price, &format!("{path}.price"))?.get();
    let group = setup.group(&format!("liquidity {name}"));
    let depth_path = format!("{path}.depth");
    let quote_slot = setup.fund(group, Bucket::Reserve, quote, block.depth, &depth_path)?;
    let base_slot = setup.fund(group, Bucket::Reserve, base, block.depth / price, &depth_path)?;
    let ledger = setup.world.resource::<Ledger>();
    if ledger.balance(base_slot) < 1_000 || ledger.balance(quote_slot) < 1_000 {
        return Err(SetupError::value(depth_path, "expected at least 1000 smallest units of either asset"));
    }
    let assets = setup.world.resource::<Assets>();
    let venue =
        Venue { base, quote, base_slot, quote_slot, base_scale: assets.scale(base), quote_scale: assets.scale(quote) };
    let mut history = History::default();
    history.push(0, price);
    let terms = VenueTerms { fee: block.fee };
    setup.spawn(Kind::Venue, name, (venue, terms, history, Extremes { first: price, peak: price }));
    Ok(())
}

/// Reserves in coins: base, quote.
#[allow(clippy::cast_precision_loss)]
fn reserves(world: &World, place: usize) -> (f64, f64) {
    let Some(venue) = part::<Venue>(world, Kind::Venue, place) else { return (0.0, 0.0) };
    in_coins(world.resource::<Ledger>(), venue)
}

/// A venue's reserves in coins, base and quote, and its fee.
pub(super) fn pool(world: &World, place: usize) -> Option<(f64, f64, f64)> {
    let fee = part::<VenueTerms>(world, Kind::Venue, place)?.fee;
    let (base, quote) = reserves(world, place);
    Some((base, quote, fee))
}

/// Quote units that selling base units at once would bring.
pub(super) fn brings(world: &World, place: usize, sold: Amount) -> Amount {
    let venue = part::<Venue>(world, Kind::Venue, place).zip(part::<VenueTerms>(world, Kind::Venue, place));
    let ledger = world.resource::<Ledger>();
    let out = venue.and_then(|(venue, terms)| {
        impact::swap_out(sold, ledger.balance(venue.base_slot), ledger.balance(venue.quote_slot), in_ppm(terms.fee))
    });
    out.unwrap_or(0)
}

#[allow(clippy::cast_precision_loss)]
fn in_coins(ledger: &Ledger, venue: &Venue) -> (f64, f64) {
    (
        ledger.balance(venue.base_slot) as f64 / venue.base_scale,
        ledger.balance(venue.quote_slot) as f64 / venue.quote_scale,
    )
}

fn price(world: &World, place: usize) -> f64 {
    let (base, quote) = reserves(world, place);
    quote / base
}

fn depth(world: &World, place: usize) -> f64 {
    impact::two_percent_depth(reserves(world, place).1)
}

fn reserve(world: &World, place: usize, slot: fn(&Venue) -> Slot) -> Cell {
    let balance =
        part::<Venue>(world, Kind::Venue, place).map_or(0, |venue| world.resource::<Ledger>().balance(slot(venue)));
    Cell::Int(balance)
}

fn external(world: &World, place: usize) -> Option<f64> {
    let venue = part::<Venue>(world, Kind::Venue, place)?;
    part::<External>(world, Kind::Asset, usize::from(venue.base.0)).map(|external| external.price.get())
}

fn note_prices(
    mut venues: Query<'_, '_, (&Venue, &mut History, &mut Extremes)>,
    ledger: Res<'_, Ledger>,
    now: Res<'_, Now>,
) {
    for (venue, mut history, mut extremes) in &mut venues {
        let (base, quote) = in_coins(&ledger, venue);
        let price = quote / base;
        history.push(now.time + now.dt.0, price);
        if price > extremes.peak {
            extremes.peak = price;
        }
    }
}

fn buy(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let (venue, fee) = venue(tx, args)?;
    let wallet = tx.agent(actor.agent)?.wallet;
    let (pays, gets) = (wallet.asset(venue.quote), wallet.asset(venue.base));
    let spent = args.amount(1, venue.quote_scale, tx.balance(pays))?;
    let got = swap(tx, Leg { from: pays, into: venue.quote_slot, amount: spent }, (venue.base_slot, gets), fee)?;
    note(tx, (args.handle(0, Kind::Venue)? as usize, &venue), Some(actor.agent), (got, spent));
    Ok(())
}

fn sell(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let (venue, fee) = venue(tx, args)?;
    let wallet = tx.agent(actor.agent)?.wallet;
    let (pays, gets) = (wallet.asset(venue.base), wallet.asset(venue.quote));
    let sold = args.amount(1, venue.base_scale, tx.balance(pays))?;
    let raised = swap(tx, Leg { from: pays, into: venue.base_slot, amount: sold }, (venue.quote_slot, gets), fee)?;
    note(tx, (args.handle(0, Kind::Venue)? as usize, &venue), Some(actor.agent), (-sold, -raised));
    Ok(())
}

/// Notes an exchange: base units got and what they cost, both negative for a sale.
#[allow(clippy::cast_precision_loss)]
fn note(tx: &mut Tx<'_>, (place, venue): (usize, &Venue), agent: Option<AgentId>, (size, cost): (Amount, Amount)) {
    let price = (cost as f64 / venue.quote_scale) / (size as f64 / venue.base_scale);
    tx.note(Event {
        agent,
        thing: Some(Handle::new(Kind::Venue, place)),
        size,
        price,
        amount: cost,
        ..Event::new(EventTable::Trades, if size > 0 { "bought" } else { "sold" })
    });
}

fn venue(tx: &Tx<'_>, args: &Args<'_>) -> Result<(Venue, u32), Rejected> {
    venue_at(tx, args.handle(0, Kind::Venue)? as usize)
}

/// A venue and its fee in parts per million.
fn venue_at(tx: &Tx<'_>, place: usize) -> Result<(Venue, u32), Rejected> {
    let entity = tx.entity(Kind::Venue, place).ok_or(Rejected::NOT_FOUND)?;
    let fee = tx.get::<VenueTerms>(entity)?.fee;
    Ok((tx.get::<Venue>(entity)?.clone(), in_ppm(fee)))
}

/// A fee in parts per million.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn in_ppm(fee: f64) -> u32 {
    // Bounds keep the fee within 0…0.5, so parts per million fit.
    libm::round(fee * 1e6) as u32
}

#[derive(Clone, Copy)]
struct Leg {
    from: Slot,
    into: Slot,
    amount: Amount,
}

/// A forced sale of base: from whose slot, into whose, and how much.
#[derive(Clone, Copy)]
pub(super) struct Sale {
    pub(super) venue: usize,
    pub(super) from: Slot,
    pub(super) to: Slot,
    /// Base units there are to sell.
    pub(super) available: Amount,
    /// Quote units wanted.
    pub(super) wanted: Amount,
}

/// Sells as little base as raises what is wanted, or all that is available; returns what was sold and what it raised.
pub(super) fn sell_for(tx: &mut Tx<'_>, sale: Sale) -> Result<(Amount, Amount), Rejected> {
    let (venue, fee) = venue_at(tx, sale.venue)?;
    let (base, quote) = (tx.balance(venue.base_slot), tx.balance(venue.quote_slot));
    let needed = impact::swap_in(sale.wanted, base, quote, fee).unwrap_or(Amount::MAX);
    let sold = needed.min(sale.available);
    let leg = Leg { from: sale.from, into: venue.base_slot, amount: sold };
    match swap(tx, leg, (venue.quote_slot, sale.to), fee) {
        Ok(raised) => {
            note(tx, (sale.venue, &venue), None, (-sold, -raised));
            Ok((sold, raised))
        }
        // A pool too dry to pay a single unit raises nothing, and nothing is sold.
        Err(Rejected::LIQUIDITY) => Ok((0, 0)),
        Err(other) => Err(other),
    }
}

fn swap(tx: &mut Tx<'_>, input: Leg, output: (Slot, Slot), fee_ppm: u32) -> Result<Amount, Rejected> {
    let (reserve_out, receiver) = output;
    let out = impact::swap_out(input.amount, tx.balance(input.into), tx.balance(reserve_out), fee_ppm)
        .ok_or(Rejected::OVERFLOW)?;
    if out == 0 {
        return Err(Rejected::LIQUIDITY);
    }
    tx.transfer(input.from, input.into, input.amount, "swap")?;
    tx.transfer(reserve_out, receiver, out, "swap")?;
    Ok(out)
}
