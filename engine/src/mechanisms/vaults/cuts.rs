//! Cutting stake: from everybody in a vault for a loss, from one staker for an offence, never beyond the cap of a window;
//! and what becomes of what was cut.

use bevy_ecs::prelude::World;

use crate::action::Rejected;
use crate::clock::Now;
use crate::domain::{AgentId, CutWindow, Disposal, Vault, VaultTerms};
use crate::event::{Event, EventTable};
use crate::ledger::{Ledger, Slot};
use crate::mechanism::Assets;
use crate::mechanisms::venues::{self, Sale};
use crate::registry::{Handle, Kind, part};
use crate::tx::Tx;
use crate::units::{Amount, Millis, Rounding, share, whole};
use crate::valuation;

/// Stake that was cut and still lies in the vault, for the caller to dispose of.
#[derive(Clone, Copy, Debug)]
pub(in crate::mechanisms) struct Cut {
    /// The vault, by place.
    pub(in crate::mechanisms) vault: usize,
    /// Units of its asset.
    pub(in crate::mechanisms) amount: Amount,
}

/// Cuts everybody in a vault for as much as raises `need` settlement units on `to`; returns what was raised.
pub(in crate::mechanisms) fn cover(tx: &mut Tx<'_>, place: usize, to: Slot, need: Amount) -> Result<Amount, Rejected> {
    let entity = tx.entity(Kind::Vault, place).ok_or(Rejected::NOT_FOUND)?;
    let vault = tx.get::<Vault>(entity)?.clone();
    let room = open_window(tx, place)?.min(tx.balance(vault.staked));
    if room == 0 || need == 0 {
        return Ok(0);
    }
    let (cut, raised) = dispose(tx, Cut { vault: place, amount: room }, to, need)?;
    count(tx, place, cut)?;
    note_cut(tx, "cut_for_loss", (place, None), (cut, raised))?;
    Ok(raised)
}

/// Cuts one staker by `part` of its stake, as far as the window's cap allows, and burns the shares; what was cut still
/// lies in the vault.
#[allow(clippy::cast_precision_loss)]
pub(in crate::mechanisms) fn cut_one(
    tx: &mut Tx<'_>,
    place: usize,
    agent: AgentId,
    part: f64,
) -> Result<Cut, Rejected> {
    let room = open_window(tx, place)?;
    let Some((holding, vault)) = valuation::holding(tx.world(), agent, place) else {
        return Ok(Cut { vault: place, amount: 0 });
    };
    let (shares, all, staked) = (holding.shares, vault.shares, vault.staked);
    let there = tx.balance(staked);
    let wanted = whole(share(there, shares, all) as f64 * part, Rounding::Down).ok_or(Rejected::OVERFLOW)?;
    let amount = wanted.min(room);
    if amount == 0 {
        return Ok(Cut { vault: place, amount: 0 });
    }
    // Rounded up against the offender, so that nobody else bears a unit of it.
    let burned = Amount::try_from((i128::from(amount) * i128::from(all) + i128::from(there) - 1) / i128::from(there))
        .map_err(|_| Rejected::OVERFLOW)?
        .min(shares);
    super::shares::burn(tx, place, agent, burned)?;
    count(tx, place, amount)?;
    Ok(Cut { vault: place, amount })
}

/// Sells cut stake for `wanted` settlement units on `to`, or puts what that is worth into the treasury, by the vault's
/// rule; returns the stake used and what it raised. The rest stays where it is.
pub(in crate::mechanisms) fn dispose(
    tx: &mut Tx<'_>,
    cut: Cut,
    to: Slot,
    wanted: Amount,
) -> Result<(Amount, Amount), Rejected> {
    let entity = tx.entity(Kind::Vault, cut.vault).ok_or(Rejected::NOT_FOUND)?;
    let vault = tx.get::<Vault>(entity)?.clone();
    match (tx.get::<VaultTerms>(entity)?.disposal, vault.venue) {
        (Disposal::Hold, _) => {
            let held = cut.amount.min(worth_in_stake(tx, &vault, wanted)?);
            tx.transfer(vault.staked, vault.treasury, held, "slash")?;
            Ok((held, 0))
        }
        (Disposal::Sell, Some(venue)) => {
            let sale = Sale { venue, from: vault.staked, to, available: cut.amount, wanted };
            venues::sell_for(tx, sale)
        }
        (Disposal::Sell, None) => {
            let paid = cut.amount.min(wanted);
            tx.transfer(vault.staked, to, paid, "slash")?;
            Ok((paid, paid))
        }
    }
}

