//! What accounts, agents and parties are worth: requirements on the marks, holdings at market prices.

use std::borrow::Cow;

use bevy_ecs::prelude::World;

use crate::book::Book;
use crate::domain::{
    Account, AccountId, Agent, AgentId, Cohorts, External, Funds, Groups, Holding, Holdings, Market, MarketTerms,
    Position, Positions, Risk, Roster, Vault, Venue,
};
use crate::ledger::{AssetId, GroupId, Ledger, Slot};
use crate::math::margin::{self, Tier};
use crate::mechanism::Assets;
use crate::registry::{Directory, Kind, part};
use crate::rule::Chosen;
use crate::units::{Amount, Price, Rounding, share, whole};

/// What profits and requirements in one market depend on, looked up once for many positions.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Pricing<'w> {
    mark: Option<Price>,
    unit: f64,
    factor: f64,
    scale: f64,
    imr: f64,
    mmr: f64,
    tiers: Cow<'w, [Tier]>,
    ruled: Option<Ruled>,
}

/// The rule of a market's requirements, where it has one of its own, and what it is asked with, in settlement coins.
#[derive(Clone, PartialEq, Debug)]
struct Ruled {
    rule: Chosen,
    open_interest: f64,
    oi_cap: f64,
}

impl<'w> Pricing<'w> {
    fn of(market: &Market, terms: &'w MarketTerms, (mark, scale): (Option<Price>, f64)) -> Self {
        let (imr, mmr, tiers) = (terms.imr, terms.mmr, Cow::Borrowed(terms.tiers.as_slice()));
        let ruled = (!market.requirement.is_built_in()).then(|| Ruled {
            rule: market.requirement.clone(),
            open_interest: notional_of(market.unit, market.long.max(market.short), mark) / scale,
            oi_cap: terms.oi_cap,
        });
        Self { mark, unit: market.unit, factor: market.margin_factor, scale, imr, mmr, tiers, ruled }
    }

    /// The market at `place` on a mark; `None` when there is no such market.
    fn at(world: &'w World, place: usize, mark: impl Fn(&Market) -> Option<Price>) -> Option<Self> {
        let entity = world.get_entity(world.resource::<Directory>().entity(Kind::Market, place)?).ok()?;
        let (market, terms) = (entity.get::<Market>()?, entity.get::<MarketTerms>()?);
        Some(Self::of(market, terms, (mark(market), world.resource::<Assets>().settlement_scale())))
    }

    /// All markets on such marks, by place.
    pub(crate) fn all(world: &'w World, mark: impl Fn(&Market) -> Option<Price>) -> impl Iterator<Item = Option<Self>> {
        (0..world.resource::<Directory>().count(Kind::Market)).map(move |place| Self::at(world, place, &mark))
    }

    /// The same, kept beyond the world's next change.
    pub(crate) fn kept(&self) -> Pricing<'static> {
        let Self { mark, unit, factor, scale, imr, mmr, .. } = *self;
        let (tiers, ruled) = (Cow::Owned(self.tiers.to_vec()), self.ruled.clone());
        Pricing { mark, unit, factor, scale, imr, mmr, tiers, ruled }
    }

    /// Unrealized profit of a position, as [`profit`].
    pub(crate) fn profit(&self, position: &Position) -> Amount {
        profit_of(self.unit, position, self.mark)
    }

    /// Maintenance requirement of a position of `size`, rounded up.
    pub(crate) fn mmr(&self, size: Amount) -> Amount {
        self.up(self.required(size, margin::tiered(self.notional(size), self.mmr, &self.tiers, |tier| tier.mmr), 0.0))
    }

    /// Initial requirement of a position of `size`, rounded up.
    fn imr(&self, size: Amount) -> Amount {
        self.up(self.required(size, margin::tiered(self.notional(size), self.imr, &self.tiers, |tier| tier.imr), 1.0))
    }

    /// What the market's rule makes of a requirement by its tiers, in settlement coins.
    fn required(&self, size: Amount, tiered: f64, initial: f64) -> f64 {
        let Some(Ruled { rule, open_interest, oi_cap }) = &self.ruled else { return tiered };
        let notional = self.notional(size);
        if notional == 0.0 {
            return tiered;
        }
        rule.answer(&[notional, tiered / notional, *open_interest, *oi_cap, initial]).unwrap_or(tiered)
    }

    /// In settlement coins.
    fn notional(&self, size: Amount) -> f64 {
        notional_of(self.unit, size, self.mark) / self.scale
    }

    fn up(&self, coins: f64) -> Amount {
        whole(coins * self.factor * self.scale, Rounding::Up).unwrap_or(Amount::MAX / 4)
    }
}

