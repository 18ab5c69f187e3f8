//! The protocol's mechanisms, one file each, and the explicit list of them: their order within every phase.

mod blockspace;
mod bribes;
mod governance;
mod harm;
mod liquidation;
mod margin;
mod offences;
mod oracle;
mod perp;
mod prices;
pub(crate) mod safety;
mod vaults;
mod venues;
mod waterfall;

use crate::mechanism::Mechanism;

/// Every built-in mechanism. Within a phase their systems run in this order.
pub const ALL: [&dyn Mechanism; 14] = [
    &prices::Prices,
    &venues::Venues,
    &vaults::Vaults,
    &oracle::Oracle,
    &perp::Perp,
    &margin::Margin,
    &liquidation::Liquidation,
    &liquidation::Auctions,
    &waterfall::Waterfall,
    &offences::Offences,
    &bribes::Bribes,
    &governance::Governance,
    &safety::Safety,
    &blockspace::Blockspace,
];
