//! Liquidation by keepers: underwater accounts are offered to every keeper, who takes a share of the largest position;
//! partial first, toward a target health, and all of it once health is too low.

use bevy_ecs::prelude::{Component, World};

use crate::action::{ActionSpec, Actor, ArgKind, ArgSpec, Args, Receiver, Rejected, Who};
use crate::book::Book;
use crate::clock::Now;
use crate::domain::{
    Account, AccountId, AgentId, CohortId, Cohorts, Funds, LiquidationRoute, LiquidationTerms, Market, MarketTerms,
    Position, Positions, Risk,
};
use crate::event::{Event, EventTable};
use crate::host::Hook;
use crate::inquiry::{Inquiries, Inquiry};
use crate::math::liquidation::share_to_target;
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::mechanisms::perp::{check_initial, fill_price, position};
use crate::mechanisms::{harm, waterfall};
use crate::params;
use crate::phase::{Half, Phase};
use crate::probe::{Cell, Outcome, Probe};
use crate::registry::{BlockSpec, Handle, Kind, Registry, part};
use crate::scenario::{Role, SetupError};
use crate::settlement::{self, Trade};
use crate::tx::Tx;
use crate::units::{Amount, Rounding, whole};
use crate::valuation;
use crate::view::{FieldKind, PublicField};

const LIQUIDATION: &str = "protocol.liquidation";

/// Liquidation.
pub(super) struct Liquidation;

/// Totals of the run.
#[derive(Component, Clone, Copy, Debug, Default)]
struct Tally {
    liquidations: Amount,
    underwater: Amount,
}

const ACCOUNT: ArgSpec =
    ArgSpec { name: "account", kind: ArgKind::Handle(Kind::Account), unit: "", doc: "The account offered." };
const SHARE: ArgSpec = ArgSpec {
    name: "share",
    kind: ArgKind::Number,
    unit: "ratio",
    doc: "At most this share of its largest position, in 0…1.",
};

