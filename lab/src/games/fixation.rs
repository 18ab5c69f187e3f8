//! Chances that one mutant takes over a finite population of residents, by birth and death (Moran 1958) and by imitation
//! (Fermi's rule; Traulsen, Nowak and Pacheco 2006). Selection without end is [`super::replicator`]'s.

use super::{GameError, check_range};

/// A game between mutants and residents.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Invasion {
    /// What a mutant earns from a mutant, and from a resident.
    pub mutant: [f64; 2],
    /// What a resident earns from a mutant, and from a resident.
    pub resident: [f64; 2],
}

impl Invasion {
    /// What a mutant and a resident earn on average where `mutants` of `population` are mutants and nobody meets himself.
    #[must_use]
    pub fn earned(&self, mutants: u32, population: u32) -> (f64, f64) {
        let (mutants, others) = (f64::from(mutants), f64::from(population) - 1.0);
        let against = |own: [f64; 2], mutants: f64| (own[0] * mutants + own[1] * (others - mutants)) / others;
        (against(self.mutant, mutants - 1.0), against(self.resident, mutants))
    }

    /// The chance of fixation in a Moran process with fitness 1 − w + w·payoff, where `weight` is w (Nowak, Sasaki, Taylor
    /// and Fudenberg 2004).
    ///
    /// # Errors
    ///
    /// If the population is below 2, the weight outside 0…1, or a fitness not above 0.
    pub fn moran(&self, population: u32, weight: f64) -> Result<f64, GameError> {
        check_population(population)?;
        check_range("the weight of selection", weight, (0.0..=1.0).contains(&weight), "within 0…1")?;
        let mut ratios = Vec::new();
        for mutants in 1..population {
            let (mutant, resident) = self.earned(mutants, population);
            let (mutant, resident) = (1.0 - weight + weight * mutant, 1.0 - weight + weight * resident);
            let worse = mutant.min(resident);
            check_range("a fitness", worse, worse > 0.0, "above 0")?;
            ratios.push(libm::log(resident / mutant));
        }
        Ok(libm::exp(logarithm(ratios)))
    }

    /// The natural logarithm of the chance of fixation where players imitate one another with probability
    /// 1/(1 + exp(−β·gap)), `intensity` being β.
    ///
    /// # Errors
    ///
    /// If the population is below 2, or the intensity below 0 or so large that payoffs times it overflow.
    pub fn imitation(&self, population: u32, intensity: f64) -> Result<f64, GameError> {
        check_population(population)?;
        let ratio = |mutants: u32| {
            let (mutant, resident) = self.earned(mutants, population);
            intensity * (resident - mutant)
        };
        let found = logarithm((1..population).map(ratio));
        check_range("the intensity", intensity, intensity >= 0.0 && found.is_finite(), "at least 0 and finite")?;
        Ok(found)
    }
}

/// The chance that a mutant of relative fitness `fitness` takes over a Moran population: (1 − 1/r)/(1 − r⁻ᴺ), or 1/N of a
/// neutral one (Lieberman, Hauert and Nowak 2005).
///
/// # Errors
///
/// If the population is below 2 or the fitness not above 0.
pub fn moran(fitness: f64, population: u32) -> Result<f64, GameError> {
    check_range("the relative fitness", fitness, fitness > 0.0 && fitness.is_finite(), "above 0 and finite")?;
    constant(libm::log(fitness), population)
}

/// The chance that an imitated mutant takes over where it always earns `gap` more than residents:
/// (1 − e⁻ᵘ)/(1 − e⁻ᵐᵘ) with u = intensity·gap, or 1/m of a neutral one (Traulsen and Hauert 2009).
///
/// # Errors
///
/// If the population is below 2, the intensity below 0, or either is not finite.
pub fn fermi(gap: f64, intensity: f64, population: u32) -> Result<f64, GameError> {
    check_range("the intensity", intensity, intensity >= 0.0, "at least 0")?;
    let strength = intensity * gap;
    check_range("the gap times the intensity", strength, strength.is_finite(), "finite")?;
    constant(strength, population)
}

fn constant(strength: f64, population: u32) -> Result<f64, GameError> {
    check_population(population)?;
    let n = f64::from(population);
    let decay = -strength.abs();
    Ok(if strength == 0.0 {
        1.0 / n
    } else {
        // Above 0 as it stands; below 0 with eᵐᵘ taken out of both, so that nothing overflows.
        let lost = if strength > 0.0 { 1.0 } else { libm::exp((n - 1.0) * decay) };
        lost * libm::expm1(decay) / libm::expm1(n * decay)
    })
}

fn check_population(population: u32) -> Result<(), GameError> {
    check_range("the population", f64::from(population), population >= 2, "at least 2")
}

/// The logarithm of 1/(1 + Σₖ Πᵢ₌₁…ₖ T⁻ᵢ/T⁺ᵢ), from the logarithms of T⁻ᵢ/T⁺ᵢ (Karlin and Taylor 1975).
fn logarithm(ratios: impl IntoIterator<Item = f64>) -> f64 {
    let (mut product, mut sum) = (0.0, 0.0);
    for ratio in ratios {
        product += ratio;
        sum = log_sum(sum, product);
    }
    -sum
}

/// ln(eᵃ + eᵇ) without overflow.
pub(super) fn log_sum(a: f64, b: f64) -> f64 {
    let (large, small) = if a > b { (a, b) } else { (b, a) };
    if small == f64::NEG_INFINITY { large } else { large + libm::log1p(libm::exp(small - large)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found} is not {expected}");
    }

    /// egttools 0.1.14.2, `PairwiseComparison(30, …)` of its `calculate_transition_and_fixation_matrix_sml(0.05)` for the
    /// first two strategies of the game in `alpha_rank`. Kills the mutant in which a player meets himself.
    #[test]
    fn imitation_fixes_as_in_egttools() {
        let first = Invasion { mutant: [3.0, -1.0], resident: [1.0, 4.0] };
        let second = Invasion { mutant: [4.0, 1.0], resident: [-1.0, 3.0] };
        // egttools names the resident first.
        check(libm::exp(second.imitation(30, 0.05).unwrap()), 0.035_516_067_976_573_09);
        check(libm::exp(first.imitation(30, 0.05).unwrap()), 0.003_935_292_504_415_645);
    }

    #[test]
    fn strong_selection_neither_overflows_nor_rounds_to_certainty_of_the_wrong_kind() {
        assert_eq!(fermi(-1.0, 1e3, 50), Ok(0.0));
        assert_eq!(fermi(1.0, 1e3, 50), Ok(1.0));
        check(fermi(-1e-12, 1.0, 50).unwrap(), 1.0 / 50.0);
        check(moran(1.0 + 1e-12, 10).unwrap(), 0.1);
        let bistable = Invasion { mutant: [1.0, -1.0], resident: [-1.0, 1.0] };
        assert!(bistable.imitation(50, 1e4).unwrap() < -1e5);
    }

    #[test]
    fn chances_that_make_no_sense_are_refused() {
        let game = Invasion { mutant: [1.0, 0.0], resident: [0.0, 1.0] };
        assert!(game.moran(1, 0.5).is_err() && game.moran(10, 1.5).is_err());
        assert!(game.moran(10, 1.0).is_err(), "a fitness of 0");
        assert!(game.imitation(10, -1.0).is_err() && game.imitation(10, f64::INFINITY).is_err());
        assert!(moran(0.0, 10).is_err() && moran(2.0, 1).is_err() && fermi(1.0, -1.0, 10).is_err());
    }
}
