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

const ALL: [Constant; 4] = [
    Constant { name: "all", ty: Type::Portion, value: || Dynamic::from(Portion::All) },
    Constant { name: "FOR", ty: Type::Int, value: || Dynamic::from_int(FOR) },
    Constant { name: "AGAINST", ty: Type::Int, value: || Dynamic::from_int(AGAINST) },
    Constant { name: "ABSTAIN", ty: Type::Int, value: || Dynamic::from_int(ABSTAIN) },
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
    [AGAINST, FOR, ABSTAIN].contains(&value).then(|| crate::pure::float(value))
}
