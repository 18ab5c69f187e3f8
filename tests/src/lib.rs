//! What the suite and the benches share: native hosts and small worlds written in code.

pub mod hosts;
pub mod markdown;
pub mod worlds;
