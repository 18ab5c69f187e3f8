//! Push feeds: staked nodes observe venues with latency and noise, report, and a rule aggregates when heartbeat or
//! deviation asks for a round. Guard rails: quorum of reporting stake, a collar a minute, staleness.

use std::collections::BTreeMap;

use bevy_ecs::prelude::{Component, Entity, Query, Res, ResMut, Resource, World};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::clock::Now;
use crate::domain::{Agent, AgentId, CohortId, Cohorts, Feed, Harm, History, Holdings, Roster, Vault};
use crate::event::{Event, EventTable, Events};
use crate::host::Hook;
use crate::inquiry::{Answers, Inquiries, Inquiry};
use crate::ledger::Ledger;
use crate::math::oracle;
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::params;
use crate::phase::{Half, Phase};
use crate::probe::{Cell, Probe};
use crate::registry::{BlockSpec, Directory, Handle, Kind, Registry, part};
use crate::rng::{Streams, name_key, splitmix};
use crate::rule::{Rule, RuleFn, RuleKind};
use crate::scenario::{Role, SetupError};
use crate::units::{Amount, Millis, Price, Span};
use crate::valuation;
use crate::view::{FieldKind, OwnField, OwnScope, PublicField, Rows};

const FEEDS: &str = "protocol.feeds";

/// Oracle feeds.
pub(super) struct Oracle;

/// A feed, under `protocol.feeds`.
#[derive(Component, Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["sources"]))]
struct FeedTerms {
    /// Venues, or assets with an external price; nodes observe the lower median of them.
    #[schemars(length(min = 1))]
    sources: Vec<String>,
    /// The vault in which nodes stake, by which their reports weigh; the first one when empty.
    vault: String,
    /// The aggregation rule's name.
    rule: String,
    /// Longest time between publications while nodes report.
    heartbeat: Span,
    /// Age at which the price counts as stale.
    staleness: Span,
    /// Change that publishes before the heartbeat.
    deviation: f64,
    /// Share of stake that must report.
    quorum: f64,
    /// Largest change a minute, compounding.
    collar_per_minute: f64,
    /// Deviation of the logarithm of the noise that all nodes share.
    common_noise: f64,
    /// Deviation of the logarithm of each node's own noise.
    own_noise: f64,
}

impl Default for FeedTerms {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            vault: String::new(),
            rule: "stake_weighted_lower_median".into(),
            heartbeat: Span(60_000),
            staleness: Span(300_000),
            deviation: 0.005,
            quorum: 0.5,
            collar_per_minute: oracle::NO_COLLAR,
            common_noise: 0.0,
            own_noise: 0.0,
        }
    }
}

/// What a feed needs at run time: its sources, its nodes and its rule, resolved.
#[derive(Component, Clone)]
struct Network {
    place: usize,
    key: u64,
    sources: Vec<Entity>,
    /// The vault in which nodes stake, by place.
    vault: usize,
    cohorts: Vec<CohortId>,
    /// Nodes of the protocol's own among them.
    nodes: u32,
    rule: RuleFn,
}

/// What nodes observed in the step under way: a row per feed, an entry per agent (NaN for agents that are no nodes).
#[derive(Resource, Clone, Debug, Default)]
struct Observations(Vec<BTreeMap<AgentId, f64>>);

/// What a staked node reported in a round, if anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeReport {
    pub(super) agent: AgentId,
    pub(super) stake: f64,
    pub(super) price: Option<f64>,
}

impl NodeReport {
    /// The row of the table `reports`.
    #[allow(clippy::cast_possible_truncation)]
    fn event(&self, feed: Option<Handle>) -> Event {
        Event {
            agent: Some(self.agent),
            thing: feed,
            // Stake is a whole number of units.
            size: self.stake as Amount,
            price: self.price.unwrap_or(0.0),
            ..Event::new(EventTable::Reports, if self.price.is_some() { "reported" } else { "silent" })
        }
    }
}

/// A feed's round of the step under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    /// The vault in which its nodes stake.
    pub(super) vault: usize,
    /// What the rule made of the reports, when enough stake reported; published or not.
    pub(super) price: Option<f64>,
    /// Every staked node, by id.
    pub(super) reports: Vec<NodeReport>,
}

/// The rounds of the step under way, by feed.
#[derive(Resource, Clone, Debug, Default)]
pub(super) struct Rounds(pub(super) Vec<Round>);

