//! Spawns the cohorts' agents with their wallets and margin accounts, and knows who is awake. What they stake at the
//! start goes to the vaults, which come later.

use bevy_ecs::prelude::{Entity, Resource, World};

use crate::clock::Now;
use crate::domain::{
    Account, AccountId, Agent, AgentId, CohortId, CohortInfo, Cohorts, Groups, Holdings, Positions, Roster,
};
use crate::host::Wake;
use crate::ledger::{AssetId, Bucket, GroupId, Ledger, Slot};
use crate::mechanism::{Assets, coins_to_units};
use crate::rng::{Stream, Streams, name_key, splitmix};
use crate::scenario::{Amounts, Cohort, Role, Scenario, SetupError};
use crate::units::{Amount, Millis};

/// The most agents a run may have.
pub const MAX_AGENTS: u64 = 10_000_000;
/// The most margin accounts an agent may have.
pub const MAX_ACCOUNTS: u8 = 16;

/// Spawns every cohort. `shuffle` permutes the order in which entities come into being, which nothing may depend on.
pub(crate) fn spawn(
    world: &mut World,
    scenario: &Scenario,
    without_attackers: bool,
    shuffle: u64,
) -> Result<(), SetupError> {
    let cohorts = in_order(scenario);
    let mut total = 0_u64;
    let mut plans: Vec<Plan> = Vec::new();
    for (path, cohort) in cohorts {
        check_cohort(world, path, cohort)?;
        total += u64::from(cohort.count);
        if total > MAX_AGENTS {
            return Err(SetupError::value(
                format!("{path}.count"),
                format!("{total} agents: at most {MAX_AGENTS} fit a run"),
            ));
        }
        if without_attackers && cohort.role == Role::Attacker {
            continue;
        }
        plan_cohort(world, path, cohort, &mut plans)?;
    }
    spawn_planned(world, plans, shuffle);
    Ok(())
}

fn check_cohort(world: &World, path: &str, cohort: &Cohort) -> Result<(), SetupError> {
    if !(1..=MAX_ACCOUNTS).contains(&cohort.accounts) {
        return Err(SetupError::value(
            format!("{path}.accounts"),
            format!("expected 1 to {MAX_ACCOUNTS}, found {}", cohort.accounts),
        ));
    }
    if u64::from(cohort.count) > MAX_AGENTS {
        return Err(SetupError::value(
            format!("{path}.count"),
            format!("{} agents: at most {MAX_AGENTS} fit a run", cohort.count),
        ));
    }
    for asset in cohort.wallet.keys() {
        let assets = world.resource::<Assets>();
        if assets.find(asset).is_none() {
            let known = assets.names.clone();
            return Err(SetupError::Name { path: format!("{path}.wallet"), what: "asset", name: asset.clone(), known });
        }
    }
    Ok(())
}

/// One agent to be.
struct Plan {
    agent: Agent,
    accounts: Vec<Account>,
}

fn plan_cohort(world: &mut World, path: &str, cohort: &Cohort, plans: &mut Vec<Plan>) -> Result<(), SetupError> {
    let name = path.rsplit('.').next().unwrap_or(path).to_owned();
    let group = world.resource_mut::<Groups>().add(&name);
    let id = CohortId(u16::try_from(world.resource::<Cohorts>().0.len()).unwrap_or(u16::MAX));
    let start = u32::try_from(plans.len()).unwrap_or(u32::MAX);
    for place in 0..cohort.count {
        let key = splitmix(name_key(&name) ^ u64::from(place));
        let member = Member { cohort: id, group, key, path };
        let next_account = plans.last().map_or(0, |plan| plan.agent.first_account.0 + u32::from(plan.agent.accounts));
        let agent_id = AgentId(start + place);
        plans.push(member.plan(world, cohort, agent_id, AccountId(next_account))?);
    }
    world.resource_mut::<Cohorts>().0.push(CohortInfo {
        name,
        role: cohort.role,
        group,
        agents: start..start + cohort.count,
        accounts: cohort.accounts,
        bind: cohort.bind.clone(),
    });
    Ok(())
}

#[derive(Clone, Copy)]
struct Member<'a> {
    cohort: CohortId,
    group: GroupId,
    key: u64,
    path: &'a str,
}

impl Member<'_> {
    fn plan(self, world: &mut World, cohort: &Cohort, id: AgentId, first: AccountId) -> Result<Plan, SetupError> {
        let settlement = world.resource::<Assets>().settlement();
        let wallet = world.resource_mut::<Ledger>().open_all(self.group, Bucket::Wallet);
        for (name, amounts) in &cohort.wallet {
            if let Some(asset) = world.resource::<Assets>().find(name) {
                self.fund(world, wallet.asset(asset), asset, (*amounts, "wallet", &format!("wallet.{name}")))?;
            }
        }
        let mut accounts = Vec::with_capacity(usize::from(cohort.accounts));
        for index in 0..u32::from(cohort.accounts) {
            let margin = world.resource_mut::<Ledger>().open(self.group, Bucket::Margin, settlement);
            accounts.push(Account {
                id: AccountId(first.0 + index),
                owner: id,
                margin,
                claim: 0,
                debt: 0,
                last_market: 0,
            });
        }
        if let (Some(amounts), Some(account)) = (cohort.margin, accounts.first()) {
            self.fund(world, account.margin, settlement, (amounts, "margin", "margin"))?;
        }
        let agent = Agent {
            id,
            cohort: self.cohort,
            key: self.key,
            wallet,
            first_account: first,
            accounts: cohort.accounts,
            latency: cohort.latency,
        };
        Ok(Plan { agent, accounts })
    }

    fn fund(
        self,
        world: &mut World,
        slot: Slot,
        asset: AssetId,
        what: (Amounts, &str, &str),
    ) -> Result<(), SetupError> {
        let (amounts, stream, field) = what;
        endow(world, (slot, asset), (amounts, stream, self.key), &format!("{}.{field}", self.path)).map(drop)
    }
}

