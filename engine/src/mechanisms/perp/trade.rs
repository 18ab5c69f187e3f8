//! Trading with the pool: fill prices, fees, caps on open interest, and the margin check on what grows.

use bevy_ecs::prelude::World;

use super::activity;
use crate::action::{Actor, Args, Rejected};
use crate::domain::{
    Account, AccountId, Funds, Market, MarketState, MarketTerms, Position, Positions, UNLIMITED, Venue,
};
use crate::ledger::Ledger;
use crate::math::impact;
use crate::mechanism::Assets;
use crate::mechanisms::vaults;
use crate::registry::{Kind, part};
use crate::settlement::{self, Trade};
use crate::tx::Tx;
use crate::units::{Amount, Price, Rounding, whole};
use crate::valuation;

/// The price at which the pool trades `size`: the mark moved by the mean skew over the trade, as a ratio of the scale.
#[allow(clippy::cast_precision_loss)]
pub(in crate::mechanisms) fn fill_price(market: &Market, terms: &MarketTerms, size: Amount) -> Result<f64, Rejected> {
    let mark = market.mark.ok_or(Rejected::STALE)?;
    let skew = (market.skew() as f64 + size as f64 / 2.0) / market.base_scale;
    let price = mark.get() * (1.0 + skew / terms.skew_scale);
    Price::new(price).map(Price::get).ok_or(Rejected::LIQUIDITY)
}

fn market_of(tx: &Tx<'_>, args: &Args<'_>) -> Result<(usize, Market, MarketTerms), Rejected> {
    let place = args.handle(0, Kind::Market)? as usize;
    let entity = tx.entity(Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let market = tx.get::<Market>(entity)?.clone();
    if market.stale {
        return Err(Rejected::STALE);
    }
    if market.is_halted() {
        return Err(Rejected::HALTED);
    }
    Ok((place, market, tx.get::<MarketTerms>(entity)?.clone()))
}

pub(super) fn open(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let (place, market, _) = market_of(tx, args)?;
    let size = whole(args.number(1)? * market.base_scale, Rounding::Down).ok_or(Rejected::AMOUNT)?;
    let account = tx.account_of(actor.agent, actor.account)?;
    let before = position(tx, account, place)?.map_or(0, |position| position.size);
    take(tx, account, place, size)?;
    let after = before + size;
    let flips = before != 0 && after != 0 && (after > 0) != (before > 0);
    if market.state == MarketState::ReduceOnly && (after.abs() > before.abs() || flips) {
        return Err(Rejected::REDUCE_ONLY);
    }
    if after.abs() > before.abs() || (after > 0) != (before > 0) {
        check_caps(tx, place, size)?;
        check_initial(tx, account)?;
    }
    Ok(())
}

pub(super) fn close(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let (place, market, _) = market_of(tx, args)?;
    let account = tx.account_of(actor.agent, actor.account)?;
    let open = position(tx, account, place)?.ok_or(Rejected::NOT_FOUND)?;
    let amount = args.amount(1, market.base_scale, open.size.abs())?.min(open.size.abs());
    take(tx, account, place, -amount * open.size.signum())
}

pub(in crate::mechanisms) fn position(
    tx: &Tx<'_>,
    account: AccountId,
    market: usize,
) -> Result<Option<Position>, Rejected> {
    Ok(tx.get::<Positions>(tx.account_entity(account)?)?.in_market(market).copied())
}

/// Trades `size` with the pool at its price, and pays the fee.
fn take(tx: &mut Tx<'_>, account: AccountId, place: usize, size: Amount) -> Result<(), Rejected> {
    if size == 0 {
        return Err(Rejected::AMOUNT);
    }
    let entity = tx.entity(Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let (market, terms) = (tx.get::<Market>(entity)?, tx.get::<MarketTerms>(entity)?);
    let price = fill_price(market, terms, size)?;
    let cost = valuation::value(market, size, price, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
    settlement::trade(tx, Trade { account, market: place, size, cost })?;
    let fee = pay_fee(tx, account, place, cost)?;
    activity::count(tx, cost, fee)
}

/// Pays the fee: the insurance fund's share, the stakers' share, and the rest to the pool.
#[allow(clippy::cast_precision_loss)]
fn pay_fee(tx: &mut Tx<'_>, account: AccountId, place: usize, cost: Amount) -> Result<Amount, Rejected> {
    let entity = tx.entity(Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let (terms, vaults) = (tx.get::<MarketTerms>(entity)?, tx.get::<Market>(entity)?.vaults.clone());
    let fee = whole(cost.abs() as f64 * terms.fee, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
    let part = |share: f64| whole(fee as f64 * share, Rounding::Down).ok_or(Rejected::OVERFLOW);
    let to_insurance = part(terms.fee_insurance_share)?;
    let to_stakers = part(terms.fee_stake_share)?.min(fee - to_insurance);
    let margin = tx.account(account)?.margin;
    let funds = tx.get::<Funds>(tx.protocol()?)?.clone();
    tx.transfer(margin, funds.insurance, to_insurance, "fee").map_err(|_| Rejected::MARGIN)?;
    let staked = vaults::pay_fees(tx, &vaults, margin, (to_stakers, "fee")).map_err(|_| Rejected::MARGIN)?;
    tx.transfer(margin, funds.pool, fee - to_insurance - staked, "fee").map_err(|_| Rejected::MARGIN)?;
    Ok(fee)
}

/// Refuses when the side that `size` added to exceeds a cap.
fn check_caps(tx: &Tx<'_>, place: usize, size: Amount) -> Result<(), Rejected> {
    let world = tx.world();
    let market = part::<Market>(world, Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let side = if size > 0 { market.long } else { market.short };
    let notional = valuation::notional(market, side) / world.resource::<Assets>().settlement_scale();
    if notional > cap(world, place) { Err(Rejected::CAP) } else { Ok(()) }
}

/// The largest notional of either side, in coins.
pub(super) fn cap(world: &World, place: usize) -> f64 {
    let Some(terms) = part::<MarketTerms>(world, Kind::Market, place) else { return 0.0 };
    let by_depth = terms.oi_cap_depth_share * venue_depth(world, place);
    if terms.oi_cap_depth_share < UNLIMITED && by_depth < terms.oi_cap { by_depth } else { terms.oi_cap }
}

/// 2 % depth of the market's venues together, in coins.
#[allow(clippy::cast_precision_loss)]
pub(super) fn venue_depth(world: &World, place: usize) -> f64 {
    let Some(market) = part::<Market>(world, Kind::Market, place) else { return 0.0 };
    let ledger = world.resource::<Ledger>();
    let depth = |place: &usize| {
        let venue = part::<Venue>(world, Kind::Venue, *place)?;
        Some(impact::two_percent_depth(ledger.balance(venue.quote_slot) as f64 / venue.quote_scale))
    };
    market.venues.iter().filter_map(depth).sum()
}

/// Refuses when an account's counted collateral is below its initial requirement.
pub(in crate::mechanisms) fn check_initial(tx: &Tx<'_>, id: AccountId) -> Result<(), Rejected> {
    let entity = tx.account_entity(id)?;
    let (account, positions) = (tx.get::<Account>(entity)?, tx.get::<Positions>(entity)?);
    if valuation::free_collateral(tx.world(), account, positions) < 0 { Err(Rejected::MARGIN) } else { Ok(()) }
}
