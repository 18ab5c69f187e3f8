//! Liquidations that the published price called for and the feed's reference did not: what they cost their accounts is a
//! claim on whatever stake is cut for offences of that feed.

use bevy_ecs::prelude::World;

use crate::action::Rejected;
use crate::domain::{Account, AccountId, Feed, Harm, Market, Positions, Risk};
use crate::registry::{Kind, part};
use crate::tx::Tx;
use crate::units::{Amount, Price};
use crate::valuation;

/// Runs what happens to an account, and notes it as wrongful when the account was sound at the reference price; harm is
/// the difference that it made to its net collateral there.
pub(super) fn judged(
    tx: &mut Tx<'_>,
    id: AccountId,
    act: impl FnOnce(&mut Tx<'_>) -> Result<(), Rejected>,
) -> Result<(), Rejected> {
    let (before, feed) = (at_reference(tx, id)?, feed_of(tx, id)?);
    act(tx)?;
    let Some(feed) = feed.filter(|_| before.nc >= before.mmr) else { return Ok(()) };
    let harm = before.nc.saturating_sub(at_reference(tx, id)?.nc);
    let entity = tx.entity(Kind::Feed, feed).ok_or(Rejected::NOT_FOUND)?;
    if harm <= 0 || tx.get::<Harm>(entity)?.total.checked_add(harm).is_none() {
        return Ok(());
    }
    let change = move |harms: &mut Harm, harm: Amount| {
        *harms.claims.entry(id).or_default() += harm;
        harms.total += harm;
    };
    tx.amend::<Harm>(
        entity,
        |harms| {
            change(harms, harm);
            harms.liquidations += 1;
        },
        move |harms| {
            change(harms, -harm);
            harms.liquidations -= 1;
            harms.claims.retain(|_, claim| *claim > 0);
        },
    )
}

/// The feed of the market in which the account holds most.
fn feed_of(tx: &Tx<'_>, id: AccountId) -> Result<Option<usize>, Rejected> {
    let positions = tx.get::<Positions>(tx.account_entity(id)?)?;
    let market = |place: u16| part::<Market>(tx.world(), Kind::Market, usize::from(place));
    let held = positions.0.iter().filter_map(|position| {
        let market = market(position.market)?;
        Some((valuation::notional(market, position.size), market.feed))
    });
    Ok(held.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, feed)| feed))
}

fn at_reference(tx: &Tx<'_>, id: AccountId) -> Result<Risk, Rejected> {
    let entity = tx.account_entity(id)?;
    let (account, positions) = (tx.get::<Account>(entity)?, tx.get::<Positions>(entity)?);
    Ok(valuation::risk_on(tx.world(), account, positions, |market| reference(tx.world(), market)))
}

fn reference(world: &World, market: &Market) -> Option<Price> {
    part::<Feed>(world, Kind::Feed, market.feed).and_then(|feed| feed.reference).or(market.mark)
}
