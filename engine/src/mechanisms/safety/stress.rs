//! What one shock to a state would cost, and who would bear it: a reading of the world as it stands, in which nothing moves
//! but prices and depth. What agents would do about it is what a run is for.

use std::collections::BTreeMap;

use bevy_ecs::prelude::World;

use super::backing::{Exit, realizable};
use crate::domain::{AgentId, Position, VaultTerms};
use crate::ledger::Ledger;
use crate::mechanism::Assets;
use crate::mechanisms::waterfall::{self, Layer};
use crate::registry::{Directory, Kind, part};
use crate::units::Price;
use crate::valuation::{self, Pricing};

/// A shock to a state.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shock {
    /// What all marks are multiplied by.
    pub price: f64,
    /// What both sides of the venues on which stake is sold are multiplied by.
    pub depth: f64,
    /// What the prices of staked assets are multiplied by before any stake is sold.
    pub stake_price: f64,
}

/// What a shock would cost, in settlement coins.
#[derive(Clone, PartialEq, Debug)]
pub struct Stress {
    /// Accounts that would owe more than they have.
    pub bankrupt: u32,
    /// What they would owe beyond their margin, together.
    pub deficit: f64,
    /// What each layer behind the margin would bear, in the configured order.
    pub layers: Vec<(&'static str, f64)>,
    /// What no layer would cover.
    pub uncovered: f64,
    /// What is there for losses before they happen: the insurance fund, and what stake would raise.
    pub prefunded: f64,
    /// The deficit of the agent with the largest one.
    pub largest: f64,
    /// And of the two with the largest ones.
    pub two_largest: f64,
}

impl Stress {
    /// How often the prefunded layers cover the agent with the largest deficit; NaN when there is none.
    #[must_use]
    pub fn cover_one(&self) -> f64 {
        if self.largest > 0.0 { self.prefunded / self.largest } else { f64::NAN }
    }

    /// And the two with the largest, which clearinghouses are held to ("cover 2", CPMI-IOSCO principle 4).
    #[must_use]
    pub fn cover_two(&self) -> f64 {
        if self.two_largest > 0.0 { self.prefunded / self.two_largest } else { f64::NAN }
    }
}

/// Sums over accounts under a shock, in settlement units.
#[derive(Default)]
struct Accounts {
    /// What agents with bankrupt accounts owe beyond their margin.
    owed: BTreeMap<AgentId, i128>,
    bankrupt: u32,
    /// What the bankrupt had borrowed from the deposits.
    borrowed: i128,
    /// Unrealized profit of the solvent.
    profits: i128,
    /// Cash of the solvent, as far as they stay solvent without it.
    cash: i128,
}

impl Accounts {
    fn under(world: &World, price: f64) -> Self {
        let moved = |mark: Price| Price::saturating(mark.get() * price);
        let pricings: Vec<Option<Pricing<'_>>> = Pricing::all(world, |market| market.mark.map(moved)).collect();
        let ledger = world.resource::<Ledger>();
        let mut all = Self::default();
        for (account, positions) in valuation::every_account(world) {
            let priced = |position: &Position| Some((pricings.get(usize::from(position.market))?.as_ref()?, *position));
            let profit: i128 = positions
                .0
                .iter()
                .filter_map(priced)
                .map(|(pricing, position)| i128::from(pricing.profit(&position)))
                .sum();
            let nc = i128::from(valuation::balance(ledger, account)) + profit;
            if nc < 0 {
                all.bankrupt += 1;
                *all.owed.entry(account.owner).or_default() -= nc;
                all.borrowed += i128::from(account.debt).min(-nc);
            } else {
                all.profits += profit.max(0);
                all.cash += i128::from(ledger.balance(account.margin)).min(nc);
            }
        }
        all
    }
}

/// Reads a shock off the world.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn stress(world: &World, shock: Shock) -> Stress {
    let scale = world.resource::<Assets>().settlement_scale();
    let coins = |units: i128| units as f64 / scale;
    let accounts = Accounts::under(world, shock.price);
    let exit = Exit { price: shock.stake_price, depth: shock.depth };
    let vaults = 0..world.resource::<Directory>().count(Kind::Vault);
    let guards =
        |vault: &usize| part::<VaultTerms>(world, Kind::Vault, *vault).is_some_and(|terms| !terms.markets.is_empty());
    let stake: f64 = vaults.filter(guards).map(|vault| realizable(world, vault, exit)).sum();
    let insurance = valuation::fund(world, |funds| funds.insurance);
    let deficit = coins(accounts.owed.values().sum());
    let mut need = deficit;
    let mut layers = Vec::new();
    for layer in waterfall::layers(world) {
        let there = match layer {
            // A deficit is what is missing beyond it.
            Layer::Margin => continue,
            Layer::Insurance => insurance,
            Layer::Stake => stake,
            Layer::AutoDeleverage => coins(accounts.profits),
            Layer::Socialized => coins(accounts.borrowed + accounts.cash),
        };
        let borne = if there < need { there } else { need };
        need -= borne;
        layers.push((layer.word(), borne));
    }
    let mut owed: Vec<i128> = accounts.owed.into_values().collect();
    owed.sort_unstable_by(|a, b| b.cmp(a));
    Stress {
        bankrupt: accounts.bankrupt,
        deficit,
        layers,
        uncovered: need,
        prefunded: insurance + stake,
        largest: coins(owed.iter().take(1).sum()),
        two_largest: coins(owed.iter().take(2).sum()),
    }
}
