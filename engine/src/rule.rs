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
    pub const ALL: [Self; 3] = [Self::Aggregate, Self::DeleverageRank, Self::Priority];

    /// Its word: the function of a script that decides it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Aggregate => "aggregate",
            Self::DeleverageRank => "deleverage_rank",
            Self::Priority => "priority",
        }
    }

    /// The names of the columns that go in.
    #[must_use]
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Aggregate => &["prices", "stakes"],
            Self::DeleverageRank => &["profit", "entry", "notional", "equity"],
            Self::Priority => &["fee", "stake", "size", "waited"],
        }
    }

    /// How many values come out.
    #[must_use]
    pub const fn answers(self) -> Answers {
        match self {
            Self::Aggregate => Answers::Once,
            Self::DeleverageRank | Self::Priority => Answers::PerRow,
        }
    }
}

/// A rule: one slice per input column, all of one length, and the output to fill. One that has no answer leaves the output
/// empty.
pub type RuleFn = Arc<dyn Fn(&[&[f64]], &mut Vec<f64>) + Send + Sync>;

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
