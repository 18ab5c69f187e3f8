//! What one shock to a state would cost, and who would bear it: a reading of the world as it stands, in which nothing moves
//! but prices and depth. What agents would do about it is what a run is for.

use std::collections::BTreeMap;

use bevy_ecs::prelude::World;

use super::backing::{self, Exit, Offer};
use super::pool;
use crate::domain::{AgentId, Market, Position, VaultTerms};
use crate::ledger::Ledger;
use crate::math::attack_cost::Pool;
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
    /// vaults would raise, sold one vault after the other: on a venue that two share, the second meets what the first left.
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
    let exits = Exits::of(world, Exit { price: shock.stake_price, depth: shock.depth });
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
            Layer::Stake => stake_for(world, &accounts.by_market, (need / deficit, scale), exits.clone()),
            Layer::AutoDeleverage => coins(accounts.profits),
            Layer::Socialized => coins(accounts.borrowed + accounts.cash),
        };
        prefunded += match layer {
            Layer::Insurance => insurance,
            Layer::Stake => exits.clone().all(),
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

/// The stake that vaults with a market to guarantee would give up, and the pools it is sold into.
#[derive(Clone)]
struct Exits {
    /// By vault; `None` where nothing is given up.
    offers: Vec<Option<Offer>>,
    /// By venue, as the sales so far left them.
    pools: BTreeMap<usize, Pool>,
}

impl Exits {
    fn of(world: &World, exit: Exit) -> Self {
        let vaults = 0..world.resource::<Directory>().count(Kind::Vault);
        let offers: Vec<_> =
            vaults.map(|vault| guarantees(world, vault).then(|| backing::offer(world, vault)).flatten()).collect();
        let venues = offers.iter().flatten().filter_map(|offer| offer.venue);
        let pools = venues.filter_map(|venue| Some((venue, exit.of(pool(world, venue)?)))).collect();
        Self { offers, pools }
    }

    /// What a vault raises by selling no more of its stake than `need` takes.
    fn raise(&mut self, vault: usize, need: f64) -> f64 {
        let Some(offer) = self.offers.get_mut(vault).and_then(Option::as_mut) else { return 0.0 };
        let Some(pool) = offer.venue.and_then(|venue| self.pools.get_mut(&venue)) else {
            let paid = if offer.coins < need { offer.coins } else { need };
            offer.coins -= paid;
            return paid;
        };
        let most = pool.sell(offer.coins);
        let (sold, raised) = match pool.sell_for(need).filter(|_| need < most) {
            Some(sold) => (sold, need),
            None => (offer.coins, most),
        };
        offer.coins -= sold;
        *pool = pool.after_sell(sold);
        raised
    }

    /// What all stake raises, sold in the order of the vaults.
    fn all(mut self) -> f64 {
        (0..self.offers.len()).map(|vault| self.raise(vault, f64::INFINITY)).sum()
    }
}

fn guarantees(world: &World, vault: usize) -> bool {
    part::<VaultTerms>(world, Kind::Vault, vault).is_some_and(|terms| !terms.markets.is_empty())
}

/// What vaults would pay when each market's deficit, scaled to what other layers have left of it, falls on the vaults that
/// guarantee it, in their order.
#[allow(clippy::cast_precision_loss)]
fn stake_for(world: &World, by_market: &BTreeMap<usize, i128>, (left, scale): (f64, f64), mut exits: Exits) -> f64 {
    let mut paid = 0.0;
    for (place, owed) in by_market {
        let mut need = *owed as f64 / scale * left;
        let market = part::<Market>(world, Kind::Market, *place);
        for vault in market.iter().flat_map(|market| &market.vaults) {
            let raised = exits.raise(*vault, need);
            need -= raised;
            paid += raised;
        }
    }
    paid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exits(coins: [f64; 2], venues: [Option<usize>; 2], pools: &[(usize, Pool)]) -> Exits {
        let offer = |place: usize| Some(Offer { coins: coins[place], venue: venues[place] });
        Exits { offers: vec![offer(0), None, offer(1)], pools: pools.iter().copied().collect() }
    }

    #[track_caller]
    fn check(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    const POOL: Pool = Pool { base: 1_000.0, quote: 2_000.0, fee: 0.0 };

    /// 2000·300 ÷ 1300 from one pool, and 2000·(100 ÷ 1100 + 200 ÷ 1200) from one each.
    #[test]
    fn vaults_on_one_venue_share_its_depth() {
        check(exits([100.0, 200.0], [Some(7); 2], &[(7, POOL)]).all(), 2_000.0 * 300.0 / 1_300.0);
        let apart = exits([100.0, 200.0], [Some(7), Some(8)], &[(7, POOL), (8, POOL)]);
        check(apart.all(), 2_000.0 * (100.0 / 1_100.0 + 200.0 / 1_200.0));
        check(exits([100.0, 200.0], [Some(7), None], &[(7, POOL)]).all(), 2_000.0 / 11.0 + 200.0);
    }

    #[test]
    fn a_vault_sells_no_more_than_is_needed_and_the_next_meets_the_rest() {
        let mut exits = exits([600.0, 200.0], [Some(7); 2], &[(7, POOL)]);
        check(exits.raise(0, 400.0), 400.0);
        // 400 of 2000 is what 250 into 1000 brings.
        check(exits.offers[0].map_or(f64::NAN, |offer| offer.coins), 350.0);
        check(exits.raise(1, 0.0), 0.0);
        check(exits.raise(2, f64::INFINITY), 1_600.0 * 200.0 / 1_450.0);
        check(exits.all(), 2_000.0 * 800.0 / 1_800.0 - 400.0 - 1_600.0 * 200.0 / 1_450.0);
    }
}
