//! Funding: the side that skews a market pays the other, with the pool between them.

use bevy_ecs::prelude::World;

use crate::action::Rejected;
use crate::book::Book;
use crate::clock::Now;
use crate::domain::{AccountId, Funds, Market, MarketTerms, Positions};
use crate::math::funding;
use crate::registry::{Directory, Kind, part};
use crate::tx::Tx;
use crate::units::Rounding;
use crate::valuation;

/// Charges every position its funding for the periods that end in this step; the pool is the party between the sides.
///
/// Payers pay from margin as far as it reaches; what they cannot pay is added to their position's cost, so that it is
/// settled when the position closes. Receivers are paid from the pool in the same way.
pub(super) fn pay_funding(world: &mut World) {
    let now = *world.resource::<Now>();
    for place in 0..world.resource::<Directory>().count(Kind::Market) {
        let Some(terms) = part::<MarketTerms>(world, Kind::Market, place) else { continue };
        #[allow(clippy::cast_precision_loss)]
        let periods = now.crossings(terms.funding_period) as f64;
        let rate = funding_rate(world, place) * terms.funding_period.days() * periods;
        if rate == 0.0 {
            continue;
        }
        Book::follow(world);
        let mut accounts: Vec<AccountId> = world.resource::<Book>().rows().iter().map(|row| row.account).collect();
        // The first ones find more in the pool.
        accounts.sort_unstable();
        for account in accounts {
            // A payment that overflows is left out whole; everyone else's is unaffected.
            let _ = Tx::new(world).scope(|tx| charge_funding(tx, account, place, rate));
        }
    }
}

fn charge_funding(tx: &mut Tx<'_>, id: AccountId, place: usize, rate: f64) -> Result<(), Rejected> {
    let entity = tx.account_entity(id)?;
    let Some(position) = tx.get::<Positions>(entity)?.in_market(place).copied() else { return Ok(()) };
    let market_entity = tx.entity(Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let market = tx.get::<Market>(market_entity)?;
    let Some(mark) = market.mark else { return Ok(()) };
    let owed = valuation::value(market, position.size, mark.get() * rate, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
    let (margin, pool) = (tx.account(id)?.margin, tx.get::<Funds>(tx.protocol()?)?.pool);
    let paid = if owed >= 0 {
        tx.transfer_up_to(margin, pool, owed, "funding")?
    } else {
        -tx.transfer_up_to(pool, margin, -owed, "funding")?
    };
    let rest = owed - paid;
    if rest != 0 {
        tx.modify(entity, |positions: &mut Positions| {
            if let Some(position) = positions.0.iter_mut().find(|position| usize::from(position.market) == place) {
                position.cost = position.cost.checked_add(rest).ok_or(Rejected::OVERFLOW)?;
            }
            Ok(())
        })?;
        tx.write::<Market>(market_entity).ok_or(Rejected::NOT_FOUND)?.cost += i128::from(rest);
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
pub(super) fn funding_rate(world: &World, place: usize) -> f64 {
    let (Some(market), Some(terms)) =
        (part::<Market>(world, Kind::Market, place), part::<MarketTerms>(world, Kind::Market, place))
    else {
        return 0.0;
    };
    funding::skew_rate(market.skew() as f64 / market.base_scale, terms.funding_scale, terms.funding_cap)
}
