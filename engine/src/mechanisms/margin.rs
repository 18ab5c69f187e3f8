//! Margin accounts: deposits, withdrawals against collateral and (by weight) unrealized profit, and requirements that
//! follow volatility.
//!
//! What an account withdraws beyond its own cash is lent from the deposits, so loot is bounded by liquid funds and
//! never by paper value.

use bevy_ecs::prelude::{Component, Query, Res, World};

use crate::action::{ActionSpec, Actor, ArgKind, ArgSpec, Args, Receiver, Rejected, Who};
use crate::book::Book;
use crate::clock::Now;
use crate::domain::{Account, AccountId, Feed, Funds, Market, MarketTerms, Positions, TIERED};
use crate::ledger::Ledger;
use crate::math::{margin, volatility};
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::outcomes::attacker_flow;
use crate::params;
use crate::phase::{Half, Phase};
use crate::probe::{Cell, Outcome, Probe};
use crate::registry::{Directory, Kind, Registry, part};
use crate::rule::{Rule, RuleKind};
use crate::scenario::SetupError;
use crate::tx::Tx;
use crate::units::{Amount, Millis, Span};
use crate::valuation;
use crate::view::{OwnField, OwnScope, Rows};

/// Margin accounts.
pub(super) struct Margin;

/// Volatility of a market's mark, estimated on each change of it.
#[derive(Component, Clone, Copy, Debug)]
struct Volatility {
    variance: f64,
    mark: f64,
    seen: Millis,
}

const AMOUNT: ArgSpec = ArgSpec { name: "amount", kind: ArgKind::Amount, unit: "coins", doc: "Settlement coins." };

