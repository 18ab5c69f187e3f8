//! Every shipped scenario: golden tables, determinism over threads and spawn orders, and the laws an incident must obey.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use palisade_agents::ScriptHost;
use palisade_engine::mechanisms::ALL;
use palisade_engine::rng::name_key;
use palisade_engine::{Options, Simulation};
use palisade_lab::load::{Loaded, RunRequest, load};
use palisade_lab::report::Report;
use palisade_lab::run::{Watch, run};
use palisade_lab::verify::verify;

pub(crate) struct Quiet;

impl Watch for Quiet {
    fn stepped(&self, _: u64) {}

    fn interrupted(&self) -> bool {
        false
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn request(scenario: &str, sets: &[&str]) -> RunRequest {
    RunRequest {
        scenario: root().join("scenarios").join(scenario),
        sets: sets.iter().map(|set| set.parse().expect("path=value")).collect(),
        ..RunRequest::default()
    }
}

fn loaded(request: &RunRequest) -> Loaded {
    load(request).unwrap_or_else(|error| panic!("{error:?}"))
}

pub(crate) fn report(scenario: &str, sets: &[&str]) -> Report {
    let request = request(scenario, sets);
    run(&loaded(&request), &request, &Quiet).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn outcome(report: &Report, name: &str) -> f64 {
    report.outcomes.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no outcome `{name}`")).first
}

/// All tables after `steps` steps, a line each with its rows and a hash of them.
fn tables(loaded: &Loaded, steps: u64, options: Options) -> String {
    let mut simulation = Simulation::new(loaded.scenario(), &ALL, options).expect("a loaded scenario");
    let mut host =
        ScriptHost::new(loaded.library(), loaded.scenario(), &simulation, Default::default()).expect("loaded scripts");
    for _ in 0..steps {
        simulation.step(&mut host);
    }
    let mut text = String::new();
    for frame in simulation.take_frames().iter().chain(&simulation.closing_frames()) {
        let hash = name_key(&format!("{frame:?}"));
        let _ = writeln!(text, "{:12} {:>6} rows {hash:016x}", frame.table, frame.rows());
    }
    for outcome in &simulation.registry().outcomes {
        let _ = writeln!(text, "{:24} {}", outcome.name, (outcome.read)(simulation.world()));
    }
    let _ = writeln!(text, "{:24} {}", "faults", simulation.fault_count());
    text
}

/// Every scenario file: those that stand alone, found by looking.
fn shipped() -> Vec<String> {
    let folder = root().join("scenarios");
    let mut found = Vec::new();
    for sub in ["", "incidents", "stages"] {
        for entry in std::fs::read_dir(folder.join(sub)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "ron") {
                found.push(path.strip_prefix(&folder).expect("below it").to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    assert!(found.len() >= 9, "{found:?}");
    found
}

/// Debug and release builds check the same files (`cargo test --release -p palisade-tests --test suite golden`).
#[test]
fn golden_tables_of_every_scenario() {
    for scenario in shipped() {
        let (loaded, options) = (loaded(&request(&scenario, &[])), Options { seed: 1, ..Options::default() });
        let found = tables(&loaded, 50, options);
        let figures: String = found.split_inclusive('\n').filter(|line| !line.contains(" rows ")).collect();
        let alone = tables(&loaded, 50, Options { without_tables: true, ..options });
        assert_eq!(alone, figures, "{scenario} without tables");
        let name = scenario.replace('/', "_").replace(".ron", ".txt");
        let path = root().join("tests/golden").join(&name);
        if std::env::var_os("PALISADE_BLESS").is_some() {
            std::fs::write(&path, &found).expect("a writable checkout");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, expected, "tests/golden/{name}; PALISADE_BLESS=1 rewrites it");
        assert!(found.contains("faults                   0"), "{scenario} has faults");
    }
}

#[test]
fn seeds_differ_and_repeat() {
    let loaded = loaded(&request("thin_market.ron", &[]));
    let of = |seed| tables(&loaded, 40, Options { seed, ..Options::default() });
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn scripted_tables_do_not_depend_on_spawn_order() {
    let loaded = loaded(&request("thin_market.ron", &[]));
    let reference = tables(&loaded, 40, Options { seed: 1, ..Options::default() });
    for spawn_shuffle in 1..=16 {
        assert_eq!(tables(&loaded, 40, Options { seed: 1, spawn_shuffle, ..Options::default() }), reference);
    }
}

/// Every file of a run directory with its bytes, in order of path.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below it").to_string_lossy().into_owned();
                found.push((name, std::fs::read(&path).expect("a file")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn run_directories_are_the_same_bytes_on_any_number_of_threads_and_twice() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let write = |name: &str, jobs| {
        let out = folder.path().join(name);
        let request =
            RunRequest { seeds: 4, jobs, steps: Some(30), out: Some(out.clone()), ..request("thin_market.ron", &[]) };
        run(&loaded(&request), &request, &Quiet).unwrap_or_else(|error| panic!("{error}"));
        files(&out)
    };
    let one = write("one", 1);
    assert!(one.len() > 20, "{} files", one.len());
    for (name, jobs) in [("two", 2), ("again", 1)] {
        let other = write(name, jobs);
        let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&one), names(&other));
        for ((name, expected), (_, found)) in one.iter().zip(&other) {
            assert!(expected == found, "{name} differs with {jobs} jobs");
        }
    }
}

const MANGO: &str = "incidents/mango_2022.ron";

#[test]
fn incidents_meet_their_records() {
    for scenario in [MANGO, "thin_market.ron"] {
        let verification = verify(&request(scenario, &[]), &Quiet).unwrap_or_else(|error| panic!("{error}"));
        assert!(verification.ok(), "{verification:#?}");
        assert!(verification.predicted >= 2 && verification.counterfactuals.len() >= 3);
    }
}

#[test]
fn mango_over_seeds_stays_within_the_record() {
    for seed in 2..6 {
        let request = RunRequest { seed, ..request(MANGO, &[]) };
        let verification = verify(&request, &Quiet).unwrap_or_else(|error| panic!("{error}"));
        assert!(verification.ok(), "seed {seed}: {verification:#?}");
    }
}

#[test]
fn without_the_attacker_nothing_happens_to_mango() {
    let report = report(MANGO, &["attackers.attacker.count=0"]);
    assert_eq!(outcome(&report, "insolvent"), 0.0);
    assert_eq!(outcome(&report, "withdrawn"), 0.0);
    assert!(outcome(&report, "spot_multiple") < 1.05, "price within noise: {}", outcome(&report, "spot_multiple"));
    let depositors = report.first.groups.iter().find(|group| group.group == "depositors").expect("depositors");
    assert!(depositors.change.abs() < 0.005, "{depositors:?}");
}

#[test]
fn half_the_dose_has_a_smaller_effect_on_mango() {
    let full = report(MANGO, &[]);
    let half = report(
        MANGO,
        &[
            "attackers.attacker.params.margin=2500000.0",
            "attackers.attacker.params.contracts=241500000.0",
            "attackers.attacker.params.push=2020000.0",
        ],
    );
    for name in ["withdrawn", "spot_multiple", "peak_paper_profit", "attacker_net", "loss_caused"] {
        let (full, half) = (outcome(&full, name), outcome(&half, name));
        assert!(half < 0.8 * full, "{name}: {half} is not well below {full}");
    }
    assert!(outcome(&half, "withdrawn") > 0.0);
}

#[test]
fn halving_the_step_keeps_mangos_headline() {
    let halved = verify(&request(MANGO, &["clock.0.dt=\"2500ms\""]), &Quiet).unwrap_or_else(|error| panic!("{error}"));
    assert!(halved.ok(), "{halved:#?}");
}

#[test]
fn the_paired_baseline_is_the_run_without_attackers() {
    let with = report("thin_market.ron", &[]);
    let without = report("thin_market.ron", &["attackers.attacker.count=0"]);
    for group in &with.first.groups {
        let Some(baseline) = group.without_attack else { continue };
        let alone = without.first.groups.iter().find(|other| other.group == group.group).expect("the same groups");
        assert!((alone.change - baseline).abs() < 1e-6, "{}: {} is not {baseline}", group.group, alone.change);
    }
}
