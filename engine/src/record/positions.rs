//! The table of open positions: a row per step and position, written on request.

use bevy_ecs::prelude::World;

use super::{cohort_of, key, keyed};
use crate::book::Book;
use crate::clock::Now;
use crate::domain::{Account, Market};
use crate::frame::{Data, Frame, Item};
use crate::registry::{Directory, Kind, part};
use crate::units::Price;
use crate::valuation;

pub(super) fn layout() -> Frame {
    keyed("positions", "An open position at the end of a step.")
        .with("agent", "", "Agent id.", Data::Int(Vec::new()))
        .with("cohort", "", "Its cohort.", Data::Text(Vec::new()))
        .with("account", "", "Margin account id.", Data::Int(Vec::new()))
        .with("market", "", "The market.", Data::Text(Vec::new()))
        .with("size", "base units", "Signed size in the base asset's smallest unit.", Data::Int(Vec::new()))
        .with("entry", "coins", "Average price at which it was entered.", Data::Float(Vec::new()))
        .with("mark", "coins", "The mark price, 0 before there is one.", Data::Float(Vec::new()))
        .with("unrealized", "settlement units", "Unrealized profit on the mark.", Data::Int(Vec::new()))
        .with("equity", "settlement units", "Net collateral of its whole account.", Data::Int(Vec::new()))
        .with("mmr", "settlement units", "Maintenance requirement of its whole account.", Data::Int(Vec::new()))
}

/// Adds a row for every open position, in the order of accounts and markets.
pub(super) fn add(world: &World, frame: &mut Frame) {
    let [step, time] = key(*world.resource::<Now>());
    let mut rows: Vec<_> = world.resource::<Book>().rows().iter().filter(|row| row.is_open()).collect();
    rows.sort_by_key(|row| row.account);
    for row in rows {
        let Some((Account { owner, .. }, _)) = valuation::account(world, row.account) else { continue };
        let cohort = cohort_of(world, owner.0);
        for position in row.positions() {
            let place = usize::from(position.market);
            let Some(market) = part::<Market>(world, Kind::Market, place) else { continue };
            frame.push(&[
                step.clone(),
                time.clone(),
                Item::Int(i64::from(owner.0)),
                Item::Text(cohort.clone()),
                Item::Int(i64::from(row.account.0)),
                Item::Text(world.resource::<Directory>().name(Kind::Market, place).into()),
                Item::Int(position.size),
                Item::Float(market.price_of(position.size, position.cost)),
                Item::Float(market.mark.map_or(0.0, Price::get)),
                Item::Int(valuation::profit(market, position)),
                Item::Int(row.nc),
                Item::Int(row.mmr),
            ]);
        }
    }
}
