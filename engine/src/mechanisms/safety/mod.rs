//! What stands between the protocol and an attack, measured each step: the backing of vaults against the open interest
//! they guarantee, and the cost of the known routes of attack beside the value at risk; on request, what a shock would cost,
//! and what agents' holdings would bring.

mod backing;
pub(crate) mod exit;
mod routes;
pub(crate) mod stress;

use bevy_ecs::prelude::{Component, IntoScheduleConfigs, World};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::math::attack_cost::Pool;
use crate::mechanism::{Mechanism, Setup};
use crate::mechanisms::venues;
use crate::params;
use crate::phase::{Half, Phase};
use crate::registry::{BlockSpec, Kind, Registry};
use crate::scenario::SetupError;

const SAFETY: &str = "protocol.safety";

/// Measures of safety.
pub(super) struct Safety;

/// The block `protocol.safety`: under which stress things are measured.
#[derive(Component, Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct SafetyTerms {
    /// Move of all marks, in either direction, that the stressed deficit is measured at.
    stress: f64,
    /// Fall of the staked asset's price before stressed stake is sold.
    stake_stress: f64,
    /// How far the route through venues lifts a feed's price.
    push_multiple: f64,
    /// Market value of the staked asset over open interest below which the alarm goes.
    alarm: f64,
}

impl Default for SafetyTerms {
    fn default() -> Self {
        Self { stress: 0.3, stake_stress: 0.5, push_multiple: 2.0, alarm: 1.0 }
    }
}

impl Mechanism for Safety {
    fn name(&self) -> &'static str {
        "safety"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.push(BlockSpec::of::<SafetyTerms>(
            SAFETY,
            "The stress under which cover and costs of attack are measured.",
        ));
        registry.params.extend(params![SafetyTerms, Kind::Protocol, "protocol.safety";
            stress: "ratio", 0.0, 0.99, Neither, "Move of all marks that the stressed deficit is measured at.";
            stake_stress: "ratio", 0.0, 0.99, Neither, "Fall of the staked asset's price before stressed stake is sold.";
            push_multiple: "ratio", 1.0, 1e6, Neither, "How far the route through venues lifts a feed's price.";
            alarm: "ratio", 0.0, 1e6, Neither, "Market value of the staked asset over open interest below which the alarm goes.";
        ]);
        backing::declare(registry);
        routes::declare(registry);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let terms: SafetyTerms = setup.block(SAFETY)?.unwrap_or_default();
        setup.protocol((terms, backing::Lows::default(), routes::Costs::default()));
        setup.state::<SafetyTerms>();
        // Before anybody acts on the first mark.
        setup.system(Phase::Observe, Half::Settle, routes::measure_start);
        setup.system(Phase::Record, Half::Prepare, (backing::measure, routes::measure).chain());
        Ok(())
    }
}

/// A venue's pool in coins.
fn pool(world: &World, place: usize) -> Option<Pool> {
    let (base, quote, fee) = venues::pool(world, place)?;
    Some(Pool { base, quote, fee })
}
