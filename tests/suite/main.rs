//! The suite over all crates: one binary, a module per concern.

mod engine_laws;
mod mechanisms;
mod reference;
mod scenarios;
mod vectors;
mod waterfall;