/// Stake that `wanted` settlement units are worth at the market price, rounded up.
#[allow(clippy::cast_precision_loss)]
fn worth_in_stake(tx: &Tx<'_>, vault: &Vault, wanted: Amount) -> Result<Amount, Rejected> {
    let price = valuation::marked(tx.world(), vault.asset, 1) * tx.world().resource::<Assets>().settlement_scale();
    if price > 0.0 { Ok(whole(wanted as f64 / price, Rounding::Up).unwrap_or(Amount::MAX)) } else { Ok(Amount::MAX) }
}

/// What may still be cut in the window that is open now; a new window begins when the last one is over.
fn open_window(tx: &mut Tx<'_>, place: usize) -> Result<Amount, Rejected> {
    let entity = tx.entity(Kind::Vault, place).ok_or(Rejected::NOT_FOUND)?;
    let (now, base) = (tx.world().resource::<Now>().time, tx.balance(tx.get::<Vault>(entity)?.staked));
    let terms = tx.get::<VaultTerms>(entity)?;
    let (cap, length) = (terms.slash_cap, terms.slash_window.0);
    let mut window = current(tx.get::<Vault>(entity)?.window, (now, length), base);
    let limit = limit(window, cap);
    window.allowed = window.allowed.max(limit);
    tx.write::<Vault>(entity).ok_or(Rejected::NOT_FOUND)?.window = window;
    Ok((limit - window.cut).max(0))
}

/// The window at `now`: the one that is open, or a new one over the stake there is.
fn current(window: CutWindow, (now, length): (Millis, Millis), base: Amount) -> CutWindow {
    let is_open = window.base > 0 && now - window.start < length;
    if is_open { window } else { CutWindow { start: now, base, ..CutWindow::default() } }
}

/// What a cap allows to be cut in a window, from its beginning on.
#[allow(clippy::cast_precision_loss)]
fn limit(window: CutWindow, cap: f64) -> Amount {
    whole(window.base as f64 * cap, Rounding::Down).unwrap_or(0).min(window.base)
}

/// What may still be cut from a vault now.
pub(in crate::mechanisms) fn room(world: &World, place: usize) -> Amount {
    let (Some(vault), Some(terms)) =
        (part::<Vault>(world, Kind::Vault, place), part::<VaultTerms>(world, Kind::Vault, place))
    else {
        return 0;
    };
    let (now, there) = (world.resource::<Now>().time, world.resource::<Ledger>().balance(vault.staked));
    let window = current(vault.window, (now, terms.slash_window.0), there);
    (limit(window, terms.slash_cap) - window.cut).clamp(0, there)
}

fn count(tx: &mut Tx<'_>, place: usize, amount: Amount) -> Result<(), Rejected> {
    let entity = tx.entity(Kind::Vault, place).ok_or(Rejected::NOT_FOUND)?;
    let mut vault = tx.write::<Vault>(entity).ok_or(Rejected::NOT_FOUND)?;
    vault.window.cut += amount;
    vault.cut = vault.cut.saturating_add(amount);
    Ok(())
}

/// Notes a cut: the stake, and what it raised.
pub(in crate::mechanisms) fn note_cut(
    tx: &mut Tx<'_>,
    what: &'static str,
    (place, agent): (usize, Option<AgentId>),
    (cut, raised): (Amount, Amount),
) -> Result<(), Rejected> {
    let entity = tx.entity(Kind::Vault, place).ok_or(Rejected::NOT_FOUND)?;
    let asset = tx.get::<Vault>(entity)?.asset;
    let price = valuation::price(tx.world(), asset);
    let thing = Some(Handle::new(Kind::Vault, place));
    tx.note(Event { agent, thing, size: cut, price, amount: raised, ..Event::new(EventTable::Slashes, what) });
    Ok(())
}
