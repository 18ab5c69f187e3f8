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

/// What makes a contestant.
type Make = Box<dyn FnOnce(&'static str) -> Contestant>;

/// Plain Rust, which comes first, and the contestants whose names begin with `only`: nothing is made of the others.
#[must_use]
pub(crate) fn all(traders: u32, only: &str) -> Vec<Contestant> {
    let registry = simulation(0).registry().clone();
    let [native, batches] = [Form::Intents, Form::Batch].map(|form| NativeHost::new(&registry, form));
    let seam = |chunk, form: Option<NativeHost>| -> Make {
        let registry = registry.clone();
        Box::new(move |name| match form {
            Some(host) => lean(name, (traders, chunk), &registry, host),
            None => lean(name, (traders, chunk), &registry, scripted(traders)),
        })
    };
    let plain = move |name| {
        Contestant::new(name, move |steps| {
            let mut plain = Workload::new(traders);
            let time = timed(steps, |step| plain.step(step));
            (time, plain.digest())
        })
    };
    let contestants: Vec<(&'static str, Make)> = vec![
        ("plain", Box::new(plain)),
        ("seam native", seam(usize::MAX, Some(native))),
        ("seam native chunked", seam(CHUNK, Some(native))),
        ("seam native in batches", seam(usize::MAX, Some(batches))),
        ("seam native in batches chunked", seam(CHUNK, Some(batches))),
        ("seam scripted", seam(usize::MAX, None)),
        ("seam scripted chunked", seam(CHUNK, None)),
        ("engine native", Box::new(move |name| engine(name, traders, native))),
        ("engine native in batches", Box::new(move |name| engine(name, traders, batches))),
        ("engine scripted", Box::new(move |name| engine(name, traders, scripted(traders)))),
    ];
    let wanted = contestants.into_iter().filter(|(name, _)| *name == "plain" || name.starts_with(only));
    wanted.map(|(name, make)| make(name)).collect()
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
