#![allow(clippy::unwrap_used)]
use super::*;
use crate::sample;

/// The message behind `file:`, with its place, and the hint.
#[track_caller]
fn check(change: (&str, &str), expected: &str) {
    let (_folder, request) = sample::calm(&[change]);
    let report = match load(&request).unwrap_err() {
        LoadError::Problem(problem) => {
            format!(
                "{}:{}: {} | {}",
                problem.place().line,
                problem.place().column,
                problem.message(),
                problem.help().unwrap_or("")
            )
        }
        other => other.to_string(),
    };
    assert!(report.starts_with(expected), "{report}");
}

#[test]
fn what_mechanisms_refuse_is_placed_in_the_file() {
    check(
        ("own_noise: 0.001", "own_nose: 1"),
        "5:61: unknown field `own_nose` in `FeedTerms` | did you mean `own_noise`?",
    );
    check(("price: 1.0", "price: -1.0"), "9:74: expected a price in 1e-12…1e18, found -1 | ");
    check(("imr: 0.2", "imr: 20.0"), "6:106: expected 0.0001 to 10 (ratio), found 20 | ");
}

#[test]
fn names_that_refer_to_nothing_have_a_neighbor() {
    let strategy = ("\"noise\"", "\"nois\"");
    check(strategy, "12:44: there is no strategy called `nois` | did you mean `noise`? expected one of ");
    let venue = ("venues: [\"THIN/USD\"]", "venues: [\"THIN/US\"]");
    check(venue, "6:64: there is no venue called `THIN/US` | did you mean `THIN/USD`? expected `THIN/USD`");
}

#[test]
fn supplies_beyond_64_bits_are_refused() {
    check(
        ("pool: 1000000.0, insurance: 10000.0", "pool: 2e12, insurance: 2e12"),
        "4:19: 4.0000e12 coins are issued in all: at most 2.3058e12 fit | fewer `decimals`",
    );
}

#[track_caller]
fn check_usage(request: RunRequest, expected: &str) {
    let (_folder, sample) = sample::calm(&[]);
    let error = load(&RunRequest { scenario: sample.scenario, ..request }).unwrap_err();
    assert!(matches!(error, LoadError::Usage(_)) && error.to_string().starts_with(expected), "{error}");
}

#[test]
fn requests_are_checked_before_anything_runs() {
    check_usage(RunRequest { seeds: 0, ..RunRequest::default() }, "--seeds: expected at least 1");
    check_usage(RunRequest { seed: u64::MAX, seeds: 2, ..RunRequest::default() }, "--seed 18446744073709551615: 2");
    check_usage(RunRequest { steps: Some(0), ..RunRequest::default() }, "--steps 0: expected 1 to");
    let fail_if = Some("insolvnt > 0.5".to_owned());
    check_usage(RunRequest { fail_if, ..RunRequest::default() }, "--fail-if \"insolvnt > 0.5\": ");
}

#[test]
fn data_files_change_the_digest() {
    let (folder, request) = sample::calm(&[]);
    let plain = load(&request).unwrap();
    let file = folder.path().join("x.csv");
    std::fs::write(&file, "a\n1\n").unwrap();
    let with = |text: &str| {
        std::fs::write(&file, text).unwrap();
        load(&RunRequest { data: vec![("X".into(), file.clone())], ..request.clone() }).unwrap().scenario_hash
    };
    let (one, two) = (with("a\n1\n"), with("a\n2\n"));
    assert!(one != two && one != plain.scenario_hash);
    assert_eq!(plain.scenario().settlement, "USD");
}

#[test]
fn what_is_loaded_can_be_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Loaded>();
}
