//! What known routes of attack cost: stake and votes bought on constant-product pools and sold again, majorities of what
//! takes part, bribes. In whole coins; bounds, not prices of an attack as a whole.

/// A constant-product pool in coins. The fee is on what goes in, and stays in the pool.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pool {
    /// Base reserve.
    pub base: f64,
    /// Quote reserve.
    pub quote: f64,
    /// Fee, as a ratio.
    pub fee: f64,
}

impl Pool {
    /// Quote that takes exactly `base_out` out: y·b ÷ (x − b) ÷ (1 − fee); `None` when the pool has not got as much.
    #[must_use]
    pub fn buy(&self, base_out: f64) -> Option<f64> {
        (base_out < self.base).then(|| self.quote * base_out / (self.base - base_out) / (1.0 - self.fee))
    }

    /// Quote that `base_in` brings: V·y ÷ (V + y) at par and without a fee.
    #[must_use]
    pub fn sell(&self, base_in: f64) -> f64 {
        let net = base_in * (1.0 - self.fee);
        self.quote * net / (self.base + net)
    }

    /// Base that has to be sold for exactly `quote_out`: w·x ÷ (V − w) ÷ (1 − fee), the inverse of [`Pool::sell`]; `None`
    /// when the pool has not got as much.
    #[must_use]
    pub fn sell_for(&self, quote_out: f64) -> Option<f64> {
        (quote_out < self.quote).then(|| self.base * quote_out / (self.quote - quote_out) / (1.0 - self.fee))
    }

    /// The pool after `base_in` was sold.
    #[must_use]
    pub fn after_sell(&self, base_in: f64) -> Self {
        Self { base: self.base + base_in, quote: self.quote - self.sell(base_in), ..*self }
    }

    /// The pool after `base_out` was bought.
    #[must_use]
    pub fn after_buy(&self, base_out: f64) -> Option<Self> {
        let paid = self.buy(base_out)?;
        Some(Self { base: self.base - base_out, quote: self.quote + paid, ..*self })
    }
}

/// A way in and out: what it takes up front, and what of that comes back.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Route {
    /// Needed up front.
    pub capital: f64,
    /// Comes back when everything that is left is sold.
    pub exit: f64,
}

impl Route {
    /// What does not come back.
    #[must_use]
    pub fn cost(&self) -> f64 {
        self.capital - self.exit
    }
}

/// Buying `base_out` and selling the share `kept` of it into the pool as the purchase left it.
#[must_use]
pub fn round_trip(pool: Pool, base_out: f64, kept: f64) -> Option<Route> {
    Some(Route { capital: pool.buy(base_out)?, exit: pool.after_buy(base_out)?.sell(base_out * kept) })
}

/// Stake that own stake must exceed to be more than half of what reports: all that others report with.
#[must_use]
pub const fn majority_stake(reporting: f64) -> f64 {
    reporting
}

/// Share of all stake that is half of what reports, when only `participation` of the rest does: p ÷ (1 + p).
#[must_use]
pub fn majority_share(participation: f64) -> f64 {
    participation / (1.0 + participation)
}

/// Cost of corruption of a token vote: the price of half of the votes that take part (UMA,
/// docs.umaproject.org/oracle/econ-architecture). The vote is secure while it exceeds the profit from corruption.
#[must_use]
pub fn corruption_cost(price: f64, tokens: f64, turnout: f64) -> f64 {
    0.5 * price * tokens * turnout
}

/// Largest open interest that stake secures: q·s·S ÷ (φ·δ), where a quorum share q of stake S is cut by s, and a price
/// that is off by δ pays the attacker's share φ of it.
#[must_use]
pub fn secured_open_interest(quorum_stake: f64, slash: f64, (share, deviation): (f64, f64)) -> f64 {
    quorum_stake * slash / (share * deviation)
}

/// What an attack on `stake` in a protocol's own token costs whoever is short `hedge` of it, when the token falls by
/// `fall`: the stake lost, or else its fall, less what the short gains (after E. Budish, 2018).
#[must_use]
pub fn hedged_cost(stake: f64, lost: f64, (hedge, fall): (f64, f64)) -> f64 {
    stake * lost - fall * hedge
}

