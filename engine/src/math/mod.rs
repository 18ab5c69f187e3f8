//! Pure formulas: values in, values out, sources cited. One topic a file.

pub mod funding;
pub mod impact;
pub mod liquidation;
pub mod margin;
pub mod oracle;
pub mod volatility;
