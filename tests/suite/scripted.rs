//! Rules and measures that are scripts: the same figures as what is native, and failures that do not pass in silence.

use std::fs;

use palisade_agents::{Library, rules};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;
use palisade_engine::rule::Rule;
use palisade_lab::load::{RunRequest, load};
use palisade_lab::report::Report;
use palisade_lab::run::{RunError, Watch, run};
use serde_json::Value;

struct Silent;

impl Watch for Silent {
    fn stepped(&self, _: u64) {}

    fn interrupted(&self) -> bool {
        false
    }
}

fn request(scenario: &str, sets: &[&str]) -> RunRequest {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    RunRequest {
        scenario: root.join(scenario),
        sets: sets.iter().map(|set| set.parse().expect("an override")).collect(),
        ..RunRequest::default()
    }
}

fn report(request: &RunRequest) -> Result<Report, RunError> {
    run(&load(request).unwrap_or_else(|error| panic!("{error}")), request, &Silent)
}

fn outcome(report: &Report, name: &str) -> f64 {
    report.outcomes.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no outcome `{name}`")).first
}

/// The built-in rule and the script that is written like it.
fn twins(native: &str, script: &str) -> [Rule; 2] {
    let scripts = rules(&Library::load(&[]).expect("the library")).expect("sound rules");
    let find = |rules: &[Rule], name: &str| rules.iter().find(|rule| rule.name == name).expect("the rule").clone();
    [find(&Registry::of(&ALL).rules, native), find(&scripts, script)]
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

fn rows(prefix: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(include_str!("../vectors/theory.json")).expect("rows");
    let rows: Vec<Value> =
        all.into_iter().filter(|row| row["id"].as_str().is_some_and(|id| id.starts_with(prefix))).collect();
    assert!(!rows.is_empty(), "no rows of `{prefix}`");
    rows
}

#[test]
fn native_and_scripted_rules_agree_on_the_published_rows() {
    let medians = twins("stake_weighted_lower_median", "weighted_median");
    for row in rows("wmed-") {
        let (prices, stakes) = (numbers(&row["inputs"]["x"]), numbers(&row["inputs"]["w"]));
        for rule in &medians {
            let mut found = Vec::new();
            (rule.eval)(&[&prices, &stakes], &mut found);
            assert_eq!(found, [row["expected"]["lower"].as_f64().expect("a price")], "{rule:?} in {}", row["id"]);
        }
    }
    for row in rows("adl-") {
        let winners = row["inputs"]["winners"].as_array().expect("winners");
        let column =
            |name: &str| winners.iter().map(|winner| winner[name].as_f64().expect("a number")).collect::<Vec<_>>();
        let (profits, shares, leverages) = (column("pnl"), column("pnl_pct"), column("lev"));
        let entries: Vec<f64> = profits.iter().zip(&shares).map(|(profit, share)| profit / share).collect();
        let equities: Vec<f64> = leverages.iter().map(|leverage| 1000.0 / leverage).collect();
        let notionals = vec![1000.0; winners.len()];
        let [native, script] = twins("profit_times_leverage", "leveraged_profit").map(|rule| {
            let mut ranks = Vec::new();
            (rule.eval)(&[&profits, &entries, &notionals, &equities], &mut ranks);
            ranks
        });
        assert_eq!(native, script, "{}", row["id"]);
        for (rank, winner) in script.iter().zip(winners) {
            let score = winner["score"].as_f64().expect("a score");
            assert!((rank - score).abs() <= 1e-12 * score.abs(), "{rank} is not {score}");
        }
    }
}

/// What both twins answer for one row, which must be the same.
fn answer(twins: &[Rule; 2], row: &[f64]) -> f64 {
    let columns: Vec<&[f64]> = row.iter().map(std::slice::from_ref).collect();
    let [native, script] = twins.each_ref().map(|rule| {
        let mut found = Vec::new();
        (rule.eval)(&columns, &mut found);
        assert_eq!(found.len(), 1, "{rule:?} of {row:?}");
        found[0]
    });
    assert_eq!(native.to_bits(), script.to_bits(), "{twins:?} of {row:?}");
    native
}

#[test]
fn rules_of_margin_penalties_and_votes_agree_with_the_rows_of_protocols() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("../vectors/rules.json")).expect("rows");
    let requirements = twins("by_open_interest", "open_interest_margin");
    let penalties = twins("by_shortfall", "shortfall_penalty");
    let weights = twins("square_root", "quadratic_votes");
    for row in &rows {
        let input = |name: &str| row["inputs"][name].as_f64().expect("a number");
        let expected = |name: &str| row["expected"][name].as_f64().expect("a number");
        let (found, wanted) = match row["id"].as_str().expect("an id") {
            id if id.starts_with("dydx-oimf-") => {
                let asked = |initial| {
                    answer(
                        &requirements,
                        &[1_000.0, input("initial_ratio"), input("open_interest"), input("oi_cap"), initial],
                    )
                };
                assert_eq!(asked(0.0), 1_000.0 * input("initial_ratio"), "{id}: the maintenance ratio stays");
                (asked(1.0) / 1_000.0, expected("ratio"))
            }
            id if id.starts_with("dydx-fillable-") => {
                let names = ["ratio", "notional", "collateral", "requirement"];
                (1.0 - expected("side") * answer(&penalties, &names.map(input)), expected("price_over_mark"))
            }
            id if id.starts_with("qv-sybil-") => {
                let (tokens, accounts) = (input("credits"), input("accounts"));
                let each = [answer(&weights, &[tokens / accounts, 0.0]), answer(&weights, &[0.0, tokens / accounts])];
                assert_eq!(each[0], each[1], "{id}: staked or held");
                (accounts * each[0], expected("votes"))
            }
            id => panic!("nobody asks for {id}"),
        };
        let tolerance = row["tolerance"]["abs"].as_f64().unwrap_or(1e-12 * wanted.abs());
        assert!((found - wanted).abs() <= tolerance, "{}: {found} is not {wanted}", row["id"]);
    }
    assert_eq!(rows.len(), 18);
}

