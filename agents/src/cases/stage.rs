//! The standard world of examples: one market of a token at 100, two venues and a feed of it, a staked token at 10 with its venue and
//! vault, and an open proposal that lowers the market's initial margin ratio.

use palisade_engine::action::{ActionId, Actor, Intent, Value};
use palisade_engine::clock::{Now, Segment};
use palisade_engine::domain::{AgentId, CohortId};
use palisade_engine::host::{Ask, Hook, Host, Replies, Wake};
use palisade_engine::registry::{Directory, Handle, Kind};
use palisade_engine::rng::Streams;
use palisade_engine::scenario::{Amounts, AssetSpec, Cohort, Role, Scenario};
use palisade_engine::units::Span;
use palisade_engine::view::{Asked, Columns, OwnScope, Public, Reads};
use palisade_engine::{Options, Simulation, mechanisms};
use rhai::Map;

use super::situation::{self, View};
use super::{Answer, first_hook};
use crate::bind::{self, Surroundings};
use crate::catalog::Catalog;
use crate::check::Checked;
use crate::cohort::{CohortScript, Members};
use crate::pure::number;
use crate::sandbox::{HostOptions, Packages};

const ACCOUNTS: u8 = 3;
const STEPS: u64 = 4;
/// What is asked about and nobody else sees, when the example does not say: an underwater account, the sale of its position,
/// and an action that waits (which one, depends on the world).
const MOMENTARY: [(Kind, &str, f64); 23] = [
    (Kind::Account, "market", 0.0),
    (Kind::Account, "size", 10.0),
    (Kind::Account, "notional", 1_000.0),
    (Kind::Account, "equity", 40.0),
    (Kind::Account, "imr", 100.0),
    (Kind::Account, "mmr", 50.0),
    (Kind::Auction, "market", 0.0),
    (Kind::Auction, "long", 1.0),
    (Kind::Auction, "english", 0.0),
    (Kind::Auction, "size", 10.0),
    (Kind::Auction, "notional", 1_000.0),
    (Kind::Auction, "price", 100.0),
    (Kind::Auction, "best_bid", 0.0),
    (Kind::Auction, "floor", 96.0),
    (Kind::Auction, "time_left", 60.0),
    (Kind::Pending, "fee", 1.0),
    (Kind::Pending, "waited", 60.0),
    (Kind::Pending, "sealed", 0.0),
    (Kind::Pending, "market", -1.0),
    (Kind::Pending, "venue", 0.0),
    (Kind::Pending, "size", 10.0),
    (Kind::Pending, "share", 0.0),
    (Kind::Pending, "own", 0.0),
];
/// What the action that waits is.
const PENDING: &str = "buy";

