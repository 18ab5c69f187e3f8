//! The twelve phases of a step, as data: their order is this list and nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One phase of a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs)] // each phase is described in docs/ARCHITECTURE.md's table
pub enum Phase {
    Environment,
    Oracle,
    Margin,
    Liquidate,
    Observe,
    Decide,
    Order,
    Execute,
    Fund,
    Slash,
    Govern,
    Record,
}

/// The halves of a phase: agents whose hooks belong to the phase are asked between the two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Half {
    /// Before agents are asked: what they will see.
    Prepare,
    /// After: what becomes of their answers.
    Settle,
}

/// When accounts are margined and liquidated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiquidationTiming {
    /// On the step's new marks, before anybody can react to them.
    #[default]
    BeforeDecide,
    /// Behind Execute: agents react to the new marks first.
    AfterExecute,
}

impl Phase {
    /// The order of the phases under `timing`.
    #[must_use]
    pub const fn order(timing: LiquidationTiming) -> [Self; 12] {
        use Phase::{
            Decide, Environment, Execute, Fund, Govern, Liquidate, Margin, Observe, Oracle, Order, Record, Slash,
        };
        match timing {
            LiquidationTiming::BeforeDecide => {
                [Environment, Oracle, Margin, Liquidate, Observe, Decide, Order, Execute, Fund, Slash, Govern, Record]
            }
            LiquidationTiming::AfterExecute => {
                [Environment, Oracle, Observe, Decide, Order, Execute, Margin, Liquidate, Fund, Slash, Govern, Record]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_timings_hold_every_phase_once() {
        for timing in [LiquidationTiming::BeforeDecide, LiquidationTiming::AfterExecute] {
            let mut order = Phase::order(timing).to_vec();
            order.sort();
            order.dedup();
            assert_eq!(order.len(), 12);
        }
    }
}
