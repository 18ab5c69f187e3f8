//! The suite over all crates: one binary, a module per concern.

mod attacks;
mod engine_laws;
mod governors;
mod library;
mod mechanisms;
mod plugin;
mod reference;
mod scenarios;
mod schema;
mod scripted;
mod stake;
mod strategies;
mod vectors;
mod votes;
mod waterfall;