impl Mechanism for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.push(BlockSpec::of::<BTreeMap<String, FeedTerms>>(
            FEEDS,
            "Price feeds: sources, rule, heartbeat, guard rails and noise each. Reports weigh by stake.",
        ));
        registry.params.extend(params![FeedTerms, Kind::Feed, "protocol.feeds";
            deviation: "ratio", 0.0, 10.0, Higher, "Change that publishes before the heartbeat.";
            quorum: "ratio", 0.0, 1.0, Lower, "Share of stake that must report for a round to count.";
            collar_per_minute: "ratio/min", 1e-6, oracle::NO_COLLAR, Higher, "Largest change of the published price a minute, compounding; 1e6 is no collar.";
            common_noise: "log ratio", 0.0, 1.0, Neither, "Deviation of the noise that all nodes share.";
            own_noise: "log ratio", 0.0, 1.0, Neither, "Deviation of each node's own noise.";
        ]);
        registry.rules.extend([
            Rule::native(
                RuleKind::Aggregate,
                "stake_weighted_lower_median",
                "The first report at which half of the reporting stake is reached.",
                lower_median,
            ),
            Rule::native(
                RuleKind::Aggregate,
                "stake_weighted_mean",
                "The mean by stake: one node can move it without bound.",
                mean,
            ),
        ]);
        let public = |name, kind, unit, doc, read| PublicField::new(Kind::Feed, name, kind, unit, doc, read);
        registry.public.extend([
            public("price", FieldKind::Number, "coins", "The price last published, 0 before the first.", price),
            public("age", FieldKind::Number, "s", "Time since it was published.", age),
            public(
                "reporting_stake",
                FieldKind::Number,
                "stake coins",
                "Stake of the nodes that reported in this step.",
                reporting_stake,
            ),
            public("stale", FieldKind::Flag, "", "Whether it is older than the feed allows.", |world, place| {
                if part::<Feed>(world, Kind::Feed, place).is_none_or(|feed| feed.stale) { 1.0 } else { 0.0 }
            }),
        ]);
        registry.own.push(OwnField {
            scope: OwnScope::Feed,
            name: "observation",
            unit: "coins",
            doc: "What this node saw for the feed in this step: the sources' price its latency ago, with noise.",
            gather: observations,
        });
        let probe = |name, unit, doc, read| Probe { kind: Kind::Feed, name, unit, doc, read };
        registry.probes.extend([
            probe("price", "coins", "The price last published, 0 before the first.", |world, place| {
                Cell::Float(price(world, place))
            }),
            probe("age", "s", "Time since it was published.", |world, place| Cell::Float(age(world, place))),
            probe("stale", "flag", "Whether it is older than the feed allows.", |world, place| {
                Cell::Flag(part::<Feed>(world, Kind::Feed, place).is_none_or(|feed| feed.stale))
            }),
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let blocks: BTreeMap<String, FeedTerms> = setup.block(FEEDS)?.unwrap_or_default();
        let count = blocks.len();
        for (name, terms) in blocks {
            open_feed(setup, &name, terms)?;
        }
        setup.world.insert_resource(Observations(vec![BTreeMap::new(); count]));
        setup.world.insert_resource(Rounds(vec![Round::default(); count]));
        setup.state::<FeedTerms>();
        setup.state::<Feed>();
        setup.state::<Harm>();
        setup.system(Phase::Oracle, Half::Prepare, observe);
        setup.system(Phase::Oracle, Half::Settle, publish);
        Ok(())
    }
}

fn open_feed(setup: &mut Setup<'_>, name: &str, terms: FeedTerms) -> Result<(), SetupError> {
    let path = format!("{FEEDS}.{name}");
    let rule = setup.rule(RuleKind::Aggregate, "aggregation rule", &terms.rule, &format!("{path}.rule"))?;
    let sources =
        terms.sources.iter().map(|source| find_source(setup, source, &path)).collect::<Result<Vec<_>, _>>()?;
    if sources.is_empty() {
        return Err(SetupError::value(
            path,
            "expected `sources: [\"…\"]` with at least one venue or externally priced asset",
        ));
    }
    let vault = match terms.vault.as_str() {
        "" => 0,
        vault => setup.find(Kind::Vault, "vault", vault, &format!("{path}.vault"))?,
    };
    let mut cohorts = nodes_of(setup.world, name, Role::Oracle);
    if cohorts.is_empty() {
        return Err(SetupError::value(
            path,
            format!(
                "no cohort of role `oracle` reports to `{name}`; bind one with `bind: {{\"feed\": \"{name}\"}}`, or leave `bind` out to report to every feed"
            ),
        ));
    }
    let place = setup.world.resource::<Directory>().count(Kind::Feed);
    let nodes: u32 = cohorts
        .iter()
        .map(|cohort| setup.world.resource::<Cohorts>().0[usize::from(cohort.0)].agents.len() as u32)
        .sum();
    // Whoever stakes may report, attackers too: without stake their reports weigh nothing.
    cohorts.extend(nodes_of(setup.world, name, Role::Attacker));
    let network = Network { place, key: name_key(name), sources, vault, cohorts, nodes, rule };
    setup.spawn(Kind::Feed, name, (terms, network, Feed { stale: true, ..Feed::default() }, Harm::default()));
    Ok(())
}

