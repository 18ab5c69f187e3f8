//! The suite over all crates: one binary, a module per concern.

mod engine_laws;
mod vectors;
mod waterfall;
