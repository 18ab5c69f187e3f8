//! A mechanism is one file: what it declares, and what it builds. The explicit list is `mechanisms::ALL`.

use bevy_ecs::component::Component;
use bevy_ecs::prelude::{Entity, IntoScheduleConfigs, Resource, SystemSet, World};
use bevy_ecs::schedule::{Schedule, ScheduleConfigs, ScheduleLabel};
use bevy_ecs::system::ScheduleSystem;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::{Debug, Write};

use crate::domain::Groups;
use crate::ledger::{AssetId, Bucket, GroupId, Ledger, Slot};
use crate::phase::{Half, Phase};
use crate::registry::{Directory, Kind, Registry};
use crate::rule::{Chosen, RuleFn, RuleKind};
use crate::scenario::{Scenario, SetupError};
use crate::units::{Amount, Price, Rounding, pow10, whole};

/// A capability of the protocol world, built in or a plugin's.
pub trait Mechanism: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Declares blocks, parameters, actions, fields, probes, outcomes and rules.
    fn declare(&self, registry: &mut Registry);

    /// Reads its blocks and adds entities, resources and systems.
    ///
    /// # Errors
    /// What is wrong with the scenario, by path.
    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError>;
}

/// The systems of one mechanism in one half of a phase.
#[derive(SystemSet, Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct MechanismSet(pub(crate) usize);

/// The label of a half of a phase.
#[derive(ScheduleLabel, Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Stage(pub(crate) Phase, pub(crate) Half);

/// Assets by id: names and scales.
#[derive(Resource, Clone, Debug, Default)]
pub struct Assets {
    pub(crate) names: Vec<String>,
    pub(crate) decimals: Vec<u8>,
    pub(crate) settlement: u16,
}

impl Assets {
    /// The settlement asset.
    #[must_use]
    pub const fn settlement(&self) -> AssetId {
        AssetId(self.settlement)
    }

    /// Smallest units in one coin.
    #[must_use]
    pub fn scale(&self, asset: AssetId) -> f64 {
        pow10(self.decimals[asset.0 as usize])
    }

    /// Smallest units in one coin of the settlement asset.
    #[must_use]
    pub fn settlement_scale(&self) -> f64 {
        self.scale(self.settlement())
    }

    /// The name.
    #[must_use]
    pub fn name(&self, asset: AssetId) -> &str {
        &self.names[asset.0 as usize]
    }

    /// The asset called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<AssetId> {
        self.names.iter().position(|known| known == name).and_then(|place| u16::try_from(place).ok()).map(AssetId)
    }

    /// All assets.
    pub fn ids(&self) -> impl Iterator<Item = AssetId> {
        (0..self.names.len()).filter_map(|place| u16::try_from(place).ok()).map(AssetId)
    }
}

/// Writes one entity's state, for hashing.
pub(crate) type StateWriter = fn(&World, Entity, &mut dyn Write);

/// What a mechanism builds with.
pub struct Setup<'a> {
    /// The world.
    pub world: &'a mut World,
    /// The scenario.
    pub scenario: &'a Scenario,
    pub(crate) schedules: &'a mut BTreeMap<(Phase, Half), Schedule>,
    pub(crate) states: &'a mut Vec<StateWriter>,
    pub(crate) place: usize,
}

