//! What everything that agents hold would bring if it were sold at once: accounts closed against the pool as far as it can
//! pay, tokens and stake sold into the venues that trade them. A reading of the world as it stands: nothing moves,
//! cooldowns are not waited for, and what nobody buys brings nothing.

use std::cmp::Reverse;
use std::ops::Range;

use bevy_ecs::prelude::World;

use crate::domain::{Account, AgentId, Funds, Market, MarketTerms, Position, Positions, Vault, Venue};
use crate::ledger::{AssetId, Ledger};
use crate::mechanism::Assets;
use crate::mechanisms::{bribes, perp, venues};
use crate::registry::{Directory, Kind, part};
use crate::units::{Amount, Rounding, whole};
use crate::valuation;

/// Parts in which a token is spread over the venues that trade it.
const PARTS: Amount = 64;

/// All that some agents hold, with their accounts closed: money, and tokens that are not sold yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Estate {
    /// In the settlement asset's smallest unit.
    money: i128,
    /// By asset, in its smallest unit.
    tokens: Vec<i128>,
}

impl Estate {
    /// What agents hold now: wallets, closed accounts, stake and its fees, and what they offered as bribes.
    pub(crate) fn of(world: &World, agents: Range<u32>) -> Self {
        let (assets, ledger) = (world.resource::<Assets>(), world.resource::<Ledger>());
        let mut closing = Closing::of(world);
        let mut estate = Self { money: 0, tokens: vec![0; assets.ids().count()] };
        for id in agents.map(AgentId) {
            let Some(agent) = valuation::agent(world, id) else { continue };
            for asset in assets.ids() {
                estate.tokens[usize::from(asset.0)] += i128::from(ledger.balance(agent.wallet.asset(asset)));
            }
            let closed =
                valuation::accounts(world, agent).map(|(account, positions)| closing.close(account, positions));
            estate.money += closed.sum::<i128>() + i128::from(bribes::offered(world, id));
            for place in 0..world.resource::<Directory>().count(Kind::Vault) {
                let Some(vault) = part::<Vault>(world, Kind::Vault, place) else { continue };
                estate.tokens[usize::from(vault.asset.0)] += i128::from(valuation::stake(world, id, place));
                estate.money += i128::from(valuation::unclaimed(world, id, place));
            }
        }
        estate.money += std::mem::take(&mut estate.tokens[usize::from(assets.settlement().0)]);
        estate
    }

    /// Whether it is money alone, which brings the same in every world.
    #[must_use]
    pub fn is_money(&self) -> bool {
        self.tokens.iter().all(|amount| *amount == 0)
    }

    /// What it brings in a world of the same scenario, in the settlement asset's smallest unit.
    #[must_use]
    pub fn proceeds(&self, world: &World) -> i128 {
        let assets = world.resource::<Assets>().ids();
        self.money + assets.zip(&self.tokens).map(|(asset, amount)| sold(world, asset, *amount)).sum::<i128>()
    }
}

/// Accounts being closed one after the other, each on what those before it left of the pool and of the skew.
struct Closing<'w> {
    ledger: &'w Ledger,
    markets: Vec<Option<(Market, &'w MarketTerms)>>,
    pool: i128,
}

impl<'w> Closing<'w> {
    fn of(world: &'w World) -> Self {
        let ledger = world.resource::<Ledger>();
        let market = |place| {
            let market = part::<Market>(world, Kind::Market, place)?.clone();
            Some((market, part::<MarketTerms>(world, Kind::Market, place)?))
        };
        let funds = part::<Funds>(world, Kind::Protocol, 0);
        Self {
            ledger,
            markets: (0..world.resource::<Directory>().count(Kind::Market)).map(market).collect(),
            pool: funds.map_or(0, |funds| i128::from(ledger.balance(funds.pool))),
        }
    }

    /// What an account brings: its cash with what the pool pays it, less fees and debts, and never less than nothing.
    fn close(&mut self, account: &Account, positions: &Positions) -> i128 {
        let (mut owed, mut fees) = (i128::from(account.claim), 0);
        for position in &positions.0 {
            let (realized, fee) = self.trade(position);
            owed += realized;
            fees += fee;
        }
        let cash = i128::from(self.ledger.balance(account.margin));
        let paid = owed.clamp(-cash, self.pool);
        self.pool -= paid;
        // What the pool cannot pay is worth nothing; what the account cannot pay is still owed.
        let unpaid = (owed - paid).min(0);
        (cash + paid + unpaid - fees - i128::from(account.debt)).max(0)
    }

    /// The profit that closing a position realizes, and its fee.
    #[allow(clippy::cast_precision_loss)]
    fn trade(&mut self, position: &Position) -> (i128, i128) {
        let Some(Some((market, terms))) = self.markets.get_mut(usize::from(position.market)) else { return (0, 0) };
        let price = perp::fill_price(market, terms, -position.size).ok();
        let price = price.filter(|_| !market.stale && !market.is_halted());
        let cost = price.and_then(|price| valuation::value(market, -position.size, price, Rounding::Up));
        let fee = cost.and_then(|cost| whole(cost.abs() as f64 * terms.fee, Rounding::Up));
        let (Some(cost), Some(fee)) = (cost, fee) else {
            // Where nothing can be traded there is no profit to be had, but a loss is owed.
            return (i128::from(valuation::profit(market, position).min(0)), 0);
        };
        market.long -= position.size.max(0);
        market.short -= (-position.size).max(0);
        (-i128::from(cost) - i128::from(position.cost), i128::from(fee))
    }
}

/// What selling some of an asset for the settlement asset brings, spread over venues part by part.
fn sold(world: &World, asset: AssetId, amount: i128) -> i128 {
    let settlement = world.resource::<Assets>().settlement();
    let trades = |place: &usize| {
        part::<Venue>(world, Kind::Venue, *place).is_some_and(|venue| venue.base == asset && venue.quote == settlement)
    };
    let venues: Vec<usize> = (0..world.resource::<Directory>().count(Kind::Venue)).filter(trades).collect();
    let mut left = Amount::try_from(amount).unwrap_or(Amount::MAX);
    let size = if venues.len() > 1 { (left / PARTS).max(1) } else { left };
    let mut parts = vec![0; venues.len()];
    while left > 0 {
        let size = size.min(left);
        let more = |place: usize| {
            let brings = |amount| venues::brings(world, venues[place], amount);
            brings(parts[place] + size) - brings(parts[place])
        };
        let Some(best) = (0..venues.len()).max_by_key(|place| (more(*place), Reverse(*place))) else { break };
        parts[best] += size;
        left -= size;
    }
    venues.iter().zip(parts).map(|(venue, amount)| i128::from(venues::brings(world, *venue, amount))).sum()
}