#[test]
fn worlds_follow_the_rules_of_margin_penalties_and_votes_that_they_name() {
    let figures = |scenario: &str, sets: &[&str]| {
        let report = report(&request(scenario, sets)).expect("a run");
        assert_eq!(report.first.faults.count, 0, "{scenario} {sets:?}");
        report.outcomes.iter().map(|row| row.first.to_bits()).collect::<Vec<_>>()
    };
    let cases = [
        (
            "scenarios/thin_market.ron",
            "protocol.markets.THIN-PERP.requirement_rule",
            "tiered",
            "by_open_interest",
            "open_interest_margin",
            "protocol.markets.THIN-PERP.oi_cap=60000.0",
        ),
        (
            "scenarios/crash.ron",
            "protocol.liquidation.penalty_rule",
            "flat",
            "by_shortfall",
            "shortfall_penalty",
            "protocol.liquidation.penalty=0.01",
        ),
        (
            "scenarios/quorum_capture.ron",
            "protocol.governance.weight_rule",
            "tokens",
            "square_root",
            "quadratic_votes",
            "protocol.governance.weight=current",
        ),
        (
            "scenarios/quorum_capture.ron",
            "protocol.governance.weight_rule",
            "tokens",
            "square_root",
            "quadratic_votes",
            "protocol.governance.weight=snapshot",
        ),
    ];
    for (scenario, path, built_in, native, script, also) in cases {
        let [usual, default, ruled, scripted] = [Some(built_in), None, Some(native), Some(script)].map(|name| {
            let named = name.map(|name| format!("{path}={name:?}"));
            let sets: Vec<&str> = named.as_deref().into_iter().chain([also]).collect();
            figures(scenario, &sets)
        });
        assert_eq!(usual, default, "{path}: `{built_in}` is what is built in");
        assert_eq!(ruled, scripted, "{path}: to the last bit");
        assert_ne!(ruled, usual, "{path}: `{native}` makes a difference");
    }
}

/// 60 voters with 100,000 tokens each weigh √100,000. In one hand, t tokens are 4 % of all votes, their own among them, when
/// √t is 0.04 ÷ 0.96 of the others': t = (60 ÷ 24)² · 100,000.
#[test]
fn the_capital_of_a_quorum_follows_the_rule_of_weights() {
    let set = "protocol.governance.weight_rule=\"square_root\"";
    let report =
        report(&RunRequest { steps: Some(2), ..request("scenarios/quorum_capture.ron", &[set]) }).expect("a run");
    let tokens = 2.5 * 2.5 * 100_000.0;
    let expected = 258_300.0 * tokens / (4_000_000.0 - tokens);
    let found = outcome(&report, "quorum_capital");
    assert!((found / expected - 1.0).abs() < 1e-4, "{found} is not {expected}");
}

#[test]
fn a_scripted_rule_takes_the_place_of_a_native_one_by_name() {
    let figures = |rule: &str| {
        let feed = format!("protocol.feeds.MNGO.rule={rule:?}");
        let report = report(&request("scenarios/incidents/mango_2022.ron", &[&feed])).expect("a run");
        assert_eq!(report.first.faults.count, 0);
        report.outcomes.iter().map(|row| row.first.to_bits()).collect::<Vec<_>>()
    };
    let native = figures("stake_weighted_lower_median");
    assert_eq!(native, figures("weighted_median"), "to the last bit");
    assert_ne!(native, figures("stake_weighted_mean"));
}

/// A folder of scripts with the rule `broken`.
fn broken(decides: &str, function: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).expect("a folder");
    let text = format!("//! name: broken\n//! decides: {decides}\n//! summary: fails\n\n{function}\n");
    fs::write(rules.join("broken.rhai"), text).expect("a file");
    folder
}

