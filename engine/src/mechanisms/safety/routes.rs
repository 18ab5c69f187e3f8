//! The known routes of attack: their capital, and what of it is lost on the way.
//!
//! Bounds from the present depth of venues, for the routes named and no others: a route that cannot be priced is unknown,
//! not closed.

use bevy_ecs::prelude::{Component, World};

use super::{SafetyTerms, pool};
use crate::domain::{AgentId, CohortId, Cohorts, Market, Vault, Venue};
use crate::ledger::{AssetId, Bucket, Ledger};
use crate::math::attack_cost::{self, Pool, Route};
use crate::mechanism::Assets;
use crate::mechanisms::oracle::{self, Rounds};
use crate::mechanisms::{governance, offences};
use crate::probe::{Cell, Outcome, Probe};
use crate::registry::{Directory, Kind, Registry, part};
use crate::scenario::Role;
use crate::valuation;

/// The routes of attack.
#[derive(Clone, Copy, Debug, Default)]
struct Routes {
    oracle_majority: Option<Route>,
    oracle_bribe: Option<Route>,
    quorum: Option<Route>,
    venue_push: Option<Route>,
    value_at_risk: f64,
}

/// The routes as they are now, and as they were in the first step in which any market had a mark.
#[derive(Component, Clone, Copy, Debug, Default)]
pub(super) struct Costs {
    now: Routes,
    start: Option<Routes>,
}

fn costs(world: &World, at_start: bool, pick: fn(&Routes) -> f64) -> f64 {
    let Some(costs) = part::<Costs>(world, Kind::Protocol, 0) else { return f64::NAN };
    if at_start { costs.start.as_ref().map_or(f64::NAN, pick) } else { pick(&costs.now) }
}

fn capital(route: Option<Route>) -> f64 {
    route.map_or(f64::NAN, |route| route.capital)
}

fn cost(route: Option<Route>) -> f64 {
    route.map_or(f64::NAN, |route| route.cost())
}

/// Declares figures of the routes: an outcome, as it was before any attack, and a column, as it is now.
macro_rules! figures {
    ($registry:expr; $($name:literal, $doc:literal, $pick:expr;)*) => {
        $registry.outcomes.extend([$(Outcome {
            name: $name,
            unit: "coins",
            doc: $doc,
            read: |world| costs(world, true, $pick),
        }),*]);
        $registry.probes.extend([$(Probe {
            kind: Kind::Protocol,
            name: $name,
            unit: "coins",
            doc: $doc,
            read: |world, _| Cell::Float(costs(world, false, $pick)),
        }),*]);
    };
}

pub(super) fn declare(registry: &mut Registry) {
    figures![registry;
        "oracle_majority_capital", "What it takes to buy and stake as much as all nodes that report to the cheapest feed.", |routes| capital(routes.oracle_majority);
        "oracle_majority_cost", "What of that is lost when it is sold again at once.", |routes| cost(routes.oracle_majority);
        "oracle_bribe_capital", "What half of the stake that reports to the cheapest feed would lose if it were cut for a lie, to be offered for it.", |routes| capital(routes.oracle_bribe);
        "oracle_bribe_cost", "All of that: a bribe does not come back.", |routes| cost(routes.oracle_bribe);
        "quorum_capital", "What it takes to buy a quorum of votes on the token's venue.", |routes| capital(routes.quorum);
        "quorum_cost", "What of that is lost when they are sold again at once.", |routes| cost(routes.quorum);
        "venue_push_capital", "What it takes to lift the cheapest feed by the push multiple through its venues.", |routes| capital(routes.venue_push);
        "venue_push_cost", "What of that is lost when it is sold again at once.", |routes| cost(routes.venue_push);
        "value_at_risk", "Settlement coins that the protocol holds for others than attackers: pool, insurance, deposits and margin.", |routes| routes.value_at_risk;
    ];
}

/// Measures the routes as they are now.
pub(super) fn measure(world: &mut World) {
    let Some(terms) = part::<SafetyTerms>(world, Kind::Protocol, 0).copied() else { return };
    let now = routes(world, terms);
    let protocol = world.resource::<Directory>().entity(Kind::Protocol, 0);
    if let Some(mut costs) = protocol.and_then(|entity| world.get_mut::<Costs>(entity)) {
        costs.now = now;
    }
}

/// Keeps the routes as they are when the first market has a mark.
pub(super) fn measure_start(world: &mut World) {
    let Some(protocol) = world.resource::<Directory>().entity(Kind::Protocol, 0) else { return };
    let marked = |entity| world.get::<Market>(entity).is_some_and(|market| market.mark.is_some());
    let is_due = world.get::<Costs>(protocol).is_some_and(|costs| costs.start.is_none())
        && world.resource::<Directory>().entities(Kind::Market).any(marked);
    let Some(terms) = part::<SafetyTerms>(world, Kind::Protocol, 0).copied().filter(|_| is_due) else { return };
    let start = Some(routes(world, terms));
    if let Some(mut costs) = world.get_mut::<Costs>(protocol) {
        costs.start = start;
    }
}