/// Bribe that makes deviating dominant for a voter who earns `payoff` in the majority and loses `deposit` outside it
/// (V. Buterin, The P + epsilon attack, 2015). It is paid only when the attack fails.
#[must_use]
pub fn bribe_needed(payoff: f64, deposit: f64, epsilon: f64) -> f64 {
    payoff + deposit + epsilon
}

/// A voter's payoff under a bribe that is paid only to deviators whom the majority leaves alone.
#[must_use]
pub fn bribed_payoff(payoff: f64, epsilon: f64, (deviates, others_deviate): (bool, bool)) -> f64 {
    match (deviates, others_deviate) {
        (false, false) | (true, true) => payoff,
        (true, false) => payoff + epsilon,
        (false, true) => 0.0,
    }
}

/// What bribing `nodes` with a deposit `deposit` each costs, when each of them in turn can claim all that those before it
/// would lose: d·n·(n + 1) ÷ 2, of the order d·n² ÷ 2 (Chainlink 2.0, section 9).
#[must_use]
pub fn watchdog_budget(nodes: f64, deposit: f64) -> f64 {
    deposit * nodes * (nodes + 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    #[test]
    fn a_round_trip_without_fees_costs_nothing_and_with_them_their_share() {
        let pool = Pool { base: 1_000.0, quote: 2_000.0, fee: 0.0 };
        let route = round_trip(pool, 100.0, 1.0).expect("there is enough");
        check(route.capital, 2_000.0 * 100.0 / 900.0);
        check(route.cost(), 0.0);
        let kept = round_trip(pool, 100.0, 0.5).expect("there is enough");
        check(kept.exit, (2_000.0 + route.capital) * 50.0 / 950.0);
        let dear = round_trip(Pool { fee: 0.003, ..pool }, 100.0, 1.0).expect("there is enough");
        assert!(dear.cost() > 0.005 * dear.capital && dear.cost() < 0.007 * dear.capital, "{dear:?}");
        assert_eq!(round_trip(pool, 1_000.0, 1.0), None, "the pool cannot be emptied");
    }

    /// Without a fee two sales bring what one of both does: 2000·300 ÷ 1300. Selling both into the pool as it was first would
    /// bring 2000·(100 ÷ 1100 + 200 ÷ 1200).
    #[test]
    fn a_second_sale_meets_the_pool_as_the_first_left_it() {
        let pool = Pool { base: 1_000.0, quote: 2_000.0, fee: 0.0 };
        let (first, left) = (pool.sell(100.0), pool.after_sell(100.0));
        check(first, 2_000.0 / 11.0);
        check(first + left.sell(200.0), 2_000.0 * 300.0 / 1_300.0);
        check(left.base * left.quote, pool.base * pool.quote);
        let dear = Pool { fee: 0.003, ..pool };
        let apart = dear.sell(100.0) + dear.after_sell(100.0).sell(200.0);
        assert!(apart < dear.sell(300.0) && apart > 0.999 * dear.sell(300.0), "the fee of the first stays in the pool");
    }

    #[test]
    fn what_has_to_be_sold_brings_what_was_asked_for() {
        let pool = Pool { base: 1_000.0, quote: 2_000.0, fee: 0.003 };
        for quote in [0.0, 1.0, 500.0, 1_999.0] {
            check(pool.sell(pool.sell_for(quote).expect("there is enough")), quote);
        }
        assert_eq!(pool.sell_for(2_000.0), None);
    }

    #[test]
    fn floats_and_the_pools_own_integers_agree() {
        let pool = Pool { base: 4e6, quote: 258_300.0, fee: 0.003 };
        let spent = pool.buy(400_000.0).expect("there is enough");
        #[allow(clippy::cast_possible_truncation)]
        let units = |coins: f64| (coins * 1e6) as i64;
        let bought = crate::math::impact::swap_out(units(spent) + 1, units(pool.quote), units(pool.base), 3_000);
        assert!(bought.is_some_and(|bought| (bought - 400_000_000_000).abs() < 100_000), "{bought:?}");
    }
}
