//! Auto-deleveraging: winners' positions are closed at a bankrupt account's bankruptcy price, in a ranked queue.
//!
//! The queue of a market's side is ranked once on a step's marks and used up account by account, so that many
//! bankruptcies in one step cost one ranking.

use std::collections::BTreeMap;

use bevy_ecs::prelude::World;

use crate::action::Rejected;
use crate::domain::{AccountId, Market, Position, Positions};
use crate::event::{Event, EventTable};
use crate::math::liquidation::bankruptcy_price;
use crate::mechanisms::perp;
use crate::registry::{Handle, Kind, part};
use crate::rule::RuleFn;
use crate::settlement::{self, Trade};
use crate::tx::Tx;
use crate::units::{Amount, Rounding};
use crate::valuation;

/// Winners by market and by whether they are long; the next one to be deleveraged last.
#[derive(Default)]
pub(in crate::mechanisms) struct Queues(BTreeMap<(usize, bool), Vec<AccountId>>);

/// Closes an account's positions against winners at the price at which its remaining need is gone; returns by how much
/// that raised its net collateral.
pub(super) fn deleverage(
    tx: &mut Tx<'_>,
    who: (AccountId, Amount),
    rank: &RuleFn,
    queues: &mut Queues,
) -> Result<Amount, Rejected> {
    let (id, need) = who;
    let before = super::net_collateral(tx, id)?;
    let positions = tx.get::<Positions>(tx.account_entity(id)?)?.0.clone();
    for position in positions {
        let left = need - (super::net_collateral(tx, id)? - before);
        if left > 0 {
            let side = (usize::from(position.market), position.size < 0);
            let queue = queues.0.entry(side).or_insert_with(|| ranked(tx.world(), side, rank));
            close_against(tx, (id, left), position, queue)?;
        }
    }
    Ok(super::net_collateral(tx, id)? - before)
}

#[allow(clippy::cast_precision_loss)]
fn close_against(
    tx: &mut Tx<'_>,
    who: (AccountId, Amount),
    position: Position,
    queue: &mut Vec<AccountId>,
) -> Result<(), Rejected> {
    let (id, need) = who;
    let place = usize::from(position.market);
    let market = part::<Market>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?.clone();
    let mark = market.mark.ok_or(Rejected::STALE)?.get();
    let price = bankruptcy_price(mark, position.size as f64 * market.unit, -(need as f64));
    let price = if price > 0.0 { price } else { 0.0 };
    let mut open = position.size;
    while open != 0 {
        let Some(winner) = queue.last().copied() else { break };
        let held = perp::position(tx, winner, place)?.map_or(0, |position| position.size);
        if winner == id || held == 0 || (held > 0) == (open > 0) {
            queue.pop();
            continue;
        }
        let size = open.abs().min(held.abs()) * open.signum();
        // Rounded against the account, so that no winner gives up more than the need.
        let cost = valuation::value(&market, -size, price, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
        let at_mark = valuation::value(&market, -size, mark, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
        // A winner that the fill would ruin is passed over: its loss would be the next deficit.
        if at_mark - cost > super::net_collateral(tx, winner)? {
            queue.pop();
            continue;
        }
        settlement::trade(tx, Trade { account: id, market: place, size: -size, cost })?;
        settlement::trade(tx, Trade { account: winner, market: place, size, cost: -cost })?;
        let agent = Some(tx.account(winner)?.owner);
        tx.note(Event {
            agent,
            account: Some(winner),
            thing: Some(Handle::new(Kind::Market, place)),
            size,
            price,
            amount: at_mark - cost,
            ..Event::new(EventTable::Events, "deleveraged")
        });
        open -= size;
    }
    Ok(())
}

/// Solvent accounts with a profit on one side of a market, worst-ranked first.
#[allow(clippy::cast_precision_loss)]
fn ranked(world: &World, side: (usize, bool), rank: &RuleFn) -> Vec<AccountId> {
    let (place, long) = side;
    let Some(market) = part::<Market>(world, Kind::Market, place) else { return Vec::new() };
    let mut ids = Vec::new();
    let mut columns: [Vec<f64>; 4] = Default::default();
    for (account, positions, risk) in valuation::open_accounts(world) {
        let Some(position) = positions.in_market(place).filter(|position| (position.size > 0) == long) else {
            continue;
        };
        let profit = valuation::profit(market, position);
        if profit > 0 && risk.nc > 0 {
            ids.push(account.id);
            let entry = position.cost.abs().max(1) as f64;
            let row = [profit as f64, entry, valuation::notional(market, position.size), risk.nc as f64];
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
    }
    let mut ranks = Vec::with_capacity(ids.len());
    rank(&[&columns[0], &columns[1], &columns[2], &columns[3]], &mut ranks);
    // A rule that failed ranks all alike.
    ranks.resize(ids.len(), 0.0);
    let mut order: Vec<(f64, AccountId)> = ranks.into_iter().zip(ids).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    order.into_iter().map(|(_, id)| id).collect()
}

/// Profit as a ratio of entry × leverage: the exchanges' usual queue.
pub(super) fn profit_times_leverage(columns: &[&[f64]], out: &mut Vec<f64>) {
    let (profits, entries, notionals, equities) = (columns[0], columns[1], columns[2], columns[3]);
    let leverages = notionals.iter().zip(equities).map(|(notional, equity)| notional / equity);
    out.extend(profits.iter().zip(entries).zip(leverages).map(|((profit, entry), leverage)| profit / entry * leverage));
}