impl Mechanism for Margin {
    fn name(&self) -> &'static str {
        "margin"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.params.extend(params![MarketTerms, Kind::Market, "protocol.markets";
            imr: "ratio", 0.0001, 10.0, Lower, "Initial margin ratio.";
            mmr: "ratio", 0.0, 10.0, Lower, "Maintenance margin ratio.";
            unrealized_weight: "ratio", 0.0, 1.0, Higher, "Share of unrealized profit that counts as collateral to open and to withdraw.";
            vol_reference: "annualized", 0.0, 100.0, Neither, "Volatility at which requirements are as stated; 0 keeps them fixed.";
            vol_lambda: "ratio/day", 0.0, 1.0, Neither, "Weight of yesterday's variance in the EWMA.";
            vol_floor: "ratio", 0.0, 100.0, Lower, "Smallest factor on requirements.";
            vol_cap: "ratio", 0.0, 100.0, Lower, "Largest factor on requirements.";
        ]);
        declare_view(registry);
        let rule = |name, doc, eval| Rule::native(RuleKind::Requirement, name, doc, eval);
        registry.rules.extend([
            rule(TIERED, "The market's ratio, and those of its tiers.", |columns, out| {
                out.extend(columns[0].iter().zip(columns[1]).map(|(notional, ratio)| notional * ratio));
            }),
            rule(
                "by_open_interest",
                "The initial ratio rises to 1 while open interest goes from half of `oi_cap` to all of it (dYdX v4).",
                by_open_interest,
            ),
        ]);
        registry.actions.extend([
            ActionSpec {
                name: "deposit",
                receiver: Receiver::Account,
                who: Who::Everyone,
                args: &[AMOUNT],
                doc: "Repays what the account borrowed, then adds collateral.",
                run: deposit,
            },
            ActionSpec {
                name: "withdraw",
                receiver: Receiver::Account,
                who: Who::Everyone,
                args: &[AMOUNT],
                doc: "Takes free collateral out; beyond the account's cash it is borrowed from the deposits.",
                run: withdraw,
            },
        ]);
        registry.outcomes.push(Outcome {
            name: "withdrawn",
            unit: "coins",
            doc: "What attackers took out of margin accounts, borrowed against unrealized profit included.",
            read: |world| attacker_flow(world, &["withdraw", "borrow"], true),
        });
        registry.probes.extend([
            Probe {
                kind: Kind::Protocol,
                name: "deposits_liquid",
                unit: "coins",
                doc: "Deposits not lent out.",
                read: |world, _| Cell::Float(valuation::fund(world, |funds| funds.deposits)),
            },
            Probe {
                kind: Kind::Protocol,
                name: "lent",
                unit: "coins",
                doc: "What accounts borrowed against unrealized profit.",
                read: |world, _| Cell::Float(lent(world)),
            },
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let markets: Vec<_> = setup.world.resource::<Directory>().entities(Kind::Market).collect();
        for entity in markets {
            let reference = setup.world.get::<MarketTerms>(entity).map_or(0.0, |terms| terms.vol_reference);
            let start = Volatility { variance: volatility::daily_variance(reference), mark: f64::NAN, seen: 0 };
            setup.world.entity_mut(entity).insert(start);
        }
        choose_requirements(setup)?;
        setup.state::<Volatility>();
        setup.system(Phase::Margin, Half::Prepare, follow_volatility);
        Ok(())
    }
}

/// Gives every market the rule that its terms name.
fn choose_requirements(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    for place in 0..setup.world.resource::<Directory>().count(Kind::Market) {
        let Some(terms) = part::<MarketTerms>(setup.world, Kind::Market, place) else { continue };
        let path = format!(
            "protocol.markets.{}.requirement_rule",
            setup.world.resource::<Directory>().name(Kind::Market, place)
        );
        let kind = (RuleKind::Requirement, TIERED);
        let chosen = setup.rule_instead(kind, "requirement rule", &terms.requirement_rule, &path)?;
        let entity = setup.world.resource::<Directory>().entity(Kind::Market, place);
        if let Some(mut market) = entity.and_then(|entity| setup.world.get_mut::<Market>(entity)) {
            market.requirement = chosen;
        }
    }
    Ok(())
}

fn by_open_interest(columns: &[&[f64]], out: &mut Vec<f64>) {
    let [notional, ratio, open_interest, cap, initial] = columns else { return };
    out.extend((0..notional.len()).map(|row| {
        // The maintenance ratio stays.
        let cap = if initial[row] > 0.0 { cap[row] } else { 0.0 };
        margin::scaled_by_open_interest(notional[row], ratio[row], open_interest[row], cap)
    }));
}

fn follow_volatility(
    mut markets: Query<'_, '_, (&mut Market, &MarketTerms, &mut Volatility)>,
    feeds: Query<'_, '_, &Feed>,
    directory: Res<'_, Directory>,
    now: Res<'_, Now>,
) {
    for (mut market, terms, mut seen) in &mut markets {
        let Some(mark) = market.mark.map(crate::units::Price::get) else { continue };
        let noise = directory
            .entity(Kind::Feed, market.feed)
            .and_then(|entity| feeds.get(entity).ok())
            .map_or(0.0, |feed| feed.noise_variance);
        if mark.to_bits() != seen.mark.to_bits() {
            if !seen.mark.is_nan() {
                let days = Span(now.time - seen.seen).days();
                seen.variance = volatility::ewma_variance(
                    seen.variance,
                    libm::log(mark / seen.mark),
                    days,
                    terms.vol_lambda,
                    noise,
                );
            }
            (seen.mark, seen.seen) = (mark, now.time);
        }
        market.margin_factor = margin::volatility_factor(
            volatility::annualized(seen.variance),
            terms.vol_reference,
            terms.vol_floor,
            terms.vol_cap,
        );
    }
}

fn deposit(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let (id, wallet) = own_account(tx, actor)?;
    let account = tx.account(id)?;
    let amount = args.amount(0, tx.world().resource::<Assets>().settlement_scale(), tx.balance(wallet))?;
    let repaid = amount.min(account.debt);
    let funds = tx.get::<Funds>(tx.protocol()?)?.clone();
    tx.transfer(wallet, funds.deposits, repaid, "repay")?;
    tx.transfer(wallet, account.margin, amount - repaid, "deposit")?;
    if repaid > 0 {
        let entity = tx.account_entity(id)?;
        tx.modify(entity, |account: &mut Account| {
            account.debt -= repaid;
            Ok(())
        })?;
    }
    crate::settlement::settle(tx, id)
}

fn withdraw(tx: &mut Tx<'_>, actor: Actor, args: &Args<'_>) -> Result<(), Rejected> {
    let (id, wallet) = own_account(tx, actor)?;
    check_markets(tx, id)?;
    // What the pool owes may have become payable.
    crate::settlement::settle(tx, id)?;
    let entity = tx.account_entity(id)?;
    let funds = tx.get::<Funds>(tx.protocol()?)?.clone();
    let free = valuation::free_collateral(tx.world(), tx.get::<Account>(entity)?, tx.get::<Positions>(entity)?);
    let account = tx.account(id)?;
    let cash = tx.balance(account.margin);
    let payable = free.min(cash.saturating_add(tx.balance(funds.deposits))).max(0);
    let amount = args.amount(0, tx.world().resource::<Assets>().settlement_scale(), payable)?;
    if amount > payable {
        return Err(if amount > free { Rejected::MARGIN } else { Rejected::LIQUIDITY });
    }
    let from_cash = amount.min(cash);
    tx.transfer(account.margin, wallet, from_cash, "withdraw")?;
    tx.transfer(funds.deposits, wallet, amount - from_cash, "borrow")?;
    if amount > from_cash {
        tx.modify(entity, |account: &mut Account| {
            account.debt += amount - from_cash;
            Ok(())
        })?;
    }
    Ok(())
}

fn own_account(tx: &Tx<'_>, actor: Actor) -> Result<(AccountId, crate::ledger::Slot), Rejected> {
    let id = tx.account_of(actor.agent, actor.account)?;
    let settlement = tx.world().resource::<Assets>().settlement();
    Ok((id, tx.agent(actor.agent)?.wallet.asset(settlement)))
}

/// Refuses where a position is in a market that is halted or has a stale mark.
fn check_markets(tx: &Tx<'_>, id: AccountId) -> Result<(), Rejected> {
    for position in &tx.get::<Positions>(tx.account_entity(id)?)?.0 {
        let market = part::<Market>(tx.world(), Kind::Market, usize::from(position.market)).ok_or(Rejected::STALE)?;
        if market.stale {
            return Err(Rejected::STALE);
        }
        if market.is_halted() {
            return Err(Rejected::HALTED);
        }
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn lent(world: &World) -> f64 {
    world.resource::<Book>().lent(world) as f64 / world.resource::<Assets>().settlement_scale()
}

fn declare_view(registry: &mut Registry) {
    let own = |scope, name, unit, doc, gather| OwnField { scope, name, unit, doc, gather };
    registry.own.extend([
        own(OwnScope::Agent, "cash", "coins", "Settlement asset in the wallet.", |world, rows, out| {
            let settlement = usize::from(world.resource::<Assets>().settlement().0);
            gather_balance(world, Rows { first: settlement, ..rows }, out);
        }),
        own(OwnScope::Asset, "balance", "coins", "An asset in the wallet.", gather_balance),
        own(OwnScope::Account, "cash", "coins", "Collateral in cash.", |world, rows, out| {
            gather_account(world, rows, out, |world, account, _| world.resource::<Ledger>().balance(account.margin));
        }),
        own(
            OwnScope::Account,
            "equity",
            "coins",
            "Collateral with all unrealized profit, net of debts.",
            |world, rows, out| {
                gather_account(world, rows, out, |world, account, positions| {
                    valuation::risk(world, account, positions).nc
                });
            },
        ),
        own(
            OwnScope::Account,
            "free",
            "coins",
            "What could be withdrawn if the protocol were liquid; negative when short.",
            |world, rows, out| {
                gather_account(world, rows, out, valuation::free_collateral);
            },
        ),
        own(OwnScope::Account, "imr", "coins", "Initial requirement.", |world, rows, out| {
            gather_account(world, rows, out, |world, account, positions| {
                valuation::risk(world, account, positions).imr
            });
        }),
        own(OwnScope::Account, "mmr", "coins", "Maintenance requirement.", |world, rows, out| {
            gather_account(world, rows, out, |world, account, positions| {
                valuation::risk(world, account, positions).mmr
            });
        }),
    ]);
}

#[allow(clippy::cast_precision_loss)]
fn gather_balance(world: &World, rows: Rows<'_>, out: &mut Vec<f64>) {
    let (ledger, assets) = (world.resource::<Ledger>(), world.resource::<Assets>());
    let Some(asset) = assets.ids().nth(rows.first) else { return };
    let scale = assets.scale(asset);
    out.extend(rows.agents.iter().map(|agent| {
        valuation::agent(world, *agent).map_or(0.0, |agent| ledger.balance(agent.wallet.asset(asset)) as f64 / scale)
    }));
}

#[allow(clippy::cast_precision_loss)]
fn gather_account(
    world: &World,
    rows: Rows<'_>,
    out: &mut Vec<f64>,
    read: impl Fn(&World, &Account, &Positions) -> Amount,
) {
    let scale = world.resource::<Assets>().settlement_scale();
    out.extend(rows.agents.iter().map(|agent| {
        let account =
            valuation::agent(world, *agent).and_then(|agent| valuation::accounts(world, agent).nth(rows.first));
        account.map_or(0.0, |(account, positions)| read(world, account, positions) as f64 / scale)
    }));
}
