//! Blockspace: only so many actions fit into a step. An action pays a base fee that follows demand, and its agent's tip to
//! the validator who proposes the block; a rule, or the proposer's own strategy, says who goes first, and who is left out.

mod block;
mod view;

use bevy_ecs::prelude::Component;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::{ActionSpec, Actor, ArgKind, ArgSpec, Args, Receiver, Rejected, Who};
use crate::domain::{Cohorts, Roster, Tip};
use crate::ledger::{Bucket, Ledger};
use crate::mechanism::{Assets, Mechanism, Setup, coins_to_units};
use crate::params;
use crate::phase::{Half, Phase};
use crate::queue::Mempool;
use crate::registry::{BlockSpec, Kind, Registry};
use crate::rule::{Rule, RuleKind};
use crate::scenario::{Role, SetupError};
use crate::tx::Tx;
use crate::units::{Amount, Rounding, Span, whole};

use block::{Block, Chain};

const BLOCKSPACE: &str = "protocol.blockspace";

/// The rule that leaves the order to the proposer of the step.
const PROPOSER: &str = "proposer";

/// Blockspace.
pub(super) struct Blockspace;

/// Who gets the base fee. Where nobody proposes, it is burned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum BaseFeeTo {
    /// Nobody: it is taken out of circulation.
    #[default]
    Burn,
    /// The insurance fund.
    Insurance,
    /// The proposer.
    Proposer,
}

/// What the proposer sees of actions that wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Visibility {
    /// What is asked for, where, how much of it, and whether it is its own.
    #[default]
    Public,
    /// The tip and the time waited alone.
    Sealed,
}

/// How liquidations come about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Liquidations {
    /// In their own phase, outside of blocks.
    #[default]
    AtOnce,
    /// They wait for a place in a block like everything else.
    Queued,
}

/// The block `protocol.blockspace`.
#[derive(Component, Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct BlockspaceTerms {
    /// Who goes first: the name of a rule, of which `proposer` asks the strategy of the step's proposer.
    priority: String,
    /// What the proposer sees of actions that wait.
    visibility: Visibility,
    /// Whether liquidations need a place, too.
    liquidations: Liquidations,
    /// The vault in which validators stake, by which they are drawn to propose; the first one when empty.
    vault: String,
    /// Who gets the base fee.
    base_fee_to: BaseFeeTo,
    /// Base fee of an action at the start, in settlement coins.
    base_fee: f64,
    /// Time between two changes of the base fee. Nobody reacts to those within one step.
    block: Span,
    /// Actions a second that fit.
    capacity: f64,
    /// Share of the capacity at which the base fee stands still.
    target: f64,
    /// Largest change of the base fee a block.
    fee_change: f64,
    /// Smallest base fee.
    fee_floor: f64,
}

impl Default for BlockspaceTerms {
    fn default() -> Self {
        Self {
            priority: "shuffle".into(),
            visibility: Visibility::Public,
            liquidations: Liquidations::AtOnce,
            vault: String::new(),
            base_fee_to: BaseFeeTo::Burn,
            base_fee: 0.0,
            block: Span(12_000),
            capacity: 100.0,
            target: 0.5,
            fee_change: 0.125,
            fee_floor: 0.0,
        }
    }
}

const TIP: ArgSpec =
    ArgSpec { name: "coins", kind: ArgKind::Number, unit: "coins", doc: "Settlement coins an action, 0 or more." };

