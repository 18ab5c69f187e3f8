//! Glicko-2 ratings.

use skillratings::glicko2::{Glicko2Config, Glicko2Rating, glicko2};

use super::{Contest, Rating, RatingSystem, believed, replay};

pub(super) const SYSTEM: RatingSystem = RatingSystem {
    name: "glicko2",
    doc: "Glickman (2001): Elo's scale with a deviation and a volatility, from 1500, 350 and 0.06 with tau 0.5; every contest \
          is a rating period of its own.",
    play,
};

fn play(entrants: usize, contests: &[Contest]) -> Vec<Rating> {
    let config = Glicko2Config::new();
    let start = Glicko2Rating { rating: 1500.0, deviation: 350.0, volatility: 0.06 };
    let ratings = replay(start, entrants, contests, |one, other, outcome| glicko2(one, other, outcome, &config));
    ratings.iter().map(|rating| believed(rating.rating, rating.deviation)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_seven;
    use super::*;

    /// glicko2 2.1.0 (`Player.update_player` of both, one contest a period).
    #[test]
    fn seven_contests_give_the_ratings_of_another_implementation() {
        let expected = [
            (1_341.182_201_674_880_7, 191.676_289_394_772_57),
            (1_445.651_889_866_405_8, 206.986_373_868_497_42),
            (1_659.999_926_916_400_2, 194.851_192_662_891_35),
        ];
        check_seven(&SYSTEM, expected, 1e-3);
    }
}
