//! The terms of a market and of liquidation: what governance may vote on, as scenarios write it.

use bevy_ecs::prelude::Component;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::math::margin::Tier;
use crate::units::Span;

/// A perpetual market, under `protocol.markets`.
#[derive(Component, Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["feed", "base"]))]
pub struct MarketTerms {
    /// The feed its index follows.
    pub feed: String,
    /// The asset it is a contract on.
    pub base: String,
    /// The venues that trade the asset, whose depth bounds it.
    pub venues: Vec<String>,
    /// Time between funding payments.
    pub funding_period: Span,
    /// Higher requirements for larger positions, in rising order of `above`.
    pub tiers: Vec<Tier>,
    /// The name of the rule that says what a position requires.
    pub requirement_rule: String,
    /// Initial margin ratio.
    pub imr: f64,
    /// Maintenance margin ratio.
    pub mmr: f64,
    /// Share of unrealized profit that counts as collateral to open and to withdraw.
    pub unrealized_weight: f64,
    /// Annualized volatility at which requirements are as stated; 0 keeps them fixed.
    pub vol_reference: f64,
    /// Weight of yesterday's variance.
    pub vol_lambda: f64,
    /// Smallest factor on requirements.
    pub vol_floor: f64,
    /// Largest factor on requirements.
    pub vol_cap: f64,
    /// Fee on notional.
    pub fee: f64,
    /// Share of fees that goes to the insurance fund.
    pub fee_insurance_share: f64,
    /// Share of fees that goes to the stakers of the vaults behind the market.
    pub fee_stake_share: f64,
    /// Skew in contracts at which the price impact is 100 %.
    pub skew_scale: f64,
    /// Largest funding rate a day.
    pub funding_cap: f64,
    /// Skew in contracts at which funding reaches its cap.
    pub funding_scale: f64,
    /// Largest notional of either side.
    pub oi_cap: f64,
    /// Largest notional of either side as a multiple of the venues' 2 % depth.
    pub oi_cap_depth_share: f64,
}

/// The built-in requirement: the market's ratios and tiers.
pub(crate) const TIERED: &str = "tiered";
/// The built-in penalty: the same ratio for all.
pub(crate) const FLAT: &str = "flat";

/// No limit: larger than any amount of coins.
pub const UNLIMITED: f64 = 1e15;

impl Default for MarketTerms {
    fn default() -> Self {
        Self {
            feed: String::new(),
            base: String::new(),
            venues: Vec::new(),
            funding_period: Span(3_600_000),
            tiers: Vec::new(),
            requirement_rule: TIERED.into(),
            imr: 0.05,
            mmr: 0.03,
            unrealized_weight: 0.0,
            vol_reference: 0.0,
            vol_lambda: 0.94,
            vol_floor: 1.0,
            vol_cap: 4.0,
            fee: 0.0005,
            fee_insurance_share: 0.1,
            fee_stake_share: 0.0,
            skew_scale: 1e9,
            funding_cap: 0.01,
            funding_scale: 1e9,
            oi_cap: UNLIMITED,
            oi_cap_depth_share: UNLIMITED,
        }
    }
}

/// Who becomes the counterparty of what a liquidation closes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiquidationRoute {
    /// The pool: keepers only pull the trigger.
    #[default]
    Pool,
    /// The keeper, with its own collateral: what keepers cannot carry stays open.
    Takeover,
    /// Whoever wins an auction, with its own collateral: what nobody takes stays open.
    Auction,
}

/// The block `protocol.liquidation`.
#[derive(Component, Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LiquidationTerms {
    /// Who takes the positions.
    pub route: LiquidationRoute,
    /// Penalty on the notional closed.
    pub penalty: f64,
    /// The name of the rule that sets the penalty of each liquidation.
    pub penalty_rule: String,
    /// Share of the penalty that the keeper gets (on the pool route).
    pub keeper_share: f64,
    /// Health that a partial liquidation restores.
    pub target_health: f64,
    /// Health below which all of a position is closed at once.
    pub full_below: f64,
    /// Accounts that can be offered to keepers a second.
    pub throughput: f64,
}

impl Default for LiquidationTerms {
    fn default() -> Self {
        Self {
            route: LiquidationRoute::Pool,
            penalty: 0.01,
            penalty_rule: FLAT.into(),
            keeper_share: 0.5,
            target_health: 1.1,
            full_below: 0.5,
            throughput: 1000.0,
        }
    }
}
