//! A mechanism from outside the engine: a relief fund that anyone may give to, and that drips into the insurance fund.
//!
//! It brings a scenario block, a risk parameter, an action, a public field, a probe and an invariant, with nothing but
//! the public API of `palisade_engine`. A crate of your own needs four dependencies: `palisade-engine`, and `bevy_ecs`,
//! `schemars` and `serde` in the versions that the engine names.
//!
//! Run it with `cargo run -p palisade-engine --example add_a_mechanism`.

use std::collections::BTreeMap;

use bevy_ecs::prelude::{Component, World};
use palisade_engine::action::{
    ActionId, ActionSpec, Actor, ArgKind, ArgSpec, Args, Intent, Receiver, Rejected, Value, Who,
};
use palisade_engine::clock::{Now, Segment};
use palisade_engine::domain::{AgentId, CohortId, Funds};
use palisade_engine::host::{Ask, Hook, Host, Replies, Wake};
use palisade_engine::ledger::{Bucket, Ledger, Slot};
use palisade_engine::mechanism::{Assets, Mechanism, Setup};
use palisade_engine::mechanisms::ALL;
use palisade_engine::params;
use palisade_engine::phase::{Half, Phase};
use palisade_engine::probe::{Cell, Probe};
use palisade_engine::registry::{BlockSpec, Kind, Registry, part};
use palisade_engine::scenario::{Amounts, AssetSpec, Cohort, Role, Scenario, SetupError};
use palisade_engine::tx::Tx;
use palisade_engine::units::{Amount, Rounding, Span, whole};
use palisade_engine::view::{FieldKind, PublicField, Reads};
use palisade_engine::{Options, Simulation};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where the block stands in a scenario.
const BLOCK: &str = "protocol.relief";

/// The block `protocol.relief`, as a scenario writes it: a component, so that votes can change its parameter.
#[derive(Component, Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReliefTerms {
    /// Coins in the fund at the start.
    pub start: f64,
    /// Share of the fund that drips into the insurance fund a day.
    pub drip: f64,
}

impl Default for ReliefTerms {
    fn default() -> Self {
        Self { start: 0.0, drip: 0.5 }
    }
}

/// The fund: where its coins lie, and what has come in and gone out, in smallest units.
#[derive(Component, Clone, Debug)]
pub struct Fund {
    /// Its slot of the ledger.
    pub slot: Slot,
    received: Amount,
    released: Amount,
}

/// The mechanism.
pub struct Relief;

impl Mechanism for Relief {
    fn name(&self) -> &'static str {
        "relief"
    }

    /// What scenarios, scripts, tables and votes will know of it. Nothing is said twice: script methods, checks and
    /// reference pages follow from these lists.
    fn declare(&self, registry: &mut Registry) {
        registry
            .blocks
            .push(BlockSpec::of::<ReliefTerms>(BLOCK, "A fund of gifts that drips into the insurance fund."));
        registry.params.extend(params![ReliefTerms, Kind::Protocol, "protocol.relief";
            drip: "ratio/day", 0.0, 24.0, Lower, "Share of the relief fund that goes to the insurance fund a day.";
        ]);
        registry.actions.push(ActionSpec {
            name: "donate",
            receiver: Receiver::Me,
            who: Who::Everyone,
            args: &[ArgSpec { name: "amount", kind: ArgKind::Amount, unit: "coins", doc: "What is given." }],
            doc: "Gives coins from the wallet to the relief fund.",
            run: donate,
        });
        registry.public.push(PublicField::new(
            Kind::Protocol,
            "relief",
            FieldKind::Number,
            "coins",
            "What is in the relief fund.",
            |world, _| coins(world),
        ));
        registry.probes.push(Probe {
            kind: Kind::Protocol,
            name: "relief_fund",
            unit: "coins",
            doc: "What is in the relief fund.",
            read: |world, _| Cell::Float(coins(world)),
        });
    }

    /// Reads the block, opens the slot and adds the systems. Whatever is wrong is said by its path.
    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let terms: ReliefTerms = setup.block(BLOCK)?.unwrap_or_default();
        let group = setup.group("relief");
        let settlement = setup.world.resource::<Assets>().settlement();
        let slot = setup.fund(group, Bucket::Treasury, settlement, terms.start, &format!("{BLOCK}.start"))?;
        let received = setup.world.resource::<Ledger>().balance(slot);
        setup.protocol((terms, Fund { slot, received, released: 0 }));
        setup.state::<Fund>();
        setup.system(Phase::Fund, Half::Settle, release);
        setup.system(Phase::Record, Half::Prepare, assert_sum);
        Ok(())
    }
}

