//! Ratings of entrants from an ordered list of contests, each system a file and a row of [`ALL`]. The formulas are those of
//! the crate `skillratings`. What does not depend on the order is [`super::bradley_terry`].

mod elo;
mod glicko2;
mod trueskill;
mod weng_lin;

use serde::Serialize;
use skillratings::Outcomes;

use super::contest::check;
use super::{Contest, GameError, Outcome};

/// A way of rating.
#[derive(Clone, Copy, Debug)]
pub struct RatingSystem {
    /// Its name.
    pub name: &'static str,
    /// What it assumes, in one or two sentences, with its source.
    pub doc: &'static str,
    play: fn(usize, &[Contest]) -> Vec<Rating>,
}

/// Every system there is.
pub const ALL: [RatingSystem; 4] = [elo::SYSTEM, glicko2::SYSTEM, trueskill::SYSTEM, weng_lin::SYSTEM];

/// What is believed of an entrant's strength.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Rating {
    /// The rating, on the system's own scale.
    pub rating: f64,
    /// Its standard deviation, where the system keeps one.
    pub deviation: Option<f64>,
    /// Three deviations to either side: the lower end is the conservative rating (Herbrich, Minka and Graepel 2006).
    pub interval: Option<(f64, f64)>,
}

impl RatingSystem {
    /// Ratings of entrants 0…`entrants` − 1 after `contests`, which are counted one by one in the order given; who has met
    /// nobody keeps the rating of the start.
    ///
    /// # Errors
    ///
    /// If a contest is with oneself or with somebody who is not there.
    pub fn rate(&self, entrants: usize, contests: &[Contest]) -> Result<Vec<Rating>, GameError> {
        check(entrants, contests)?;
        Ok((self.play)(entrants, contests))
    }
}

/// Everybody from `start` through all contests.
fn replay<R: Copy>(
    start: R,
    entrants: usize,
    contests: &[Contest],
    update: impl Fn(&R, &R, &Outcomes) -> (R, R),
) -> Vec<R> {
    let mut ratings = vec![start; entrants];
    for contest in contests {
        let outcome = match contest.outcome {
            Outcome::Win => Outcomes::WIN,
            Outcome::Draw => Outcomes::DRAW,
            Outcome::Loss => Outcomes::LOSS,
        };
        let (first, second) = update(&ratings[contest.first], &ratings[contest.second], &outcome);
        (ratings[contest.first], ratings[contest.second]) = (first, second);
    }
    ratings
}

/// A rating with its deviation.
fn believed(rating: f64, deviation: f64) -> Rating {
    let interval = Some((rating - 3.0 * deviation, rating + 3.0 * deviation));
    Rating { rating, deviation: Some(deviation), interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seven contests of three entrants, with all outcomes to either side; the oracles in `ALL`'s files play the same.
    pub(super) fn seven() -> Vec<Contest> {
        use Outcome::{Draw, Loss, Win};
        let list = [(0, 1, Win), (1, 2, Draw), (0, 2, Loss), (2, 1, Win), (1, 0, Win), (0, 2, Draw), (2, 0, Win)];
        list.map(|(first, second, outcome)| Contest { first, second, outcome }).to_vec()
    }

    #[track_caller]
    pub(super) fn check_seven(system: &RatingSystem, expected: [(f64, f64); 3], within: f64) {
        let found = system.rate(3, &seven()).unwrap();
        for (found, (rating, deviation)) in found.iter().zip(expected) {
            let near = |found: f64, expected: f64| (found - expected).abs() < within;
            assert!(near(found.rating, rating) && near(found.deviation.unwrap(), deviation), "{found:?}");
            let (low, high) = found.interval.unwrap();
            assert!(near(low, rating - 3.0 * deviation) && near(high, rating + 3.0 * deviation), "{found:?}");
        }
    }

    #[test]
    fn every_system_is_told_apart_and_starts_everybody_alike() {
        for (place, system) in ALL.iter().enumerate() {
            assert!(ALL[..place].iter().all(|other| other.name != system.name) && system.doc.ends_with('.'));
            let start = system.rate(2, &[]).unwrap();
            assert_eq!(start[0], start[1]);
            let contest = Contest { first: 1, second: 0, outcome: Outcome::Win };
            let won = system.rate(3, &[contest]).unwrap();
            assert!(won[1].rating > start[0].rating && start[0].rating > won[0].rating, "{}", system.name);
            assert_eq!(won[2], start[0]);
            assert!(system.rate(1, &[contest]).is_err());
        }
    }
}
