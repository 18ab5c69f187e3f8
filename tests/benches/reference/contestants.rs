//! The implementations that are compared, each as a function from steps to CPU time and digest.

use std::time::Duration;

use cpu_time::ThreadTime;
use palisade_engine::host::Host;
use palisade_engine::registry::Registry;

use crate::hosts::{Form, NativeHost, scripted, simulation};
use crate::lean::Lean;
use crate::mechanism;
use crate::workload::{Digest, Workload};

/// So many traders, with what is gathered of them and what they ask for, fit the nearest caches.
const CHUNK: usize = 512;

/// An implementation, for a given number of traders.
pub(crate) struct Contestant {
    /// Its name in tables.
    pub(crate) name: &'static str,
    run: Box<dyn FnMut(u64) -> (Duration, Digest)>,
}

impl Contestant {
    fn new(name: &'static str, run: impl FnMut(u64) -> (Duration, Digest) + 'static) -> Self {
        Self { name, run: Box::new(run) }
    }

    /// The CPU time of `steps` steps of a new world, its making left out, and what they came to.
    pub(crate) fn run(&mut self, steps: u64) -> (Duration, Digest) {
        (self.run)(steps)
    }
}

/// All contestants; plain Rust comes first.
#[must_use]
pub(crate) fn all(traders: u32) -> Vec<Contestant> {
    let registry = simulation(0).registry().clone();
    let [native, batches] = [Form::Intents, Form::Batch].map(|form| NativeHost::new(&registry, form));
    vec![
        Contestant::new("plain", move |steps| {
            let mut plain = Workload::new(traders);
            let time = timed(steps, |step| plain.step(step));
            (time, plain.digest())
        }),
        lean("seam native", (traders, usize::MAX), &registry, native),
        lean("seam native chunked", (traders, CHUNK), &registry, native),
        lean("seam native in batches", (traders, usize::MAX), &registry, batches),
        lean("seam native in batches chunked", (traders, CHUNK), &registry, batches),
        lean("seam scripted", (traders, usize::MAX), &registry, scripted(traders)),
        lean("seam scripted chunked", (traders, CHUNK), &registry, scripted(traders)),
        engine("engine native", traders, native),
        engine("engine native in batches", traders, batches),
        engine("engine scripted", traders, scripted(traders)),
    ]
}

fn lean(
    name: &'static str,
    (traders, chunk): (u32, usize),
    registry: &Registry,
    mut host: impl Host + 'static,
) -> Contestant {
    let registry = registry.clone();
    Contestant::new(name, move |steps| {
        let mut lean = Lean::new(traders, &registry, &mut host, chunk);
        let time = timed(steps, |step| lean.step(step, &mut host));
        (time, lean.digest())
    })
}

fn engine(name: &'static str, traders: u32, mut host: impl Host + 'static) -> Contestant {
    Contestant::new(name, move |steps| {
        let mut simulation = simulation(traders);
        let time = timed(steps, |_| {
            simulation.step(&mut host);
            drop(simulation.take_frames());
        });
        (time, mechanism::digest(simulation.world()).expect("the mechanism adds it"))
    })
}

fn timed(steps: u64, mut step: impl FnMut(u64)) -> Duration {
    let start = ThreadTime::now();
    (1..=steps).for_each(&mut step);
    start.elapsed()
}
