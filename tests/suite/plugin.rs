//! A mechanism from outside the engine is a mechanism like any other: to scenarios, scripts, tables, votes and laws.
//!
//! It is the example that plugin authors start from, word for word.

use std::path::Path;

use add_a_mechanism::{Fund, mechanisms};
use palisade_agents::{Library, ScriptHost, ScriptProblem, check};
use palisade_engine::action::Value;
use palisade_engine::domain::Funds;
use palisade_engine::frame::{Data, Frame};
use palisade_engine::ledger::{AssetId, Bucket, Ledger};
use palisade_engine::mechanism::{Mechanism, Setup};
use palisade_engine::phase::{Half, Phase};
use palisade_engine::registry::{Directory, Kind, Registry, part};
use palisade_engine::scenario::{Scenario, SetupError};
use palisade_engine::tx::Tx;
use palisade_engine::{Options, Simulation, World};
use palisade_tests::hosts::{drive, intent, own, seen};
use palisade_tests::worlds::small;

#[path = "../../engine/examples/add_a_mechanism.rs"]
#[allow(dead_code, unreachable_pub)]
pub(crate) mod add_a_mechanism;

const BLOCK: &str = "protocol.relief";
/// The first trader of the small world, with 1000 USD in the wallet.
const TRADER: u32 = 3;

fn simulation(scenario: &Scenario, mechanisms: &[&dyn Mechanism]) -> Result<Simulation, SetupError> {
    Simulation::new(scenario, mechanisms, Options { seed: 1, ..Options::default() })
}

fn with(blocks: &[(&str, &str)]) -> Simulation {
    simulation(&small(blocks), &mechanisms()).unwrap_or_else(|error| panic!("{error}"))
}

fn donate(simulation: &mut Simulation, amount: Value) -> Result<(), &'static str> {
    let intent = intent(simulation.registry(), TRADER, 0, "donate", &[amount]);
    simulation.act(&intent).map_err(|rejected| rejected.reason)
}

fn state(simulation: &Simulation) -> String {
    let mut text = String::new();
    simulation.write_state(&mut text).expect("strings take everything");
    text
}

