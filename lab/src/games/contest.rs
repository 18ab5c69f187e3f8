//! Contests of two entrants, as ratings and Bradley–Terry strengths read them: who met whom, in order, and who won.

use serde::Serialize;

use super::GameError;

/// How a contest ended for its first entrant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It won.
    Win,
    /// Nobody did.
    Draw,
    /// The second one won.
    Loss,
}

impl Outcome {
    /// The first entrant's points: 1, ½ or 0.
    #[must_use]
    pub const fn points(self) -> f64 {
        match self {
            Self::Win => 1.0,
            Self::Draw => 0.5,
            Self::Loss => 0.0,
        }
    }
}

/// One contest; entrants are places in one list. A tournament of rows against columns lists both, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Contest {
    /// The first entrant.
    pub first: usize,
    /// The second one.
    pub second: usize,
    /// How it ended for the first one.
    pub outcome: Outcome,
}

/// That every contest is between two different entrants that there are.
pub(super) fn check(entrants: usize, contests: &[Contest]) -> Result<(), GameError> {
    for contest in contests {
        for index in [contest.first, contest.second] {
            if index >= entrants {
                return Err(GameError::Unknown { what: "entrant", index, among: entrants });
            }
        }
        if contest.first == contest.second {
            return Err(GameError::Twice(format!("entrant {}", contest.first)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contests_are_between_two_entrants_that_there_are() {
        let check = |first, second| check(2, &[Contest { first, second, outcome: Outcome::Win }]);
        assert_eq!(check(0, 1), Ok(()));
        assert_eq!(check(0, 2), Err(GameError::Unknown { what: "entrant", index: 2, among: 2 }));
        assert_eq!(check(1, 1), Err(GameError::Twice("entrant 1".to_owned())));
    }
}
