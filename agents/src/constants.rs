//! The constants that the host gives to scripts, with their types and values.

use rhai::Dynamic;

use crate::portion::Portion;
use crate::types::Type;

/// A constant of the host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constant {
    pub(crate) name: &'static str,
    pub(crate) ty: Type,
    pub(crate) value: fn() -> Dynamic,
}

/// The votes that `vote` may return; the engine knows them by these numbers.
const AGAINST: i64 = 0;
const FOR: i64 = 1;
const ABSTAIN: i64 = 2;
pub(crate) const VOTES: [i64; 3] = [AGAINST, FOR, ABSTAIN];

/// States of a proposal, as the view numbers them.
const STATES: [&str; 8] = ["PENDING", "OPEN", "DEFEATED", "PASSED", "QUEUED", "EXPIRED", "IN_FORCE", "VETOED"];

const ALL: [Constant; 12] = [
    Constant { name: "all", ty: Type::Portion, value: || Dynamic::from(Portion::All) },
    Constant { name: "FOR", ty: Type::Int, value: || Dynamic::from_int(FOR) },
    Constant { name: "AGAINST", ty: Type::Int, value: || Dynamic::from_int(AGAINST) },
    Constant { name: "ABSTAIN", ty: Type::Int, value: || Dynamic::from_int(ABSTAIN) },
    Constant { name: STATES[0], ty: Type::Int, value: || Dynamic::from_int(0) },
    Constant { name: STATES[1], ty: Type::Int, value: || Dynamic::from_int(1) },
    Constant { name: STATES[2], ty: Type::Int, value: || Dynamic::from_int(2) },
    Constant { name: STATES[3], ty: Type::Int, value: || Dynamic::from_int(3) },
    Constant { name: STATES[4], ty: Type::Int, value: || Dynamic::from_int(4) },
    Constant { name: STATES[5], ty: Type::Int, value: || Dynamic::from_int(5) },
    Constant { name: STATES[6], ty: Type::Int, value: || Dynamic::from_int(6) },
    Constant { name: STATES[7], ty: Type::Int, value: || Dynamic::from_int(7) },
];

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = Constant> {
    ALL.into_iter()
}

/// The constant called `name`.
pub(crate) fn find(name: &str) -> Option<Constant> {
    all().find(|constant| constant.name == name)
}

/// A vote as the engine takes it.
pub(crate) fn vote(value: i64) -> Option<f64> {
    VOTES.contains(&value).then(|| crate::pure::float(value))
}
