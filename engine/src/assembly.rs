//! What a simulation is put together from before its mechanisms build: schedules, core resources, bounds of parameters.

use std::collections::BTreeMap;

use bevy_ecs::prelude::{IntoScheduleConfigs, World};
use bevy_ecs::schedule::{LogLevel, Schedule, ScheduleBuildSettings, SingleThreadedExecutor};

use crate::book::Book;
use crate::clock::Now;
use crate::domain::{Cohorts, Groups, Holders, Votable};
use crate::event::Events;
use crate::inquiry::{Answers, Inquiries, Listeners};
use crate::ledger::Ledger;
use crate::mechanism::{Assets, MechanismSet, Stage};
use crate::params;
use crate::phase::{Half, LiquidationTiming, Phase};
use crate::queue::{Queue, Refusals};
use crate::registry::{Directory, Kind, Registry};
use crate::rng::Streams;
use crate::scenario::{MAX_DECIMALS, Scenario, SetupError};
use crate::simulation::Options;
use crate::view::Public;

/// An empty schedule for each half of each phase, with one chained set per mechanism; ambiguity is an error.
pub(crate) fn schedules(mechanisms: usize) -> BTreeMap<(Phase, Half), Schedule> {
    let mut all = BTreeMap::new();
    for phase in Phase::order(LiquidationTiming::BeforeDecide) {
        for half in [Half::Prepare, Half::Settle] {
            let mut schedule = Schedule::new(Stage(phase, half));
            schedule.set_executor(SingleThreadedExecutor::new());
            for place in 1..mechanisms {
                schedule.configure_sets(MechanismSet(place).after(MechanismSet(place - 1)));
            }
            schedule.set_build_settings(ScheduleBuildSettings {
                ambiguity_detection: LogLevel::Error,
                ..Default::default()
            });
            all.insert((phase, half), schedule);
        }
    }
    all
}

/// Assets, ledger, directory, streams and everything else that exists in every world.
pub(crate) fn install_core(world: &mut World, scenario: &Scenario, options: Options) -> Result<(), SetupError> {
    let mut assets = Assets::default();
    for (name, spec) in &scenario.assets {
        if spec.decimals > MAX_DECIMALS {
            return Err(SetupError::value(
                format!("protocol.assets.{name}.decimals"),
                format!("expected 0 to {MAX_DECIMALS}, found {}", spec.decimals),
            ));
        }
        assets.names.push(name.clone());
        assets.decimals.push(spec.decimals);
    }
    let settlement = assets.find(&scenario.settlement).ok_or_else(|| SetupError::Name {
        path: "protocol.settlement".into(),
        what: "asset",
        name: scenario.settlement.clone(),
        known: assets.names.clone(),
    })?;
    assets.settlement = settlement.0;
    world.insert_resource(Ledger::new(assets.names.len()));
    let mut directory = Directory::default();
    let protocol = world.spawn_empty().id();
    directory.add(Kind::Protocol, "", protocol);
    for name in &assets.names {
        let entity = world.spawn_empty().id();
        directory.add(Kind::Asset, name, entity);
    }
    world.insert_resource(directory);
    world.insert_resource(assets);
    world.insert_resource(Streams::new(options.seed));
    world.insert_resource(Groups::default());
    world.insert_resource(Cohorts::default());
    world.insert_resource(Now::default());
    world.init_resource::<Book>();
    world.init_resource::<Holders>();
    world.init_resource::<Public>();
    world.init_resource::<Events>();
    world.init_resource::<Queue>();
    world.init_resource::<Refusals>();
    world.init_resource::<Inquiries>();
    world.init_resource::<Answers>();
    world.init_resource::<Listeners>();
    Ok(())
}

/// Makes every parameter of every thing a thing of its own, named by its path, where they can be voted on.
pub(crate) fn list_parameters(world: &mut World) {
    if !world.contains_resource::<Votable>() {
        return;
    }
    let parameters: Vec<_> = params::all(world).collect();
    for (path, parameter) in parameters {
        let entity = world.spawn_empty().id();
        world.resource_mut::<Votable>().0.push(parameter);
        world.resource_mut::<Directory>().add(Kind::Parameter, &path, entity);
    }
}

/// Refuses parameters outside their bounds.
pub(crate) fn check_bounds(world: &World) -> Result<(), SetupError> {
    let registry = world.resource::<Registry>();
    for param in &registry.params {
        for (place, name) in world.resource::<Directory>().names(param.kind).enumerate() {
            let Some(value) = (param.read)(world, place) else { continue };
            param.check(param.path(name), value)?;
        }
    }
    Ok(())
}
