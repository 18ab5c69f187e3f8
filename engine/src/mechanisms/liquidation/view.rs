//! What keepers see of an underwater account.

use bevy_ecs::prelude::World;

use super::largest;
use crate::domain::{Account, AccountId, Market, Position, Positions, Risk};
use crate::mechanism::Assets;
use crate::registry::{Kind, Registry, part};
use crate::units::Amount;
use crate::valuation;
use crate::view::{FieldKind, PublicField};

pub(super) fn declare(registry: &mut Registry) {
    let field = |name, kind, unit, doc, read| PublicField::new(Kind::Account, name, kind, unit, doc, read);
    let number = FieldKind::Number;
    registry.public.extend([
        field("market", FieldKind::Handle(Kind::Market), "", "The market of its largest position.", |world, place| {
            read_position(world, place, |position, _| f64::from(position.market)).unwrap_or(-1.0)
        }),
        #[allow(clippy::cast_precision_loss)]
        field("size", number, "contracts", "Signed size of its largest position.", |world, place| {
            read_position(world, place, |position, market| position.size as f64 / market.base_scale).unwrap_or(0.0)
        }),
        field("notional", number, "coins", "Its largest position at the mark.", |world, place| {
            let scale = world.resource::<Assets>().settlement_scale();
            read_position(world, place, |position, market| valuation::notional(market, position.size) / scale)
                .unwrap_or(0.0)
        }),
        field("equity", number, "coins", "Its net collateral.", |world, place| read_risk(world, place, |risk| risk.nc)),
        field("imr", number, "coins", "Its initial requirement.", |world, place| {
            read_risk(world, place, |risk| risk.imr)
        }),
        field("mmr", number, "coins", "Its maintenance requirement.", |world, place| {
            read_risk(world, place, |risk| risk.mmr)
        }),
    ]);
}

fn account_at(world: &World, place: usize) -> Option<(&Account, &Positions)> {
    valuation::account(world, AccountId(u32::try_from(place).ok()?))
}

fn read_position(world: &World, place: usize, read: impl Fn(&Position, &Market) -> f64) -> Option<f64> {
    let position = largest(world, account_at(world, place)?.1)?;
    Some(read(&position, part::<Market>(world, Kind::Market, usize::from(position.market))?))
}

#[allow(clippy::cast_precision_loss)]
fn read_risk(world: &World, place: usize, pick: fn(&Risk) -> Amount) -> f64 {
    let scale = world.resource::<Assets>().settlement_scale();
    account_at(world, place)
        .map_or(0.0, |(account, positions)| pick(&valuation::risk(world, account, positions)) as f64 / scale)
}