/// The deepest pool that trades an asset for the settlement asset.
fn market_of(world: &World, asset: AssetId) -> Option<Pool> {
    let settlement = world.resource::<Assets>().settlement();
    let venues = (0..world.resource::<Directory>().count(Kind::Venue)).filter(|place| {
        let venue = part::<Venue>(world, Kind::Venue, *place);
        venue.is_some_and(|venue| venue.base == asset && venue.quote == settlement)
    });
    venues.filter_map(|place| pool(world, place)).max_by(|a, b| a.quote.total_cmp(&b.quote))
}

fn routes(world: &World, terms: SafetyTerms) -> Routes {
    let markets = world.resource::<Directory>().entities(Kind::Market).filter_map(|entity| world.get::<Market>(entity));
    let mut feeds: Vec<usize> = markets.map(|market| market.feed).collect();
    feeds.sort_unstable();
    feeds.dedup();
    Routes {
        oracle_majority: cheapest(feeds.iter().filter_map(|feed| oracle_majority(world, *feed))),
        oracle_bribe: cheapest(feeds.iter().filter_map(|feed| oracle_bribe(world, *feed))),
        quorum: quorum(world),
        venue_push: cheapest(feeds.iter().filter_map(|feed| venue_push(world, *feed, terms.push_multiple))),
        value_at_risk: value_at_risk(world),
    }
}

fn cheapest(routes: impl Iterator<Item = Route>) -> Option<Route> {
    routes.min_by(|a, b| a.capital.total_cmp(&b.capital))
}

/// Stake of the honest nodes that reported to a feed, in coins, and the vault it lies in.
fn honest_stake(world: &World, feed: usize) -> Option<(f64, &Vault)> {
    let round = world.resource::<Rounds>().0.get(feed)?;
    let vault = part::<Vault>(world, Kind::Vault, round.vault)?;
    let cohorts = world.resource::<Cohorts>();
    let honest = |agent| {
        let cohort: Option<CohortId> = valuation::agent(world, agent).map(|agent| agent.cohort);
        cohort.is_some_and(|cohort| cohorts.0[usize::from(cohort.0)].role != Role::Attacker)
    };
    let reporting = round.reports.iter().filter(|report| report.price.is_some() && honest(report.agent));
    let stake = reporting.map(|report| report.stake).sum::<f64>() / world.resource::<Assets>().scale(vault.asset);
    (stake > 0.0).then_some((stake, vault))
}

/// Buying as much stake as all honest nodes that reported have, and selling it again.
fn oracle_majority(world: &World, feed: usize) -> Option<Route> {
    let (stake, vault) = honest_stake(world, feed)?;
    let needed = attack_cost::majority_stake(stake);
    if vault.asset == world.resource::<Assets>().settlement() {
        return Some(Route { capital: needed, exit: needed });
    }
    attack_cost::round_trip(market_of(world, vault.asset)?, needed, 1.0)
}

/// Offering half of the stake that reported what it would lose if it were cut for the lie.
fn oracle_bribe(world: &World, feed: usize) -> Option<Route> {
    let (stake, vault) = honest_stake(world, feed)?;
    let corrupted = attack_cost::corruption_cost(valuation::price(world, vault.asset), stake, 1.0);
    Some(Route { capital: corrupted * offences::deviation_slash(world), exit: 0.0 })
}

/// Buying a quorum of votes, and selling them again.
fn quorum(world: &World) -> Option<Route> {
    let (token, votes) = governance::quorum(world)?;
    attack_cost::round_trip(market_of(world, token)?, votes, 1.0)
}

/// Lifting enough of a feed's sources, the cheapest ones, for their lower median to follow.
fn venue_push(world: &World, feed: usize, multiple: f64) -> Option<Route> {
    let sources = oracle::sources(world, feed);
    let needed = sources.len() - sources.len().saturating_sub(1) / 2;
    let push = |venue: &Option<usize>| {
        let pool = pool(world, (*venue)?)?;
        attack_cost::round_trip(pool, pool.base * (1.0 - 1.0 / libm::sqrt(multiple)), 1.0)
    };
    let mut routes: Vec<Route> = sources.iter().filter_map(push).collect();
    routes.sort_by(|a, b| a.capital.total_cmp(&b.capital));
    let pushed = routes.get(..needed)?;
    let sum = |pick: fn(&Route) -> f64| pushed.iter().map(pick).sum();
    Some(Route { capital: sum(|route| route.capital), exit: sum(|route| route.exit) })
}

#[allow(clippy::cast_precision_loss)]
fn value_at_risk(world: &World) -> f64 {
    let (ledger, assets) = (world.resource::<Ledger>(), world.resource::<Assets>());
    let held = [Bucket::Pool, Bucket::Insurance, Bucket::Deposits, Bucket::Margin];
    let all = ledger.in_buckets(&held, assets.settlement());
    let attackers = world.resource::<Cohorts>().attackers().flat_map(|cohort| cohort.agents.clone());
    let agents = attackers.filter_map(|id| valuation::agent(world, AgentId(id)));
    let own: i128 = agents
        .flat_map(|agent| {
            valuation::accounts(world, agent).map(|(account, _)| i128::from(ledger.balance(account.margin)))
        })
        .sum();
    (all - own) as f64 / assets.settlement_scale()
}
