//! Designs of parameter sweeps: which points of a space of scenario values to play, and which share of what comes out is
//! owed to which value. Values in, values out: nothing is loaded, run or written here.
//!
//! Samplers ([`latin`], [`sobol`], [`Saltelli`]) give points of the unit cube, a coordinate an axis; [`Space::at`] turns one
//! into values of scenario paths. Every random choice is a draw of a stream named by the seed, so that a design is the same
//! everywhere. Seeds of worlds are not chosen here: playing all points with the same ones makes their differences paired.

mod axis;
mod error;
mod grid;
mod latin;
mod range;
mod saltelli;
mod sensitivity;
mod sobol;
mod space;

pub use axis::{Axis, Domain};
pub use error::DesignError;
pub use grid::grid;
pub use latin::latin;
pub use range::{Numbers, Range, Scale};
pub use saltelli::{Role, Saltelli};
pub use sensitivity::{Bootstrap, Sensitivity, Shares, sensitivity};
pub use sobol::{LONGEST, MOST_AXES, Scramble, sobol};
pub use space::{Point, Space};
