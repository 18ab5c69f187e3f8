//! The protocol world of Palisade on `bevy_ecs`: agents, prices, oracle, perpetual markets, margin, liquidation, losses.
//!
//! No files, scripts, dataframes, clocks or threads: a [`Simulation`] is built from a typed [`scenario::Scenario`],
//! stepped with a [`host::Host`] that decides for agents, and read through frames and outcomes.

pub mod action;
mod assembly;
mod book;
pub mod clock;
pub mod domain;
pub mod event;
pub mod frame;
pub mod host;
pub mod inquiry;
pub mod ledger;
pub mod math;
pub mod mechanism;
pub mod mechanisms;
pub mod outcomes;
pub mod params;
pub mod phase;
pub mod population;
pub mod probe;
pub mod queue;
mod record;
pub mod registry;
pub mod rng;
pub mod rule;
pub mod scenario;
pub mod settlement;
mod simulation;
pub mod tx;
pub mod units;
pub mod valuation;
pub mod view;

pub use bevy_ecs::prelude::World;
pub use mechanisms::safety::exit::Estate;
pub use mechanisms::safety::stress::{Shock, Stress};
pub use record::{Recording, event_columns, layouts};
pub use simulation::{Options, Simulation};
