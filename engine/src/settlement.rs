//! Changing a position and settling what follows: the one way in which size, cost, open interest and cash move together.

use crate::action::Rejected;
use crate::domain::{Account, AccountId, Funds, Market, Position, Positions};
use crate::event::{Event, EventTable};
use crate::registry::{Handle, Kind};
use crate::tx::Tx;
use crate::units::{Amount, share};

/// A change of a position.
#[derive(Clone, Copy, Debug)]
pub struct Trade {
    /// Whose account.
    pub account: AccountId,
    /// In which market, by place.
    pub market: usize,
    /// Signed change of size, in base units.
    pub size: Amount,
    /// What the change costs, in settlement units: positive when the account buys.
    pub cost: Amount,
}

/// Applies a trade between an account and the pool, realizes the profit of what it closes, and settles it in cash.
///
/// # Errors
/// [`Rejected::OVERFLOW`] when a size or cost leaves 64 bits; [`Rejected::NOT_FOUND`] for unknown ids.
pub fn trade(tx: &mut Tx<'_>, trade: Trade) -> Result<(), Rejected> {
    let entity = tx.account_entity(trade.account)?;
    let place = u16::try_from(trade.market).map_err(|_| Rejected::NOT_FOUND)?;
    let (before, (after, realized)) = tx.modify(entity, |positions: &mut Positions| {
        let before = positions.in_market(trade.market).copied().unwrap_or(Position { market: place, size: 0, cost: 0 });
        let (after, realized) = apply(before, trade)?;
        positions.0.retain(|position| position.market != place);
        if after.size != 0 {
            let at = positions.0.partition_point(|position| position.market < place);
            positions.0.insert(at, after);
        }
        Ok((before, (after, realized)))
    })?;
    let market_entity = tx.entity(Kind::Market, trade.market).ok_or(Rejected::NOT_FOUND)?;
    let mut market = tx.write::<Market>(market_entity).ok_or(Rejected::NOT_FOUND)?;
    market.long = market.long.checked_add(after.size.max(0) - before.size.max(0)).ok_or(Rejected::OVERFLOW)?;
    market.short = market.short.checked_add((-after.size).max(0) - (-before.size).max(0)).ok_or(Rejected::OVERFLOW)?;
    market.cost += i128::from(after.cost) - i128::from(before.cost);
    let price = market.price_of(trade.size, trade.cost);
    tx.modify(entity, |account: &mut Account| {
        account.claim = account.claim.checked_add(realized).ok_or(Rejected::OVERFLOW)?;
        account.last_market = place;
        Ok(())
    })?;
    tx.note(Event {
        agent: Some(tx.account(trade.account)?.owner),
        account: Some(trade.account),
        thing: Some(Handle::new(Kind::Market, trade.market)),
        size: trade.size,
        price,
        amount: trade.cost,
        ..Event::new(EventTable::Trades, change(before.size, after.size))
    });
    settle(tx, trade.account)
}

/// What a position of a size has become.
fn change(before: Amount, after: Amount) -> &'static str {
    match (before, after) {
        (0, _) => "opened",
        (_, 0) => "closed",
        _ if before.signum() != after.signum() => "turned",
        _ if after.abs() > before.abs() => "increased",
        _ => "reduced",
    }
}

/// The position after a trade, and the profit that closing realized.
fn apply(before: Position, trade: Trade) -> Result<(Position, Amount), Rejected> {
    let opposite = before.size != 0 && (before.size > 0) != (trade.size > 0);
    let closing = if opposite { trade.size.abs().min(before.size.abs()) } else { 0 };
    let closing_cost =
        if closing == trade.size.abs() { trade.cost } else { share(trade.cost, closing, trade.size.abs()) };
    let released = if closing == before.size.abs() && opposite {
        before.cost
    } else {
        share(before.cost, closing, before.size.abs())
    };
    let realized = if closing == 0 {
        0
    } else {
        closing_cost.checked_neg().and_then(|gain| gain.checked_sub(released)).ok_or(Rejected::OVERFLOW)?
    };
    let size = before.size.checked_add(trade.size).ok_or(Rejected::OVERFLOW)?;
    let cost = before.cost - released;
    let cost = cost.checked_add(trade.cost - closing_cost).ok_or(Rejected::OVERFLOW)?;
    if size.abs() > Amount::MAX / 4 || cost.abs() > Amount::MAX / 4 {
        return Err(Rejected::OVERFLOW);
    }
    Ok((Position { size, cost, ..before }, realized))
}

/// Turns an account's claim on the pool into cash as far as the pool is liquid, or its debt to the pool as far as its
/// margin reaches.
///
/// # Errors
/// [`Rejected::NOT_FOUND`] for an unknown account.
pub fn settle(tx: &mut Tx<'_>, id: AccountId) -> Result<(), Rejected> {
    let account = tx.account(id)?;
    if account.claim == 0 {
        return Ok(());
    }
    let protocol = tx.protocol()?;
    let pool = tx.get::<Funds>(protocol)?.pool;
    let change = if account.claim > 0 {
        -tx.transfer_up_to(pool, account.margin, account.claim, "realized_profit")?
    } else {
        tx.transfer_up_to(account.margin, pool, -account.claim, "realized_loss")?
    };
    let entity = tx.account_entity(id)?;
    tx.modify(entity, |account: &mut Account| {
        account.claim += change;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(before: (Amount, Amount), trade: (Amount, Amount), after: (Amount, Amount), realized: Amount) {
        let position = Position { market: 0, size: before.0, cost: before.1 };
        let change = Trade { account: AccountId(0), market: 0, size: trade.0, cost: trade.1 };
        let (result, profit) = apply(position, change).unwrap();
        assert_eq!(((result.size, result.cost), profit), (after, realized));
    }

    #[test]
    fn a_trade_is_named_by_what_it_makes_of_the_position() {
        for (before, after, what) in
            [(0, 5, "opened"), (5, 0, "closed"), (5, -1, "turned"), (-5, -7, "increased"), (-5, -2, "reduced")]
        {
            assert_eq!(change(before, after), what);
        }
    }

    #[test]
    fn closing_realizes_the_difference_of_costs() {
        check((0, 0), (10, 100), (10, 100), 0);
        check((10, 100), (-10, -120), (0, 0), 20);
        check((-10, -100), (10, 80), (0, 0), 20);
        check((10, 100), (-4, -48), (6, 60), 8);
        check((10, 100), (-15, -180), (-5, -60), 20);
        check((10, 100), (5, 60), (15, 160), 0);
    }
}
