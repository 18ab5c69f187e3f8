//! What one shock to a state would cost, and who would bear it: a reading of the world as it stands, in which nothing moves
//! but prices and depth. What agents would do about it is what a run is for.

use std::collections::BTreeMap;

use bevy_ecs::prelude::World;

use super::backing::{Exit, realizable};
use crate::domain::{AgentId, Market, Position, VaultTerms};
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
    /// What is there for losses before they happen, of the layers in the order: the insurance fund, and what the stake of all
    /// vaults would raise, each sold alone.
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
    /// The same by the market in which each account loses most, whose vaults guarantee it.
    by_market: BTreeMap<usize, i128>,
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
            let profit_of = |position: &Position| {
                let pricing = pricings.get(usize::from(position.market)).and_then(Option::as_ref);
                pricing.map_or(0, |pricing| i128::from(pricing.profit(position)))
            };
            let profit: i128 = positions.0.iter().map(profit_of).sum();
            let nc = i128::from(valuation::balance(ledger, account)) + profit;
            if nc < 0 {
                all.bankrupt += 1;
                *all.owed.entry(account.owner).or_default() -= nc;
                let worst = positions.0.iter().min_by_key(|position| (profit_of(position), position.market));
                let market = worst.map_or(account.last_market, |position| position.market);
                *all.by_market.entry(usize::from(market)).or_default() -= nc;
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
    let realizable: Vec<f64> = (0..world.resource::<Directory>().count(Kind::Vault))
        .map(|vault| if guarantees(world, vault) { realizable(world, vault, exit) } else { 0.0 })
        .collect();
    let insurance = valuation::fund(world, |funds| funds.insurance);
    let deficit = coins(accounts.owed.values().sum());
    let mut need = deficit;
    let mut prefunded = 0.0;
    let mut layers = Vec::new();
    for layer in waterfall::layers(world) {
        let there = match layer {
            // A deficit is what is missing beyond it.
            Layer::Margin => continue,
            Layer::Insurance => insurance,
            Layer::Stake => stake_for(world, &accounts.by_market, (need / deficit, scale), realizable.clone()),
            Layer::AutoDeleverage => coins(accounts.profits),
            Layer::Socialized => coins(accounts.borrowed + accounts.cash),
        };
        prefunded += match layer {
            Layer::Insurance => insurance,
            Layer::Stake => realizable.iter().sum(),
            _ => 0.0,
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
        prefunded,
        largest: coins(owed.iter().take(1).sum()),
        two_largest: coins(owed.iter().take(2).sum()),
    }
}

fn guarantees(world: &World, vault: usize) -> bool {
    part::<VaultTerms>(world, Kind::Vault, vault).is_some_and(|terms| !terms.markets.is_empty())
}

/// What vaults would pay when each market's deficit, scaled to what other layers have left of it, falls on the vaults that
/// guarantee it, in their order.
#[allow(clippy::cast_precision_loss)]
fn stake_for(
    world: &World,
    by_market: &BTreeMap<usize, i128>,
    (left, scale): (f64, f64),
    mut realizable: Vec<f64>,
) -> f64 {
    let mut paid = 0.0;
    for (place, owed) in by_market {
        let mut need = *owed as f64 / scale * left;
        let market = part::<Market>(world, Kind::Market, *place);
        for vault in market.iter().flat_map(|market| &market.vaults) {
            let Some(there) = realizable.get_mut(*vault) else { continue };
            let pays = if *there < need { *there } else { need };
            *there -= pays;
            need -= pays;
            paid += pays;
        }
    }
    paid
}