#[track_caller]
fn refused(block: &str, expected: &str) {
    let error = simulation(&small(&[(BLOCK, block)]), &mechanisms()).err().expect("a refusal").to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn its_block_is_read_and_bad_values_are_refused_by_path() {
    assert_eq!(seen(&with(&[(BLOCK, "(start: 12.5)")]), Kind::Protocol, "relief", 0), 12.5);
    assert_eq!(seen(&with(&[]), Kind::Protocol, "relief", 0), 0.0, "without a block the fund is empty");
    refused("(drop: 0.1)", "protocol.relief: 1:2-1:6: Unexpected field named `drop`");
    refused("(start: -1.0)", "protocol.relief.start: expected an amount from 0 to");
    refused("(drip: 24.5)", "protocol.relief.drip: expected 0 to 24 (ratio/day), found 24.5");
}

#[test]
fn its_parameter_is_registered_within_bounds_and_can_be_voted_on() {
    let registry = Registry::of(&mechanisms());
    let param = registry.params.iter().find(|param| param.block == BLOCK).expect("declared");
    assert_eq!((param.path(""), (param.default)()), ("protocol.relief.drip".to_owned(), 0.5));
    assert!((param.bounds.0..=param.bounds.1).contains(&(param.default)()));
    let simulation = with(&[(BLOCK, "(drip: 2.0)"), ("protocol.governance", r#"(token: "TOK")"#)]);
    assert_eq!((param.read)(simulation.world(), 0), Some(2.0));
    let votable = simulation.world().resource::<Directory>().find(Kind::Parameter, "protocol.relief.drip");
    assert_eq!(seen(&simulation, Kind::Parameter, "value", votable.expect("can be voted on")), 2.0);
}

#[test]
fn its_action_is_all_or_nothing() {
    let mut simulation = with(&[]);
    let before = state(&simulation);
    assert_eq!(donate(&mut simulation, Value::Number(1000.1)), Err("insufficient_funds"));
    assert_eq!(donate(&mut simulation, Value::Number(-1.0)), Err("bad_amount"));
    assert_eq!(state(&simulation), before);
    assert_eq!(donate(&mut simulation, Value::Fraction(0.25)), Ok(()));
    assert_eq!(own(&simulation, "cash", TRADER, 0), 750.0);
    assert_eq!(seen(&simulation, Kind::Protocol, "relief", 0), 250.0);
    assert_ne!(state(&simulation), before, "the fund is part of the state hash");
}

const GIVER: &str = "//! name: giver\n//! role: trader\n//! summary: gives while the relief fund is low\n
fn decide(me, world) {
    if world.relief < 100.0 { me.donate(10); }
}\n";

fn library(folder: &Path, text: &str) -> Library {
    std::fs::write(folder.join("giver.rhai"), text).expect("a file");
    Library::load(&[folder.to_owned()]).expect("a readable script")
}

#[test]
fn scripts_see_it_and_act_on_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let library = library(folder.path(), GIVER);
    let mut scenario = small(&[(BLOCK, "(drip: 0.0)")]);
    scenario.cohorts.retain(|(path, _)| ["population.nodes", "population.traders"].contains(&path.as_str()));
    for (cohort, strategy) in [(0, "honest"), (1, "giver")] {
        scenario.cohorts[cohort].1.strategy = strategy.into();
    }
    let mut simulation = simulation(&scenario, &mechanisms()).expect("a legal scenario");
    let mut host = ScriptHost::new(&library, &scenario, &simulation, Default::default()).expect("a sound script");
    (0..5).for_each(|_| simulation.step(&mut host));
    assert_eq!(simulation.fault_count(), 0);
    assert_eq!(seen(&simulation, Kind::Protocol, "relief", 0), 120.0, "4 givers, 10 each, until 100 are reached");
    assert_eq!(own(&simulation, "cash", TRADER, 0), 970.0);
}

#[test]
fn scripts_are_checked_against_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let found = |text: &str, mechanisms: &[&dyn Mechanism]| {
        let library = library(folder.path(), text);
        let problems = check(&library, library.get("giver").expect("the file"), &Registry::of(mechanisms));
        problems.iter().map(problem).collect::<Vec<_>>()
    };
    assert!(found(GIVER, &mechanisms()).is_empty());
    let misspelt = GIVER.replace("donate(10)", "donat(10)").replace("relief <", "relieve <");
    let expected = [
        "the world has no field `relieve` (did you mean `relief`?)",
        "`me` has no method `donat` (did you mean `donate`?)",
    ];
    assert_eq!(found(&misspelt, &mechanisms()), expected);
    let without = found(GIVER, &palisade_engine::mechanisms::ALL);
    assert!(without.iter().any(|text| text.starts_with("`me` has no method `donate`")), "{without:?}");
}

fn problem(problem: &ScriptProblem) -> String {
    let hint = problem.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}{hint}", problem.message)
}

/// A column of the table `world` over all steps so far.
fn column(frames: &[Frame], name: &str) -> Vec<f64> {
    let world = frames.iter().find(|frame| frame.table == "world").expect("a table");
    match &world.columns.iter().find(|column| column.name == name).expect("a column").data {
        Data::Float(values) => values.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn its_probe_is_a_column_and_its_money_is_conserved() {
    let mut simulation = with(&[(BLOCK, "(start: 60.0, drip: 24.0)")]);
    let insurance = |simulation: &Simulation| {
        let funds = part::<Funds>(simulation.world(), Kind::Protocol, 0).expect("the small world has funds");
        simulation.world().resource::<Ledger>().balance(funds.insurance)
    };
    let before = insurance(&simulation);
    donate(&mut simulation, Value::Number(40.0)).expect("the trader has it");
    drive(&mut simulation, 3, |_, _| {});
    // 24 times a day is once an hour, and a step is a second.
    let mut expected = 100.0;
    let recorded = column(&simulation.take_frames(), "relief_fund");
    assert_eq!(recorded.len(), 3);
    for found in recorded {
        expected *= 1.0 - 1.0 / 3_600.0;
        assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
    }
    let left = 100_000_000 - (seen(&simulation, Kind::Protocol, "relief", 0) * 1e6).round() as i64;
    assert_eq!(insurance(&simulation) - before, left, "what has left the fund is in the insurance fund");
    let ledger = simulation.world().resource::<Ledger>();
    for asset in [AssetId(0), AssetId(1)] {
        let all = [
            Bucket::Wallet,
            Bucket::Margin,
            Bucket::Stake,
            Bucket::Reserve,
            Bucket::Pool,
            Bucket::Insurance,
            Bucket::Deposits,
            Bucket::Rewards,
            Bucket::Escrow,
            Bucket::Treasury,
            Bucket::Burned,
            Bucket::Outside,
        ];
        assert_eq!(ledger.in_buckets(&all, asset), ledger.issued(asset));
    }
    let reasons: Vec<_> = ledger.flows().map(|(flow, _)| flow.reason).collect();
    assert!(reasons.contains(&"donated") && reasons.contains(&"relief_released"), "{reasons:?}");
    simulation.check_ambiguities().expect("a fixed order of systems");
}

/// Takes from the fund behind its back, without creating or losing anything.
struct Thief;

impl Mechanism for Thief {
    fn name(&self) -> &'static str {
        "thief"
    }

    fn declare(&self, _: &mut Registry) {}

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        setup.system(Phase::Fund, Half::Settle, |world: &mut World| {
            let fund = part::<Fund>(world, Kind::Protocol, 0).expect("it stands before this one").slot;
            let pool = part::<Funds>(world, Kind::Protocol, 0).expect("the small world has funds").pool;
            Tx::new(world).transfer(fund, pool, 1, "theft").expect("there is enough");
        });
        Ok(())
    }
}

#[test]
#[should_panic(expected = "Invariant: the relief fund holds 9999999 and should hold 10000000")]
fn its_invariant_stops_a_run_that_breaks_it() {
    let mut all = mechanisms();
    all.push(&Thief);
    let mut simulation = simulation(&small(&[(BLOCK, "(start: 10.0, drip: 0.0)")]), &all).expect("a legal scenario");
    drive(&mut simulation, 1, |_, _| {});
}
