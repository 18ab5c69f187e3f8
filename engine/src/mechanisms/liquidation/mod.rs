//! Liquidation by keepers: underwater accounts are offered to every keeper, who takes a share of the largest position;
//! partial first, toward a target health, and all of it once health is too low. What is sold by auction is under
//! `auctions`.

mod auctions;
mod bids;
mod view;

use bevy_ecs::prelude::{Component, World};

use crate::action::{ActionSpec, Actor, ArgKind, ArgSpec, Args, Receiver, Rejected, Who};
use crate::book::Book;
use crate::clock::Now;
use crate::domain::{
    Account, AccountId, AgentId, CohortId, Cohorts, FLAT, Funds, LiquidationRoute, LiquidationTerms, Market,
    MarketTerms, Position, Positions, Risk,
};
use crate::event::{Event, EventTable};
use crate::host::Hook;
use crate::inquiry::{Inquiries, Inquiry};
use crate::math::liquidation::{penalty_by_shortfall, share_to_target};
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::mechanisms::perp::{check_initial, fill_price, position};
use crate::mechanisms::{harm, waterfall};
use crate::params;
use crate::phase::{Half, Phase};
use crate::probe::{Cell, Outcome, Probe};
use crate::registry::{BlockSpec, Handle, Kind, Registry, part};
use crate::rule::{Chosen, Rule, RuleKind};
use crate::scenario::{Role, SetupError};
use crate::settlement::{self, Trade};
use crate::tx::Tx;
use crate::units::{Amount, Rounding, whole};
use crate::valuation;
pub(super) use auctions::Auctions;

const LIQUIDATION: &str = "protocol.liquidation";
/// The largest penalty, as a ratio of the notional closed.
const MAX_PENALTY: f64 = 0.5;

/// Liquidation.
pub(super) struct Liquidation;

/// Totals of the run.
#[derive(Component, Clone, Copy, Debug, Default)]
struct Tally {
    liquidations: Amount,
    underwater: Amount,
}

/// The rule of penalties.
#[derive(Component, Clone)]
struct Penalties(Chosen);

fn by_shortfall(columns: &[&[f64]], out: &mut Vec<f64>) {
    let [ratio, _, collateral, requirement] = columns else { return };
    out.extend((0..ratio.len()).map(|row| penalty_by_shortfall(ratio[row], collateral[row], requirement[row])));
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
            penalty: "ratio", 0.0, MAX_PENALTY, Lower, "Penalty on the notional closed.";
            keeper_share: "ratio", 0.0, 1.0, Lower, "Share of the penalty that the keeper gets on the pool route.";
            target_health: "ratio", 1.0, 10.0, Lower, "Net collateral ÷ maintenance requirement that a partial liquidation restores.";
            full_below: "ratio", 0.0, 1.0, Neither, "Health below which all of a position is closed at once.";
            throughput: "accounts/s", 0.0, 1e9, Lower, "Accounts that can be offered to keepers a second.";
        ]);
        let rule = |name, doc, eval| Rule::native(RuleKind::Penalty, name, doc, eval);
        registry.rules.extend([
            rule(FLAT, "The same penalty for all.", |columns, out| out.extend_from_slice(columns[0])),
            rule(
                "by_shortfall",
                "None at the maintenance requirement, all of it once no collateral is left (dYdX v4's fillable price).",
                by_shortfall,
            ),
        ]);
        view::declare(registry);
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
        let path = format!("{LIQUIDATION}.penalty_rule");
        let rule = setup.rule_instead((RuleKind::Penalty, FLAT), "penalty rule", &terms.penalty_rule, &path)?;
        setup.protocol((terms, Tally::default(), Penalties(rule)));
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
    let is_auctioned = terms.route == LiquidationRoute::Auction;
    let limit = usize::try_from(world.resource::<Now>().quota(terms.throughput)).unwrap_or(usize::MAX);
    let underwater = underwater(world);
    let count = Amount::try_from(underwater.len()).unwrap_or(Amount::MAX);
    if !is_auctioned {
        ask_keepers(world, (Hook::Liquidate, Kind::Account), underwater.into_iter().take(limit));
    }
    let protocol = world.resource::<crate::registry::Directory>().entity(Kind::Protocol, 0);
    if let Some(mut tally) = protocol.and_then(|entity| world.get_mut::<Tally>(entity)) {
        tally.underwater = count;
    }
}

