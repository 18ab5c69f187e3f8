//! The types that values of a script have as far as the checks can tell. `Unknown` stays silent everywhere.

use palisade_engine::registry::Kind;

/// A type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Type {
    /// Anything: no check applies.
    Unknown,
    /// Control never comes here.
    Never,
    Unit,
    Flag,
    Int,
    Float,
    /// A float or an int.
    Number,
    Text,
    Array,
    Map,
    /// `all` or `fraction(x)`.
    Portion,
    Me,
    Account,
    Position,
    Rng,
    Params,
    Memory,
    /// A thing of the world: its public record and handle in one.
    Thing(Kind),
}

impl Type {
    /// What a value is that comes from either of two places.
    pub(crate) fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, kept) | (kept, Self::Never) => kept,
            (one, two) if one == two => one,
            (one, two) if one.is_number() && two.is_number() => Self::Number,
            _ => Self::Unknown,
        }
    }

    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Number)
    }

    /// Whether nothing can be said of it.
    pub(crate) const fn is_silent(self) -> bool {
        matches!(self, Self::Unknown | Self::Never)
    }

    /// Whether it is a record of the view, with known fields and methods.
    pub(crate) const fn is_record(self) -> bool {
        matches!(
            self,
            Self::Me | Self::Account | Self::Position | Self::Rng | Self::Params | Self::Memory | Self::Thing(_)
        )
    }

    /// Whether `==` between the two can be true.
    pub(crate) fn can_equal(self, other: Self) -> bool {
        match (self, other) {
            (one, two) if one.is_silent() || two.is_silent() || one == two => true,
            (one, two) if one.is_number() && two.is_number() => true,
            // A handle that the protocol may leave empty is `()` then.
            (Self::Thing(_), Self::Unit) | (Self::Unit, Self::Thing(_)) => true,
            _ => false,
        }
    }

    /// Whether `<` between the two makes sense.
    pub(crate) fn can_compare(self, other: Self) -> bool {
        let ordered = |one: Self| one.is_silent() || one.is_number() || one == Self::Text;
        ordered(self) && ordered(other) && self.can_equal(other)
    }

    /// Whether arithmetic can be done on it.
    pub(crate) const fn is_arithmetic(self, operator: &str) -> bool {
        match self {
            Self::Unknown | Self::Never | Self::Int | Self::Float | Self::Number => true,
            Self::Text | Self::Array | Self::Map => {
                matches!(operator.as_bytes(), b"+" | b"-" | b"+=" | b"-=")
            }
            _ => false,
        }
    }

    /// In words, for messages.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Unknown | Self::Never => "a value",
            Self::Unit => "()",
            Self::Flag => "a flag",
            Self::Int => "an integer",
            Self::Float | Self::Number => "a number",
            Self::Text => "a text",
            Self::Array => "an array",
            Self::Map => "a map",
            Self::Portion => "`all` or a fraction",
            Self::Me => "`me`",
            Self::Account => "an account",
            Self::Position => "a position",
            Self::Rng => "`me.rng`",
            Self::Params => "`me.params`",
            Self::Memory => "`me.memory`",
            Self::Thing(kind) => thing_words(kind),
        }
    }
}

/// A kind of thing in words.
pub(crate) const fn thing_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Protocol => "the world",
        Kind::Market => "a market",
        Kind::Feed => "a feed",
        Kind::Venue => "a venue",
        Kind::Asset => "an asset",
        Kind::Account => "an account up for liquidation",
        Kind::Vault => "a vault",
        Kind::Proposal => "a proposal",
        Kind::Change => "a change of a proposal",
        Kind::Parameter => "a risk parameter",
        Kind::Action => "an action",
        Kind::Pending => "a pending action",
        Kind::Auction => "an auction",
    }
}

/// A kind of thing as a bare noun.
pub(crate) const fn kind_noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Protocol => "world",
        Kind::Market => "market",
        Kind::Feed => "feed",
        Kind::Venue => "venue",
        Kind::Asset => "asset",
        Kind::Account => "account",
        Kind::Vault => "vault",
        Kind::Proposal => "proposal",
        Kind::Change => "change",
        Kind::Parameter => "risk parameter",
        Kind::Action => "action",
        Kind::Pending => "pending action",
        Kind::Auction => "auction",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_lose_what_is_not_certain() {
        assert_eq!(Type::Int.join(Type::Float), Type::Number);
        assert_eq!(Type::Int.join(Type::Never), Type::Int);
        assert_eq!(Type::Unit.join(Type::Float), Type::Unknown);
    }

    #[test]
    fn only_like_types_compare() {
        assert!(Type::Int.can_compare(Type::Float));
        assert!(!Type::Text.can_compare(Type::Float));
        assert!(!Type::Unit.can_equal(Type::Float));
        assert!(Type::Thing(Kind::Venue).can_equal(Type::Unit));
        assert!(!Type::Thing(Kind::Venue).can_equal(Type::Thing(Kind::Market)));
        assert!(Type::Unknown.can_compare(Type::Float));
        assert!(!Type::Unknown.can_compare(Type::Thing(Kind::Venue)), "things have no order");
    }
}
