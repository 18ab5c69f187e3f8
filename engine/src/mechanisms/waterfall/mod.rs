//! Who bears a loss: the bankrupt account's margin, the insurance fund, stake, winners by auto-deleveraging, everyone — in
//! the order the scenario configures. What no stage covers is written off by whom it is owed to.

mod deleverage;

use bevy_ecs::prelude::{Component, World};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::Rejected;
use crate::book::{Book, Row};
use crate::domain::{Account, AccountId, Funds, LiquidationRoute, LiquidationTerms, Market, Position, Positions};
use crate::event::{Event, EventTable};
use crate::ledger::Ledger;
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::mechanisms::{harm, vaults};
use crate::phase::{Half, Phase};
use crate::probe::{Cell, Outcome, Probe};
use crate::registry::{BlockSpec, Handle, Kind, Registry, part};
use crate::rule::{Rule, RuleFn, RuleKind};
use crate::scenario::SetupError;
use crate::settlement::{self, Trade};
use crate::tx::Tx;
use crate::units::{Amount, Rounding, share};
use crate::valuation;
pub(super) use deleverage::Queues;

const WATERFALL: &str = "protocol.waterfall";

/// The loss waterfall.
pub(super) struct Waterfall;

/// One layer of loss absorption.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Layer {
    /// The bankrupt account's own collateral.
    Margin,
    /// The insurance fund.
    Insurance,
    /// Stake in the vaults behind the market of the loss.
    Stake,
    /// Winners' positions are closed at the bankrupt account's bankruptcy price.
    AutoDeleverage,
    /// Depositors for what was borrowed, all solvent accounts' cash for the rest, pro rata.
    Socialized,
}

impl Layer {
    /// Its word in scenarios.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Margin => "margin",
            Self::Insurance => "insurance",
            Self::Stake => "stake",
            Self::AutoDeleverage => "auto_deleverage",
            Self::Socialized => "socialized",
        }
    }

    /// The event of a loss that it bears.
    const fn event(self) -> &'static str {
        match self {
            Self::Margin => "loss_on_margin",
            Self::Insurance => "loss_on_insurance",
            Self::Stake => "loss_on_stake",
            Self::AutoDeleverage => "loss_on_winners",
            Self::Socialized => "loss_socialized",
        }
    }
}

/// The layers in their order.
pub(super) fn layers(world: &World) -> Vec<Layer> {
    part::<Order>(world, Kind::Protocol, 0).map(|order| order.layers.clone()).unwrap_or_default()
}

/// The block `protocol.waterfall`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct WaterfallBlock {
    /// The layers in their order. Any of them may be left out; the account's own margin comes first then.
    #[schemars(extend("uniqueItems" = true))]
    order: Vec<Layer>,
    /// The name of the rule that ranks winners for auto-deleveraging.
    deleverage_rank: String,
}

impl Default for WaterfallBlock {
    fn default() -> Self {
        Self {
            order: vec![Layer::Margin, Layer::Insurance, Layer::Stake, Layer::AutoDeleverage, Layer::Socialized],
            deleverage_rank: "profit_times_leverage".into(),
        }
    }
}

/// The configured order and the ranking rule.
#[derive(Component, Clone)]
struct Order {
    layers: Vec<Layer>,
    rank: RuleFn,
}

/// What each layer has borne, in settlement units.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Losses {
    deficits: Amount,
    insurance: Amount,
    stake: Amount,
    deleveraged: Amount,
    socialized: Amount,
    written_off: Amount,
}