/// Value of `size` base units at `price` in settlement units.
#[must_use]
pub fn value(market: &Market, size: Amount, price: f64, rounding: Rounding) -> Option<Amount> {
    value_of(market.unit, size, price, rounding)
}

#[allow(clippy::cast_precision_loss)]
fn value_of(unit: f64, size: Amount, price: f64, rounding: Rounding) -> Option<Amount> {
    whole(size as f64 * price * unit, rounding)
}

/// Unrealized profit of a position on the market's mark, rounded against its holder; 0 before there is a mark.
#[must_use]
pub fn profit(market: &Market, position: &Position) -> Amount {
    profit_of(market.unit, position, market.mark)
}

fn profit_of(unit: f64, position: &Position, mark: Option<Price>) -> Amount {
    let Some(mark) = mark else { return 0 };
    // Beyond 64 bits profit and loss stop growing: actions of that size are refused, but a mark may run there.
    let furthest = position.size.signum() * (Amount::MAX / 4);
    value_of(unit, position.size, mark.get(), Rounding::Down)
        .map_or(furthest, |value| value.saturating_sub(position.cost))
}

/// What an account holds and owes besides its positions.
#[must_use]
pub fn balance(ledger: &Ledger, account: &Account) -> Amount {
    ledger.balance(account.margin).saturating_add(account.claim).saturating_sub(account.debt)
}

/// Requirements and net collateral of an account on the present marks.
#[must_use]
pub fn risk(world: &World, account: &Account, positions: &Positions) -> Risk {
    risk_on(world, account, positions, |market| market.mark)
}

/// Requirements and net collateral of an account on other marks than the present ones.
#[must_use]
pub fn risk_on(
    world: &World,
    account: &Account,
    positions: &Positions,
    mark: impl Fn(&Market) -> Option<Price>,
) -> Risk {
    let mut risk = Risk { nc: balance(world.resource::<Ledger>(), account), ..Risk::default() };
    for position in &positions.0 {
        let Some(pricing) = Pricing::at(world, usize::from(position.market), &mark) else { continue };
        risk.imr = risk.imr.saturating_add(pricing.imr(position.size));
        risk.mmr = risk.mmr.saturating_add(pricing.mmr(position.size));
        risk.nc = risk.nc.saturating_add(pricing.profit(position));
    }
    risk
}

/// Initial and maintenance requirement of a position of `size`, rounded up.
#[must_use]
pub fn requirement(world: &World, market: &Market, terms: &MarketTerms, size: Amount) -> (Amount, Amount) {
    let pricing = Pricing::of(market, terms, (market.mark, world.resource::<Assets>().settlement_scale()));
    (pricing.imr(size), pricing.mmr(size))
}

/// Notional of `size` at the mark, in settlement units.
#[must_use]
pub fn notional(market: &Market, size: Amount) -> f64 {
    notional_of(market.unit, size, market.mark)
}

#[allow(clippy::cast_precision_loss)]
fn notional_of(unit: f64, size: Amount, mark: Option<Price>) -> f64 {
    mark.map_or(0.0, |mark| (size as f64 * mark.get() * unit).abs())
}

