//! Amounts that are a part of what there is.

use palisade_engine::action::Value;

/// What `all` and `fraction(x)` are in a script.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Portion {
    /// All there is.
    All,
    /// A share of it.
    Fraction(f64),
}

impl From<Portion> for Value {
    fn from(portion: Portion) -> Self {
        match portion {
            Portion::All => Self::All,
            Portion::Fraction(share) => Self::Fraction(share),
        }
    }
}