/// The action. The transaction around it is all-or-nothing: an error on any line leaves no trace of those before.
fn donate(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let assets = tx.world().resource::<Assets>();
    let (settlement, scale) = (assets.settlement(), assets.settlement_scale());
    let wallet = tx.agent(actor.agent)?.wallet.asset(settlement);
    let amount = args.amount(0, scale, tx.balance(wallet))?;
    let protocol = tx.protocol()?;
    let slot = tx.get::<Fund>(protocol)?.slot;
    // The reason is the word under which the table `flows` will list it.
    tx.transfer(wallet, slot, amount, "donated")?;
    tx.write::<Fund>(protocol).ok_or(Rejected::NOT_FOUND)?.received += amount;
    Ok(())
}

/// Once a step: the share that is due moves on. Systems move value through a transaction too.
fn release(world: &mut World) {
    // Without funds there is nowhere to go, and what overflows waits: a step cannot fail.
    let _ = Tx::new(world).scope(|tx| {
        let protocol = tx.protocol()?;
        let (drip, insurance) = (tx.get::<ReliefTerms>(protocol)?.drip, tx.get::<Funds>(protocol)?.insurance);
        let slot = tx.get::<Fund>(protocol)?.slot;
        let share = (drip * tx.world().resource::<Now>().dt.days()).min(1.0);
        #[allow(clippy::cast_precision_loss)]
        let due = whole(tx.balance(slot) as f64 * share, Rounding::Down).ok_or(Rejected::OVERFLOW)?;
        let moved = tx.transfer_up_to(slot, insurance, due, "relief_released")?;
        tx.write::<Fund>(protocol).ok_or(Rejected::NOT_FOUND)?.released += moved;
        Ok(())
    });
}

/// The invariant: what came in and has not gone out is there. A run that breaks it stops at that step.
fn assert_sum(world: &mut World) {
    let Some(fund) = part::<Fund>(world, Kind::Protocol, 0) else { return };
    let (due, there) = (fund.received - fund.released, world.resource::<Ledger>().balance(fund.slot));
    assert!(due == there, "Invariant: the relief fund holds {there} and should hold {due}");
}

#[allow(clippy::cast_precision_loss)]
fn coins(world: &World) -> f64 {
    let balance = part::<Fund>(world, Kind::Protocol, 0).map(|fund| world.resource::<Ledger>().balance(fund.slot));
    balance.unwrap_or(0) as f64 / world.resource::<Assets>().settlement_scale()
}

/// The built-in mechanisms and this one. It comes last, so that within a phase its systems run behind theirs.
pub fn mechanisms() -> Vec<&'static dyn Mechanism> {
    let mut all = ALL.to_vec();
    all.push(&Relief);
    all
}

/// A host in Rust, in place of scripts: everyone gives half of what is in the wallet, every step.
struct Generous {
    donate: ActionId,
}

impl Host for Generous {
    fn wake(&mut self, _: CohortId) -> Wake {
        Wake::default()
    }

    fn reads(&mut self, _: CohortId, hook: Hook) -> Option<Reads> {
        (hook == Hook::Decide).then(|| Reads::of_own(Vec::new()))
    }

    fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        let args = [Some(Value::Fraction(0.5)), None, None, None];
        let gift = |agent: &AgentId| Intent { actor: Actor { agent: *agent, account: 0 }, action: self.donate, args };
        replies.intents.extend(ask.agents.iter().map(gift));
    }
}

/// Three donors with 100 USD each, for three hours, and nothing else.
fn scenario() -> Scenario {
    let donors = Cohort {
        role: Role::Trader,
        strategy: String::new(),
        count: 3,
        accounts: 1,
        wallet: BTreeMap::from([("USD".to_owned(), Amounts::Fixed(100.0))]),
        margin: None,
        stake: None,
        params: BTreeMap::new(),
        bind: BTreeMap::new(),
        latency: Span(0),
    };
    Scenario {
        name: "donors".to_owned(),
        clock: vec![Segment { length: Span(3 * 3_600_000), dt: Span(3_600_000) }],
        assets: vec![("USD".to_owned(), AssetSpec { decimals: 6 })],
        settlement: "USD".to_owned(),
        cohorts: vec![("population.donors".to_owned(), donors)],
        blocks: BTreeMap::from([(BLOCK.to_owned(), "(start: 10.0, drip: 6.0)".to_owned())]),
        ..Scenario::default()
    }
}

/// Three hours of it, a line each.
pub fn story() -> Result<Vec<String>, SetupError> {
    let mut simulation = Simulation::new(&scenario(), &mechanisms(), Options { seed: 1, ..Options::default() })?;
    let donate = simulation.registry().action("donate").expect("the mechanism declares it");
    let hour = |hour| {
        simulation.step(&mut Generous { donate });
        format!("after {hour} h the relief fund holds {:.2} USD", coins(simulation.world()))
    };
    Ok((1..=3).map(hour).collect())
}

fn main() -> Result<(), SetupError> {
    story()?.iter().for_each(|line| println!("{line}"));
    Ok(())
}
