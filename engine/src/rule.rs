//! The second seam beside agents: a mechanism's rule as columns in, one column out, chosen by name in the scenario. Rules
//! are native, or scripts that a scenario brings along.

use std::fmt;
use std::sync::Arc;

/// What a rule decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RuleKind {
    /// Oracle aggregation: one price of all reports, or none.
    Aggregate,
    /// Order in which winners are auto-deleveraged: a rank each, largest first.
    DeleverageRank,
    /// Order in which pending actions get into a block: a rank each, largest first.
    Priority,
    /// Margin requirement of a position, in settlement coins before the factor of volatility.
    Requirement,
    /// Liquidation penalty, as a ratio of the notional closed.
    Penalty,
    /// Votes of a voter, in coins of the token.
    Weight,
}

/// Whether a rule answers for all rows at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answers {
    /// One value for all rows together, or none.
    Once,
    /// One value for each row.
    PerRow,
}

impl RuleKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Aggregate, Self::DeleverageRank, Self::Priority, Self::Requirement, Self::Penalty, Self::Weight];

    /// Its word: the function of a script that decides it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Aggregate => "aggregate",
            Self::DeleverageRank => "deleverage_rank",
            Self::Priority => "priority",
            Self::Requirement => "requirement",
            Self::Penalty => "penalty",
            Self::Weight => "weight",
        }
    }

    /// The names of the columns that go in.
    #[must_use]
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Aggregate => &["prices", "stakes"],
            Self::DeleverageRank => &["profit", "entry", "notional", "equity"],
            Self::Priority => &["fee", "stake", "size", "waited"],
            Self::Requirement => &["notional", "ratio", "open_interest", "oi_cap", "initial"],
            Self::Penalty => &["ratio", "notional", "collateral", "requirement"],
            Self::Weight => &["held", "staked"],
        }
    }

    /// How many values come out.
    #[must_use]
    pub const fn answers(self) -> Answers {
        match self {
            Self::Aggregate => Answers::Once,
            Self::DeleverageRank | Self::Priority | Self::Requirement | Self::Penalty | Self::Weight => Answers::PerRow,
        }
    }
}

/// A rule: one slice per input column, all of one length, and the output to fill. One that has no answer leaves the output
/// empty.
pub type RuleFn = Arc<dyn Fn(&[&[f64]], &mut Vec<f64>) + Send + Sync>;

/// A rule that was chosen in place of what is built in, or none. Two are equal when they are one and the same.
#[derive(Clone, Default)]
pub struct Chosen(Option<RuleFn>);

impl Chosen {
    /// This rule.
    #[must_use]
    pub const fn of(rule: RuleFn) -> Self {
        Self(Some(rule))
    }

    /// Whether what is built in stands.
    #[must_use]
    pub const fn is_built_in(&self) -> bool {
        self.0.is_none()
    }

    /// The answer for one row; `None` where what is built in stands, or the rule has no number from 0 on to give.
    #[must_use]
    pub fn answer(&self, row: &[f64]) -> Option<f64> {
        let columns: Vec<&[f64]> = row.iter().map(std::slice::from_ref).collect();
        let mut out = Vec::with_capacity(1);
        self.0.as_ref()?(&columns, &mut out);
        out.first().copied().filter(|value| value.is_finite() && *value >= 0.0)
    }
}

impl PartialEq for Chosen {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_built_in() { "built in" } else { "a rule" })
    }
}

/// A named rule.
#[derive(Clone)]
pub struct Rule {
    /// What it decides.
    pub kind: RuleKind,
    /// The name scenarios use.
    pub name: String,
    /// One line.
    pub doc: String,
    /// The rule itself.
    pub eval: RuleFn,
}

impl Rule {
    /// A rule of a mechanism.
    #[must_use]
    pub fn native(kind: RuleKind, name: &str, doc: &str, eval: fn(&[&[f64]], &mut Vec<f64>)) -> Self {
        Self { kind, name: name.to_owned(), doc: doc.to_owned(), eval: Arc::new(eval) }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} {}", self.kind, self.name)
    }
}
