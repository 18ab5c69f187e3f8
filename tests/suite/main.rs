//! The suite over all crates: one binary, a module per concern.

mod attacks;
mod auctions;
mod blockspace;
mod columns;
mod engine_laws;
mod exit;
mod governors;
mod guide;
mod hunts;
mod library;
mod links;
mod mechanisms;
mod odd;
mod plugin;
mod proposers;
mod reference;
mod scenarios;
mod schema;
mod scripted;
mod signatures;
mod stake;
mod strategies;
mod tournaments;
mod vectors;
mod votes;
mod waterfall;