/// Net collateral that counts for opening and withdrawing: positive unrealized profit only by its market's weight.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn initial_collateral(world: &World, account: &Account, positions: &Positions) -> Amount {
    let cash = world.resource::<Ledger>().balance(account.margin);
    let mut total = cash.saturating_add(account.claim.min(0)).saturating_sub(account.debt);
    for position in &positions.0 {
        let place = usize::from(position.market);
        let (Some(market), Some(terms)) =
            (part::<Market>(world, Kind::Market, place), part::<MarketTerms>(world, Kind::Market, place))
        else {
            continue;
        };
        let profit = profit(market, position);
        let counted = if profit > 0 {
            whole(profit as f64 * terms.unrealized_weight, Rounding::Down).unwrap_or(0)
        } else {
            profit
        };
        total = total.saturating_add(counted);
    }
    total
}

/// An account by id, with its positions.
#[must_use]
pub fn account(world: &World, id: AccountId) -> Option<(&Account, &Positions)> {
    let entity = world.resource::<Roster>().account(id)?;
    Some((world.get::<Account>(entity)?, world.get::<Positions>(entity)?))
}

/// Every account with its positions, in id order.
pub fn every_account(world: &World) -> impl Iterator<Item = (&Account, &Positions)> {
    let entities = world.resource::<Roster>().accounts().iter();
    entities.filter_map(|entity| {
        let entity = world.get_entity(*entity).ok()?;
        Some((entity.get::<Account>()?, entity.get::<Positions>()?))
    })
}

/// The accounts with open positions and their risk, in id order.
pub fn open_accounts(world: &World) -> impl Iterator<Item = (&Account, &Positions, Risk)> {
    let open = every_account(world).filter(|(_, positions)| !positions.0.is_empty());
    open.map(|(account, positions)| (account, positions, risk(world, account, positions)))
}

/// What an account could withdraw if the protocol were liquid; negative when its collateral falls short.
#[must_use]
pub fn free_collateral(world: &World, account: &Account, positions: &Positions) -> Amount {
    initial_collateral(world, account, positions).saturating_sub(risk(world, account, positions).imr)
}

/// An agent's accounts with their positions.
pub fn accounts<'w>(world: &'w World, agent: &Agent) -> impl Iterator<Item = (&'w Account, &'w Positions)> {
    let first = agent.first_account.0;
    (first..first + u32::from(agent.accounts)).filter_map(move |id| account(world, AccountId(id)))
}

/// Notional of all of an agent's positions, in settlement units.
#[must_use]
pub fn exposure(world: &World, agent: &Agent) -> f64 {
    let notional = |position: &Position| {
        part::<Market>(world, Kind::Market, usize::from(position.market))
            .map_or(0.0, |market| notional(market, position.size))
    };
    accounts(world, agent).flat_map(|(_, positions)| positions.0.iter().map(notional)).sum()
}

/// Net collateral of all of an agent's accounts.
#[must_use]
pub fn equity_of(world: &World, agent: &Agent) -> Amount {
    accounts(world, agent)
        .map(|(account, positions)| risk(world, account, positions).nc)
        .fold(0, Amount::saturating_add)
}

/// An agent's record by id.
#[must_use]
pub fn agent(world: &World, id: AgentId) -> Option<&Agent> {
    world.get::<Agent>(world.resource::<Roster>().agent(id)?)
}

/// `units` of an asset in settlement coins, at its [`price`].
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn marked(world: &World, asset: AssetId, units: Amount) -> f64 {
    units as f64 / world.resource::<Assets>().scale(asset) * price(world, asset)
}

/// What a coin of an asset is worth in settlement coins: at its external price, else at the price of the deepest venue
/// that trades it for the settlement asset; 0 when nothing prices it.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn price(world: &World, asset: AssetId) -> f64 {
    let assets = world.resource::<Assets>();
    if asset == assets.settlement() {
        return 1.0;
    }
    if let Some(external) = part::<External>(world, Kind::Asset, usize::from(asset.0)) {
        return external.price.get();
    }
    let ledger = world.resource::<Ledger>();
    let venues = world.resource::<Directory>().entities(Kind::Venue).filter_map(|entity| world.get::<Venue>(entity));
    let trading = venues.filter(|venue| venue.base == asset && venue.quote == assets.settlement());
    let deepest = trading.max_by_key(|venue| ledger.balance(venue.quote_slot));
    deepest.map_or(0.0, |venue| {
        let (base, quote) = (ledger.balance(venue.base_slot) as f64, ledger.balance(venue.quote_slot) as f64);
        (quote / venue.quote_scale) / (base / venue.base_scale)
    })
}

