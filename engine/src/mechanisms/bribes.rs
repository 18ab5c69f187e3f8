//! Bribes: anyone may promise money to nodes for reporting a certain price. It lies in escrow, and every node whose
//! report is that price is paid by its stake, round after round, until the money is gone or taken back.

use bevy_ecs::prelude::{Component, World};

use crate::action::{ActionSpec, Actor, ArgKind, ArgSpec, Args, Receiver, Rejected, Who};
use crate::domain::AgentId;
use crate::ledger::{Bucket, Ledger, Slot};
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::mechanisms::oracle::Rounds;
use crate::phase::{Half, Phase};
use crate::probe::Outcome;
use crate::registry::{Directory, Kind, Registry, part};
use crate::scenario::SetupError;
use crate::tx::Tx;
use crate::units::{Amount, Price, Rounding, whole};
use crate::valuation;
use crate::view::{FieldKind, PublicField};

/// How near a report must be to the price asked for, as a ratio.
const NEAR: f64 = 1e-3;

/// Bribes of nodes.
pub(super) struct Bribes;

/// The offer on a feed.
#[derive(Component, Clone, Copy, Debug)]
struct Bribe {
    escrow: Slot,
    offer: Option<Offer>,
}

#[derive(Clone, Copy, Debug)]
struct Offer {
    briber: AgentId,
    price: f64,
    /// Settlement units for each unit of stake, each round.
    rate: f64,
}

const FEED: ArgSpec = ArgSpec { name: "feed", kind: ArgKind::Handle(Kind::Feed), unit: "", doc: "The feed." };
const PRICE: ArgSpec = ArgSpec { name: "price", kind: ArgKind::Number, unit: "coins", doc: "The price asked for." };
const RATE: ArgSpec = ArgSpec {
    name: "rate",
    kind: ArgKind::Number,
    unit: "coins",
    doc: "Coins for each coin of a node's stake, in every round in which it reports that price.",
};
const BUDGET: ArgSpec = ArgSpec { name: "budget", kind: ArgKind::Amount, unit: "coins", doc: "Coins put in escrow." };

impl Mechanism for Bribes {
    fn name(&self) -> &'static str {
        "bribes"
    }

    fn declare(&self, registry: &mut Registry) {
        let action =
            |name, args, doc, run| ActionSpec { name, receiver: Receiver::Me, who: Who::Everyone, args, doc, run };
        registry.actions.extend([
            action(
                "bribe",
                &[FEED, PRICE, RATE, BUDGET],
                "Offers nodes money for reporting a price; adds to an offer of its own.",
                bribe,
            ),
            action("end_bribe", &[FEED], "Ends its own offer and takes back what is left.", end_bribe),
        ]);
        let field = |name, unit, doc, read| PublicField::new(Kind::Feed, name, FieldKind::Number, unit, doc, read);
        registry.public.extend([
            field("bribe_price", "coins", "The price that a bribe asks for, 0 when there is none.", |world, place| {
                offer(world, place).map_or(0.0, |(offer, _)| offer.price)
            }),
            field("bribe_rate", "coins", "What it pays for each coin of stake, each round.", |world, place| {
                offer(world, place).map_or(0.0, |(offer, _)| offer.rate)
            }),
            #[allow(clippy::cast_precision_loss)]
            field("bribe_left", "coins", "What is left in escrow.", |world, place| {
                let scale = world.resource::<Assets>().settlement_scale();
                offer(world, place).map_or(0.0, |(_, left)| left as f64 / scale)
            }),
        ]);
        registry.outcomes.push(Outcome {
            name: "bribes_paid",
            unit: "coins",
            doc: "What nodes took for reporting a price.",
            #[allow(clippy::cast_precision_loss)]
            read: |world| {
                let assets = world.resource::<Assets>();
                let paid = world.resource::<Ledger>().moved_for("bribe_paid", assets.settlement());
                paid as f64 / assets.settlement_scale()
            },
        });
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let settlement = setup.world.resource::<Assets>().settlement();
        let feeds: Vec<_> = setup.world.resource::<Directory>().entities(Kind::Feed).collect();
        let group = setup.group(valuation::ESCROW);
        for entity in feeds {
            let escrow = setup.world.resource_mut::<Ledger>().open(group, Bucket::Escrow, settlement);
            setup.world.entity_mut(entity).insert(Bribe { escrow, offer: None });
        }
        setup.state::<Bribe>();
        setup.system(Phase::Oracle, Half::Settle, pay_nodes);
        Ok(())
    }
}

