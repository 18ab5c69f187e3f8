//! Measures against a small world: what they read, and how wrong ones are refused.
#![allow(clippy::unwrap_used)]

use palisade_engine::clock::Segment;
use palisade_engine::scenario::AssetSpec;
use palisade_engine::units::Span;
use palisade_engine::{Options, mechanisms};

use super::*;

fn list(scripts: &[(&str, &str)]) -> Vec<(String, Measure)> {
    let measure = |text: &str| Measure { script: text.to_owned(), unit: String::new(), doc: String::new() };
    scripts.iter().map(|(name, text)| ((*name).to_owned(), measure(text))).collect()
}

fn scenario(measures: Texts) -> Scenario {
    let venue = r#"{"TOK/USD": (base: "TOK", quote: "USD", price: 2.0, depth: 1000.0)}"#;
    Scenario {
        name: "small".into(),
        clock: vec![Segment { length: Span(100_000), dt: Span(1_000) }],
        assets: ["USD", "TOK"].map(|name| (name.into(), AssetSpec { decimals: 6 })).into(),
        settlement: "USD".into(),
        blocks: [("market.venues".into(), venue.into())].into(),
        measures,
        ..Scenario::default()
    }
}

fn built(measures: Texts) -> Result<(Simulation, Measures), String> {
    let scenario = scenario(measures);
    let simulation = Simulation::new(&scenario, &mechanisms::ALL, Options::default()).unwrap();
    let measures = Measures::new(&scenario, &simulation, (&Packages::new(), HostOptions::default()));
    let lines = |errors: Vec<SetupError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    measures.map_err(lines).map(|measures| (simulation, measures))
}

#[test]
fn probes_read_the_world_and_outcomes_its_figures_too() {
    let probes = list(&[
        ("spot", "world.venue(\"TOK/USD\").price"),
        ("is_thin", "let v = world.venue(\"TOK/USD\");\nv.depth < 5.0"),
    ]);
    let outcomes = list(&[("twice", "2.0 * attacker_net + world.venue(\"TOK/USD\").price")]);
    let (simulation, mut measures) = built(Texts { probes, outcomes, ..Texts::default() }).unwrap();
    assert_eq!(measures.read(simulation.world()), [2.0, 0.0]);
    let figures = simulation.registry().outcomes.iter().map(|outcome| (outcome.name.to_owned(), 20.0)).collect();
    assert_eq!(measures.outcomes(&simulation, &figures), Ok(vec![42.0]));
    assert_eq!(measures.faults, []);
}

#[test]
fn a_probe_that_fails_is_a_fault_with_its_place() {
    let probes = list(&[("missing", "let x = 1.0;\nworld.venue(\"TOK/US\").price"), ("text", "[\"a\"][0]")]);
    let (simulation, mut measures) = built(Texts { probes, ..Texts::default() }).unwrap();
    assert!(measures.read(simulation.world()).iter().all(|value| value.is_nan()));
    let faults: Vec<_> = measures.faults.iter().map(|fault| format!("{}: {}", fault.place, fault.message)).collect();
    let missing = "probes.missing:2:7: there is no venue called `TOK/US` (did you mean `TOK/USD`?)";
    assert_eq!(faults, [missing, "probes.text: is string, neither a number nor a flag"]);
}

#[test]
#[should_panic(expected = "Invariant: `cheap` of the scenario does not hold")]
fn an_invariant_that_breaks_stops_the_run() {
    let invariants = list(&[("sane", "world.time >= 0.0"), ("cheap", "world.venue(\"TOK/USD\").price < 2.0")]);
    let (simulation, mut measures) = built(Texts { invariants, ..Texts::default() }).unwrap();
    let _ = measures.read(simulation.world());
}

#[track_caller]
fn check(measures: Texts, expected: &str) {
    assert_eq!(built(measures).err().unwrap(), expected);
}

#[test]
fn wrong_measures_are_refused_with_their_place() {
    let probes = |name: &str, script: &str| Texts { probes: list(&[(name, script)]), ..Texts::default() };
    check(
        probes("a", "1.0;\nworld.tme"),
        "probes.a.script: the world has no field `tme` (did you mean `time`?), at line 2, column 7 of the script",
    );
    check(probes("a", "1.0 +"), "probes.a.script: Unexpected '}', at line 2, column 1 of the script");
    check(probes("A b", "1.0"), "probes.A b: `A b` is no name of a measure: write it in lower_case");
    check(probes("solvency", "1.0"), "probes.solvency: `solvency` is measured already");
    check(probes("a", "me.cash"), "probes.a.script: there is no variable `me`, at line 1, column 1 of the script");
    let outcomes = list(&[("a", "attacker_nt > 0.0")]);
    check(
        Texts { outcomes, ..Texts::default() },
        "outcomes.a.script: there is no variable `attacker_nt` (did you mean `attacker_net`?), at line 1, column 1 of the \
         script",
    );
}
