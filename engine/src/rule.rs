//! The second seam beside agents: a mechanism's rule as columns in, one column out, chosen by name in the scenario.

/// What a rule decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleKind {
    /// Oracle aggregation: columns `price`, `stake` → one row, the price (empty when there is none).
    Aggregate,
    /// Order in which winners are auto-deleveraged: columns `profit`, `entry`, `notional`, `equity` → a rank each, largest first.
    DeleverageRank,
}

/// The values of a rule: one slice per input column, all of one length, and the output to fill.
pub type RuleFn = fn(&[&[f64]], &mut Vec<f64>);

/// A named rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// What it decides.
    pub kind: RuleKind,
    /// The name scenarios use.
    pub name: &'static str,
    /// One line.
    pub doc: &'static str,
    /// The rule itself.
    pub eval: RuleFn,
}
