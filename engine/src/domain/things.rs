//! The protocol's named things as several mechanisms read them: external prices, venues, feeds and markets.

use std::collections::{BTreeMap, VecDeque};

use bevy_ecs::prelude::Component;

use super::AccountId;
use crate::ledger::{AssetId, Slot};
use crate::rule::Chosen;
use crate::units::{Amount, Millis, Price, Span};

/// The price of an asset that is made outside the world, in settlement coins. Absent for assets priced by trades.
#[derive(Component, Clone, Copy, Debug)]
pub struct External {
    /// The present price.
    pub price: Price,
}

/// Prices of the past, one per change, as far back as somebody's latency reaches.
#[derive(Component, Clone, Debug, Default)]
pub struct History {
    points: VecDeque<(Millis, f64)>,
}

impl History {
    /// The longest latency that can be asked for.
    pub const REACH: Span = Span(24 * 3_600_000);

    /// Notes the price at `time`.
    pub fn push(&mut self, time: Millis, price: f64) {
        while self.points.len() > 1 && self.points[1].0 + Self::REACH.0 <= time {
            self.points.pop_front();
        }
        self.points.push_back((time, price));
    }

    /// The last price noted at or before `time`; the oldest one when none is that old.
    #[must_use]
    pub fn at(&self, time: Millis) -> Option<f64> {
        let after = self.points.partition_point(|(noted, _)| *noted <= time);
        self.points.get(after.saturating_sub(1)).map(|(_, price)| *price)
    }
}

/// A constant-product pool of two assets. Its reserves lie in the ledger.
#[derive(Component, Clone, Debug)]
pub struct Venue {
    /// The asset traded.
    pub base: AssetId,
    /// The asset it is priced in.
    pub quote: AssetId,
    /// Where the base reserve lies.
    pub base_slot: Slot,
    /// Where the quote reserve lies.
    pub quote_slot: Slot,
    /// Smallest base units in one coin.
    pub base_scale: f64,
    /// Smallest quote units in one coin.
    pub quote_scale: f64,
}

/// What a feed last published.
#[derive(Component, Clone, Copy, Debug, Default)]
pub struct Feed {
    /// The price, once there is one.
    pub price: Option<Price>,
    /// When it was published.
    pub published: Millis,
    /// Whether it is older than the feed allows.
    pub stale: bool,
    /// Variance of the published price's noise (of the logarithm), for volatility estimates that correct for it.
    pub noise_variance: f64,
    /// What the sources say in this step, without latency or noise: the measure of wrong prices, seen by no agent.
    pub reference: Option<Price>,
}

/// What may be done on a market.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MarketState {
    /// Everything.
    #[default]
    Live,
    /// Positions may only shrink.
    ReduceOnly,
    /// Nothing: no trades, no liquidations, and no withdrawals from accounts with positions in it.
    Halted,
}

/// What accounts lost by liquidations that a feed's reference price did not call for, and have not been paid yet.
#[derive(Component, Clone, Debug, Default)]
pub struct Harm {
    /// By account, in settlement units.
    pub claims: BTreeMap<AccountId, Amount>,
    /// Liquidations that were wrongful.
    pub liquidations: u64,
    /// All harm so far, in settlement units.
    pub total: Amount,
    /// What was paid to victims.
    pub paid: Amount,
}

/// A perpetual market against a pool: its open interest, its price and the pool's slot.
#[derive(Component, Clone, Debug)]
pub struct Market {
    /// The asset whose price it follows.
    pub base: AssetId,
    /// The feed of its index, by place.
    pub feed: usize,
    /// The venues whose depth bounds it, by place; the first is the one strategies trade on.
    pub venues: Vec<usize>,
    /// The vaults that guarantee it, by place.
    pub vaults: Vec<usize>,
    /// What may be done on it.
    pub state: MarketState,
    /// The index and mark of this step, once the feed has published.
    pub mark: Option<Price>,
    /// Whether the mark may be traded on.
    pub stale: bool,
    /// Settlement units of one base unit at price 1.
    pub unit: f64,
    /// Smallest base units in one contract.
    pub base_scale: f64,
    /// Sum of long sizes.
    pub long: Amount,
    /// Sum of short sizes, as a positive number.
    pub short: Amount,
    /// Sum of all positions' costs.
    pub cost: i128,
    /// Factor that volatility puts on requirements.
    pub margin_factor: f64,
    /// The rule of what a position requires.
    pub requirement: Chosen,
}

impl Market {
    /// Whether nothing may be done on it.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        self.state == MarketState::Halted
    }

    /// The price at which `size` base units cost so many settlement units.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn price_of(&self, size: Amount, cost: Amount) -> f64 {
        cost as f64 / size as f64 / self.unit
    }

    /// Longs minus shorts: what the pool is short of.
    #[must_use]
    pub const fn skew(&self) -> Amount {
        self.long - self.short
    }
}

/// The protocol's own money: the counterparty pool, the insurance fund and the deposits that can be borrowed.
#[derive(Component, Clone, Debug)]
pub struct Funds {
    /// Capital of the counterparty pool.
    pub pool: Slot,
    /// The insurance fund.
    pub insurance: Slot,
    /// Deposits that accounts may borrow against unrealized profit.
    pub deposits: Slot,
    /// What depositors are owed.
    pub deposit_claims: Amount,
}
