//! Ratings of Weng and Lin.

use skillratings::weng_lin::{WengLinConfig, WengLinRating, weng_lin};

use super::{Contest, Rating, RatingSystem, believed, replay};

pub(super) const SYSTEM: RatingSystem = RatingSystem {
    name: "weng_lin",
    doc: "Weng and Lin (2011), algorithm 1: TrueSkill's scale, from 25 and 25/3, with the chances of Bradley and Terry in place \
          of normal ones.",
    play,
};

fn play(entrants: usize, contests: &[Contest]) -> Vec<Rating> {
    let config = WengLinConfig::new();
    let start = WengLinRating { rating: 25.0, uncertainty: 25.0 / 3.0 };
    let ratings = replay(start, entrants, contests, |one, other, outcome| weng_lin(one, other, outcome, &config));
    ratings.iter().map(|rating| believed(rating.rating, rating.uncertainty)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_seven;
    use super::*;

    /// openskill 6.2.0 (`BradleyTerryFull(tau=0.0)`).
    #[test]
    fn seven_contests_give_the_ratings_of_another_implementation() {
        let expected = [
            (20.947_249_603_233_814, 7.161_075_157_781_337),
            (23.362_099_132_321_85, 7.375_775_635_044_064),
            (30.498_968_968_866_24, 7.164_694_094_424_737),
        ];
        check_seven(&SYSTEM, expected, 1e-6);
    }
}
