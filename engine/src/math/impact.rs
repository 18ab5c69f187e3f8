//! Constant-product pools: what a swap pays, what moving the price costs, and how deep a pool is.

use crate::units::Amount;

/// Output of swapping `input` against reserves, floored, with a fee in parts per million kept by the pool.
///
/// out = y·in′ / (x + in′), in′ = in·(1 − fee), both floored. `None` when a reserve is empty or the result leaves 64 bits.
#[must_use]
pub fn swap_out(input: Amount, reserve_in: Amount, reserve_out: Amount, fee_ppm: u32) -> Option<Amount> {
    if input < 0 || reserve_in <= 0 || reserve_out <= 0 || fee_ppm > 1_000_000 {
        return None;
    }
    let net = u128::try_from(input).ok()? * u128::from(1_000_000 - fee_ppm) / 1_000_000;
    let out = net * u128::try_from(reserve_out).ok()? / (u128::try_from(reserve_in).ok()? + net);
    Amount::try_from(out).ok()
}

/// The smallest input that [`swap_out`] pays at least `output` for; `None` when the reserve has not got as much, or the
/// input leaves 64 bits.
#[must_use]
pub fn swap_in(output: Amount, reserve_in: Amount, reserve_out: Amount, fee_ppm: u32) -> Option<Amount> {
    if output <= 0 || reserve_in <= 0 || output >= reserve_out || fee_ppm >= 1_000_000 {
        return (output == 0).then_some(0);
    }
    let (wanted, paid_in) = (u128::try_from(output).ok()?, u128::try_from(reserve_in).ok()?);
    let net = (wanted * paid_in).div_ceil(u128::try_from(reserve_out - output).ok()?);
    let gross = net.checked_mul(1_000_000)?.div_ceil(u128::from(1_000_000 - fee_ppm));
    Amount::try_from(gross).ok()
}

/// Quote spent to multiply the price by `multiple` without fees: y(√k − 1) for k ≥ 1, and its base-side mirror below.
#[must_use]
pub fn cost_of_multiple(quote_reserve: f64, multiple: f64) -> f64 {
    quote_reserve * (libm::sqrt(multiple) - 1.0)
}

/// Quote that moves the price by 2 %.
#[must_use]
pub fn two_percent_depth(quote_reserve: f64) -> f64 {
    cost_of_multiple(quote_reserve, 1.02)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(actual: f64, expected: f64, tolerance: f64) {
        assert!((actual / expected - 1.0).abs() <= tolerance, "{actual} is not {expected}");
    }

    #[test]
    fn a_swap_pays_what_the_pool_formula_says() {
        // Selling V into quote depth y raises Vy/(V+y) at par: 10 into (100, 100) pays 9.09.
        assert_eq!(swap_out(10_000_000, 100_000_000, 100_000_000, 0), Some(9_090_909));
        assert_eq!(swap_out(10_000_000, 100_000_000, 100_000_000, 3_000), Some(9_066_108));
        assert_eq!(swap_out(1, 0, 5, 0), None);
        assert_eq!(swap_out(i64::MAX, i64::MAX, i64::MAX, 0), Some(i64::MAX / 2));
    }

    #[test]
    fn the_input_for_an_output_is_the_smallest_that_pays_it() {
        for (output, fee) in [(9_090_909, 0), (9_066_108, 3_000), (1, 0), (99_999_999, 500_000), (50_000_000, 1)] {
            let input = swap_in(output, 100_000_000, 100_000_000, fee).expect("within the reserve");
            let paid = |input| swap_out(input, 100_000_000, 100_000_000, fee).expect("within 64 bits");
            assert!(paid(input) >= output && paid(input - 1) < output, "{output} {fee}: {input}");
        }
        assert_eq!(swap_in(100_000_000, 1, 100_000_000, 0), None);
        assert_eq!(swap_in(0, 1, 1, 0), Some(0));
    }

    #[test]
    fn moving_the_price_costs_the_closed_form() {
        // Mango Markets 2022: 4.04 M USD for 13× or 24× imply reserves of 1.55 M and 1.04 M USD (shared record mango_2022).
        check(cost_of_multiple(1_550_535.596_073, 13.0), 4_040_000.0, 1e-9);
        check(cost_of_multiple(1_041_028.490_834, 0.91 / 0.0382), 4_040_000.0, 1e-9);
        check(two_percent_depth(1_041_028.490_834), 10_358.75, 1e-6);
    }
}
