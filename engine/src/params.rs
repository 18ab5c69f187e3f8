//! Risk parameters: one number each, with its unit, bounds and meaning, read and set through one typed place.

use bevy_ecs::prelude::World;

use crate::registry::{Directory, Kind, Registry};
use crate::scenario::SetupError;
use crate::tx::Tx;

/// Which way a parameter goes when a safeguard is loosened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Looser {
    /// A lower value protects less.
    Lower,
    /// A higher value protects less.
    Higher,
    /// Neither way plainly protects less.
    Neither,
}

/// One registered risk parameter of every thing of a kind.
#[derive(Clone, Copy, Debug)]
pub struct ParamSpec {
    /// The scenario block it stands in, such as `protocol.markets`.
    pub block: &'static str,
    /// Which kind of thing carries it.
    pub kind: Kind,
    /// Its key.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The value when a scenario is silent.
    pub default: fn() -> f64,
    /// The smallest and largest legal value.
    pub bounds: (f64, f64),
    /// Which way loosens a safeguard.
    pub looser: Looser,
    /// One line.
    pub doc: &'static str,
    /// Its present value.
    pub read: fn(&World, usize) -> Option<f64>,
    /// Sets it, all-or-nothing with the action under way.
    pub write: fn(&mut Tx<'_>, usize, f64),
}

impl ParamSpec {
    /// The dotted path of this parameter on the thing called `name`.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        if name.is_empty() {
            format!("{}.{}", self.block, self.name)
        } else {
            format!("{}.{}.{}", self.block, name, self.name)
        }
    }

    /// Whether it may take a value.
    ///
    /// # Errors
    /// A value outside its bounds, at `path`.
    pub(crate) fn check(&self, path: String, value: f64) -> Result<(), SetupError> {
        let (low, high) = self.bounds;
        if (low..=high).contains(&value) {
            return Ok(());
        }
        Err(SetupError::value(path, format!("expected {low} to {high} ({}), found {value}", self.unit)))
    }
}

/// Sets the parameter at a dotted path between two steps.
///
/// # Errors
/// A path that leads to no parameter; a value outside its bounds.
pub(crate) fn set(world: &mut World, path: &str, value: f64) -> Result<(), SetupError> {
    let (registry, directory) = (world.resource::<Registry>(), world.resource::<Directory>());
    let all = registry.params.iter().flat_map(|spec| {
        let carriers = directory.names(spec.kind).enumerate();
        carriers.filter(|(place, _)| (spec.read)(world, *place).is_some()).map(move |(place, name)| (spec, place, name))
    });
    let all: Vec<_> = all.map(|(spec, place, name)| (spec.path(name), *spec, place)).collect();
    let Some((path, spec, place)) = all.iter().find(|(known, ..)| known == path) else {
        let known = all.into_iter().map(|(known, ..)| known).collect();
        return Err(SetupError::Name { path: path.to_owned(), what: "risk parameter", name: path.to_owned(), known });
    };
    spec.check(path.clone(), value)?;
    (spec.write)(&mut Tx::new(world), *place, value);
    Ok(())
}

/// Declares the `f64` fields of a terms component as risk parameters: unit, bounds, which way is looser, meaning. The
/// default is the component's own.
#[macro_export]
macro_rules! params {
    ($terms:ty, $kind:expr, $block:literal; $($field:ident: $unit:literal, $low:expr, $high:expr, $looser:ident, $doc:literal;)*) => {
        [$($crate::params::ParamSpec {
            block: $block,
            kind: $kind,
            name: stringify!($field),
            unit: $unit,
            default: || <$terms>::default().$field,
            bounds: ($low, $high),
            looser: $crate::params::Looser::$looser,
            doc: $doc,
            read: |world, index| $crate::registry::part::<$terms>(world, $kind, index).map(|terms| terms.$field),
            write: |tx, index, value| {
                if let Some(entity) = tx.entity($kind, index) {
                    if let Some(mut terms) = tx.write::<$terms>(entity) {
                        terms.$field = value;
                    }
                }
            },
        }),*]
    };
}
