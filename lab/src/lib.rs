//! From a scenario file to figures: loading, runs over seeds with a paired baseline, statistics, run directories and
//! verification against a scenario's own expectations. No terminal, no arguments, no colors.

mod assemble;
mod command;
mod details;
mod expect;
pub mod load;
pub mod report;
pub mod run;
#[cfg(test)]
mod sample;
pub mod schema;
mod session;
pub mod source;
mod stats;
mod store;
mod story;
mod track;
pub mod verify;
mod world;
