//! Who owns which part of a vault: staking and leaving, and the fees that shares earn.

use bevy_ecs::prelude::Entity;

use crate::action::{Actor, Args, Rejected};
use crate::clock::Now;
use crate::domain::{AgentId, Cooling, Holding, Holdings, Roster, Vault, VaultTerms};
use crate::event::{Event, EventTable};
use crate::ledger::{Reason, Slot};
use crate::mechanism::Assets;
use crate::registry::{Handle, Kind};
use crate::tx::Tx;
use crate::units::{Amount, share};
use crate::valuation;

/// A vault as an action finds it.
struct Found {
    place: usize,
    entity: Entity,
    vault: Vault,
}

fn vault(tx: &Tx<'_>, place: usize) -> Result<Found, Rejected> {
    let entity = tx.entity(Kind::Vault, place).ok_or(Rejected::NOT_FOUND)?;
    Ok(Found { place, entity, vault: tx.get::<Vault>(entity)?.clone() })
}

fn agent_entity(tx: &Tx<'_>, agent: AgentId) -> Result<Entity, Rejected> {
    tx.world().resource::<Roster>().agent(agent).ok_or(Rejected::NOT_FOUND)
}

/// Changes an agent's holding with its fees settled first.
fn with_holding<T>(
    tx: &mut Tx<'_>,
    found: &Found,
    agent: AgentId,
    change: impl FnOnce(&mut Holding) -> Result<T, Rejected>,
) -> Result<T, Rejected> {
    let entity = agent_entity(tx, agent)?;
    tx.modify(entity, |holdings: &mut Holdings| {
        let holding = holdings.entry(found.place);
        holding.settle(found.vault.index);
        let result = change(holding)?;
        holdings.0.retain(|holding| holding.shares > 0 || holding.owed > 0);
        Ok(result)
    })
}

pub(super) fn stake(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let found = vault(tx, args.handle(0, Kind::Vault)? as usize)?;
    let wallet = tx.agent(actor.agent)?.wallet.asset(found.vault.asset);
    let scale = tx.world().resource::<Assets>().scale(found.vault.asset);
    let amount = args.amount(1, scale, tx.balance(wallet))?;
    let there = tx.balance(found.vault.staked);
    let shares = if found.vault.shares == 0 {
        amount
    } else if there == 0 {
        // Everything was cut: its shares are worth nothing, and whoever joins would share with them.
        return Err(Rejected::new("vault_wiped_out"));
    } else {
        let shares = i128::from(amount) * i128::from(found.vault.shares) / i128::from(there);
        Amount::try_from(shares).map_err(|_| Rejected::OVERFLOW)?
    };
    let total = found.vault.shares.checked_add(shares).filter(|total| *total <= Amount::MAX / 4);
    let total = total.ok_or(Rejected::OVERFLOW)?;
    if shares == 0 {
        return Err(Rejected::AMOUNT);
    }
    tx.transfer(wallet, found.vault.staked, amount, "stake")?;
    tx.write::<Vault>(found.entity).ok_or(Rejected::NOT_FOUND)?.shares = total;
    with_holding(tx, &found, actor.agent, |holding| {
        holding.shares += shares;
        Ok(())
    })?;
    note(tx, "staked", (found.place, actor.agent), amount);
    Ok(())
}

pub(super) fn unstake(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let found = vault(tx, args.handle(0, Kind::Vault)? as usize)?;
    let free = valuation::holding(tx.world(), actor.agent, found.place)
        .map_or(0, |(holding, _)| holding.shares - holding.cooling_shares());
    let there = tx.balance(found.vault.staked);
    let worth = share(there, free, found.vault.shares);
    let scale = tx.world().resource::<Assets>().scale(found.vault.asset);
    let amount = args.amount(1, scale, worth)?;
    if amount > worth {
        return Err(Rejected::FUNDS);
    }
    // Rounded up, so that leaving in many small steps gains nothing.
    let shares = if amount == worth { free } else { (share(free, amount, worth) + 1).min(free) };
    let cooldown = tx.get::<VaultTerms>(found.entity)?.cooldown;
    let until = tx.world().resource::<Now>().time.saturating_add(cooldown.0);
    with_holding(tx, &found, actor.agent, |holding| {
        holding.cooling.push(Cooling { shares, until });
        Ok(())
    })?;
    note(tx, "unstaked", (found.place, actor.agent), amount);
    if cooldown.0 == 0 { take_out(tx, actor.agent, found.place) } else { Ok(()) }
}

