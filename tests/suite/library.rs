//! What every strategy of the library inherits: it is sound, carries cases that pass, and decides within its budget, the
//! same way twice, in a calm market, a crash and a market that jumps.

use std::fmt::Write;

use palisade_agents::{
    Backend, HostOptions, Library, ParamKind, ScriptHost, Shelf, Strategy, Verdict, cases, check, outline,
};
use palisade_engine::domain::CohortId;
use palisade_engine::host::{Ask, Hook, Host, Replies, Wake};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::{Kind, Registry};
use palisade_engine::scenario::{Amounts, AssetSpec, Cohort, Role, Scenario};
use palisade_engine::view::Reads;
use palisade_engine::{Options, Simulation};
use palisade_tests::worlds::{cohort, small, wallet};

/// Prices of the token outside the world, in the three scenarios.
const WEATHER: [(&str, &str); 3] = [
    ("calm", "Gbm(drift: 0.0, volatility: 0.5)"),
    (
        "crash",
        r#"Replay(points: [(at: "0s", price: 1.0), (at: "5m", price: 0.98), (at: "12m", price: 0.4), (at: "30m", price: 0.5)])"#,
    ),
    ("jumps", "Merton(drift: 0.0, volatility: 3.0, jumps_per_day: 400.0, jump_mean: 0.0, jump_deviation: 0.05)"),
];
const STEPS: u32 = 500;