fn find_source(setup: &Setup<'_>, name: &str, path: &str) -> Result<Entity, SetupError> {
    let directory = setup.world.resource::<Directory>();
    let candidates = [Kind::Venue, Kind::Asset]
        .map(|kind| directory.find(kind, name).and_then(|place| directory.entity(kind, place)));
    let priced = |entity: &Entity| setup.world.get::<History>(*entity).is_some();
    candidates.into_iter().flatten().find(priced).ok_or_else(|| {
        let venues = directory.names(Kind::Venue).map(str::to_owned);
        let assets =
            directory.names(Kind::Asset).zip(directory.entities(Kind::Asset)).filter(|(_, entity)| priced(entity));
        SetupError::Name {
            path: format!("{path}.sources"),
            what: "venue or externally priced asset",
            name: name.to_owned(),
            known: venues.chain(assets.map(|(name, _)| name.to_owned())).collect(),
        }
    })
}

/// Cohorts of a role bound to the feed, or to none in particular.
fn nodes_of(world: &World, feed: &str, role: Role) -> Vec<CohortId> {
    let cohorts = world.resource::<Cohorts>().0.iter().enumerate();
    let reports = cohorts.filter(|(_, cohort)| {
        cohort.role == role && !cohort.agents.is_empty() && cohort.bind.get("feed").is_none_or(|bound| bound == feed)
    });
    reports.filter_map(|(place, _)| u16::try_from(place).ok()).map(CohortId).collect()
}

fn observe(
    mut feeds: Query<'_, '_, (&Network, &FeedTerms, &mut Feed)>,
    histories: Query<'_, '_, &History>,
    agents: Query<'_, '_, &Agent>,
    population: (Res<'_, Roster>, Res<'_, Cohorts>),
    time: (Res<'_, Now>, Res<'_, Streams>),
    mut seen: ResMut<'_, Observations>,
    mut inquiries: ResMut<'_, Inquiries>,
) {
    let ((roster, cohorts), (now, streams)) = (population, time);
    let mut asked: Vec<(usize, Inquiry)> = Vec::new();
    for (network, terms, mut feed) in &mut feeds {
        feed.reference = source_price(network, &histories, now.time).map(Price::saturating);
        feed.noise_variance =
            oracle::median_noise_variance(terms.own_noise, network.nodes) + terms.common_noise * terms.common_noise;
        let common = streams.stream("oracle.common", network.key, now.step).normal() * terms.common_noise;
        let row = &mut seen.0[network.place];
        row.clear();
        for cohort in &network.cohorts {
            let range = cohorts.0[usize::from(cohort.0)].agents.clone();
            for id in range.clone().map(AgentId) {
                let Some(agent) = roster.agent(id).and_then(|entity| agents.get(entity).ok()) else { continue };
                let at = now.time.saturating_sub(agent.latency.0);
                let Some(price) = source_price(network, &histories, at) else { continue };
                let own = streams.stream("oracle.own", splitmix(network.key) ^ agent.key, now.step).normal()
                    * terms.own_noise;
                row.insert(id, price * libm::exp(common + own));
            }
            let subject = Some(Handle::new(Kind::Feed, network.place));
            let agents = range.map(AgentId).collect();
            asked.push((network.place, Inquiry { hook: Hook::Report, cohort: *cohort, agents, subject }));
        }
    }
    asked.sort_by_key(|(place, inquiry)| (*place, inquiry.cohort));
    for (_, inquiry) in asked {
        inquiries.push(inquiry);
    }
}

/// The lower median of a feed's sources as they stood at a time.
fn source_price(network: &Network, histories: &Query<'_, '_, &History>, at: Millis) -> Option<f64> {
    let mut prices: Vec<f64> =
        network.sources.iter().filter_map(|entity| histories.get(*entity).ok()?.at(at)).collect();
    prices.sort_by(f64::total_cmp);
    prices.get(prices.len().saturating_sub(1) / 2).copied()
}

/// A feed's sources: the place of a venue, or nothing for a price made outside.
pub(super) fn sources(world: &World, feed: usize) -> Vec<Option<usize>> {
    let Some(network) = part::<Network>(world, Kind::Feed, feed) else { return Vec::new() };
    let venues: Vec<Entity> = world.resource::<Directory>().entities(Kind::Venue).collect();
    network.sources.iter().map(|source| venues.iter().position(|venue| venue == source)).collect()
}