impl Mechanism for Waterfall {
    fn name(&self) -> &'static str {
        "waterfall"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.push(BlockSpec::of::<WaterfallBlock>(
            WATERFALL,
            "The order in which layers absorb a bankrupt account's loss, and who is deleveraged first.",
        ));
        registry.rules.extend([
            Rule::native(
                RuleKind::DeleverageRank,
                "profit_times_leverage",
                "Profit as a ratio of entry × leverage, the exchanges' usual queue.",
                deleverage::profit_times_leverage,
            ),
            Rule::native(RuleKind::DeleverageRank, "profit", "Largest profit first.", |columns, out| {
                out.extend_from_slice(columns[0]);
            }),
        ]);
        let outcome = |name, doc, read| Outcome { name, unit: "coins", doc, read };
        registry.outcomes.extend([
            outcome("deficits", "Losses of bankrupt accounts beyond their own margin.", |world| {
                loss(world, |losses| losses.deficits)
            }),
            outcome("insurance_paid", "What the insurance fund bore.", |world| loss(world, |losses| losses.insurance)),
            outcome("stake_paid", "What cut stake raised for losses.", |world| loss(world, |losses| losses.stake)),
            outcome("deleveraged", "Profit that winners gave up by auto-deleveraging.", |world| {
                loss(world, |losses| losses.deleveraged)
            }),
            outcome("socialized", "What depositors and solvent accounts bore.", |world| {
                loss(world, |losses| losses.socialized)
            }),
            outcome("written_off", "What no layer covered.", |world| loss(world, |losses| losses.written_off)),
        ]);
        let probe = |name, doc, read| Probe { kind: Kind::Protocol, name, unit: "coins", doc, read };
        registry.probes.extend([
            probe("deficits", "Losses beyond margin so far.", |world, _| {
                Cell::Float(loss(world, |losses| losses.deficits))
            }),
            probe("insurance_fund", "The insurance fund.", |world, _| {
                Cell::Float(valuation::fund(world, |funds| funds.insurance))
            }),
            probe("stake_paid", "What cut stake raised for losses so far.", |world, _| {
                Cell::Float(loss(world, |losses| losses.stake))
            }),
            probe("deleveraged", "Profit given up by auto-deleveraging so far.", |world, _| {
                Cell::Float(loss(world, |losses| losses.deleveraged))
            }),
            probe("socialized", "Losses borne by depositors and solvent accounts so far.", |world, _| {
                Cell::Float(loss(world, |losses| losses.socialized))
            }),
            probe("written_off", "Losses no layer covered so far.", |world, _| {
                Cell::Float(loss(world, |losses| losses.written_off))
            }),
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let block: WaterfallBlock = setup.block(WATERFALL)?.unwrap_or_default();
        let mut layers = block.order;
        if (1..layers.len()).any(|place| layers[..place].contains(&layers[place])) {
            return Err(SetupError::value(format!("{WATERFALL}.order"), "a layer stands twice"));
        }
        if !layers.contains(&Layer::Margin) {
            layers.insert(0, Layer::Margin);
        }
        let path = format!("{WATERFALL}.deleverage_rank");
        let rank = setup.rule(RuleKind::DeleverageRank, "deleveraging rule", &block.deleverage_rank, &path)?;
        setup.protocol((Order { layers, rank }, Losses::default()));
        setup.state::<Losses>();
        setup.system(Phase::Liquidate, Half::Settle, resolve_bankrupt_accounts);
        Ok(())
    }
}

#[allow(clippy::cast_precision_loss)]
fn loss(world: &World, pick: fn(&Losses) -> Amount) -> f64 {
    let scale = world.resource::<Assets>().settlement_scale();
    part::<Losses>(world, Kind::Protocol, 0).map_or(0.0, |losses| pick(losses) as f64 / scale)
}

/// Losses that are final are resolved; where winners are deleveraged, bankrupt accounts are closed at once as well,
/// otherwise keepers close them first.
fn resolve_bankrupt_accounts(world: &mut World) {
    Book::follow(world);
    let closes_open_ones = closes_bankrupt_accounts(world);
    // Those without a position owe more than they have, and hold nothing that could still make up for it.
    let is_final = |row: &&Row| row.nc < 0 && (closes_open_ones || !row.is_open());
    let rows = world.resource::<Book>().rows();
    let mut bankrupt: Vec<AccountId> = rows.iter().filter(is_final).map(|row| row.account).collect();
    bankrupt.sort();
    let mut queues = Queues::default();
    for id in bankrupt {
        // An amount beyond 64 bits leaves the account as it was; it is looked at again in the next step.
        let _ = Tx::new(world).scope(|tx| harm::judged(tx, id, |tx| resolve(tx, id, &mut queues)));
    }
}

/// Whether bankrupt accounts are closed by the waterfall itself, in the step in which they are found.
pub(super) fn closes_bankrupt_accounts(world: &World) -> bool {
    part::<Order>(world, Kind::Protocol, 0).is_some_and(|order| order.layers.contains(&Layer::AutoDeleverage))
}

/// Resolves an account whose loss is final: nothing open, and less than nothing left.
pub(super) fn resolve_if_crystallized(tx: &mut Tx<'_>, id: AccountId) -> Result<(), Rejected> {
    let entity = tx.account_entity(id)?;
    let (account, positions) = (tx.get::<Account>(entity)?, tx.get::<Positions>(entity)?);
    let route = tx.get::<LiquidationTerms>(tx.protocol()?)?.route;
    // Where the waterfall closes bankrupt accounts itself, it does so behind the keepers, with one queue for all.
    let final_loss =
        !closes_bankrupt_accounts(tx.world()) && (positions.0.is_empty() || route == LiquidationRoute::Pool);
    if final_loss && valuation::risk(tx.world(), account, positions).nc < 0 {
        resolve(tx, id, &mut Queues::default())
    } else {
        Ok(())
    }
}

/// Runs the layers over an account's loss, closes what is still open with the pool, and writes off the rest.
pub(super) fn resolve(tx: &mut Tx<'_>, id: AccountId, queues: &mut Queues) -> Result<(), Rejected> {
    let nc = net_collateral(tx, id)?;
    if nc >= 0 {
        return close_all(tx, id);
    }
    let protocol = tx.protocol()?;
    let order = tx.get::<Order>(protocol)?.clone();
    // Without its own margin the account is short of this much; layers in turn bear it.
    let mut need = tx.balance(tx.account(id)?.margin).checked_sub(nc).ok_or(Rejected::OVERFLOW)?;
    let mut losses = *tx.get::<Losses>(protocol)?;
    losses.deficits = losses.deficits.saturating_sub(nc);
    for layer in &order.layers {
        let borne = match layer {
            Layer::Margin => need.min(tx.balance(tx.account(id)?.margin)),
            Layer::Insurance => pay_from_insurance(tx, id, need)?,
            Layer::Stake => cover_from_stake(tx, id, need)?,
            Layer::AutoDeleverage => deleverage::deleverage(tx, (id, need), &order.rank, queues)?,
            Layer::Socialized => socialize(tx, id, need)?,
        };
        need -= borne;
        match layer {
            Layer::Margin => {}
            Layer::Insurance => losses.insurance = losses.insurance.saturating_add(borne),
            Layer::Stake => losses.stake = losses.stake.saturating_add(borne),
            Layer::AutoDeleverage => losses.deleveraged = losses.deleveraged.saturating_add(borne),
            Layer::Socialized => losses.socialized = losses.socialized.saturating_add(borne),
        }
        note(tx, id, layer.event(), borne)?;
    }
    close_all(tx, id)?;
    let lost = write_off(tx, id)?;
    losses.written_off = losses.written_off.saturating_add(lost);
    note(tx, id, "loss_written_off", lost)?;
    *tx.write::<Losses>(protocol).ok_or(Rejected::NOT_FOUND)? = losses;
    Ok(())
}

fn note(tx: &mut Tx<'_>, id: AccountId, what: &'static str, amount: Amount) -> Result<(), Rejected> {
    if amount != 0 {
        let agent = Some(tx.account(id)?.owner);
        tx.note(Event { agent, account: Some(id), amount, ..Event::new(EventTable::Events, what) });
    }
    Ok(())
}

fn net_collateral(tx: &Tx<'_>, id: AccountId) -> Result<Amount, Rejected> {
    let entity = tx.account_entity(id)?;
    Ok(valuation::risk(tx.world(), tx.get::<Account>(entity)?, tx.get::<Positions>(entity)?).nc)
}

fn pay_from_insurance(tx: &mut Tx<'_>, id: AccountId, need: Amount) -> Result<Amount, Rejected> {
    let (margin, fund) = (tx.account(id)?.margin, tx.get::<Funds>(tx.protocol()?)?.insurance);
    tx.transfer_up_to(fund, margin, need, "loss_cover")
}

/// Cuts the vaults behind the market in which the account lost most, in their order.
fn cover_from_stake(tx: &mut Tx<'_>, id: AccountId, need: Amount) -> Result<Amount, Rejected> {
    let place = market_of_loss(tx, id)?;
    let market = part::<Market>(tx.world(), Kind::Market, place);
    let backing = market.map(|market| market.vaults.clone()).unwrap_or_default();
    let margin = tx.account(id)?.margin;
    let mut raised = 0;
    for vault in backing {
        raised += vaults::cover(tx, vault, margin, (need - raised).max(0))?;
    }
    Ok(raised)
}

/// The market with the largest unrealized loss, or where nothing is open the one traded last.
fn market_of_loss(tx: &Tx<'_>, id: AccountId) -> Result<usize, Rejected> {
    let entity = tx.account_entity(id)?;
    let profit = |position: &Position| {
        let market = part::<Market>(tx.world(), Kind::Market, usize::from(position.market));
        market.map_or(0, |market| valuation::profit(market, position))
    };
    let worst = tx.get::<Positions>(entity)?.0.iter().min_by_key(|position| (profit(position), position.market));
    let last = tx.get::<Account>(entity)?.last_market;
    Ok(usize::from(worst.map_or(last, |position| position.market)))
}

/// Depositors bear what the account borrowed; all other solvent accounts' cash bears the rest, pro rata.
fn socialize(tx: &mut Tx<'_>, id: AccountId, need: Amount) -> Result<Amount, Rejected> {
    let entity = tx.account_entity(id)?;
    let protocol = tx.protocol()?;
    let on_deposits = need.min(tx.account(id)?.debt);
    if on_deposits > 0 {
        tx.modify(entity, |account: &mut Account| {
            account.debt -= on_deposits;
            Ok(())
        })?;
        tx.write::<Funds>(protocol).ok_or(Rejected::NOT_FOUND)?.deposit_claims -= on_deposits;
    }
    let rest = need - on_deposits;
    let margin = tx.account(id)?.margin;
    let payers = solvent(tx.world(), id);
    let total: i128 = payers.iter().map(|(_, means)| i128::from(*means)).sum();
    let total = Amount::try_from(total).map_err(|_| Rejected::OVERFLOW)?;
    let charged = rest.min(total);
    let mut paid = 0;
    for (payer, means) in payers {
        // Rounded up for payers: the last ones owe a little less.
        let due = (share(charged, means, total) + 1).min(charged - paid).min(means);
        paid += tx.transfer_up_to(payer, margin, due, "socialized_loss")?;
    }
    Ok(on_deposits + paid)
}

/// The other accounts with what each can pay without going bankrupt itself: cash, but no more than its net collateral.
fn solvent(world: &World, except: AccountId) -> Vec<(crate::ledger::Slot, Amount)> {
    let ledger = world.resource::<Ledger>();
    let accounts = valuation::every_account(world).filter_map(|(account, positions)| {
        let means = ledger.balance(account.margin).min(valuation::risk(world, account, positions).nc);
        (account.id != except && means > 0).then_some((account.margin, means))
    });
    accounts.collect()
}

/// Closes everything that is open with the pool at the mark and pays debts from what margin there is.
fn close_all(tx: &mut Tx<'_>, id: AccountId) -> Result<(), Rejected> {
    let entity = tx.account_entity(id)?;
    for position in tx.get::<Positions>(entity)?.0.clone() {
        let place = usize::from(position.market);
        let market = part::<Market>(tx.world(), Kind::Market, place).ok_or(Rejected::NOT_FOUND)?;
        let mark = market.mark.ok_or(Rejected::STALE)?.get();
        let cost = valuation::value(market, -position.size, mark, Rounding::Up).ok_or(Rejected::OVERFLOW)?;
        settlement::trade(tx, Trade { account: id, market: place, size: -position.size, cost })?;
        let agent = Some(tx.account(id)?.owner);
        tx.note(Event {
            agent,
            account: Some(id),
            thing: Some(Handle::new(Kind::Market, place)),
            size: -position.size,
            price: mark,
            amount: cost,
            ..Event::new(EventTable::Liquidations, "closed_bankrupt")
        });
    }
    settlement::settle(tx, id)?;
    let account = tx.account(id)?;
    let deposits = tx.get::<Funds>(tx.protocol()?)?.deposits;
    let repaid = tx.transfer_up_to(account.margin, deposits, account.debt, "repay")?;
    tx.modify(entity, |account: &mut Account| {
        account.debt -= repaid;
        Ok(())
    })
}

/// Forgives what the account still owes; the pool and the depositors lose it. What an illiquid pool owes the account
/// stays to stand against its debt.
fn write_off(tx: &mut Tx<'_>, id: AccountId) -> Result<Amount, Rejected> {
    let entity = tx.account_entity(id)?;
    tx.modify(entity, |account: &mut Account| {
        let owed_pool = (-account.claim).max(0);
        let kept = account.debt.min(account.claim.max(0));
        let lost = owed_pool.checked_add(account.debt - kept).ok_or(Rejected::OVERFLOW)?;
        account.claim += owed_pool;
        account.debt = kept;
        Ok(lost)
    })
}