const BLOCKS: [(&str, &str); 9] = [
    ("market.prices", r#"{"TOK": (start: 100.0, process: Fixed)}"#),
    ("market.outside", r#"(inventory: {"USD": 1e9, "TOK": 1e7}, spread: 0.0)"#),
    (
        "market.venues",
        r#"{"TOK/USD": (base: "TOK", quote: "USD", price: 100.0, depth: 1000000.0, fee: 0.003),
            "TOK/USD 2": (base: "TOK", quote: "USD", price: 100.0, depth: 1000000.0, fee: 0.003),
            "STK/USD": (base: "STK", quote: "USD", price: 10.0, depth: 1000000.0, fee: 0.003)}"#,
    ),
    ("protocol.vaults", r#"{"pool": (asset: "STK", venue: "STK/USD", markets: ["TOK-PERP"], cooldown: "1h")}"#),
    ("protocol.feeds", r#"{"TOK": (sources: ["TOK/USD"], heartbeat: "1m", deviation: 0.0, own_noise: 0.0)}"#),
    (
        "protocol.markets",
        r#"{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: 0.1, mmr: 0.05, skew_scale: 1e6, fee: 0.001, unrealized_weight: 1.0)}"#,
    ),
    ("protocol.funds", "(pool: 10000000.0, insurance: 100000.0, deposits: 5000000.0)"),
    (
        "protocol.governance",
        r#"(token: "STK", threshold: 0.001, quorum: 0.04, review: "0s", period: "3d", timelock: "2d")"#,
    ),
    ("protocol.blockspace", "(capacity: 100.0)"),
];

/// The agents in the order of their cohorts.
const NODE: u32 = 0;
const OWNER: u32 = 1;

/// The world, with the agent that is asked in its last cohort.
pub(super) struct Stage {
    pub(super) simulation: Simulation,
    cohort: Cohort,
    members: Members,
    /// The place of its cohort.
    place: u16,
}

impl Stage {
    /// The standard world with one agent of `role`, which plays `strategy`.
    ///
    /// # Panics
    /// Never: the world is fixed, and every role can be in it.
    pub(super) fn of(role: Role, strategy: &str) -> Self {
        let mut owner = agent(Role::Voter, "owner");
        owner.wallet =
            [("USD", 1e6), ("STK", 50_000.0)].map(|(name, coins)| (name.into(), Amounts::Fixed(coins))).into();
        let node = Cohort { stake: Some(Amounts::Fixed(10_000.0)), ..agent(Role::Oracle, "node") };
        let cohort = Cohort {
            accounts: ACCOUNTS,
            wallet: [("USD", 10_000.0), ("TOK", 100.0), ("STK", 1_000.0)]
                .map(|(name, coins)| (name.into(), Amounts::Fixed(coins)))
                .into(),
            margin: Some(Amounts::Fixed(10_000.0)),
            ..agent(role, strategy)
        };
        let part = if role == Role::Attacker { "attackers.me" } else { "population.me" };
        let cohorts = [("population.node", node), ("population.owner", owner), (part, cohort.clone())];
        let scenario = Scenario {
            name: "examples".into(),
            clock: vec![Segment { length: Span(3_600_000), dt: Span(60_000) }],
            assets: ["USD", "TOK", "STK"].map(|name| (name.into(), AssetSpec { decimals: 6 })).into(),
            settlement: "USD".into(),
            cohorts: cohorts.map(|(path, cohort)| (path.into(), cohort)).into(),
            blocks: BLOCKS.map(|(path, text)| (path.into(), text.into())).into(),
            ..Scenario::default()
        };
        let mut simulation = Simulation::new(&scenario, &mechanisms::ALL, Options { seed: 1, ..Options::default() })
            .expect("the world of examples is legal");
        let mut nodes = Nodes::of(&simulation);
        simulation.step(&mut nodes);
        propose(&mut simulation);
        (1..STEPS).for_each(|_| simulation.step(&mut nodes));
        let members = Members { first: OWNER + 1, count: 1, accounts: ACCOUNTS };
        Self { simulation, cohort, members, place: 2 }
    }

    /// What the strategy answers in a situation: an answer, or the fault of the strategy in words.
    ///
    /// # Errors
    /// What is wrong with the situation.
    pub(super) fn answer(
        &self,
        checked: &Checked,
        packages: (&Packages, HostOptions),
        (catalog, situation): (&Catalog, &Map),
    ) -> Result<Result<Answer, String>, String> {
        let mut script = self.script(checked, packages, (catalog, situation))?;
        let hook = situation::hook(situation)?.unwrap_or_else(|| first_hook(checked));
        let Some(reads) = script.reads(hook) else {
            return Err(format!("the strategy has no `{}`", hook.name()));
        };
        script.suppose(&situation::entries(situation, situation::MEMORY)?)?;
        script.suppose_draws(situation::draws(situation)?);
        let (world, registry) = (self.simulation.world(), self.simulation.registry());
        let (agents, subject) = ([AgentId(self.members.first)], situation::subject(hook));
        let asked = Asked { agents: &agents, accounts: usize::from(ACCOUNTS), subject };
        let (mut own, mut public) = (Columns::gather(world, &reads, asked), world.resource::<Public>().clone());
        let mut subject_values = self.momentary();
        let scopes: Vec<OwnScope> = registry.own.iter().map(|field| field.scope).collect();
        let directory = world.resource::<Directory>();
        let mut view = View {
            catalog,
            public: &mut public,
            own: &mut own,
            subject_values: &mut subject_values,
            directory,
            scopes: &scopes,
        };
        view.suppose(situation)?;
        let ask = Ask {
            hook,
            now: *world.resource::<Now>(),
            cohort: CohortId(self.place),
            agents: &agents,
            keys: &[1],
            subject,
            subject_values: &subject_values,
            own: &own,
            public: &public,
            streams: Streams::new(1),
            directory,
        };
        let mut replies = Replies::default();
        script.ask(&ask, &mut replies);
        replies.unpack(&agents);
        if let Some(fault) = replies.faults.first() {
            return Ok(Err(format!("{}: {}", fault.place, fault.message)));
        }
        let value = replies.values.first().map(|(_, value)| *value);
        Ok(Ok(Answer::new((registry, directory), &replies.intents, value, script.memory())))
    }

    fn script(
        &self,
        checked: &Checked,
        packages: (&Packages, HostOptions),
        (catalog, situation): (&Catalog, &Map),
    ) -> Result<CohortScript, String> {
        let mut cohort = self.cohort.clone();
        for (name, value) in situation::entries(situation, situation::PARAMS)? {
            let value = number(&value).ok_or_else(|| format!("`params.{name}` is a number"))?;
            cohort.params.insert(name.to_string(), value);
        }
        for (name, thing) in situation::entries(situation, situation::BIND)? {
            let thing =
                thing.into_string().map_err(|other| format!("`bind.{name}` is the name of a thing, not {other}"))?;
            cohort.bind.insert(name.to_string(), thing);
        }
        // A parameter that a scenario must bind means the one that the proposal changes.
        let open = checked.terms.declarations.params.iter().filter(|param| param.is_kind(Kind::Parameter));
        for param in open {
            cohort.bind.entry(param.name.clone()).or_insert_with(|| PARAMETER.to_owned());
        }
        let around = Surroundings::of(&self.simulation);
        let values = bind::values(around, &checked.terms.declarations.params, ("example", &cohort));
        let values = values.map_err(|error| error.to_string())?;
        let view = (catalog.clone(), around.directory);
        CohortScript::new(checked, values, self.members, view, packages).map_err(|problem| problem.to_string())
    }

    fn momentary(&self) -> Vec<f64> {
        let registry = self.simulation.registry();
        let value = |field: &palisade_engine::view::PublicField| {
            if (field.of, field.name) == (Kind::Pending, "action") {
                return registry.action(PENDING).map_or(-1.0, |action| f64::from(action.0));
            }
            let given = MOMENTARY.iter().find(|(kind, name, _)| (*kind, *name) == (field.of, field.name));
            given.map_or(f64::NAN, |(.., value)| *value)
        };
        registry.public.iter().map(value).collect()
    }
}

fn agent(role: Role, strategy: &str) -> Cohort {
    Cohort {
        role,
        strategy: strategy.into(),
        count: 1,
        accounts: 1,
        wallet: [].into(),
        margin: None,
        stake: None,
        params: [].into(),
        bind: [].into(),
        latency: Span(0),
    }
}

const PARAMETER: &str = "protocol.markets.TOK-PERP.imr";

/// Proposes half of the initial margin ratio.
fn propose(simulation: &mut Simulation) {
    let place = simulation.world().resource::<Directory>().find(Kind::Parameter, PARAMETER);
    let parameter = Value::Handle(Handle::new(Kind::Parameter, place.expect("the market has this parameter")));
    let actor = Actor { agent: AgentId(OWNER), account: 0 };
    for (name, args) in [("draft", [Some(parameter), Some(Value::Number(0.05)), None, None]), ("propose", [None; 4])] {
        let action: ActionId = simulation.registry().action(name).expect("governance declares it");
        simulation.act(&Intent { actor, action, args }).expect("the owner of the votes may propose");
    }
}

/// The honest node that keeps the feed alive.
struct Nodes {
    observation: usize,
}

impl Nodes {
    fn of(simulation: &Simulation) -> Self {
        let own = &simulation.registry().own;
        Self { observation: own.iter().position(|field| field.name == "observation").unwrap_or(usize::MAX) }
    }
}

impl Host for Nodes {
    fn wake(&mut self, _: CohortId) -> Wake {
        Wake::default()
    }

    fn reads(&mut self, cohort: CohortId, hook: Hook) -> Option<Reads> {
        (u32::from(cohort.0) == NODE && hook == Hook::Report).then(|| Reads::of_own(vec![self.observation]))
    }

    fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        let feed = ask.subject.map_or(0, |subject| subject.index as usize);
        let rows = 0..ask.agents.len();
        replies.values.extend(rows.map(|row| (row, ask.own.value(self.observation, feed, 0, row))));
    }
}
