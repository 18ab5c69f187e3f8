//! Pure formulas: values in, values out, sources cited. One topic a file.

pub mod attack_cost;
pub mod deterrence;
pub mod fees;
pub mod funding;
pub mod impact;
pub mod liquidation;
pub mod margin;
pub mod oracle;
pub mod order_statistics;
pub mod power;
pub mod tally;
pub mod volatility;
