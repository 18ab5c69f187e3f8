//! TrueSkill ratings.

use skillratings::trueskill::{TrueSkillConfig, TrueSkillRating, trueskill};

use super::{Contest, Rating, RatingSystem, believed, replay};

pub(super) const SYSTEM: RatingSystem = RatingSystem {
    name: "trueskill",
    doc: "Herbrich, Minka and Graepel (2006): normal beliefs about normal performances, from 25 and 25/3, one contest in ten \
          drawn. Its owner asks commercial games for a license.",
    play,
};

fn play(entrants: usize, contests: &[Contest]) -> Vec<Rating> {
    let config = TrueSkillConfig::new();
    let start = TrueSkillRating { rating: 25.0, uncertainty: 25.0 / 3.0 };
    let ratings = replay(start, entrants, contests, |one, other, outcome| trueskill(one, other, outcome, &config));
    ratings.iter().map(|rating| believed(rating.rating, rating.uncertainty)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use skillratings::{MultiTeamOutcome, Outcomes, trueskill::trueskill_multi_team};

    use super::super::tests::check_seven;
    use super::*;
    use crate::games::vectors::{number, rows};

    fn rating(value: &Value) -> TrueSkillRating {
        TrueSkillRating { rating: number(&value[0]), uncertainty: number(&value[1]) }
    }

    #[track_caller]
    fn check(row: &Value, found: &[TrueSkillRating]) {
        let expected = row["expected"]["ratings"].as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected.iter().map(rating)) {
            let off = (found.rating - expected.rating).abs().max((found.uncertainty - expected.uncertainty).abs());
            assert!(off < number(&row["tolerance"]["abs"]), "{}: {found:?} is not {expected:?}", row["id"]);
        }
    }

    /// Teams are no business of contests between two, but of the library that both would come from.
    #[test]
    fn contests_move_ratings_as_published() {
        let config = TrueSkillConfig::new();
        for row in rows("trueskill-") {
            let list = |value: &Value| value.as_array().unwrap().iter().map(rating).collect::<Vec<_>>();
            let teams: Vec<Vec<TrueSkillRating>> =
                row["inputs"]["teams"].as_array().unwrap().iter().map(list).collect();
            if let ([one], [other], 2) = (&teams[0][..], &teams[1][..], teams.len()) {
                let outcome = if row["inputs"]["ranks"].is_null() { Outcomes::WIN } else { Outcomes::DRAW };
                let (one, other) = trueskill(one, other, &outcome, &config);
                check(&row, &[one, other]);
            } else {
                let ranked: Vec<_> =
                    teams.iter().zip(1..).map(|(team, rank)| (&team[..], MultiTeamOutcome::new(rank))).collect();
                check(&row, &trueskill_multi_team(&ranked, &config, None).unwrap().concat());
            }
        }
    }

    /// trueskill 0.4.5 (`TrueSkill(draw_probability=0.1).rate_1vs1`).
    #[test]
    fn seven_contests_give_the_ratings_of_another_implementation() {
        let expected = [
            (21.294_366_579_055_946, 3.956_654_998_858_707),
            (23.291_891_064_314_12, 4.727_958_147_956_781),
            (27.507_335_302_715_287, 3.905_971_416_763_134),
        ];
        check_seven(&SYSTEM, expected, 1e-5);
    }
}
