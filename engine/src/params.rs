//! Risk parameters: one number each, with its unit, bounds and meaning, read and set through one typed place.

use bevy_ecs::prelude::World;

use crate::domain::{Change, Parameter};
use crate::event::{Event, EventTable};
use crate::registry::{Directory, Kind, Registry};
use crate::scenario::SetupError;
use crate::tx::Tx;

/// What the table of governance says of a parameter that no vote of the world changed.
const SET_FROM_OUTSIDE: &str = "set_from_outside";

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

/// Every risk parameter of every thing with its dotted path, in the order that numbers them.
pub(crate) fn all(world: &World) -> impl Iterator<Item = (String, Parameter)> {
    let (registry, directory) = (world.resource::<Registry>(), world.resource::<Directory>());
    registry.params.iter().enumerate().flat_map(move |(spec, param)| {
        let carriers = directory.names(param.kind).enumerate();
        carriers
            .filter(move |(thing, _)| (param.read)(world, *thing).is_some())
            .map(move |(thing, name)| (param.path(name), Parameter { spec, thing, read: param.read }))
    })
}

/// Sets the parameter at a dotted path between two steps, and notes it as an event of the next one.
///
/// # Errors
/// A path that leads to no parameter; a value outside its bounds.
pub(crate) fn set(world: &mut World, path: &str, value: f64) -> Result<(), SetupError> {
    let Some((place, (path, parameter))) = all(world).enumerate().find(|(_, (known, _))| known == path) else {
        let known = all(world).map(|(known, _)| known).collect();
        return Err(SetupError::Name { path: path.to_owned(), what: "risk parameter", name: path.to_owned(), known });
    };
    let spec = world.resource::<Registry>().params[parameter.spec];
    spec.check(path, value)?;
    let before = (parameter.read)(world, parameter.thing).unwrap_or(f64::NAN);
    let change = Some(Change { parameter: place, before, after: value });
    let mut tx = Tx::new(world);
    (spec.write)(&mut tx, parameter.thing, value);
    tx.note(Event { change, ..Event::new(EventTable::Governance, SET_FROM_OUTSIDE) });
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

#[cfg(test)]
mod tests {
    use crate::clock::Segment;
    use crate::domain::CohortId;
    use crate::frame::{Data, Frame};
    use crate::host::{Ask, Hook, Host, Replies, Wake};
    use crate::mechanisms::ALL;
    use crate::scenario::{AssetSpec, Scenario};
    use crate::units::Span;
    use crate::view::Reads;
    use crate::{Options, Simulation};

    struct Nobody;

    impl Host for Nobody {
        fn wake(&mut self, _: CohortId) -> Wake {
            Wake::default()
        }

        fn reads(&mut self, _: CohortId, _: Hook) -> Option<Reads> {
            None
        }

        fn ask(&mut self, _: &Ask<'_>, _: &mut Replies) {}
    }

    /// A world without governance, in which no vote could change anything.
    fn simulation() -> Simulation {
        let scenario = Scenario {
            name: "empty".to_owned(),
            clock: vec![Segment { length: Span(10_000), dt: Span(1_000) }],
            assets: vec![("USD".to_owned(), AssetSpec { decimals: 6 })],
            settlement: "USD".to_owned(),
            ..Scenario::default()
        };
        Simulation::new(&scenario, &ALL, Options::default()).expect("a sound scenario")
    }

    fn rows(frames: &[Frame]) -> Vec<String> {
        let frame = frames.iter().find(|frame| frame.table == "governance").expect("every run has the table");
        let cell = |data: &Data, row: usize| match data {
            Data::Int(values) => values[row].to_string(),
            Data::Float(values) => values[row].to_string(),
            Data::Flag(values) => values[row].to_string(),
            Data::Text(values) => values[row].to_string(),
        };
        let row = |row| frame.columns.iter().map(|column| cell(&column.data, row)).collect::<Vec<_>>().join("|");
        (0..frame.rows()).map(row).collect()
    }

    #[test]
    fn a_parameter_set_from_outside_is_a_row_of_the_next_step() {
        let mut simulation = simulation();
        simulation.step(&mut Nobody);
        assert_eq!(rows(&simulation.take_frames()), [""; 0]);
        simulation.set_parameter("protocol.safety.alarm", 2.5).expect("there is one");
        assert!(simulation.set_parameter("protocol.safety.alarm", -1.0).is_err());
        simulation.step(&mut Nobody);
        let expected = ["1|2000|set_from_outside|-1|||protocol.safety.alarm|1|2.5"];
        assert_eq!(rows(&simulation.take_frames()), expected);
        simulation.step(&mut Nobody);
        assert_eq!(rows(&simulation.take_frames()), [""; 0]);
    }
}
