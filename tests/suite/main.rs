//! The suite over all crates: one binary, a module per concern.

mod attacks;
mod engine_laws;
mod governors;
mod mechanisms;
mod reference;
mod scenarios;
mod schema;
mod stake;
mod strategies;
mod vectors;
mod votes;
mod waterfall;