/// The natives that stand for what is built in say the same.
#[test]
fn what_is_built_in_has_a_rule_that_says_so() {
    let registry = Registry::of(&ALL);
    for (name, row, expected) in [
        ("tiered", &[2_000.0, 0.05, 1e6, 2e6, 1.0][..], 100.0),
        ("flat", &[0.01, 2_000.0, 40.0, 50.0][..], 0.01),
        ("tokens", &[3.0, 4.0][..], 7.0),
        ("staked", &[3.0, 4.0][..], 4.0),
    ] {
        let rule = registry.rules.iter().find(|rule| rule.name == name).expect("a rule");
        let columns: Vec<&[f64]> = row.iter().map(std::slice::from_ref).collect();
        let mut found = Vec::new();
        (rule.eval)(&columns, &mut found);
        assert_eq!(found, [expected], "{name}");
    }
}

#[test]
fn what_a_rule_of_margin_or_votes_gets_wrong_changes_as_little_as_can_be_and_is_told_once_a_step() {
    let usual = report(&request("scenarios/thin_market.ron", &[])).expect("a run");
    for (function, faults) in [
        ("fn requirement(notional, ratio, open_interest, oi_cap, initial) { throw \"no idea\" }", true),
        ("fn requirement(notional, ratio, open_interest, oi_cap, initial) { -1.0 }", false),
    ] {
        let folder = broken("requirement", function);
        let mut request =
            request("scenarios/thin_market.ron", &["protocol.markets.THIN-PERP.requirement_rule=\"broken\""]);
        request.scripts = vec![folder.path().to_owned()];
        let report = report(&request).expect("the world goes on");
        for name in ["attacker_net", "withdrawn", "liquidations"] {
            assert_eq!(outcome(&report, name), outcome(&usual, name), "{name}: the ratios stand");
        }
        let count = report.first.faults.count;
        assert!(if faults { (1..=720).contains(&count) } else { count == 0 }, "{count}");
    }
    // Of votes none is left, and what failed while the world was made is told as well.
    let folder = broken("weight", "fn weight(held, staked) { if held > 0.0 { throw \"no votes\" } 0.0 }");
    let mut request = request("scenarios/quorum_capture.ron", &["protocol.governance.weight_rule=\"broken\""]);
    (request.scripts, request.steps) = (vec![folder.path().to_owned()], Some(1));
    let report = report(&request).expect("the world goes on");
    assert!(report.first.faults.places[0].message == "no votes", "{:?}", report.first.faults);
    assert_eq!(outcome(&report, "proposals_executed"), 0.0);
}

#[test]
fn a_rule_that_fails_publishes_nothing_and_is_counted() {
    let folder = broken("aggregate", "fn aggregate(prices, stakes) {\n    throw \"out of order\"\n}");
    let mut request = request("scenarios/thin_market.ron", &["protocol.feeds.THIN.rule=\"broken\""]);
    (request.scripts, request.steps) = (vec![folder.path().to_owned()], Some(30));
    let report = report(&request).expect("the world goes on");
    let place = &report.first.faults.places[0];
    assert!(place.place.ends_with("broken.rhai:6:5") && place.message == "out of order", "{place:?}");
    assert!(report.first.faults.count >= 30, "{}", report.first.faults.count);
    assert_eq!(outcome(&report, "withdrawn"), 0.0, "without a price nothing can be done");
}

const SCRIPTS: [&str; 3] = [
    r#"probes={"spot": (script: "world.venue(\"THIN/USD\").price", unit: "USD", doc: "Spot.")}"#,
    r#"outcomes={"return_on_outlay": (script: "if attacker_outlay > 0.0 { attacker_net / attacker_outlay } else { 0.0 }", unit: "ratio")}"#,
    r#"invariants={"spot_below_a_thousand": (script: "world.venue(\"THIN/USD\").price < 1000.0")}"#,
];

#[test]
fn a_scenario_measures_with_scripts_of_its_own() {
    let expect = r#"expect=[(outcome: "spot", at: "5m", tolerance: Above(1.5), kind: predicted), (outcome: "return_on_outlay", tolerance: Above(0.0), kind: predicted)]"#;
    let mut request = request("scenarios/thin_market.ron", &[SCRIPTS[0], SCRIPTS[1], SCRIPTS[2], expect]);
    let verification = palisade_lab::verify::verify(&request, &Silent).expect("a verification");
    assert_eq!((verification.predicted_ok, verification.predicted), (2, 2), "{verification:?}");
    request.fail_if = Some("return_on_outlay > 0".into());
    let report = report(&request).expect("a run");
    let ratio = outcome(&report, "attacker_net") / outcome(&report, "attacker_outlay");
    assert_eq!(outcome(&report, "return_on_outlay"), ratio);
    assert_eq!(report.fail_if.expect("a condition").hits, 1);
}

#[test]
fn an_invariant_of_a_scenario_stops_its_run_with_the_command_that_shows_it() {
    let invariant = r#"invariants={"calm": (script: "world.venue(\"THIN/USD\").price < 1.5")}"#;
    let RunError::Invariant { message, command, step, .. } =
        report(&request("scenarios/thin_market.ron", &[invariant])).expect_err("it breaks")
    else {
        panic!("not an invariant")
    };
    assert_eq!(message, "Invariant: `calm` of the scenario does not hold");
    assert!(step > 0 && command.contains("--set") && command.contains(&format!("--steps {} ", step + 1)), "{command}");
}
