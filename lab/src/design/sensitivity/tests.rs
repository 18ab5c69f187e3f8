//! Indices against closed forms, and against SALib on the same points.

#![allow(clippy::unwrap_used)]

use std::f64::consts::PI;

use super::*;
use crate::design::Scramble;

/// Ishigami and Homma 1990 on the unit cube, with a = 7 and b = 0.1.
fn ishigami(u: &[f64]) -> f64 {
    let x: Vec<f64> = u.iter().map(|u| PI * (2.0 * u - 1.0)).collect();
    let (one, two) = (libm::sin(x[0]), libm::sin(x[1]));
    one + 7.0 * two * two + 0.1 * libm::pow(x[2], 4.0) * one
}

/// First-order and total indices of it, from its variances.
fn of_ishigami() -> Vec<Indices> {
    let (a, b) = (7.0, 0.1);
    let (one, two) = ((1.0 + b * libm::pow(PI, 4.0) / 5.0), a * a / 8.0);
    let (one, both) = (one * one / 2.0, 8.0 * b * b * libm::pow(PI, 8.0) / 225.0);
    let all = one + two + both;
    vec![(one / all, (one + both) / all), (two / all, two / all), (0.0, both / all)]
}

const WEIGHTS: [f64; 8] = [0.0, 1.0, 4.5, 9.0, 99.0, 99.0, 99.0, 99.0];

/// The g-function of Saltelli and Sobol 1995.
fn g(u: &[f64]) -> f64 {
    u.iter().zip(WEIGHTS).map(|(u, a)| ((4.0 * u - 2.0).abs() + a) / (1.0 + a)).product()
}

fn of_g() -> Vec<Indices> {
    let parts = WEIGHTS.map(|a| 1.0 / (3.0 * (1.0 + a) * (1.0 + a)));
    let product: f64 = parts.iter().map(|part| 1.0 + part).product();
    parts.map(|part| (part / (product - 1.0), part * product / (1.0 + part) / (product - 1.0))).into()
}

type Function = fn(&[f64]) -> f64;

fn outputs(scheme: Saltelli, scramble: Scramble, function: Function) -> Vec<f64> {
    scheme.points(scramble).unwrap().iter().map(|point| function(point)).collect()
}

fn run(scheme: Saltelli, outputs: &[f64]) -> Sensitivity {
    sensitivity(scheme, outputs, Bootstrap { resamples: 300, seed: 7 }).unwrap()
}

/// Estimates of seeds near the closed form, their intervals around it.
#[track_caller]
fn check_closed_form(function: Function, expected: &[Indices], rows: usize, near: f64) {
    let scheme = Saltelli::new(rows, expected.len()).unwrap();
    for seed in 1..=3 {
        let found = run(scheme, &outputs(scheme, Scramble::Owen(seed), function)).shares.unwrap();
        for (axis, (shares, (first, total))) in found.iter().zip(expected).enumerate() {
            for (estimate, expected) in [(shares.first, first), (shares.total, total)] {
                let (low, high) = estimate.interval.unwrap();
                assert!((estimate.value - expected).abs() < near, "axis {axis}: {estimate:?}, not {expected}");
                assert!(low <= *expected && *expected <= high, "axis {axis}: {estimate:?}, not {expected}");
            }
        }
    }
}

#[test]
fn indices_of_ishigami_are_those_of_its_closed_form() {
    let expected = of_ishigami();
    // As published: 0.3139, 0.4424, 0 and 0.5576, 0.4424, 0.2437.
    assert!((expected[0].0 - 0.3139).abs() < 5e-5 && (expected[2].1 - 0.2437).abs() < 5e-5, "{expected:?}");
    check_closed_form(ishigami, &expected, 2048, 0.02);
}

#[test]
fn indices_of_the_g_function_are_those_of_its_closed_form() {
    check_closed_form(g, &of_g(), 2048, 0.02);
}

