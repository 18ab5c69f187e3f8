//! From a scenario file to figures: loading, runs over seeds with a paired baseline, statistics, run directories and
//! verification against a scenario's own expectations. No terminal, no arguments, no colors.

mod assemble;
pub mod check;
mod command;
pub mod compare;
pub mod design;
mod details;
mod expect;
#[cfg(feature = "parquet")]
pub mod explain;
pub mod figure;
pub mod folder;
pub mod fork;
#[cfg(feature = "parquet")]
pub mod frames;
pub mod games;
pub mod hunt;
pub mod inventory;
pub mod live;
pub mod load;
pub mod matches;
pub mod odd;
#[cfg(feature = "parquet")]
pub mod page;
pub mod profile;
pub mod recording;
pub mod reference;
pub mod report;
pub mod run;
#[cfg(test)]
mod sample;
pub mod schema;
mod session;
pub mod source;
pub mod stats;
pub mod store;
mod story;
pub mod stress;
pub mod sweep;
pub mod threshold;
pub mod tournament;
pub mod trace;
mod track;
pub mod verdict;
pub mod verify;
pub mod words;
mod world;

pub use command::quoted as shell_word;
pub use session::on_large_stack;
