//! What is measured: columns of the tables recorded each step, and figures of the whole run.

use bevy_ecs::prelude::World;

use crate::registry::Kind;

/// The tables with a row per step, what they list, the column that names it, and what a row is.
pub const STEP_TABLES: [(Kind, &str, &str, &str); 6] = [
    (Kind::Protocol, "world", "", "The protocol as a whole at the end of a step."),
    (Kind::Market, "markets", "market", "A market at the end of a step."),
    (Kind::Feed, "feeds", "feed", "A price feed at the end of a step."),
    (Kind::Venue, "venues", "venue", "A trading venue at the end of a step."),
    (Kind::Asset, "assets", "asset", "An asset at the end of a step."),
    (Kind::Vault, "vaults", "vault", "A vault of stake at the end of a step."),
];

/// One value of a table.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cell {
    /// A count or an amount in smallest units.
    Int(i64),
    /// A price, ratio or valuation.
    Float(f64),
    /// A flag.
    Flag(bool),
    /// What the column is about does not exist in this world, from the first step to the last: it has no such column.
    Absent,
}

/// One recorded column: a row per step for the protocol, or per step and thing for the other kinds.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Which table: `Protocol` is `world`, `Market` is `markets`, and so on.
    pub kind: Kind,
    /// The column's name.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// One line.
    pub doc: &'static str,
    /// Reads the value for the thing at a place.
    pub read: fn(&World, usize) -> Cell,
}

/// One figure of a whole run.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Its name in summaries, expectations and `--fail-if`.
    pub name: &'static str,
    /// Its unit; `flag` marks events (0 or 1).
    pub unit: &'static str,
    /// One line.
    pub doc: &'static str,
    /// Reads it from the world as it stands.
    pub read: fn(&World) -> f64,
}