/// What SALib says of a function: indices, and half the widths of their intervals.
struct Salib<'a> {
    first: &'a [f64],
    total: &'a [f64],
    half_of_first: &'a [f64],
    half_of_total: &'a [f64],
}

#[track_caller]
fn check_salib(function: Function, expected: &Salib) {
    let axes = expected.first.len();
    let scheme = Saltelli::new(1024, axes).unwrap();
    let outputs = outputs(scheme, Scramble::Plain, function);
    let found = sensitivity(scheme, &outputs, Bootstrap { resamples: 2000, seed: 1 }).unwrap().shares.unwrap();
    let check = |estimate: Estimate, expected: f64, half: f64| {
        assert!((estimate.value - expected).abs() < 1e-11, "{estimate:?}, not {expected}");
        let (low, high) = estimate.interval.unwrap();
        let width = (high - low) / 2.0 / half;
        assert!((width - 1.0).abs() < 0.1, "{estimate:?}: {width} of the half-width {half}");
    };
    for (axis, shares) in found.iter().enumerate() {
        check(shares.first, expected.first[axis], expected.half_of_first[axis]);
        check(shares.total, expected.total[axis], expected.half_of_total[axis]);
    }
}

/// SALib 1.6.0 with scipy 1.17.1: `analyze.sobol.analyze(…, calc_second_order=False, num_resamples=2000, seed=1)` of the
/// same functions at the same 1024 rows: S1, ST, S1_conf and ST_conf. Kills A for B in the first order, B for A in the total
/// one, a variance of A alone, and a center of A and B alone. Its intervals are 1.96 deviations of resamples, ours are
/// quantiles, of which those of 5 and 95 % would be 16 % narrower.
#[test]
fn indices_are_those_of_salib() {
    check_salib(
        ishigami,
        &Salib {
            first: &[0.327_444_198_289, 0.446_638_084_605, 0.013_360_053_886],
            total: &[0.561_663_391_451, 0.446_518_173_216, 0.245_738_868_823],
            half_of_first: &[0.062_790_9, 0.054_971_6, 0.053_314_6],
            half_of_total: &[0.083_897_007, 0.042_257_592, 0.027_469_509],
        },
    );
    check_salib(
        g,
        &Salib {
            first: &[
                0.709_441_097_674,
                0.175_410_418_163,
                0.025_475_817_159,
                0.008_745_261_674,
                0.000_107_274_295,
                0.000_023_519_929,
                0.000_052_436_439,
                0.000_041_610_796,
            ],
            total: &[
                0.781_575_524_705,
                0.239_925_678_657,
                0.033_351_391_890,
                0.010_338_318_666,
                0.000_105_178_009,
                0.000_104_062_847,
                0.000_100_204_971,
                0.000_103_640_450,
            ],
            half_of_first: &[
                0.070_894_3,
                0.041_622_0,
                0.014_645_4,
                0.008_846_9,
                0.000_938_4,
                0.000_859_3,
                0.000_879_1,
                0.000_875_7,
            ],
            half_of_total: &[
                0.075_892_698,
                0.029_658_116,
                0.004_193_444,
                0.001_395_769,
                0.000_014_718,
                0.000_014_113,
                0.000_013_118,
                0.000_013_901,
            ],
        },
    );
}

#[test]
fn units_do_not_matter() {
    let scheme = Saltelli::new(64, 3).unwrap();
    let plain = outputs(scheme, Scramble::Owen(1), ishigami);
    let moved: Vec<f64> = plain.iter().map(|y| 1e6 - 1e3 * y).collect();
    let (plain, moved) = (run(scheme, &plain), run(scheme, &moved));
    assert!((moved.mean - (1e6 - 1e3 * plain.mean)).abs() < 1e-6);
    assert!((moved.variance / plain.variance - 1e6).abs() < 1e-3);
    for (plain, moved) in plain.shares.unwrap().iter().zip(moved.shares.unwrap()) {
        let (low, of_moved) = (plain.first.interval.unwrap().0, moved.first.interval.unwrap().0);
        assert!((plain.first.value - moved.first.value).abs() < 1e-9 && (low - of_moved).abs() < 1e-9);
        assert!((plain.total.value - moved.total.value).abs() < 1e-9);
    }
}

