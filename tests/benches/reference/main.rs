//! The reference workload, in plain Rust and in worlds of the engine, native and scripted: what a decision costs in all.
//!
//! With `--bench` a table of CPU nanoseconds per agent-decision and of ratios to plain Rust comes first, of runs that
//! alternate, a line of JSON each; then criterion's groups. `REFERENCE_TRADERS=1000000` asks for other sizes, and
//! `REFERENCE_ONLY=seam` for the implementations alone whose names begin so, beside plain Rust. Without `--bench` it is a
//! test: digests alone.

mod contestants;
mod hosts;
mod lean;
mod market;
mod mechanism;
mod oracle;
mod protocol;
mod random;
mod workload;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

use crate::contestants::{Contestant, all};
use crate::workload::Workload;

/// Traders, steps and the digest in every language.
const PUBLISHED: [(u32, u64, &str); 3] = [
    (1_000, 200, "320 66333180645 3067389 3f9851eb851eb852 40564e2416c48418 5017d914b4233c14"),
    (10_000, 20, "756 232892570597 258322 3f9999999999999a 40589f9b6ccd6d6c 0bdc4d74dd04e7f3"),
    (100_000, 4, "872 420833213645 54900 3f9999999999999a 40590be775b013f2 b5797375f0a316d3"),
];

/// Runs of each contestant in the table.
const ROUNDS: usize = 7;

/// So few traders and steps are enough for a test: one vote is among them.
const SMALL: (u32, u64) = (40, 60);

fn is_bench() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}

/// Traders and steps of the runs that are timed.
fn sizes() -> Vec<(u32, u64)> {
    let asked = std::env::var("REFERENCE_TRADERS").unwrap_or_default();
    let asked: Vec<(u32, u64)> =
        asked.split(',').filter_map(|traders| traders.trim().parse().ok()).map(|traders| (traders, 3)).collect();
    match (is_bench(), asked.is_empty()) {
        (false, _) => vec![SMALL],
        (true, false) => asked,
        (true, true) => PUBLISHED.iter().map(|(traders, steps, _)| (*traders, *steps)).collect(),
    }
}

/// The digest of plain Rust, which is the published one where there is one.
fn expected(traders: u32, steps: u64) -> String {
    let mut plain = Workload::new(traders);
    (1..=steps).for_each(|step| plain.step(step));
    plain.digest().to_string()
}

fn digests(only: &str) {
    for (traders, steps, published) in PUBLISHED {
        assert_eq!(expected(traders, steps), published, "plain Rust, {traders} traders");
    }
    for (traders, steps) in sizes() {
        let expected = expected(traders, steps);
        for mut contestant in all(traders, only) {
            let (_, digest) = contestant.run(steps);
            assert_eq!(digest.to_string(), expected, "{}, {traders} traders", contestant.name);
        }
    }
}

/// Alternating runs, so that what else the machine does meets all alike.
fn table(only: &str) {
    println!("CPU ns per agent-decision, median of {ROUNDS} runs, and its ratio to plain Rust");
    for (traders, steps) in sizes() {
        let mut contestants = all(traders, only);
        let mut times = vec![Vec::new(); contestants.len()];
        for round in 0..ROUNDS {
            for (contestant, times) in contestants.iter_mut().zip(&mut times) {
                // A slow one needs no more than three: its ratio is large.
                if round < 3 || times[0] < Duration::from_millis(200) {
                    times.push(contestant.run(steps).0);
                }
            }
        }
        let medians: Vec<f64> =
            times.iter_mut().map(|times| median(times) / (f64::from(traders) * count(steps))).collect();
        for (Contestant { name, .. }, ns) in contestants.iter().zip(&medians) {
            let ratio = ns / medians[0];
            println!(
                r#"{{"implementation": "palisade {name}", "agents": {traders}, "ns": {ns:.2}, "ratio": {ratio:.2}}}"#
            );
        }
    }
}

/// Sizes of crowds in the full protocol.
fn protocol_sizes() -> Vec<u32> {
    if is_bench() { vec![1_000, 10_000, 100_000] } else { vec![SMALL.0] }
}

/// A decision of plain Rust among 10,000.
fn plain_ns() -> f64 {
    let (traders, steps) = if is_bench() { (10_000, 20) } else { SMALL };
    let plain = &mut all(traders, "plain")[0];
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| plain.run(steps).0).collect();
    median(&mut times) / (f64::from(traders) * count(steps))
}

fn count(steps: u64) -> f64 {
    u32::try_from(steps).map_or(f64::INFINITY, f64::from)
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e9
}

fn workload(criterion: &mut Criterion) {
    let only = std::env::var("REFERENCE_ONLY").unwrap_or_default();
    digests(&only);
    if is_bench() {
        table(&only);
    }
    if !only.is_empty() {
        return;
    }
    protocol::table(&protocol_sizes(), plain_ns());
    for (traders, steps) in sizes() {
        let mut group = criterion.benchmark_group(format!("reference/{traders}"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
        group.throughput(Throughput::Elements(u64::from(traders) * steps));
        for contestant in &mut all(traders, "") {
            group.bench_function(BenchmarkId::from_parameter(contestant.name), |bench| {
                bench.iter_custom(|runs| (0..runs).map(|_| contestant.run(steps).0).sum());
            });
        }
        group.finish();
    }
}

criterion_group!(benches, workload);
criterion_main!(benches);
