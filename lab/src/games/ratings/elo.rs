//! Elo ratings.

use skillratings::Outcomes;
use skillratings::elo::{EloConfig, EloRating, elo};

use super::{Contest, Rating, RatingSystem, replay};

pub(super) const SYSTEM: RatingSystem = RatingSystem {
    name: "elo",
    doc: "Elo (1978): 400 points are odds of 10 to 1; from 1500, a contest moves at most 32 points. It keeps no uncertainty.",
    play,
};

fn play(entrants: usize, contests: &[Contest]) -> Vec<Rating> {
    let update = |first: &f64, second: &f64, outcome: &Outcomes| update([*first, *second], outcome, 32.0);
    let ratings = replay(1500.0, entrants, contests, update);
    ratings.iter().map(|rating| Rating { rating: *rating, deviation: None, interval: None }).collect()
}

fn update(before: [f64; 2], outcome: &Outcomes, k: f64) -> (f64, f64) {
    let [first, second] = before.map(|rating| EloRating { rating });
    let (first, second) = elo(&first, &second, outcome, &EloConfig { k });
    (first.rating, second.rating)
}

#[cfg(test)]
mod tests {
    use super::super::tests::seven;
    use super::*;
    use crate::games::vectors::{check, number, rows};

    #[test]
    fn contests_move_ratings_as_published() {
        for row in rows("elo-") {
            let inputs = &row["inputs"];
            let outcome = match number(&inputs["score"]) {
                1.0 => Outcomes::WIN,
                0.5 => Outcomes::DRAW,
                _ => Outcomes::LOSS,
            };
            let before = ["ra", "rb"].map(|name| number(&inputs[name]));
            let k = number(&inputs["K"]);
            let (first, second) = update(before, &outcome, k);
            check(&row, first, &row["expected"]["new_ra"], 1e-12);
            check(&row, second, &row["expected"]["new_rb"], 1e-12);
            // What was expected is what the points moved fall short of the outcome by.
            let expected = number(&inputs["score"]) - (first - before[0]) / k;
            check(&row, expected, &row["expected"]["expected"], 1e-12);
        }
    }

    #[test]
    fn points_are_handed_over_not_made() {
        let sum: f64 = SYSTEM.rate(3, &seven()).unwrap().iter().map(|rating| rating.rating).sum();
        assert!((sum - 4500.0).abs() < 1e-9, "{sum}");
    }
}