pub(super) fn redeem(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    take_out(tx, actor.agent, args.handle(0, Kind::Vault)? as usize)
}

fn take_out(tx: &mut Tx<'_>, agent: AgentId, place: usize) -> Result<(), Rejected> {
    let found = vault(tx, place)?;
    let now = tx.world().resource::<Now>().time;
    let shares = with_holding(tx, &found, agent, |holding| {
        let ready: Amount =
            holding.cooling.iter().filter(|cooling| cooling.until <= now).map(|cooling| cooling.shares).sum();
        holding.cooling.retain(|cooling| cooling.until > now);
        holding.shares -= ready;
        if ready > 0 { Ok(ready) } else { Err(Rejected::new("nothing_cooled_down")) }
    })?;
    let amount = share(tx.balance(found.vault.staked), shares, found.vault.shares);
    let wallet = tx.agent(agent)?.wallet.asset(found.vault.asset);
    tx.transfer(found.vault.staked, wallet, amount, "unstake")?;
    tx.write::<Vault>(found.entity).ok_or(Rejected::NOT_FOUND)?.shares -= shares;
    note(tx, "redeemed", (place, agent), amount);
    Ok(())
}

pub(super) fn claim(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let found = vault(tx, args.handle(0, Kind::Vault)? as usize)?;
    let owed = with_holding(tx, &found, actor.agent, |holding| Ok(std::mem::take(&mut holding.owed)))?;
    if owed == 0 {
        return Err(Rejected::AMOUNT);
    }
    let settlement = tx.world().resource::<Assets>().settlement();
    let wallet = tx.agent(actor.agent)?.wallet.asset(settlement);
    tx.transfer(found.vault.rewards, wallet, owed, "stake_fees")
}

/// Burns `shares` of an agent; their stake is taken out of the vault by the caller.
pub(super) fn burn(tx: &mut Tx<'_>, place: usize, agent: AgentId, shares: Amount) -> Result<(), Rejected> {
    let found = vault(tx, place)?;
    with_holding(tx, &found, agent, |holding| {
        holding.remove(shares);
        Ok(())
    })?;
    tx.write::<Vault>(found.entity).ok_or(Rejected::NOT_FOUND)?.shares -= shares;
    Ok(())
}

/// Pays fees to the stakers of vaults, in equal parts; returns what was paid, which is nothing where nobody stakes.
pub(in crate::mechanisms) fn pay_fees(
    tx: &mut Tx<'_>,
    vaults: &[usize],
    from: Slot,
    (amount, reason): (Amount, Reason),
) -> Result<Amount, Rejected> {
    let mut staked = Vec::with_capacity(vaults.len());
    for place in vaults {
        let found = vault(tx, *place)?;
        if found.vault.shares > 0 {
            staked.push(found);
        }
    }
    let Ok(count) = Amount::try_from(staked.len()) else { return Ok(0) };
    let each = amount.checked_div(count).unwrap_or(0);
    if each == 0 {
        return Ok(0);
    }
    for Found { entity, vault, .. } in staked {
        tx.transfer(from, vault.rewards, each, reason)?;
        let step = i128::from(each) * Vault::INDEX_SCALE / i128::from(vault.shares);
        let mut vault = tx.write::<Vault>(entity).ok_or(Rejected::NOT_FOUND)?;
        vault.index += step;
        vault.earned = vault.earned.saturating_add(each);
    }
    Ok(each * count)
}

fn note(tx: &mut Tx<'_>, what: &'static str, (place, agent): (usize, AgentId), amount: Amount) {
    let thing = Some(Handle::new(Kind::Vault, place));
    tx.note(Event { agent: Some(agent), thing, size: amount, ..Event::new(EventTable::Stakes, what) });
}