fn offer(world: &World, place: usize) -> Option<(Offer, Amount)> {
    let bribe = part::<Bribe>(world, Kind::Feed, place)?;
    let left = world.resource::<Ledger>().balance(bribe.escrow);
    bribe.offer.filter(|_| left > 0).map(|offer| (offer, left))
}

/// What an agent has in escrow, which it could take back, in settlement units.
pub(super) fn offered(world: &World, agent: AgentId) -> Amount {
    let offers = (0..world.resource::<Directory>().count(Kind::Feed)).filter_map(|place| offer(world, place));
    offers.filter(|(offer, _)| offer.briber == agent).map(|(_, left)| left).sum()
}

fn bribe(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let place = args.handle(0, Kind::Feed)? as usize;
    let entity = tx.entity(Kind::Feed, place).ok_or(Rejected::NOT_FOUND)?;
    let price = Price::new(args.number(1)?).ok_or(Rejected::ARGUMENT)?.get();
    let rate = args.number(2)?;
    if !(rate > 0.0 && rate <= 1e9) {
        return Err(Rejected::ARGUMENT);
    }
    let bribe = *tx.get::<Bribe>(entity)?;
    let left = tx.balance(bribe.escrow);
    if left > 0 && bribe.offer.is_some_and(|offer| offer.briber != actor.agent) {
        return Err(Rejected::new("another_bribe_stands"));
    }
    let assets = tx.world().resource::<Assets>();
    let (settlement, scale) = (assets.settlement(), assets.settlement_scale());
    let wallet = tx.agent(actor.agent)?.wallet.asset(settlement);
    let budget = args.amount(3, scale, tx.balance(wallet))?;
    tx.transfer(wallet, bribe.escrow, budget, "bribe_offered")?;
    let offer = Some(Offer { briber: actor.agent, price, rate });
    tx.write::<Bribe>(entity).ok_or(Rejected::NOT_FOUND)?.offer = offer;
    Ok(())
}

fn end_bribe(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let entity = tx.entity(Kind::Feed, args.handle(0, Kind::Feed)? as usize).ok_or(Rejected::NOT_FOUND)?;
    let bribe = *tx.get::<Bribe>(entity)?;
    if bribe.offer.is_none_or(|offer| offer.briber != actor.agent) {
        return Err(Rejected::NOT_FOUND);
    }
    let settlement = tx.world().resource::<Assets>().settlement();
    let wallet = tx.agent(actor.agent)?.wallet.asset(settlement);
    let left = tx.balance(bribe.escrow);
    tx.transfer(bribe.escrow, wallet, left, "bribe_returned")?;
    tx.write::<Bribe>(entity).ok_or(Rejected::NOT_FOUND)?.offer = None;
    Ok(())
}

/// Pays every node whose report is what was asked for, in the order of their ids, as far as the money reaches.
fn pay_nodes(world: &mut World) {
    for place in 0..world.resource::<Directory>().count(Kind::Feed) {
        let Some((offer, _)) = offer(world, place) else { continue };
        let Some(round) = world.resource::<Rounds>().0.get(place).cloned() else { continue };
        let asked = |price: f64| (price / offer.price - 1.0).abs() <= NEAR;
        for report in round.reports.iter().filter(|report| report.price.is_some_and(asked)) {
            // A payment that overflows is left out; everyone else's is unaffected.
            let _ = Tx::new(world).scope(|tx| pay(tx, place, (report.agent, report.stake, round.vault), offer.rate));
        }
    }
}

fn pay(tx: &mut Tx<'_>, place: usize, (node, stake, vault): (AgentId, f64, usize), rate: f64) -> Result<(), Rejected> {
    let escrow = tx.get::<Bribe>(tx.entity(Kind::Feed, place).ok_or(Rejected::NOT_FOUND)?)?.escrow;
    let assets = tx.world().resource::<Assets>();
    let vault = part::<crate::domain::Vault>(tx.world(), Kind::Vault, vault).ok_or(Rejected::NOT_FOUND)?;
    let coins = stake / assets.scale(vault.asset);
    let due = whole(coins * rate * assets.settlement_scale(), Rounding::Down).ok_or(Rejected::OVERFLOW)?;
    let wallet = tx.agent(node)?.wallet.asset(assets.settlement());
    tx.transfer_up_to(escrow, wallet, due, "bribe_paid").map(drop)
}
