//! Named random streams: a draw is a pure function of seed, stream name, entity and step.
//!
//! No generator is stored or shared, so an agent that is added or draws once more changes nobody else's luck, and a run
//! without the attacker meets the same noise as the run with it.

use bevy_ecs::prelude::Resource;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// The seed of the whole run.
#[derive(Resource, Clone, Copy, Debug)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// Streams of a run with `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream `name` of `entity` at `tick` (a step, or 0 for what is drawn once).
    #[must_use]
    pub fn stream(&self, name: &str, entity: u64, tick: u64) -> Stream {
        Stream(Pcg64Mcg::seed_from_u64(self.mix(name, entity, tick)))
    }

    /// One well-mixed 64-bit word of the same coordinates, for seeded orders.
    #[must_use]
    pub fn mix(&self, name: &str, entity: u64, tick: u64) -> u64 {
        let mut word = splitmix(self.seed);
        for part in [name_key(name), entity, tick] {
            word = splitmix(word ^ part);
        }
        word
    }
}

/// A stable 64-bit key of a name (FNV-1a), for entities that are known by their names.
#[must_use]
pub fn name_key(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One SplitMix64 step (Steele, Lea and Flood 2014).
#[must_use]
pub fn splitmix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Draws of one named stream.
#[derive(Clone, Debug)]
pub struct Stream(Pcg64Mcg);

impl Stream {
    /// Uniform in [0, 1).
    #[must_use]
    pub fn uniform(&mut self) -> f64 {
        self.0.random::<f64>()
    }

    /// Standard normal (Box–Muller through `libm`, so that every machine gets the same bits).
    #[must_use]
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Poisson with a small mean, by inversion of the running product (Knuth).
    #[must_use]
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let floor = libm::exp(-mean);
        let mut product = self.uniform();
        let mut count = 0;
        while product > floor && count < 10_000 {
            product *= self.uniform();
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_do_not_depend_on_one_another() {
        let streams = Streams::new(7);
        let first = streams.stream("oracle.noise", 1, 5).uniform();
        let _ = streams.stream("oracle.noise", 2, 5).normal();
        assert_eq!(first.to_bits(), streams.stream("oracle.noise", 1, 5).uniform().to_bits());
        assert_ne!(first.to_bits(), streams.stream("oracle.noise", 1, 6).uniform().to_bits());
        assert_ne!(first.to_bits(), Streams::new(8).stream("oracle.noise", 1, 5).uniform().to_bits());
    }

    #[test]
    fn moments_match_their_laws() {
        let streams = Streams::new(1);
        let count = 40_000_u32;
        let (mut sum, mut squares, mut events) = (0.0, 0.0, 0.0);
        for entity in 0..u64::from(count) {
            let mut stream = streams.stream("moments", entity, 0);
            let z = stream.normal();
            sum += z;
            squares += z * z;
            events += f64::from(stream.poisson(0.3));
        }
        let n = f64::from(count);
        assert!((sum / n).abs() < 4.0 / n.sqrt(), "mean {}", sum / n);
        assert!((squares / n - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "variance {}", squares / n);
        assert!((events / n - 0.3).abs() < 4.0 * (0.3 / n).sqrt(), "poisson {}", events / n);
    }
}