/// A protocol that has whatever a strategy can require, with everyone in it who makes it move.
fn scenario(tested: &Strategy, process: &str) -> Scenario {
    let prices = format!(r#"{{"TOK": (start: 1.0, process: {process})}}"#);
    let mut scenario = small(&[
        ("market.prices", &prices),
        ("market.outside", r#"(inventory: {"USD": 1e9, "TOK": 1e9}, spread: 0.0005)"#),
        (
            "market.venues",
            r#"{"TOK/USD": (base: "TOK", quote: "USD", price: 1.0, depth: 500000.0, fee: 0.003),
                "TOK/USD 2": (base: "TOK", quote: "USD", price: 1.0, depth: 100000.0, fee: 0.003),
                "STK/USD": (base: "STK", quote: "USD", price: 10.0, depth: 500000.0, fee: 0.003)}"#,
        ),
        (
            "protocol.vaults",
            r#"{"pool": (asset: "STK", venue: "STK/USD", markets: ["TOK-PERP"], cooldown: "2m"), "nodes": ()}"#,
        ),
        ("protocol.feeds", r#"{"TOK": (sources: ["TOK/USD"], heartbeat: "10s", deviation: 0.001, own_noise: 0.0005)}"#),
        (
            "protocol.markets",
            r#"{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: 0.1, mmr: 0.05, skew_scale: 1e7, fee: 0.0005,
                fee_stake_share: 0.5, funding_period: "1m", funding_cap: 0.01, unrealized_weight: 1.0)}"#,
        ),
        ("protocol.funds", "(pool: 2000000.0, insurance: 50000.0, deposits: 1000000.0)"),
        (
            "protocol.governance",
            r#"(token: "STK", threshold: 0.001, quorum: 0.01, review: "10s", period: "5m", timelock: "1m")"#,
        ),
        ("protocol.offences", "(deviation_tolerance: 0.02, deviation_slash: 0.05)"),
    ]);
    scenario.clock[0].length = palisade_engine::units::Span(100_000_000);
    scenario.clock[0].dt = palisade_engine::units::Span(2_000);
    scenario.assets.push(("STK".into(), AssetSpec { decimals: 6 }));
    let plays = |strategy: &str, mut cohort: Cohort| {
        strategy.clone_into(&mut cohort.strategy);
        cohort
    };
    let rich = wallet(&[("USD", 50_000.0), ("TOK", 5_000.0), ("STK", 2_000.0)]);
    let mut traders = plays("noise", cohort(Role::Trader, 6));
    (traders.margin, traders.params) = (Some(Amounts::Fixed(5_000.0)), [("rate".to_owned(), 0.05)].into());
    let mut nodes = plays("honest", cohort(Role::Oracle, 3));
    (nodes.stake, nodes.bind) = (Some(Amounts::Fixed(1_000.0)), [("vault".to_owned(), "nodes".to_owned())].into());
    let mut keepers = plays("keeper", cohort(Role::Keeper, 1));
    keepers.margin = Some(Amounts::Fixed(50_000.0));
    let mut arbitrageurs = plays("spot", cohort(Role::Arbitrageur, 1));
    (arbitrageurs.wallet, arbitrageurs.bind) = (rich.clone(), [("venue".to_owned(), "TOK/USD".to_owned())].into());
    let role = tested.card.role.expect("a strategy has a role");
    let mut actors = plays(&tested.name, cohort(role, 2));
    (actors.accounts, actors.wallet, actors.margin) = (3, rich, Some(Amounts::Fixed(10_000.0)));
    if tested.text.contains("fn bid(") {
        let form = if tested.name.starts_with("english") { "english" } else { "dutch" };
        scenario.blocks.insert("protocol.liquidation".into(), "(route: auction)".into());
        scenario.blocks.insert("protocol.auctions".into(), format!(r#"(form: {form}, duration: "20s", quiet: "6s")"#));
    }
    if role == Role::Validator {
        let blockspace =
            r#"(priority: "proposer", liquidations: queued, vault: "nodes", base_fee: 0.01, capacity: 2.0)"#;
        scenario.blocks.insert("protocol.blockspace".into(), blockspace.into());
    }
    if matches!(role, Role::Oracle | Role::Validator) {
        actors.stake = Some(Amounts::Fixed(500.0));
        actors.bind.insert("vault".into(), "nodes".into());
    }
    let library = Library::load(&[]).expect("the library");
    for param in outline(&library, tested).expect("a sound strategy").params {
        match param.kind {
            ParamKind::Thing { kind: Kind::Parameter, .. } => {
                actors.bind.insert(param.name, "protocol.markets.TOK-PERP.imr".into());
            }
            ParamKind::Thing { kind: Kind::Vault, .. } if role != Role::Oracle => {
                actors.bind.insert(param.name, "pool".into());
            }
            _ => {}
        }
    }
    let part = if role == Role::Attacker { "attackers.tested" } else { "population.tested" };
    scenario.cohorts = [
        ("population.nodes", nodes),
        ("population.traders", traders),
        ("population.keepers", keepers),
        ("population.arbitrageurs", arbitrageurs),
        (part, actors),
    ]
    .map(|(path, cohort)| (path.to_owned(), cohort))
    .into();
    scenario
}

/// Scripts to whom everything public is shown, whatever they are known to read.
struct Openly(ScriptHost);

impl Host for Openly {
    fn wake(&mut self, cohort: CohortId) -> Wake {
        self.0.wake(cohort)
    }

    fn reads(&mut self, cohort: CohortId, hook: Hook) -> Option<Reads> {
        self.0.reads(cohort, hook).map(|reads| Reads::of_own(reads.own))
    }

    fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        self.0.ask(ask, replies);
    }
}

/// The whole state after the run, and how many decisions failed. Interpreted, all that is public is shown.
fn play(library: &Library, scenario: &Scenario, backend: Backend) -> (String, u64, Vec<String>) {
    let mut simulation =
        Simulation::new(scenario, &ALL, Options { seed: 11, ..Options::default() }).expect("a legal scenario");
    let host = ScriptHost::new(library, scenario, &simulation, HostOptions { backend, ..HostOptions::default() })
        .unwrap_or_else(|error| panic!("{}: {error}", scenario.cohorts[4].1.strategy));
    let mut host: Box<dyn Host> = match backend {
        Backend::Rhai => Box::new(Openly(host)),
        _ => Box::new(host),
    };
    let mut text = String::new();
    for step in 0..STEPS {
        simulation.step(&mut *host);
        if step % 100 == 99 {
            simulation.write_state(&mut text).expect("strings take everything");
        }
        for frame in simulation.take_frames().iter().filter(|frame| frame.table == "faults" && frame.rows() > 0) {
            write!(text, "{frame:?}").expect("strings take everything");
        }
    }
    (text, simulation.fault_count(), simulation.benched())
}

fn every_strategy() -> (Library, Vec<Strategy>) {
    let library = Library::load(&[]).expect("the library");
    let all = library.strategies().cloned().collect();
    (library, all)
}

#[test]
fn every_strategy_is_sound_and_says_what_it_is() {
    let (library, all) = every_strategy();
    let registry = Registry::of(&ALL);
    for strategy in &all {
        assert_eq!(check(&library, strategy, &registry), [], "{}", strategy.file);
        assert_eq!(strategy.shelf, Shelf::Strategy);
        assert!(strategy.card.source.is_some(), "{} names no source", strategy.file);
        assert!(strategy.text.lines().all(|line| line.chars().count() <= 140), "{} has long lines", strategy.file);
        for param in outline(&library, strategy).expect("a sound strategy").params {
            assert!(!param.doc.is_empty(), "`{}` of {} is not explained", param.name, strategy.file);
        }
    }
    assert!(all.len() >= 25, "{} strategies", all.len());
    for (role, name) in Role::ALL {
        let of_role = all.iter().filter(|strategy| strategy.card.role == Some(role)).count();
        assert!(of_role >= 2, "{of_role} strategies of role {name}");
    }
    let attackers = all.iter().filter(|strategy| strategy.card.role == Some(Role::Attacker)).count();
    assert!(attackers >= 6, "{attackers} attackers");
}

#[test]
fn every_strategy_passes_its_own_cases() {
    let (library, all) = every_strategy();
    for strategy in &all {
        let cases = cases(&library, strategy).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert!(cases.len() >= 2, "{} has {} cases", strategy.file, cases.len());
        for case in cases {
            assert_eq!(case.verdict, Verdict::Passed, "{}:{}: {}", case.file, case.line, case.title);
        }
    }
}

#[test]
fn every_strategy_decides_within_its_budget_and_the_same_over_columns_and_interpreted() {
    let (library, all) = every_strategy();
    for strategy in &all {
        for (weather, process) in WEATHER {
            let scenario = scenario(strategy, process);
            let [one, two] = [Backend::Auto, Backend::Rhai].map(|backend| play(&library, &scenario, backend));
            assert_eq!(
                (one.1, &one.2),
                (0, &Vec::new()),
                "{} in {weather}: {}",
                strategy.file,
                &one.0[..one.0.len().min(900)]
            );
            assert!(one.0 == two.0, "{} decides differently in the interpreter in {weather}", strategy.file);
        }
    }
}