impl Mechanism for Liquidation {
    fn name(&self) -> &'static str {
        "liquidation"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.push(BlockSpec::of::<LiquidationTerms>(
            LIQUIDATION,
            "Route, penalty, target health and throughput of liquidations.",
        ));
        registry.params.extend(params![LiquidationTerms, Kind::Protocol, "protocol.liquidation";
            penalty: "ratio", 0.0, 0.5, Lower, "Penalty on the notional closed.";
            keeper_share: "ratio", 0.0, 1.0, Lower, "Share of the penalty that the keeper gets on the pool route.";
            target_health: "ratio", 1.0, 10.0, Lower, "Net collateral ÷ maintenance requirement that a partial liquidation restores.";
            full_below: "ratio", 0.0, 1.0, Neither, "Health below which all of a position is closed at once.";
            throughput: "accounts/s", 0.0, 1e9, Lower, "Accounts that can be offered to keepers a second.";
        ]);
        declare_view(registry);
        registry.actions.push(ActionSpec {
            name: "liquidate",
            receiver: Receiver::Me,
            who: Who::Public(&[Role::Keeper]),
            args: &[ACCOUNT, SHARE],
            doc: "Closes part of an underwater account's largest position, or takes it over, by the protocol's route.",
            run: liquidate,
        });
        registry.outcomes.push(Outcome {
            name: "liquidations",
            unit: "actions",
            doc: "Liquidations that took effect.",
            read: |world| tally(world, |tally| tally.liquidations),
        });
        registry.probes.extend([
            Probe {
                kind: Kind::Protocol,
                name: "underwater",
                unit: "accounts",
                doc: "Accounts below their maintenance requirement before keepers were asked.",
                read: |world, _| Cell::Int(part::<Tally>(world, Kind::Protocol, 0).map_or(0, |tally| tally.underwater)),
            },
            Probe {
                kind: Kind::Protocol,
                name: "liquidations",
                unit: "actions",
                doc: "Liquidations so far.",
                read: |world, _| {
                    Cell::Int(part::<Tally>(world, Kind::Protocol, 0).map_or(0, |tally| tally.liquidations))
                },
            },
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let terms: LiquidationTerms = setup.block(LIQUIDATION)?.unwrap_or_default();
        setup.protocol((terms, Tally::default()));
        setup.state::<LiquidationTerms>();
        setup.state::<Tally>();
        setup.system(Phase::Liquidate, Half::Prepare, offer_underwater_accounts);
        Ok(())
    }
}

#[allow(clippy::cast_precision_loss)]
fn tally(world: &World, pick: fn(&Tally) -> Amount) -> f64 {
    part::<Tally>(world, Kind::Protocol, 0).map_or(0.0, |tally| pick(tally) as f64)
}

fn offer_underwater_accounts(world: &mut World) {
    Book::follow(world);
    let Some(terms) = part::<LiquidationTerms>(world, Kind::Protocol, 0) else { return };
    let limit = usize::try_from(world.resource::<Now>().quota(terms.throughput)).unwrap_or(usize::MAX);
    let rows = world.resource::<Book>().rows();
    let short = rows.iter().filter(|row| row.is_open() && row.nc < row.mmr);
    let owned = short.filter_map(|row| {
        let (account, _) = valuation::account(world, row.account)?;
        Some((row.nc.saturating_sub(row.mmr), row.account, account.owner))
    });
    let mut underwater: Vec<(Amount, AccountId, AgentId)> = owned.collect();
    let count = Amount::try_from(underwater.len()).unwrap_or(Amount::MAX);
    underwater.sort();
    underwater.truncate(limit);
    let keepers: Vec<(CohortId, Vec<AgentId>)> = keepers(world);
    let mut inquiries = world.resource_mut::<Inquiries>();
    for (_, account, owner) in underwater {
        for (cohort, agents) in &keepers {
            let subject = Some(Handle { kind: Kind::Account, index: account.0 });
            let agents = agents.iter().copied().filter(|agent| *agent != owner).collect();
            inquiries.push(Inquiry { hook: Hook::Liquidate, cohort: *cohort, agents, subject });
        }
    }
    let protocol = world.resource::<crate::registry::Directory>().entity(Kind::Protocol, 0);
    if let Some(mut tally) = protocol.and_then(|entity| world.get_mut::<Tally>(entity)) {
        tally.underwater = count;
    }
}

/// Everyone who may liquidate: keepers, and attackers, who may do whatever the public may.
fn keepers(world: &World) -> Vec<(CohortId, Vec<AgentId>)> {
    let cohorts = world.resource::<Cohorts>().0.iter().enumerate();
    let may = cohorts.filter(|(_, cohort)| matches!(cohort.role, Role::Keeper | Role::Attacker));
    may.filter_map(|(place, cohort)| {
        Some((CohortId(u16::try_from(place).ok()?), cohort.agents.clone().map(AgentId).collect()))
    })
    .collect()
}

/// What a keeper is about to take.
#[derive(Clone, Copy)]
struct Seizure {
    account: AccountId,
    position: Position,
    risk: Risk,
    share: f64,
}

fn liquidate(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let account = AccountId(args.handle(0, Kind::Account)?);
    let share = args.number(1)?;
    if !(share > 0.0 && share <= 1.0) {
        return Err(Rejected::ARGUMENT);
    }
    let entity = tx.account_entity(account)?;
    let (record, positions) = (tx.get::<Account>(entity)?, tx.get::<Positions>(entity)?);
    let risk = valuation::risk(tx.world(), record, positions);
    if record.owner == actor.agent {
        return Err(Rejected::new("own_account"));
    }
    if positions.0.is_empty() || risk.nc >= risk.mmr {
        return Err(Rejected::HEALTHY);
    }
    let position = largest(tx.world(), positions).ok_or(Rejected::NOT_FOUND)?;
    if part::<Market>(tx.world(), Kind::Market, usize::from(position.market)).is_some_and(Market::is_halted) {
        return Err(Rejected::HALTED);
    }
    let seizure = Seizure { account, position, risk, share };
    let terms = tx.get::<LiquidationTerms>(tx.protocol()?)?.clone();
    harm::judged(tx, account, |tx| {
        match terms.route {
            LiquidationRoute::Pool => close_with_pool(tx, actor, seizure, &terms)?,
            LiquidationRoute::Takeover => take_over(tx, actor, seizure, &terms)?,
        }
        let protocol = tx.protocol()?;
        tx.write::<Tally>(protocol).ok_or(Rejected::NOT_FOUND)?.liquidations += 1;
        waterfall::resolve_if_crystallized(tx, account)
    })
}

fn largest(world: &World, positions: &Positions) -> Option<Position> {
    let notional = |position: &Position| {
        part::<Market>(world, Kind::Market, usize::from(position.market))
            .map_or(0.0, |market| valuation::notional(market, position.size))
    };
    positions.0.iter().copied().max_by(|a, b| notional(a).total_cmp(&notional(b)).then(b.market.cmp(&a.market)))
}

/// Base units to close: the keeper's share of what the protocol allows, all of it once health is too low.
#[allow(clippy::cast_precision_loss)]
fn allowed(tx: &Tx<'_>, seizure: Seizure, terms: &LiquidationTerms) -> Result<Amount, Rejected> {
    let place = usize::from(seizure.position.market);
    let market = part::<Market>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let market_terms = part::<MarketTerms>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let (collateral, needed) = (seizure.risk.nc as f64, seizure.risk.mmr as f64);
    let part = if collateral < terms.full_below * needed {
        1.0
    } else {
        let notional = valuation::notional(market, seizure.position.size);
        let (_, mmr) = valuation::requirement(tx.world(), market, market_terms, seizure.position.size);
        // Requirements of the account's other positions stay: only this position's rate is relieved.
        let others = needed - mmr as f64;
        share_to_target(
            collateral - terms.target_health * others,
            notional,
            mmr as f64 / notional,
            terms.penalty,
            terms.target_health,
        )
    };
    let size =
        whole(seizure.position.size.abs() as f64 * part * seizure.share, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
    Ok(size.clamp(1, seizure.position.size.abs()))
}

fn close_with_pool(tx: &mut Tx<'_>, actor: Actor, seizure: Seizure, terms: &LiquidationTerms) -> Result<(), Rejected> {
    if seizure.risk.nc <= 0 {
        // Nothing is left for a penalty: the waterfall closes the account, by itself where winners are deleveraged.
        if waterfall::closes_bankrupt_accounts(tx.world()) {
            return Err(Rejected::new("account_is_bankrupt"));
        }
        return waterfall::resolve(tx, seizure.account, &mut waterfall::Queues::default());
    }
    let place = usize::from(seizure.position.market);
    let size = -allowed(tx, seizure, terms)? * seizure.position.size.signum();
    let market = part::<Market>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let market_terms = part::<MarketTerms>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let price = fill_price(market, market_terms, size)?;
    let cost = valuation::value(market, size, price, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
    settlement::trade(tx, Trade { account: seizure.account, market: place, size, cost })?;
    pay_penalty(tx, actor, (seizure, cost), terms)?;
    note(tx, seizure.account, (place, size, price, cost))
}

/// The penalty comes from the net collateral that is left, so that it never makes a deficit: the keeper's part first,
/// the rest to the insurance fund.
#[allow(clippy::cast_precision_loss)]
fn pay_penalty(
    tx: &mut Tx<'_>,
    actor: Actor,
    closed: (Seizure, Amount),
    terms: &LiquidationTerms,
) -> Result<(), Rejected> {
    let (seizure, cost) = closed;
    let account = seizure.account;
    let entity = tx.account_entity(account)?;
    let left = valuation::risk(tx.world(), tx.get::<Account>(entity)?, tx.get::<Positions>(entity)?).nc.max(0);
    let penalty = whole(cost.abs() as f64 * terms.penalty, Rounding::Up).ok_or(Rejected::OVERFLOW)?.min(left);
    let reward = whole(penalty as f64 * terms.keeper_share, Rounding::Down).ok_or(Rejected::OVERFLOW)?;
    let margin = tx.account(account)?.margin;
    let wallet = tx.agent(actor.agent)?.wallet.asset(tx.world().resource::<Assets>().settlement());
    let insurance = tx.get::<Funds>(tx.protocol()?)?.insurance;
    tx.transfer_up_to(margin, wallet, reward, "liquidation_reward")?;
    tx.transfer_up_to(margin, insurance, penalty - reward, "liquidation_penalty")?;
    Ok(())
}

/// The keeper takes the position into its first account at the mark less the penalty, as far as its collateral reaches;
/// the penalty ends at the account's bankruptcy price.
#[allow(clippy::cast_precision_loss)]
fn take_over(tx: &mut Tx<'_>, actor: Actor, seizure: Seizure, terms: &LiquidationTerms) -> Result<(), Rejected> {
    let place = usize::from(seizure.position.market);
    let keeper = tx.account_of(actor.agent, 0)?;
    let affordable = affordable(tx, keeper, place)?;
    let size = allowed(tx, seizure, terms)?.min(affordable);
    if size == 0 {
        return Err(Rejected::MARGIN);
    }
    let size = -size * seizure.position.size.signum();
    let market = part::<Market>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let mark = market.mark.ok_or(Rejected::STALE)?.get();
    let bearable = seizure.risk.nc.max(0) as f64 / valuation::notional(market, size);
    let penalty = if terms.penalty < bearable { terms.penalty } else { bearable };
    let price = if size > 0 { mark * (1.0 + penalty) } else { mark * (1.0 - penalty) };
    let cost = valuation::value(market, size, price, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
    settlement::trade(tx, Trade { account: seizure.account, market: place, size, cost })?;
    settlement::trade(tx, Trade { account: keeper, market: place, size: -size, cost: -cost })?;
    check_initial(tx, keeper)?;
    note(tx, seizure.account, (place, size, price, cost))
}

/// Base units that the keeper's free collateral can carry at the market's initial ratio, with a little to spare.
#[allow(clippy::cast_precision_loss)]
fn affordable(tx: &Tx<'_>, keeper: AccountId, place: usize) -> Result<Amount, Rejected> {
    let entity = tx.account_entity(keeper)?;
    let (account, positions) = (tx.get::<Account>(entity)?, tx.get::<Positions>(entity)?);
    let held = position(tx, keeper, place)?.map_or(0, |position| position.size.abs());
    let free = valuation::free_collateral(tx.world(), account, positions);
    let market = part::<Market>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let terms = part::<MarketTerms>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let mut size = whole(
        0.95 * free.max(0) as f64 / (valuation::notional(market, 1) * terms.imr * market.margin_factor),
        Rounding::Down,
    )
    .ok_or(Rejected::OVERFLOW)?;
    // Tiers raise the rate with the whole position: halve until the requirement fits.
    while size > 0 {
        let before = valuation::requirement(tx.world(), market, terms, held).0;
        let after = valuation::requirement(tx.world(), market, terms, held.saturating_add(size)).0;
        if after - before <= free {
            break;
        }
        size /= 2;
    }
    Ok(size)
}

fn note(tx: &mut Tx<'_>, account: AccountId, what: (usize, Amount, f64, Amount)) -> Result<(), Rejected> {
    let (place, size, price, amount) = what;
    let owner = tx.account(account)?.owner;
    tx.note(Event {
        agent: Some(owner),
        account: Some(account),
        thing: Some(Handle::new(Kind::Market, place)),
        size,
        price,
        amount,
        ..Event::new(EventTable::Liquidations, "liquidated")
    });
    Ok(())
}

fn declare_view(registry: &mut Registry) {
    let field =
        |name, kind, unit, doc, read| PublicField { of: Kind::Account, name, kind, unit, doc, read, fixed: false };
    let number = FieldKind::Number;
    registry.public.extend([
        field("market", FieldKind::Handle(Kind::Market), "", "The market of its largest position.", |world, place| {
            read_position(world, place, |position, _| f64::from(position.market)).unwrap_or(-1.0)
        }),
        #[allow(clippy::cast_precision_loss)]
        field("size", number, "contracts", "Signed size of its largest position.", |world, place| {
            read_position(world, place, |position, market| position.size as f64 / market.base_scale).unwrap_or(0.0)
        }),
        field("notional", number, "coins", "Its largest position at the mark.", |world, place| {
            let scale = world.resource::<Assets>().settlement_scale();
            read_position(world, place, |position, market| valuation::notional(market, position.size) / scale)
                .unwrap_or(0.0)
        }),
        field("equity", number, "coins", "Its net collateral.", |world, place| read_risk(world, place, |risk| risk.nc)),
        field("imr", number, "coins", "Its initial requirement.", |world, place| {
            read_risk(world, place, |risk| risk.imr)
        }),
        field("mmr", number, "coins", "Its maintenance requirement.", |world, place| {
            read_risk(world, place, |risk| risk.mmr)
        }),
    ]);
}

fn account_at(world: &World, place: usize) -> Option<(&Account, &Positions)> {
    valuation::account(world, AccountId(u32::try_from(place).ok()?))
}

fn read_position(world: &World, place: usize, read: impl Fn(&Position, &Market) -> f64) -> Option<f64> {
    let position = largest(world, account_at(world, place)?.1)?;
    Some(read(&position, part::<Market>(world, Kind::Market, usize::from(position.market))?))
}

#[allow(clippy::cast_precision_loss)]
fn read_risk(world: &World, place: usize, pick: fn(&Risk) -> Amount) -> f64 {
    let scale = world.resource::<Assets>().settlement_scale();
    account_at(world, place)
        .map_or(0.0, |(account, positions)| pick(&valuation::risk(world, account, positions)) as f64 / scale)
}