fn publish(
    mut feeds: Query<'_, '_, (&Network, &FeedTerms, &mut Feed)>,
    nodes: (Query<'_, '_, &Holdings>, Query<'_, '_, &Vault>),
    places: (Res<'_, Roster>, Res<'_, Directory>),
    ledger: Res<'_, Ledger>,
    now: Res<'_, Now>,
    mut heard: (ResMut<'_, Answers>, ResMut<'_, Rounds>, ResMut<'_, Events>),
    seen: Res<'_, Observations>,
) {
    let events = &mut heard.2;
    let answers = heard.0.take();
    let (holders, vaults) = nodes;
    for (network, terms, mut feed) in &mut feeds {
        let subject = Some(Handle::new(Kind::Feed, network.place));
        let vault = places.1.entity(Kind::Vault, network.vault).and_then(|entity| vaults.get(entity).ok());
        // Stake as a weight; a node without stake weighs nothing.
        #[allow(clippy::cast_precision_loss)]
        let weight = |agent: AgentId| {
            let holding = holders.get(places.0.agent(agent)?).ok()?.of(network.vault)?;
            Some(valuation::stake_of_shares(&ledger, vault?, holding.shares) as f64)
        };
        let (mut reports, mut all) = (Vec::new(), 0.0);
        for agent in seen.0[network.place].keys().copied() {
            let Some(stake) = weight(agent).filter(|stake| *stake > 0.0) else { continue };
            all += stake;
            let price = answers.get(&(subject, agent)).copied().filter(|price| Price::new(*price).is_some());
            reports.push(NodeReport { agent, stake, price });
        }
        let heard_from = |report: &NodeReport| report.price.map(|price| (price, report.stake));
        let (prices, stakes): (Vec<f64>, Vec<f64>) = reports.iter().filter_map(heard_from).unzip();
        let reporting: f64 = stakes.iter().sum();
        let mut result = Vec::new();
        if reporting > 0.0 && reporting >= terms.quorum * all {
            (network.rule)(&[&prices, &stakes], &mut result);
        }
        let median = result.first().copied();
        if let Some(price) = median {
            consider(&mut feed, terms, price, *now);
        }
        feed.stale = feed.price.is_none() || now.time - feed.published > terms.staleness.0;
        if events.keeps(EventTable::Reports) {
            reports.iter().for_each(|report| events.push(report.event(subject)));
        }
        heard.1.0[network.place] = Round { vault: network.vault, price: median, reports };
    }
}

/// Publishes `price`, held in its collar, when heartbeat or deviation asks for it.
fn consider(feed: &mut Feed, terms: &FeedTerms, price: f64, now: Now) {
    let elapsed = Span(now.time - feed.published);
    let next = match feed.price {
        None => price,
        Some(last) => {
            let moved = (price / last.get() - 1.0).abs() >= terms.deviation;
            if elapsed < terms.heartbeat && !moved {
                return;
            }
            oracle::collared(price, last.get(), terms.collar_per_minute, elapsed.seconds() / 60.0)
        }
    };
    feed.price = Some(Price::saturating(next));
    feed.published = now.time;
}

fn lower_median(columns: &[&[f64]], out: &mut Vec<f64>) {
    out.extend(oracle::weighted_lower_median(columns[0], columns[1]));
}

fn mean(columns: &[&[f64]], out: &mut Vec<f64>) {
    out.extend(oracle::weighted_mean(columns[0], columns[1]));
}

fn price(world: &World, place: usize) -> f64 {
    part::<Feed>(world, Kind::Feed, place).and_then(|feed| feed.price).map_or(0.0, Price::get)
}

fn reporting_stake(world: &World, place: usize) -> f64 {
    let Some(round) = world.resource::<Rounds>().0.get(place) else { return 0.0 };
    let Some(vault) = part::<Vault>(world, Kind::Vault, round.vault) else { return 0.0 };
    let reported = round.reports.iter().filter(|report| report.price.is_some()).map(|report| report.stake);
    reported.sum::<f64>() / world.resource::<Assets>().scale(vault.asset)
}

fn age(world: &World, place: usize) -> f64 {
    let now = world.resource::<Now>().time;
    part::<Feed>(world, Kind::Feed, place).map_or(0.0, |feed| Span(now.saturating_sub(feed.published)).seconds())
}

fn observations(world: &World, rows: Rows<'_>, out: &mut Vec<f64>) {
    let seen = &world.resource::<Observations>().0[rows.first];
    out.extend(rows.agents.iter().map(|agent| seen.get(agent).copied().unwrap_or(f64::NAN)));
}