/// Kills leaving out points alone, and 0 in the place of what is missing.
#[test]
fn a_row_with_an_output_that_is_not_finite_is_left_out() {
    let scheme = Saltelli::new(32, 3).unwrap();
    let all = outputs(scheme, Scramble::Owen(1), ishigami);
    for (place, missing) in [(0, f64::NAN), (7, f64::INFINITY), (14, f64::NEG_INFINITY)] {
        let mut outputs = all.clone();
        outputs[place] = missing;
        let found = run(scheme, &outputs);
        let row = place / 5;
        let without: Vec<f64> =
            all.chunks(5).enumerate().filter(|(i, _)| *i != row).flat_map(|(_, row)| row.to_vec()).collect();
        let expected = Sensitivity { left_out: 1, ..run(Saltelli::new(31, 3).unwrap(), &without) };
        assert_eq!(found, expected);
    }
    let none = run(scheme, &vec![f64::NAN; all.len()]);
    assert_eq!((none.rows, none.left_out, none.shares), (0, 32, None));
    assert!(none.mean.is_nan() && none.variance.is_nan());
}

#[test]
fn outputs_that_do_not_vary_have_no_shares() {
    let scheme = Saltelli::new(32, 3).unwrap();
    for constant in [0.0, 0.1, -1e9, 1.0 / 3.0] {
        let found = run(scheme, &vec![constant; scheme.count()]);
        assert!(found.shares.is_none() && (found.mean - constant).abs() <= 1e-15 * constant.abs(), "{found:?}");
    }
    // Rounding is no variance, and a true difference is.
    let with = |one: f64| {
        let mut outputs = vec![0.1; scheme.count()];
        outputs[0] = one;
        run(scheme, &outputs).shares.is_some()
    };
    assert!(!with(0.1 + f64::EPSILON / 8.0) && with(0.1 + 1e-9));
}

#[test]
fn too_few_rows_or_events_give_no_interval() {
    let has_interval = |rows: usize, function: Function| {
        let scheme = Saltelli::new(rows, 3).unwrap();
        let shares = run(scheme, &outputs(scheme, Scramble::Owen(1), function)).shares.unwrap();
        assert!(shares.iter().all(|shares| shares.first.interval.is_some() == shares.total.interval.is_some()));
        shares[0].first.interval.is_some()
    };
    assert!(!has_interval(15, ishigami) && has_interval(16, ishigami));
    // 2 of 64 values of A and B below 1/32: an eighth of all resamples miss both. Half are an event below ½.
    let rare: Function = |u| f64::from(u[0] < 1.0 / 32.0);
    let frequent: Function = |u| f64::from(u[0] < 0.5);
    assert!(!has_interval(32, rare) && has_interval(32, frequent));
    let scheme = Saltelli::new(32, 3).unwrap();
    let outputs = outputs(scheme, Scramble::Owen(1), frequent);
    let none = sensitivity(scheme, &outputs, Bootstrap { resamples: 0, seed: 1 }).unwrap();
    assert!(none.shares.unwrap().iter().all(|shares| shares.first.interval.is_none()));
}

#[test]
fn outputs_are_one_a_point() {
    let scheme = Saltelli::new(2, 1).unwrap();
    let error = sensitivity(scheme, &[0.0; 5], Bootstrap::default()).unwrap_err();
    assert_eq!(error.to_string(), "5 outputs: expected 6, one for each point of the design");
}

#[test]
fn results_are_kept_as_json() {
    let scheme = Saltelli::new(16, 2).unwrap();
    for outputs in [outputs(scheme, Scramble::Owen(1), |u| u[0]), vec![f64::NAN; 64]] {
        let text = serde_json::to_string(&run(scheme, &outputs)).unwrap();
        let read: Sensitivity = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