impl Mechanism for Blockspace {
    fn name(&self) -> &'static str {
        "blockspace"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.push(BlockSpec::of::<BlockspaceTerms>(
            BLOCKSPACE,
            "Room for actions: how many fit, what they pay, who proposes blocks and who goes first. What misses is refused as `not_included`. Without this block everything fits, for free, in a seeded order.",
        ));
        registry.params.extend(params![BlockspaceTerms, Kind::Protocol, "protocol.blockspace";
            capacity: "actions/s", 1e-6, 1e9, Lower, "Actions a second that fit.";
            target: "ratio", 0.01, 1.0, Neither, "Share of the capacity at which the base fee stands still.";
            fee_change: "ratio", 0.0, 1.0, Neither, "Largest change of the base fee a block.";
            fee_floor: "coins", 0.0, 1e9, Lower, "Smallest base fee of an action.";
        ]);
        let rule = |name, doc, eval| Rule::native(RuleKind::Priority, name, doc, eval);
        registry.rules.extend([
            rule("shuffle", "Nobody goes first: the seeded order stands.", |_, _| {}),
            rule("fee", "The highest tip first.", |columns, out| out.extend_from_slice(columns[0])),
            rule("stake", "Whoever has most at stake in the validators' vault first.", |columns, out| {
                out.extend_from_slice(columns[1]);
            }),
            rule("first_come", "Whoever has waited longest first.", |columns, out| {
                out.extend_from_slice(columns[3]);
            }),
            rule(
                PROPOSER,
                "As the strategy of the step's proposer ranks them in `order`; by the tip where it has no such hook.",
                |columns, out| out.extend_from_slice(columns[0]),
            ),
        ]);
        view::declare(registry);
        registry.actions.push(ActionSpec {
            name: "tip",
            receiver: Receiver::Me,
            who: Who::Everyone,
            args: &[TIP],
            doc: "From now on offers the proposer this much for each action that it asks for; needs no place itself.",
            run: tip,
        });
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let Some(terms) = setup.block::<BlockspaceTerms>(BLOCKSPACE)? else { return Ok(()) };
        if terms.block.0 == 0 {
            return Err(SetupError::value(format!("{BLOCKSPACE}.block"), "expected a time above zero"));
        }
        let needs_one = terms.priority == PROPOSER || terms.base_fee_to == BaseFeeTo::Proposer;
        if needs_one && !setup.world.resource::<Cohorts>().0.iter().any(|cohort| cohort.role == Role::Validator) {
            let message = "no cohort of role `validator` could propose: add one with `stake` in the validators' vault";
            return Err(SetupError::value(BLOCKSPACE, message));
        }
        let rank =
            setup.rule(RuleKind::Priority, "priority rule", &terms.priority, &format!("{BLOCKSPACE}.priority"))?;
        let vault = match terms.vault.as_str() {
            "" => 0,
            vault => setup.find(Kind::Vault, "vault", vault, &format!("{BLOCKSPACE}.vault"))?,
        };
        let scale = setup.world.resource::<Assets>().settlement_scale();
        let base_fee = coins_to_units(scale, terms.base_fee, &format!("{BLOCKSPACE}.base_fee"))?;
        let (group, settlement) = (setup.group("blockspace"), setup.world.resource::<Assets>().settlement());
        let burned = setup.world.resource_mut::<Ledger>().open(group, Bucket::Burned, settlement);
        let takes_liquidations = terms.liquidations == Liquidations::Queued;
        setup.protocol((
            Chain { rank, asks: terms.priority == PROPOSER, vault, burned },
            Block { base_fee, ..Block::default() },
            terms,
        ));
        let actions = setup.world.resource::<Registry>().actions.clone();
        let tip = setup.world.resource::<Registry>().action("tip");
        if let Some(tip) = tip {
            setup.world.insert_resource(Mempool { tip, takes_liquidations });
        }
        for action in actions {
            setup.spawn(Kind::Action, action.name, ());
        }
        for entity in setup.world.resource::<Roster>().agents().to_vec() {
            setup.world.entity_mut(entity).insert(Tip::default());
        }
        setup.state::<BlockspaceTerms>();
        setup.state::<Block>();
        setup.state::<Tip>();
        setup.system(Phase::Order, Half::Prepare, block::open);
        setup.system(Phase::Order, Half::Settle, block::fill);
        Ok(())
    }
}

fn tip(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let coins = args.number(0)?;
    let units = whole(coins * tx.world().resource::<Assets>().settlement_scale(), Rounding::Down);
    let units = units.filter(|units| (0..=Amount::MAX / 4).contains(units)).ok_or(Rejected::AMOUNT)?;
    let agent = tx.world().resource::<Roster>().agent(actor.agent).ok_or(Rejected::NOT_FOUND)?;
    tx.write::<Tip>(agent).ok_or(Rejected::new("no_blockspace"))?.0 = units;
    Ok(())
}