/// Accounts below their maintenance requirement with their owners, those that are furthest below it first.
fn underwater(world: &World) -> Vec<(AccountId, AgentId)> {
    let rows = world.resource::<Book>().rows();
    let short = rows.iter().filter(|row| row.is_open() && row.nc < row.mmr);
    let owned = short.filter_map(|row| {
        let (account, _) = valuation::account(world, row.account)?;
        Some((row.nc.saturating_sub(row.mmr), row.account, account.owner))
    });
    let mut underwater: Vec<(Amount, AccountId, AgentId)> = owned.collect();
    underwater.sort();
    underwater.into_iter().map(|(_, account, owner)| (account, owner)).collect()
}

/// Asks everyone who may liquidate about what becomes of accounts, but for their owners.
fn ask_keepers(world: &mut World, (hook, kind): (Hook, Kind), about: impl IntoIterator<Item = (AccountId, AgentId)>) {
    let keepers: Vec<(CohortId, Vec<AgentId>)> = keepers(world);
    let mut inquiries = world.resource_mut::<Inquiries>();
    for (account, owner) in about {
        for (cohort, agents) in &keepers {
            let subject = Some(Handle { kind, index: account.0 });
            let agents = agents.iter().copied().filter(|agent| *agent != owner).collect();
            inquiries.push(Inquiry { hook, cohort: *cohort, agents, subject });
        }
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

/// What a keeper is about to take: at most `share` of what may be closed of the position.
#[derive(Clone, Copy)]
struct Seizure {
    account: AccountId,
    position: Position,
    risk: Risk,
    share: f64,
}

impl Seizure {
    /// Of an underwater account's position in a market, or its largest one.
    fn of(world: &World, account: AccountId, market: Option<u16>) -> Result<Self, Rejected> {
        let (record, positions) = valuation::account(world, account).ok_or(Rejected::NOT_FOUND)?;
        let risk = valuation::risk(world, record, positions);
        if positions.0.is_empty() || risk.nc >= risk.mmr {
            return Err(Rejected::HEALTHY);
        }
        let position = match market {
            Some(market) => positions.in_market(usize::from(market)).copied(),
            None => largest(world, positions),
        };
        let position = position.ok_or(Rejected::NOT_FOUND)?;
        if part::<Market>(world, Kind::Market, usize::from(position.market)).is_some_and(Market::is_halted) {
            return Err(Rejected::HALTED);
        }
        Ok(Self { account, position, risk, share: 1.0 })
    }

    /// The penalty on what is closed of the position, as a ratio of its notional, by the protocol's rule.
    #[allow(clippy::cast_precision_loss)]
    fn penalty(self, world: &World, terms: &LiquidationTerms) -> f64 {
        let place = usize::from(self.position.market);
        let (Some(Penalties(rule)), Some(market)) =
            (part::<Penalties>(world, Kind::Protocol, 0), part::<Market>(world, Kind::Market, place))
        else {
            return terms.penalty;
        };
        let coins = |units: f64| units / world.resource::<Assets>().settlement_scale();
        let notional = coins(valuation::notional(market, self.position.size));
        let (collateral, requirement) = (coins(self.risk.nc as f64), coins(self.risk.mmr as f64));
        rule.answer(&[terms.penalty, notional, collateral, requirement])
            .map_or(terms.penalty, |ratio| ratio.min(MAX_PENALTY))
    }

    /// Runs what takes the position away: it is judged, counted, and the account resolved when its loss is final.
    fn run(
        tx: &mut Tx<'_>,
        account: AccountId,
        act: impl FnOnce(&mut Tx<'_>) -> Result<(), Rejected>,
    ) -> Result<(), Rejected> {
        harm::judged(tx, account, |tx| {
            act(tx)?;
            let protocol = tx.protocol()?;
            tx.write::<Tally>(protocol).ok_or(Rejected::NOT_FOUND)?.liquidations += 1;
            waterfall::resolve_if_crystallized(tx, account)
        })
    }
}

fn liquidate(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let account = AccountId(args.handle(0, Kind::Account)?);
    let share = args.number(1)?;
    if !(share > 0.0 && share <= 1.0) {
        return Err(Rejected::ARGUMENT);
    }
    if tx.account(account)?.owner == actor.agent {
        return Err(Rejected::new("own_account"));
    }
    let seizure = Seizure { share, ..Seizure::of(tx.world(), account, None)? };
    let terms = tx.get::<LiquidationTerms>(tx.protocol()?)?.clone();
    Seizure::run(tx, account, |tx| match terms.route {
        LiquidationRoute::Pool => close_with_pool(tx, actor, seizure, &terms),
        LiquidationRoute::Takeover => take_over(tx, actor, seizure, &terms),
        LiquidationRoute::Auction => Err(Rejected::new("sold_by_auction")),
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
fn allowed(world: &World, seizure: Seizure, (terms, penalty): (&LiquidationTerms, f64)) -> Result<Amount, Rejected> {
    let place = usize::from(seizure.position.market);
    let market = part::<Market>(world, Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let market_terms = part::<MarketTerms>(world, Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let (collateral, needed) = (seizure.risk.nc as f64, seizure.risk.mmr as f64);
    let part = if collateral < terms.full_below * needed {
        1.0
    } else {
        let notional = valuation::notional(market, seizure.position.size);
        let (_, mmr) = valuation::requirement(world, market, market_terms, seizure.position.size);
        // Requirements of the account's other positions stay: only this position's rate is relieved.
        let others = needed - mmr as f64;
        share_to_target(
            collateral - terms.target_health * others,
            notional,
            mmr as f64 / notional,
            penalty,
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
    let penalty = seizure.penalty(tx.world(), terms);
    let size = -allowed(tx.world(), seizure, (terms, penalty))? * seizure.position.size.signum();
    let market = part::<Market>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let market_terms = part::<MarketTerms>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let price = fill_price(market, market_terms, size)?;
    let cost = valuation::value(market, size, price, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
    settlement::trade(tx, Trade { account: seizure.account, market: place, size, cost })?;
    pay_penalty(tx, actor.agent, (seizure.account, cost), (penalty, terms.keeper_share))?;
    note(tx, seizure.account, (place, size, price, cost))
}

/// The penalty comes from the net collateral that is left, so that it never makes a deficit: the keeper's part first,
/// the rest to the insurance fund.
#[allow(clippy::cast_precision_loss)]
fn pay_penalty(
    tx: &mut Tx<'_>,
    keeper: AgentId,
    (account, cost): (AccountId, Amount),
    (penalty, keeper_share): (f64, f64),
) -> Result<(), Rejected> {
    let entity = tx.account_entity(account)?;
    let left = valuation::risk(tx.world(), tx.get::<Account>(entity)?, tx.get::<Positions>(entity)?).nc.max(0);
    let penalty = whole(cost.abs() as f64 * penalty, Rounding::Up).ok_or(Rejected::OVERFLOW)?.min(left);
    let reward = whole(penalty as f64 * keeper_share, Rounding::Down).ok_or(Rejected::OVERFLOW)?;
    let margin = tx.account(account)?.margin;
    let wallet = tx.agent(keeper)?.wallet.asset(tx.world().resource::<Assets>().settlement());
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
    let asked = seizure.penalty(tx.world(), terms);
    let size = allowed(tx.world(), seizure, (terms, asked))?.min(affordable);
    if size == 0 {
        return Err(Rejected::MARGIN);
    }
    let size = -size * seizure.position.size.signum();
    let market = part::<Market>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let mark = market.mark.ok_or(Rejected::STALE)?.get();
    let bearable = seizure.risk.nc.max(0) as f64 / valuation::notional(market, size);
    let penalty = if asked < bearable { asked } else { bearable };
    let price = if size > 0 { mark * (1.0 + penalty) } else { mark * (1.0 - penalty) };
    hand_over(tx, (seizure.account, keeper), (place, size), price).map(drop)
}

/// Trades `size` of the first account's position away to the second one, which must be able to carry it; returns what the
/// first one paid.
fn hand_over(
    tx: &mut Tx<'_>,
    (account, keeper): (AccountId, AccountId),
    (place, size): (usize, Amount),
    price: f64,
) -> Result<Amount, Rejected> {
    let market = part::<Market>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
    let cost = valuation::value(market, size, price, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
    settlement::trade(tx, Trade { account, market: place, size, cost })?;
    settlement::trade(tx, Trade { account: keeper, market: place, size: -size, cost: -cost })?;
    check_initial(tx, keeper)?;
    note(tx, account, (place, size, price, cost))?;
    Ok(cost)
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
