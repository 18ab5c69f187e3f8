//! What writing tables costs a run, and what asking them costs: a small scenario with and without a run directory, and a
//! query over what was written.

use std::path::{Path, PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use palisade_agents::{ScriptHost, Sound};
use palisade_engine::mechanisms::ALL;
use palisade_engine::{Options, Simulation};
use palisade_lab::frames::RunDir;
use palisade_lab::load::{Loaded, RunRequest, load};
use palisade_lab::recording::{Record, Recording};
use palisade_lab::run::{Watch, run};

/// Looks away.
struct Nobody;

impl Watch for Nobody {
    fn stepped(&self, _: u64) {}

    fn interrupted(&self) -> bool {
        false
    }
}

fn play(loaded: &Loaded, request: &RunRequest, out: Option<PathBuf>) {
    let request = RunRequest { out, ..request.clone() };
    run(loaded, &request, &Nobody).expect("a run");
}

/// Plays the same worlds with the rows of all tables recorded, as for a run that is written, and lets them go by.
fn record(loaded: &Loaded, sound: &Sound, request: &RunRequest) {
    let scripts = (loaded.library(), sound);
    for seed in request.seed..request.seed + u64::from(request.seeds) {
        for without_attackers in [false, true] {
            let options = Options { seed, without_attackers, without_tables: without_attackers, ..Options::default() };
            let mut simulation = Simulation::new(loaded.scenario(), &ALL, options).expect("a loaded scenario");
            let mut host =
                ScriptHost::of_sound(scripts, loaded.scenario(), &simulation, request.host).expect("loaded scripts");
            for step in 0..loaded.steps(request) {
                simulation.step(&mut host);
                if step % 256 == 255 {
                    drop(simulation.take_frames());
                }
            }
            drop((simulation.take_frames(), simulation.closing_frames()));
        }
    }
}

fn tables(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let fresh = |folder: &Path| tempfile::tempdir_in(folder).expect("a folder").keep().join("run");
    // As a test everything runs once, and a few steps will do.
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let (steps, seeds) = if is_bench { (None, 8) } else { (Some(20), 1) };
    let request = RunRequest { scenario: "thin_market".into(), steps, seeds, ..RunRequest::default() };
    let loaded = load(&request).expect("a built-in scenario");
    let heavy = Recording { positions: true, trades: true, reports: true, ..Recording::default() };
    let heavy = RunRequest { record: Record { recording: heavy, ..Record::default() }, ..request.clone() };
    let simulation = Simulation::new(loaded.scenario(), &ALL, Options::default()).expect("a loaded scenario");
    let host = ScriptHost::new(loaded.library(), loaded.scenario(), &simulation, request.host).expect("loaded scripts");
    let sound = host.into_sound();
    let mut group = criterion.benchmark_group("tables");
    group.sample_size(10);
    group.bench_function("run without tables", |bencher| bencher.iter(|| play(&loaded, &request, None)));
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let all = RunRequest { jobs, ..request.clone() };
    group.bench_function("run without tables, all cores", |bencher| bencher.iter(|| play(&loaded, &all, None)));
    group.bench_function("run recorded, not written", |bencher| bencher.iter(|| record(&loaded, &sound, &request)));
    group.bench_function("run with tables", |bencher| {
        bencher.iter(|| play(&loaded, &request, Some(fresh(folder.path()))));
    });
    group.bench_function("run with all tables", |bencher| {
        bencher.iter(|| play(&loaded, &heavy, Some(fresh(folder.path()))));
    });
    let out = fresh(folder.path());
    play(&loaded, &request, Some(out.clone()));
    let tables = RunDir::open(&out).expect("a run directory");
    group.bench_function("query", |bencher| {
        bencher.iter(|| tables.query("SELECT seed, AVG(solvency) AS s FROM world GROUP BY seed").expect("an answer"));
    });
    group.finish();
}

criterion_group!(benches, tables);
criterion_main!(benches);
