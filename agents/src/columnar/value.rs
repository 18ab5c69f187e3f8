//! What an expression is while a hook is lowered: a register with its type, or a record that needs none.

use palisade_engine::registry::Kind;

use super::code::{List, Reg};

/// A value of a script under lowering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Val {
    Unit,
    Float(Reg),
    Int(Reg),
    Flag(Reg),
    /// A thing, or `()` where its place is −1.
    Thing(Kind, Reg),
    Me,
    Params,
    Memory,
    Rng,
    Account(u8),
    /// A position: the account and the market.
    Position(u8, Reg),
    All,
    Fraction(Reg),
    /// Numbers that a rule is given.
    List(List),
    /// Of one type on some ways here and of another on others: not to be used.
    Mixed,
}

impl Val {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Unit => "()",
            Self::Float(_) => "a number",
            Self::Int(_) => "an integer",
            Self::Flag(_) => "a flag",
            Self::Thing(kind, _) => crate::types::thing_words(kind),
            Self::Me => "`me`",
            Self::Params => "`me.params`",
            Self::Memory => "`me.memory`",
            Self::Rng => "`me.rng`",
            Self::Account(_) => "an account",
            Self::Position(..) => "a position",
            Self::List(_) => "an array",
            Self::All | Self::Fraction(_) => "`all` or a fraction",
            Self::Mixed => "a value whose type differs between the branches before",
        }
    }

    /// The register of a value that can be chosen by mask, and how to make the value of another such register.
    pub(super) const fn register(self) -> Option<Reg> {
        match self {
            Self::Float(reg) | Self::Int(reg) | Self::Flag(reg) | Self::Thing(_, reg) | Self::Fraction(reg) => {
                Some(reg)
            }
            _ => None,
        }
    }

    /// The same kind of value in another register.
    pub(super) const fn with(self, reg: Reg) -> Self {
        match self {
            Self::Float(_) => Self::Float(reg),
            Self::Int(_) => Self::Int(reg),
            Self::Flag(_) => Self::Flag(reg),
            Self::Thing(kind, _) => Self::Thing(kind, reg),
            Self::Fraction(_) => Self::Fraction(reg),
            other => other,
        }
    }

    /// Whether both are of one type and told apart by a register alone.
    pub(super) fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Thing(one, _), Self::Thing(two, _)) => one == two,
            (Self::Float(_), Self::Float(_))
            | (Self::Int(_), Self::Int(_))
            | (Self::Flag(_), Self::Flag(_))
            | (Self::Fraction(_), Self::Fraction(_)) => true,
            _ => false,
        }
    }
}
