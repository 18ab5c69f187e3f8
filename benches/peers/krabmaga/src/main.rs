//! The reference workload on krABMaga: an agent a trader, which settles, decides, trades and votes in its step.
//!
//! Arithmetic, oracle and random numbers are the files of `tests/benches/reference`; only the model is written here.

#[path = "../../../../tests/benches/reference/market.rs"]
mod market;
#[path = "../../../../tests/benches/reference/oracle.rs"]
mod oracle;
#[path = "../../../../tests/benches/reference/random.rs"]
mod random;
#[allow(dead_code)]
#[path = "../../../../tests/benches/reference/workload.rs"]
mod workload;

use std::any::Any;

use cpu_time::ThreadTime;
use krabmaga::engine::{agent::Agent, schedule::Schedule, state::State};
use market::{Tally, decide, is_vote};
use workload::Workload;

#[derive(Clone)]
struct Trader {
    place: usize,
    margin: f64,
    pos: f64,
    thr: f64,
    stake: u64,
}

impl Agent for Trader {
    fn step(&mut self, state: &mut dyn State) {
        let world = state.as_any_mut().downcast_mut::<World>().expect("the only state");
        let market = &mut world.all.market;
        market.settle((&mut self.margin, &mut self.pos), (self.place, world.step));
        let size = decide(market.oracle, market.ret, (self.margin, self.pos, self.thr));
        market.trade((&mut self.margin, &mut self.pos), size);
        if is_vote(world.step) {
            world.tally.add(self.pos.abs() * market.oracle / self.margin, self.stake);
        }
    }
}

/// The market; the columns of traders are empty while a run goes on.
struct World {
    all: Workload,
    tally: Tally,
    step: u64,
}

impl State for World {
    fn init(&mut self, schedule: &mut Schedule) {
        let all = &self.all;
        for place in 0..all.traders() {
            let (margin, pos, thr, stake) = (all.margin[place], all.pos[place], all.thr[place], all.stake[place]);
            schedule.schedule_repeating(Box::new(Trader { place, margin, pos, thr, stake }), 0.0, 0);
        }
    }

    fn before_step(&mut self, _: &mut Schedule) {
        self.step += 1;
        self.all.advance(self.step);
    }

    fn after_step(&mut self, _: &mut Schedule) {
        if is_vote(self.step) {
            self.all.market.adopt(&std::mem::take(&mut self.tally));
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn as_state(&self) -> &dyn State {
        self
    }

    fn as_state_mut(&mut self) -> &mut dyn State {
        self
    }

    fn reset(&mut self) {}

    fn update(&mut self, _: u64) {}
}

/// CPU nanoseconds of all steps, and the digest.
fn run(traders: u32, steps: u64) -> (f64, String) {
    let mut world = World { all: Workload::new(traders), tally: Tally::default(), step: 0 };
    let mut schedule = Schedule::new();
    world.init(&mut schedule);
    let start = ThreadTime::now();
    (0..steps).for_each(|_| schedule.step(&mut world));
    let ns = start.elapsed().as_secs_f64() * 1e9;
    for agent in schedule.get_all_events() {
        let trader = agent.downcast_ref::<Trader>().expect("the only kind of agent");
        (world.all.margin[trader.place], world.all.pos[trader.place]) = (trader.margin, trader.pos);
    }
    (ns, world.all.digest().to_string())
}

/// Arguments: traders, steps, runs and the digest that every run must have.
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [traders, steps, runs, expected] = args.as_slice() else { panic!("traders, steps, runs and digest") };
    let number = |text: &String| text.parse::<u32>().expect("a number");
    let mut times = Vec::new();
    for _ in 0..number(runs) {
        let (ns, digest) = run(number(traders), u64::from(number(steps)));
        assert_eq!(&digest, expected);
        times.push(ns / f64::from(number(traders)) / f64::from(number(steps)));
    }
    times.sort_by(f64::total_cmp);
    let ns = times[times.len() / 2];
    println!(r#"{{"implementation": "krABMaga 0.6", "agents": {traders}, "ns": {ns:.2}}}"#);
}
