//! The protocol's mechanisms, one file each, and the explicit list of them: their order within every phase.

mod liquidation;
mod margin;
mod oracle;
mod perp;
mod prices;
mod venues;
mod waterfall;

use crate::mechanism::Mechanism;

/// Every built-in mechanism. Within a phase their systems run in this order.
pub const ALL: [&dyn Mechanism; 7] = [
    &prices::Prices,
    &venues::Venues,
    &oracle::Oracle,
    &perp::Perp,
    &margin::Margin,
    &liquidation::Liquidation,
    &waterfall::Waterfall,
];