impl Setup<'_> {
    /// The block at `path`, or `None` when the scenario has none.
    ///
    /// # Errors
    /// What the text is not.
    pub fn block<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, SetupError> {
        let Some(text) = self.scenario.blocks.get(path) else { return Ok(None) };
        ron_options()
            .from_str(text)
            .map(Some)
            .map_err(|error| SetupError::Block { path: path.to_owned(), error: Box::new(error) })
    }

    /// Adds a system to a half of a phase: after the systems of the mechanisms before this one.
    ///
    /// Conservation is checked right behind it.
    pub fn system<M>(&mut self, phase: Phase, half: Half, system: impl IntoScheduleConfigs<ScheduleSystem, M>) {
        let name = self.place;
        let configs: ScheduleConfigs<ScheduleSystem> = (system, conserve).chain().in_set(MechanismSet(name));
        if let Some(schedule) = self.schedules.get_mut(&(phase, half)) {
            schedule.add_systems(configs);
        }
    }

    /// Spawns a named thing with the components `parts` and returns its entity.
    pub fn spawn(&mut self, kind: Kind, name: &str, parts: impl bevy_ecs::bundle::Bundle) -> Entity {
        let entity = self.world.spawn(parts).id();
        self.world.resource_mut::<Directory>().add(kind, name, entity);
        entity
    }

    /// Adds terms that belong to no single thing to the protocol's entity.
    pub fn protocol(&mut self, parts: impl bevy_ecs::bundle::Bundle) {
        if let Some(entity) = self.world.resource::<Directory>().entity(Kind::Protocol, 0) {
            self.world.entity_mut(entity).insert(parts);
        }
    }

    /// Makes a component part of the state hash.
    pub fn state<C: Component + Debug>(&mut self) {
        self.states.push(|world, entity, out| {
            if let Some(part) = world.get::<C>(entity) {
                // Writing into a hasher cannot fail.
                let _ = write!(out, "{part:?};");
            }
        });
    }

    /// Opens a ledger slot of a party's own, filled with `coins` newly issued coins.
    ///
    /// # Errors
    /// When `coins`, found at `path`, is not a legal amount of the asset.
    pub fn fund(
        &mut self,
        group: GroupId,
        bucket: Bucket,
        asset: AssetId,
        coins: f64,
        path: &str,
    ) -> Result<Slot, SetupError> {
        let amount = coins_to_units(self.world.resource::<Assets>().scale(asset), coins, path)?;
        let mut ledger = self.world.resource_mut::<Ledger>();
        let slot = ledger.open(group, bucket, asset);
        ledger.mint(slot, amount).map_err(|_| SetupError::value(path, "more than the asset can hold"))?;
        Ok(slot)
    }

    /// Adds a reporting group.
    pub fn group(&mut self, name: &str) -> GroupId {
        self.world.resource_mut::<Groups>().add(name)
    }

    /// The asset called `name`, found at `path`.
    ///
    /// # Errors
    /// When there is none.
    pub fn asset(&self, name: &str, path: &str) -> Result<AssetId, SetupError> {
        let assets = self.world.resource::<Assets>();
        assets.find(name).ok_or_else(|| SetupError::Name {
            path: path.to_owned(),
            what: "asset",
            name: name.to_owned(),
            known: assets.names.clone(),
        })
    }

    /// The rule of `kind` called `name`, found at `path`.
    ///
    /// # Errors
    /// When there is none.
    pub fn rule(&self, kind: RuleKind, what: &'static str, name: &str, path: &str) -> Result<RuleFn, SetupError> {
        let native = &self.world.resource::<Registry>().rules;
        let rules = || native.iter().chain(&self.scenario.rules).filter(|rule| rule.kind == kind);
        rules().find(|rule| rule.name == name).map(|rule| rule.eval.clone()).ok_or_else(|| SetupError::Name {
            path: path.to_owned(),
            what,
            name: name.to_owned(),
            known: rules().map(|rule| rule.name.clone()).collect(),
        })
    }

    /// The rule of `kind` called `name`, found at `path`, in place of what is built in under the name `built_in`.
    ///
    /// # Errors
    /// When there is none.
    pub fn rule_instead(
        &self,
        (kind, built_in): (RuleKind, &str),
        what: &'static str,
        name: &str,
        path: &str,
    ) -> Result<Chosen, SetupError> {
        let rule = self.rule(kind, what, name, path)?;
        Ok(if name == built_in { Chosen::default() } else { Chosen::of(rule) })
    }

    /// The place of the thing called `name`, found at `path`.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, kind: Kind, what: &'static str, name: &str, path: &str) -> Result<usize, SetupError> {
        let directory = self.world.resource::<Directory>();
        directory.find(kind, name).ok_or_else(|| SetupError::Name {
            path: path.to_owned(),
            what,
            name: name.to_owned(),
            known: directory.names(kind).map(str::to_owned).collect(),
        })
    }
}

/// The RON dialect of scenarios: `Some(…)` may be left out.
#[must_use]
pub fn ron_options() -> ron::Options {
    ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
}

/// `coins` as smallest units; refuses what is negative, not finite, or more than a quarter of the 64-bit range.
///
/// # Errors
/// A value error at `path`.
pub fn coins_to_units(scale: f64, coins: f64, path: &str) -> Result<Amount, SetupError> {
    whole(coins * scale, Rounding::Down).filter(|units| (0..=Amount::MAX / 4).contains(units)).ok_or_else(|| {
        SetupError::value(
            path,
            format!("expected an amount from 0 to {:e} coins, found {coins}", (i64::MAX / 4) as f64 / scale),
        )
    })
}

/// A price found at `path`.
///
/// # Errors
/// When it is not one.
pub fn price_at(value: f64, path: &str) -> Result<Price, SetupError> {
    Price::new(value).ok_or_else(|| SetupError::value(path, format!("expected a price in 1e-12…1e18, found {value}")))
}

fn conserve(mut ledger: bevy_ecs::system::ResMut<'_, Ledger>) {
    ledger.assert_conserved("a system");
}
