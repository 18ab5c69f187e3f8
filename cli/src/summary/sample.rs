//! Fixed reports for the tests of wording.

use palisade_lab::report::{
    Attack, Faults, FlowRow, GroupRow, OutcomeRow, Proportion, RefusalRow, Report, Solvency, Stats, StoryLine, World,
};

pub(crate) fn group(name: &str, change: f64, without_attack: Option<f64>) -> GroupRow {
    GroupRow {
        group: name.to_owned(),
        role: "trader".to_owned(),
        start: 100.0,
        end: 100.0 + change,
        change,
        without_attack,
        caused: without_attack.map(|without| change - without),
    }
}

pub(crate) fn flow(from: &str, to: &str, asset: &str, amount: f64) -> FlowRow {
    let [from, to, asset, reason] = [from, to, asset, "profit"].map(str::to_owned);
    FlowRow { from, to, reason, asset, amount }
}

fn outcome(name: &str, unit: &str, first: f64, stats: Option<Stats>) -> OutcomeRow {
    OutcomeRow { name: name.to_owned(), unit: unit.to_owned(), doc: "One line.".to_owned(), first, stats }
}

fn party(name: &str, role: &str, start: f64, change: f64, without: f64) -> GroupRow {
    GroupRow { role: role.to_owned(), start, end: start + change, ..group(name, change, Some(without)) }
}

fn told(time_ms: u64, text: &str) -> StoryLine {
    StoryLine { time_ms, text: text.to_owned() }
}

fn world() -> World {
    let refusal = RefusalRow {
        cohort: "makers".to_owned(),
        action: "open".to_owned(),
        reason: "not enough free margin".to_owned(),
        count: 1_042,
    };
    World {
        seed: 1,
        story: vec![
            told(0, "mango eisenberg deposited 10.00 M USD and opened 488.00 M MNGO-PERP against its second account"),
            told(
                325_000,
                "MNGO/USD on the thin venue rose from 0.038 to 0.91, and the feed followed within two of its rounds, \
                 as no collar limits its change",
            ),
            told(1_800_000, "eisenberg withdrew 116.00 M USD"),
        ],
        groups: vec![
            party("eisenberg", "attacker", 20e6, 102e6, 0.0),
            party("depositors", "depositors", 190e6, -98.1e6, 0.0),
            party("makers", "trader", 30e6, -4e6, -100_000.0),
            party("nodes", "oracle", 1e6, 0.0, 0.0),
            party("insurance", "insurance", 0.0, 0.0, 0.0),
        ],
        flows: vec![
            flow("depositors", "eisenberg", "USD", 98.1e6),
            flow("eisenberg", "liquidity", "USD", 4e6),
            flow("liquidity", "eisenberg", "MNGO", 12e6),
        ],
        refusals: vec![refusal],
        faults: Faults::default(),
        attack: Some(Attack {
            outlay: 14e6,
            gross: 116e6,
            net: 102e6,
            withdrawn: 116e6,
            peak_paper_profit: 410e6,
            loss_caused: 98.1e6,
        }),
        solvency: Solvency {
            assets_minus_claims: -98.1e6,
            insolvent: true,
            deficits: 98.1e6,
            insurance_paid: 0.0,
            stake_paid: 0.0,
            deleveraged: 0.0,
            socialized: 0.0,
            written_off: 98.1e6,
        },
    }
}

/// One world with an attack that pays.
pub(crate) fn one_world() -> Report {
    Report {
        verdict: String::new(),
        scenario: "mango_2022".to_owned(),
        summary: "a thin token's perpetual attacked through the venue its oracle reads".to_owned(),
        version: "0.1.0".to_owned(),
        scenario_hash: "0123456789abcdef0123456789abcdef".to_owned(),
        scripts_hash: "fedcba9876543210fedcba9876543210".to_owned(),
        command: "palisade run scenarios/incidents/mango_2022.ron --seed 1".to_owned(),
        seeds: vec![1],
        worlds: 1,
        interrupted: false,
        steps: 720,
        time: "1h".to_owned(),
        settlement: "USD".to_owned(),
        first: world(),
        outcomes: vec![
            outcome("attacker_net", "coins", 102e6, None),
            outcome("liquidations", "actions", 1_204.0, None),
            outcome("largest_gap", "ratio", 0.0312, None),
            outcome("stale_time", "s", 0.0, None),
        ],
        fail_if: None,
        out: None,
    }
}

/// One world in which nobody attacks.
pub(crate) fn without_attackers() -> Report {
    let mut report = one_world();
    report.first.attack = None;
    report.first.groups = vec![group("makers", -3.0, None), group("pool", 3.0, None)];
    report.first.solvency = Solvency { assets_minus_claims: 2e6, insolvent: false, deficits: 0.0, ..world().solvency };
    report
}

/// A hundred worlds, which are too few for the far tail.
pub(crate) fn many_worlds() -> Report {
    let none = Stats {
        n: 100,
        mean: 0.0,
        p50: 0.0,
        p95: 0.0,
        p99: Some(0.0),
        expected_shortfall_95: Some(0.0),
        probability: None,
        too_few: None,
    };
    let stats = |probability| Stats {
        n: 100,
        mean: 90e6,
        p50: 101e6,
        p95: 104e6,
        p99: None,
        expected_shortfall_95: Some(104.5e6),
        probability,
        too_few: Some("too few seeds (100): the 99 % quantile needs 500".to_owned()),
    };
    let share = |events: u32, low, high| Proportion { events, p: f64::from(events) / 100.0, low, high };
    Report {
        seeds: (1..=100).collect(),
        worlds: 100,
        command: "palisade run scenarios/incidents/mango_2022.ron --seed 1 --seeds 100".to_owned(),
        outcomes: vec![
            outcome("attacker_net", "coins", 102e6, Some(stats(None))),
            outcome("deleveraged", "coins", 0.0, Some(none)),
            outcome("attack_profitable", "flag", 1.0, Some(stats(Some(share(87, 0.790, 0.922))))),
            outcome("insolvent", "flag", 1.0, Some(stats(Some(share(85, 0.767, 0.907))))),
        ],
        out: Some("runs/mango".to_owned()),
        ..one_world()
    }
}