/// What `shares` of a vault are worth in its asset's smallest unit, rounded down.
#[must_use]
pub fn stake_of_shares(ledger: &Ledger, vault: &Vault, shares: Amount) -> Amount {
    share(ledger.balance(vault.staked), shares, vault.shares)
}

/// An agent's stake in a vault, in the vault's asset's smallest unit; what is cooling down counts until it is out.
#[must_use]
pub fn stake(world: &World, agent: AgentId, vault: usize) -> Amount {
    let holding = holding(world, agent, vault);
    holding.map_or(0, |(holding, vault)| stake_of_shares(world.resource::<Ledger>(), vault, holding.shares))
}

/// An agent's holding of a vault, and the vault.
#[must_use]
pub fn holding(world: &World, agent: AgentId, vault: usize) -> Option<(&Holding, &Vault)> {
    let holdings = world.get::<Holdings>(world.resource::<Roster>().agent(agent)?)?;
    Some((holdings.of(vault)?, part::<Vault>(world, Kind::Vault, vault)?))
}

/// An agent's fees in a vault that it has earned and not claimed, in settlement units.
#[must_use]
pub fn unclaimed(world: &World, agent: AgentId, vault: usize) -> Amount {
    holding(world, agent, vault).map_or(0, |(holding, vault)| holding.owed_at(vault.index))
}

/// All stake and unclaimed fees of an agent, in settlement coins at market prices.
fn stake_worth(world: &World, agent: AgentId) -> f64 {
    let vaults = world.resource::<Directory>().count(Kind::Vault);
    let worth = |place: usize| {
        let Some(vault) = part::<Vault>(world, Kind::Vault, place) else { return 0.0 };
        let settlement = world.resource::<Assets>().settlement();
        marked(world, vault.asset, stake(world, agent, place))
            + marked(world, settlement, unclaimed(world, agent, place))
    };
    (0..vaults).map(worth).sum()
}

/// All an agent holds, in settlement coins: wallet and stake at market prices and accounts, negative equity counted
/// as 0.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn agent_worth(world: &World, agent: &Agent) -> f64 {
    let (assets, ledger) = (world.resource::<Assets>(), world.resource::<Ledger>());
    let wallet: f64 = assets.ids().map(|asset| marked(world, asset, ledger.balance(agent.wallet.asset(asset)))).sum();
    let equity = accounts(world, agent)
        .map(|(account, positions)| risk(world, account, positions).nc.max(0))
        .fold(0, Amount::saturating_add);
    wallet + stake_worth(world, agent.id) + equity as f64 / assets.settlement_scale()
}

/// What every group is worth, in settlement coins, in the groups' order.
///
/// Cohorts as [`agent_worth`]; depositors and the pool net of what bankrupt accounts
/// cannot pay, so that at given prices the sum over all groups does not change.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn group_worth(world: &World) -> Vec<(String, f64)> {
    let (assets, ledger, groups) = (world.resource::<Assets>(), world.resource::<Ledger>(), world.resource::<Groups>());
    let scale = assets.settlement_scale();
    let adjust = adjustments(world);
    let stakes = stakes_by_group(world);
    let worth = |place: usize, name: &String| {
        let group = GroupId(u16::try_from(place).unwrap_or(u16::MAX));
        let own = |asset: AssetId| ledger.held(group, asset) + stakes[place][usize::from(asset.0)];
        let held: f64 =
            assets.ids().map(|asset| marked(world, asset, Amount::try_from(own(asset)).unwrap_or(Amount::MAX))).sum();
        (name.clone(), held + adjust.get(place).copied().unwrap_or(0) as f64 / scale)
    };
    groups.0.iter().enumerate().map(|(place, name)| worth(place, name)).collect()
}

