//! How much is traded: volume, fees and open interest of a whole run, which is what a defence costs besides what it saves.

use bevy_ecs::prelude::{Component, Query, Res, World};

use crate::action::Rejected;
use crate::clock::Now;
use crate::domain::Market;
use crate::mechanism::Assets;
use crate::probe::Outcome;
use crate::registry::{Directory, Kind, Registry, part};
use crate::tx::Tx;
use crate::units::Amount;
use crate::valuation;

/// Totals of the run, in settlement units.
#[derive(Component, Clone, Copy, Debug, Default)]
pub(super) struct Activity {
    /// What agents bought and sold, liquidations not counted.
    volume: i128,
    fees: i128,
    /// Open interest of the fuller sides, added up over milliseconds.
    open_interest: f64,
    milliseconds: u64,
}

pub(super) fn declare(registry: &mut Registry) {
    let outcome = |name, doc, read| Outcome { name, unit: "coins", doc, read };
    registry.outcomes.extend([
        outcome("volume", "Notional that agents traded on markets, liquidations not counted.", |world| {
            total(world, |activity| activity.volume)
        }),
        outcome("fees", "Fees that agents paid on it.", |world| total(world, |activity| activity.fees)),
        outcome("mean_open_interest", "Open interest over time, the fuller side of each market.", |world| {
            let scale = world.resource::<Assets>().settlement_scale();
            activity(world).map_or(0.0, |activity| activity.mean_open_interest() / scale)
        }),
    ]);
}

impl Activity {
    #[allow(clippy::cast_precision_loss)]
    fn mean_open_interest(&self) -> f64 {
        if self.milliseconds == 0 { 0.0 } else { self.open_interest / self.milliseconds as f64 }
    }
}

fn activity(world: &World) -> Option<&Activity> {
    part::<Activity>(world, Kind::Protocol, 0)
}

#[allow(clippy::cast_precision_loss)]
fn total(world: &World, pick: fn(&Activity) -> i128) -> f64 {
    activity(world).map_or(0.0, |activity| pick(activity) as f64 / world.resource::<Assets>().settlement_scale())
}

/// Counts an agent's trade.
pub(super) fn count(tx: &mut Tx<'_>, cost: Amount, fee: Amount) -> Result<(), Rejected> {
    let protocol = tx.protocol()?;
    let mut activity = tx.write::<Activity>(protocol).ok_or(Rejected::NOT_FOUND)?;
    activity.volume += i128::from(cost.unsigned_abs());
    activity.fees += i128::from(fee);
    Ok(())
}

/// Adds the open interest of the step.
#[allow(clippy::cast_precision_loss)]
pub(super) fn add_open_interest(
    mut totals: Query<'_, '_, &mut Activity>,
    markets: Query<'_, '_, &Market>,
    directory: Res<'_, Directory>,
    now: Res<'_, Now>,
) {
    let markets = directory.entities(Kind::Market).filter_map(|entity| markets.get(entity).ok());
    let open: f64 = markets.map(|market| valuation::notional(market, market.long.max(market.short))).sum();
    for mut activity in &mut totals {
        activity.open_interest += open * now.dt.0 as f64;
        activity.milliseconds += now.dt.0;
    }
}
