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

#[test]
fn a_rule_that_fails_publishes_nothing_and_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).expect("a folder");
    let text = "//! name: broken\n//! decides: aggregate\n//! summary: fails\n\nfn aggregate(prices, stakes) {\n    throw \"out of order\"\n}\n";
    fs::write(rules.join("broken.rhai"), text).expect("a file");
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