/// Per group and asset: stake and unclaimed fees, which lie with the vaults, counted at those who own them.
fn stakes_by_group(world: &World) -> Vec<Vec<i128>> {
    let (groups, assets) = (world.resource::<Groups>(), world.resource::<Assets>());
    let mut moved = vec![vec![0_i128; assets.ids().count()]; groups.0.len()];
    let settlement = usize::from(assets.settlement().0);
    for (place, name) in world.resource::<Directory>().names(Kind::Vault).enumerate() {
        let Some(vault) = part::<Vault>(world, Kind::Vault, place) else { continue };
        let holder = groups.0.iter().position(|group| *group == vault_group(name)).unwrap_or(0);
        let asset = usize::from(vault.asset.0);
        for cohort in &world.resource::<Cohorts>().0 {
            let owner = usize::from(cohort.group.0);
            for id in cohort.agents.clone().map(AgentId) {
                let (staked, fees) = (stake(world, id, place), unclaimed(world, id, place));
                moved[owner][asset] += i128::from(staked);
                moved[owner][settlement] += i128::from(fees);
                moved[holder][asset] -= i128::from(staked);
                moved[holder][settlement] -= i128::from(fees);
            }
        }
    }
    moved
}

/// Name of a vault's group.
#[must_use]
pub fn vault_group(vault: &str) -> String {
    format!("vault {vault}")
}

/// Per group: what its ledger balances miss — claims, debts and unrealized profit, limited liability included.
fn adjustments(world: &World) -> Vec<i128> {
    let groups = world.resource::<Groups>();
    let mut adjust = vec![0_i128; groups.0.len()];
    let find = |name: &str| groups.0.iter().position(|known| known == name);
    let (pool, deposits) = (find(POOL), find(DEPOSITS));
    let ledger = world.resource::<Ledger>();
    for (account, positions) in every_account(world) {
        let Some(owner) = agent(world, account.owner) else { continue };
        let group = usize::from(world.resource::<Cohorts>().0[usize::from(owner.cohort.0)].group.0);
        let cash = i128::from(ledger.balance(account.margin));
        let nc = i128::from(risk(world, account, positions).nc);
        let debt_lost = (-nc).clamp(0, i128::from(account.debt));
        adjust[group] += nc.max(0) - cash;
        if let Some(deposits) = deposits {
            adjust[deposits] += i128::from(account.debt) - debt_lost;
        }
        if let Some(pool) = pool {
            adjust[pool] += cash - i128::from(account.debt) - nc - ((-nc).max(0) - debt_lost);
        }
    }
    adjust
}

/// Name of the counterparty pool's group.
pub const POOL: &str = "pool";
/// Name of the insurance fund's group.
pub const INSURANCE: &str = "insurance";
/// Name of the group of what lies in escrow.
pub const ESCROW: &str = "escrow";
/// Name of the depositors' group.
pub const DEPOSITS: &str = "depositors";

/// What an account's cash is above what it is owed. Net collateral is net of what was borrowed, so that the deposits' loan
/// is counted here.
fn due(margin: Amount, nc: Amount) -> i128 {
    i128::from(margin) - i128::from(nc.max(0))
}

/// Assets of the protocol minus all claims on it, unrealized profit included, in settlement units.
#[must_use]
pub fn solvency(world: &World) -> i128 {
    let Some(funds) = part::<Funds>(world, Kind::Protocol, 0) else { return 0 };
    let ledger = world.resource::<Ledger>();
    let mut net = i128::from(ledger.balance(funds.pool))
        + i128::from(ledger.balance(funds.insurance))
        + i128::from(ledger.balance(funds.deposits))
        - i128::from(funds.deposit_claims);
    let book = world.resource::<Book>();
    if let Some(rows) = book.valued(world) {
        return net + rows.map(|row| due(row.margin, row.nc)).sum::<i128>();
    }
    for (account, positions) in every_account(world) {
        net += due(ledger.balance(account.margin), risk(world, account, positions).nc);
    }
    net
}

/// The balance of one of the protocol's funds, in coins.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn fund(world: &World, pick: fn(&Funds) -> Slot) -> f64 {
    let scale = world.resource::<Assets>().settlement_scale();
    let balance = |funds| world.resource::<Ledger>().balance(pick(funds)) as f64 / scale;
    part::<Funds>(world, Kind::Protocol, 0).map_or(0.0, balance)
}