/// Issues what an agent with `key` starts with on `slot`, drawn from the stream of its name; returns the units.
pub(crate) fn endow(
    world: &mut World,
    (slot, asset): (Slot, AssetId),
    (amounts, stream, key): (Amounts, &str, u64),
    path: &str,
) -> Result<Amount, SetupError> {
    let draw = world.resource::<Streams>().stream(stream, key, u64::from(asset.0));
    let scale = world.resource::<Assets>().scale(asset);
    let units = coins_to_units(scale, sample(amounts, draw, path)?, path)?;
    let mut ledger = world.resource_mut::<Ledger>();
    if ledger.issued(asset) + i128::from(units) > i128::from(i64::MAX / 4) {
        return Err(SetupError::value(path, "the cohorts together hold more than the asset's 64-bit range allows"));
    }
    ledger.mint(slot, units).map_err(|_| SetupError::value(path, "more than the asset can hold"))?;
    Ok(units)
}

/// The scenario's cohorts with the agents they became, in the order of the engine's ids: attackers last, or left out.
pub(crate) fn spawned<'a>(scenario: &'a Scenario, cohorts: &Cohorts) -> Vec<(&'a str, &'a Cohort, CohortInfo)> {
    in_order(scenario)
        .into_iter()
        .zip(&cohorts.0)
        .map(|((path, cohort), info)| (path.as_str(), cohort, info.clone()))
        .collect()
}

fn in_order(scenario: &Scenario) -> Vec<&(String, Cohort)> {
    let mut cohorts: Vec<&(String, Cohort)> = scenario.cohorts.iter().collect();
    cohorts.sort_by_key(|(_, cohort)| cohort.role == Role::Attacker);
    cohorts
}

fn sample(amounts: Amounts, mut stream: Stream, path: &str) -> Result<f64, SetupError> {
    match amounts {
        Amounts::Fixed(coins) => Ok(coins),
        Amounts::Uniform(low, high) if low <= high => Ok(low + (high - low) * stream.uniform()),
        Amounts::LogNormal(median, sigma) if sigma >= 0.0 => Ok(median * libm::exp(sigma * stream.normal())),
        Amounts::Uniform(low, high) => {
            Err(SetupError::value(path, format!("expected Uniform(low, high) with low ≤ high, found {low} > {high}")))
        }
        Amounts::LogNormal(_, sigma) => {
            Err(SetupError::value(path, format!("expected a deviation of at least 0, found {sigma}")))
        }
    }
}

fn spawn_planned(world: &mut World, plans: Vec<Plan>, shuffle: u64) {
    let accounts = plans.iter().map(|plan| plan.accounts.len()).sum();
    let mut roster =
        Roster { agents: vec![Entity::PLACEHOLDER; plans.len()], accounts: vec![Entity::PLACEHOLDER; accounts] };
    let mut plans = plans;
    if shuffle != 0 {
        plans.sort_by_cached_key(|plan| splitmix(shuffle ^ splitmix(u64::from(plan.agent.id.0))));
    }
    for plan in plans {
        let id = plan.agent.id;
        roster.agents[id.0 as usize] = world.spawn((plan.agent, Holdings::default())).id();
        for account in plan.accounts {
            let place = account.id.0 as usize;
            roster.accounts[place] = world.spawn((account, Positions::default())).id();
        }
    }
    world.insert_resource(roster);
}

/// Who was asked when, and who has a reason to be asked again.
#[derive(Resource, Clone, Debug, Default)]
pub(crate) struct Attention {
    asked: Vec<Option<Millis>>,
    mark: Vec<f64>,
    touched: Vec<bool>,
}

impl Attention {
    pub(crate) fn of(agents: usize) -> Self {
        Self { asked: vec![None; agents], mark: vec![f64::NAN; agents], touched: vec![false; agents] }
    }

    pub(crate) fn touch(&mut self, agent: AgentId) {
        if let Some(touched) = self.touched.get_mut(agent.0 as usize) {
            *touched = true;
        }
    }

    /// The agents of `range` that want to be asked now; they count as asked.
    pub(crate) fn wake(&mut self, range: std::ops::Range<u32>, wake: Wake, now: Now, mark: f64) -> Vec<AgentId> {
        let unconditional = wake == Wake::default();
        let mut awake = Vec::new();
        for agent in range {
            let place = agent as usize;
            let due = unconditional
                || self.asked[place].is_none_or(|asked| wake.every.is_some_and(|every| now.time - asked >= every.0))
                || wake.moves.is_some_and(|ratio| (mark / self.mark[place] - 1.0).abs() >= ratio)
                || (wake.own && self.touched[place]);
            if due {
                self.asked[place] = Some(now.time);
                self.mark[place] = mark;
                self.touched[place] = false;
                awake.push(AgentId(agent));
            }
        }
        awake
    }
}
