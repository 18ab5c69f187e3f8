//! Hunts in worlds whose best attack is known in closed form: an attacker buys in one pool and sells in another.

#![allow(clippy::unwrap_used)]

use palisade_engine::math::impact::swap_out;
use tempfile::TempDir;

use super::*;
use crate::sample::{self, Onlooker};

/// Buys for money where the token is cheap, and sells all of it a step later where it is dear. On request it throws money
/// away at a gate, or fails whenever it is asked.
const TWO_POOLS: &str = r#"//! name: two pools
//! role: attacker
//! summary: buys where the token is cheap and sells where it is dear
//! requires: spot_venue

fn params() {
    #{
        cheap: venue_param("THIN/USD", "where it buys"),
        dear: venue_param("THIN/USD two", "where it sells"),
        gate: venue_param("GATE/USD", "where it loses money"),
        spend: param(2000.0, 0.0, 1.0e12, "coins spent"),
        toll: param(0.0, 0.0, 1000.0, "coins lost at the gate"),
        fails: param(0.0, 0.0, 1.0, "above a half it fails whenever it is asked")
    }
}

fn memory() { #{ phase: 0 } }

fn decide(me, world) {
    if me.params.fails > 0.5 {
        let list = [1.0];
        list[3] = 1.0;
    }
    if me.memory.phase == 0 && me.params.toll > 0.0 { me.buy(me.params.gate, me.params.toll); }
    if me.memory.phase == 0 { me.buy(me.params.cheap, me.params.spend); }
    if me.memory.phase == 1 { me.sell(me.params.dear, all); }
    me.memory.phase += 1;
}
"#;

const ATTACKER: &str = r#"attackers: Inline({"thief": (role: attacker, strategy: "two_pools", count: 1,
  wallet: {"USD": Fixed(200000.0)}, params: {"toll": 0.0})}),"#;
const VENUES: &str = r#"venues: {
  "THIN/USD": (base: "THIN", quote: "USD", price: 1.0, depth: 100000.0, fee: 0.0),
  "THIN/USD two": (base: "THIN", quote: "USD", price: 1.5, depth: 100000.0, fee: 0.0),
  "GATE/USD": (base: "GATE", quote: "USD", price: 1.0, depth: 1000000.0, fee: 0.5),
}"#;

/// Reserves of the two pools in units, tokens and money: 100,000 USD each, at 1 and at 1.5.
const CHEAP: (i64, i64) = (100_000_000_000, 100_000_000_000);
const DEAR: (i64, i64) = (66_666_666_666, 100_000_000_000);

/// What spending so much brings, to the unit, where the cheap pool takes a fee in parts per million.
fn profit(spend: i64, fee: u32) -> i64 {
    let bought = swap_out(spend, CHEAP.1, CHEAP.0, fee).unwrap();
    swap_out(bought, DEAR.0, DEAR.1, 0).unwrap() - spend
}

/// The spending that brings most: (√(x₁·x₂·y₁·y₂) − x₂·y₁) ÷ (x₁ + x₂), where the derivative of its profit is 0.
fn optimum() -> f64 {
    let (x1, y1, x2, y2) = (1e5, 1e5, 1e5 / 1.5, 1e5_f64);
    (x1 * x2 * y1 * y2).sqrt() / (x1 + x2) - x2 * y1 / (x1 + x2)
}

fn two_pools(changes: &[(&str, &str)]) -> (TempDir, RunRequest) {
    let assets = r#""THIN": (decimals: 6), "GATE": (decimals: 6)}"#;
    let pools = [
        ("//attackers", ATTACKER),
        (r#""THIN": (decimals: 6)}"#, assets),
        (r#"venues: {"THIN/USD": (base: "THIN", quote: "USD", price: 1.0, depth: 100000.0)}"#, VENUES),
    ];
    let (folder, request) = sample::calm(&[&pools, changes].concat());
    std::fs::create_dir(folder.path().join("my")).unwrap();
    std::fs::write(folder.path().join("my/two_pools.rhai"), TWO_POOLS).unwrap();
    let scripts = vec![folder.path().join("my")];
    (folder, RunRequest { scripts, steps: Some(4), seeds: 2, jobs: 2, ..request })
}

fn hunting() -> Hunting {
    Hunting {
        choice: Choice::default(),
        budget: 80,
        held_out: 3,
        capital_cost: 0.0,
        defences: Vec::new(),
        scope: Scope::Whole,
    }
}

fn set(request: &RunRequest, text: &str) -> RunRequest {
    let mut request = request.clone();
    request.sets.push(text.parse().unwrap());
    request
}

fn quiet() -> Onlooker {
    Onlooker::default()
}

fn value(hunt: &Hunt, name: &str) -> f64 {
    let place = hunt.searched.iter().position(|variable| variable.name == name).unwrap();
    hunt.best.plan[place]
}

#[allow(clippy::cast_possible_truncation)]
fn units(coins: f64) -> i64 {
    (coins * 1e6).round() as i64
}

#[test]
fn the_optimum_of_two_pools_is_found_and_told_to_the_unit() {
    let (_folder, request) = two_pools(&[]);
    let (hunt, certificate) = hunt(&request, &hunting(), &quiet()).unwrap();
    let (spend, best) = (value(&hunt, "spend"), optimum());
    assert!((spend / best - 1.0).abs() < 0.03, "{spend} is not near {best}");
    let expected = profit(units(spend), 0);
    assert!(hunt.best.worlds.iter().all(|world| world.profit == expected && world.outlay == units(spend)), "{hunt:?}");
    assert_eq!(hunt.best.worlds.iter().map(|world| world.seed).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!((hunt.seeds.as_slice(), hunt.held_out.as_slice()), (&[1, 2][..], &[3, 4, 5][..]));
    assert!(hunt.found && hunt.best.found_at > hunt.start.found_at && !hunt.interrupted, "{hunt:?}");
    assert!(hunt.evaluations <= 80 && hunt.evaluations > 70);
    assert_eq!(hunt.start.mean, Some(hunt.coins(profit(units(2000.0), 0))));
    assert_eq!(certificate.unwrap().expected_profit, expected);
    let still: Vec<_> = hunt.still.iter().map(|still| (still.name.as_str(), still.why)).collect();
    assert_eq!(still, [("toll", "starts at 0 and may be anything: give it a --range")]);
    assert!(
        hunt.command.contains(" --seed 3 --seeds 3 --steps 4 --set attackers.thief.params.fails="),
        "{}",
        hunt.command
    );
}

#[test]
fn a_hunt_is_the_same_on_any_number_of_threads_and_another_of_another_seed() {
    let (_folder, request) = two_pools(&[]);
    let run = |jobs: usize, seed: u64| {
        let request = RunRequest { jobs, seed, ..request.clone() };
        let (hunt, certificate) = hunt(&request, &Hunting { budget: 40, ..hunting() }, &quiet()).unwrap();
        (serde_json::to_string(&hunt).unwrap(), certificate)
    };
    let one = run(1, 1);
    assert_eq!(one, run(4, 1));
    assert_ne!(one, run(1, 2));
}

/// A fee of 40 % leaves nothing of the difference: doing nothing is best, and that is no attack.
#[test]
fn where_nothing_pays_none_is_found() {
    let (_folder, request) = two_pools(&[]);
    let request = set(&request, "market.venues.THIN/USD.fee=0.4");
    let (hunt, certificate) = hunt(&request, &hunting(), &quiet()).unwrap();
    assert!(!hunt.found && hunt.capital.is_none() && hunt.defences.is_empty(), "{hunt:?}");
    assert!(hunt.best.mean.is_some_and(|mean| mean <= 0.0) && hunt.best.mean > hunt.start.mean, "{hunt:?}");
    assert!(!certificate.unwrap().found);
}

/// A toll of 40 costs what its sale brings back; below the spending that earns as much, nothing is left.
#[test]
fn the_smallest_capital_and_the_break_even_are_those_of_the_formula() {
    let (_folder, request) = two_pools(&[]);
    let choice = Choice { params: vec!["spend".into()], fixed: vec![("toll".into(), 40.0)], ..Choice::default() };
    let way = Way { path: "market.venues.THIN/USD.fee".into(), ends: Some((0.0, 0.4)) };
    let far = Way { path: "market.venues.THIN/USD two.fee".into(), ends: Some((0.0, 0.001)) };
    let hunting = Hunting { choice, defences: vec![way, far], ..hunting() };
    let (hunt, _) = hunt(&request, &hunting, &quiet()).unwrap();
    let gate = 1_000_000_000_000;
    let got = swap_out(40_000_000, gate, gate, 500_000).unwrap();
    let toll = 40_000_000 - swap_out(got, gate - got, gate + 40_000_000, 500_000).unwrap();
    let spend = value(&hunt, "spend");
    assert_eq!(hunt.best.worlds[0].profit, profit(units(spend), 0) - toll);
    let pays = |share: f64| profit(units(spend * share), 0) > toll;
    let capital = hunt.capital.unwrap();
    let fails = capital.fails_at.unwrap();
    assert!(
        pays(capital.share) && !pays(fails) && fails < capital.share && fails > 0.95 * capital.share,
        "{capital:?}"
    );
    assert_eq!((capital.wallets, capital.wavers), (200_000.0 * capital.share, false));
    assert_eq!(units(capital.profit), profit(units(spend * capital.share), 0) - toll);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let pays = |fee: f64| profit(units(spend), (fee * 1e6).round() as u32) > toll;
    let defence = &hunt.defences[0];
    let (holds, stops) = (defence.pays_at.unwrap(), defence.stops_at.unwrap());
    assert_eq!((defence.verdict, defence.wavers), (DefenceVerdict::BreaksEven, false));
    assert!(pays(holds) && !pays(stops) && stops > holds && stops - holds < 0.001, "{defence:?}");
    assert_eq!((hunt.defences[1].verdict, hunt.defences[1].stops_at), (DefenceVerdict::DoesNotReach, None));
}

#[test]
fn capital_costs_and_the_best_plan_pays_them() {
    let (_folder, request) = two_pools(&[]);
    let (hunt, _) = hunt(&request, &Hunting { capital_cost: 1000.0, ..hunting() }, &quiet()).unwrap();
    let spend = value(&hunt, "spend");
    // Four seconds at 1,000 a year on what is put in.
    let cost = (spend * 1e6 * 1000.0 * (4_000.0 / (365.0 * 86_400_000.0))).ceil();
    assert_eq!(hunt.best.worlds[0].profit, profit(units(spend), 0) - units(cost / 1e6));
}

#[test]
fn a_strategy_that_keeps_failing_is_worth_nothing_whatever_it_holds() {
    let (_folder, request) = two_pools(&[(r#"(for: "2m", dt: "1s")"#, r#"(for: "5m", dt: "1s")"#)]);
    let request = RunRequest { steps: None, ..request };
    let watch = quiet();
    let field = Field { request: &request, watch: &watch, capital_cost: 0.0 };
    let play = |text: &str| field.play(&[text.parse().unwrap()], &[1]).unwrap();
    assert!(play("attackers.thief.params.fails=0.4").is_some_and(|takings| takings[0].profit > 0));
    assert_eq!(play("attackers.thief.params.fails=0.6"), None, "asked 200 times in vain");
    assert_eq!(play("attackers.thief.params.fails=6"), None, "out of bounds");
}

/// The search plays plans without reading the scenario again.
#[test]
fn a_plan_brings_the_same_whether_it_is_set_or_read() {
    let (_folder, request) = two_pools(&[]);
    let (loaded, watch) = (load(&request).unwrap(), quiet());
    let space = Space::of(&loaded, &Choice::default()).unwrap();
    let field = Field { request: &request, watch: &watch, capital_cost: 0.0 };
    for plan in [[0.1, 3000.0], [0.2, 250_000.0]] {
        let read = field.play(&space.sets(&plan, 1.0).unwrap(), &[1, 2]).unwrap();
        assert_eq!(read, field.play_loaded((&space.played(&loaded, &plan), &request), &[1, 2]).unwrap());
        assert!(read.is_some_and(|takings| (takings[0].profit != 0) == (plan[1] < 200_000.0)));
    }
}

#[test]
fn an_early_end_is_told_and_certifies_nothing() {
    let (_folder, request) = two_pools(&[]);
    let watch = Onlooker { interrupts: true, ..Onlooker::default() };
    let (hunt, certificate) = hunt(&request, &hunting(), &watch).unwrap();
    assert!(hunt.interrupted && !hunt.found && certificate.is_none() && hunt.best.mean.is_none(), "{hunt:?}");
}

#[test]
fn what_makes_no_sense_is_found_before_anything_runs() {
    let (_folder, request) = two_pools(&[]);
    let refused = |request: &RunRequest, hunting: Hunting, expected: &str| {
        let watch = quiet();
        let error = hunt(request, &hunting, &watch).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(watch.steps.into_inner(), 0);
    };
    let choice = |change: fn(&mut Choice)| {
        let mut choice = Choice::default();
        change(&mut choice);
        Hunting { choice, ..hunting() }
    };
    refused(&request, choice(|choice| choice.params = vec!["spent".into()]), "did you mean `spend`?");
    refused(&request, choice(|choice| choice.fixed = vec![("fails".into(), 2.0)]), "expected 0 to 1, found 2");
    refused(&request, choice(|choice| choice.ranges = vec![("spend".into(), 5.0, 1.0)]), "the lower end first");
    refused(&request, choice(|choice| choice.attacker = Some("two_pool".into())), "did you mean `two_pools`?");
    refused(&request, choice(|choice| choice.attacker = Some("noise".into())), "not of an attacker");
    refused(&request, Hunting { capital_cost: -0.1, ..hunting() }, "--capital-cost");
    let way = |path: &str, ends| Hunting { defences: vec![Way { path: path.into(), ends }], ..hunting() };
    refused(&request, way("market.venues.THIN/USD.fee", None), "neither way plainly protects more");
    refused(&request, way("market.venues.THIN/USD.base", None), "no single number");
    refused(&request, way("market.venues.THIN/USD.fee", Some((0.0, 0.9))), "expected 0 to 0.5");
    let (_folder, calm) = sample::calm(&[]);
    refused(&calm, hunting(), "nobody attacks");
}

/// Another strategy takes over with what it knows of the parameters and handles that the scenario sets.
#[test]
fn an_attacker_can_be_replaced() {
    let (folder, request) = two_pools(&[(r#"params: {"toll": 0.0}"#, r#"params: {"toll": 0.0, "spend": 500.0}"#)]);
    let heir = TWO_POOLS
        .replace("toll: param(0.0, 0.0, 1000.0, \"coins lost at the gate\"),", "")
        .replace("me.params.toll", "0.0");
    std::fs::write(folder.path().join("my/heir.rhai"), heir).unwrap();
    let choice = Choice { attacker: Some("heir".into()), ..Choice::default() };
    let (hunt, _) = hunt(&request, &Hunting { choice, budget: 30, ..hunting() }, &quiet()).unwrap();
    let attacker = &hunt.attackers[0];
    assert_eq!((attacker.cohort.as_str(), attacker.strategy.as_str()), ("thief", "heir"));
    assert_eq!(hunt.start.mean, Some(hunt.coins(profit(units(500.0), 0))), "with the spending that the scenario sets");
    assert!(
        hunt.command
            .contains(r#"--set 'attackers.thief.strategy="heir"' --set 'attackers.thief.params={"spend": 500}'"#)
    );
    assert!(hunt.best.found_at > hunt.start.found_at);
}

/// Each cohort has its own numbers, and a short name means those of all.
#[test]
fn several_cohorts_are_searched_together() {
    let twin = ATTACKER.replace("attackers: Inline({", "").replace("\"thief\"", "\"twin\"").replace("}),", "");
    let both = format!("{}, {twin}}}),", ATTACKER.trim_end_matches("}),"));
    let (_folder, request) = two_pools(&[(ATTACKER, &both)]);
    let choice = Choice { params: vec!["spend".into()], fixed: vec![("twin.spend".into(), 0.0)], ..Choice::default() };
    let (found, certificate) = hunt(&request, &Hunting { choice, ..hunting() }, &quiet()).unwrap();
    let names: Vec<&str> = found.searched.iter().map(|variable| variable.name.as_str()).collect();
    assert_eq!((names, found.attackers.len()), (vec!["thief.spend"], 2));
    let spend = value(&found, "thief.spend");
    assert!(
        (spend / optimum() - 1.0).abs() < 0.03 && found.command.contains("attackers.twin.params.spend=0"),
        "{found:?}"
    );
    assert_eq!(certificate.unwrap().expected_profit, profit(units(spend), 0));
}

mod certificates {
    use super::*;

    fn certified() -> (TempDir, RunRequest, Certificate) {
        let (folder, request) = two_pools(&[]);
        let hunting = Hunting { budget: 20, ..hunting() };
        let (_, certificate) = hunt(&request, &hunting, &quiet()).unwrap();
        (folder, request, certificate.unwrap())
    }

    #[test]
    fn what_is_written_is_read_and_holds_at_any_number_of_threads() {
        let (folder, request, certificate) = certified();
        let file = folder.path().join("found.json");
        certificate.write(&file).unwrap();
        assert!(certificate.write(&file).unwrap_err().to_string().ends_with("exists already, and is not written over"));
        let read = Certificate::open(&file).unwrap().unwrap();
        assert_eq!(read, certificate);
        // The script travels with it: neither its folder nor another of the same name is looked at.
        std::fs::remove_dir_all(folder.path().join("my")).unwrap();
        for jobs in [1, 4] {
            let checked = read.check(&RunRequest { jobs, ..request.clone() }, &quiet()).unwrap();
            assert!(checked.ok && checked.worlds.len() == 3, "{checked:?}");
            assert_eq!(checked.found_profit, Some(certificate.expected_profit));
        }
    }

    #[test]
    fn a_unit_too_much_is_found_with_its_seed() {
        let (_folder, request, certificate) = certified();
        let tampered = |change: fn(&mut World)| {
            let mut certificate = certificate.clone();
            change(&mut certificate.worlds[1]);
            let checked = certificate.check(&request, &quiet()).unwrap();
            assert!(!checked.ok);
            let wrong: Vec<u64> =
                checked.worlds.iter().filter(|world| !world.ok).map(|world| world.expected.seed).collect();
            (checked.changed, wrong)
        };
        assert_eq!(tampered(|world| world.outlay += 1), (vec![], vec![4]));
        assert_eq!(tampered(|world| world.loss_caused -= 1), (vec![], vec![4]));
        // Three worlds: a unit more of one is a third more of the mean, which is rounded down.
        assert_eq!(tampered(|world| world.profit += 1), (vec![], vec![4]));
        let mut certificate = certificate.clone();
        certificate.expected_profit += 1;
        let checked = certificate.check(&request, &quiet()).unwrap();
        assert!(!checked.ok && checked.changed[0].contains("not the mean"), "{checked:?}");
    }

    #[test]
    fn another_scenario_or_script_is_told_and_not_played() {
        let (_folder, request, certificate) = certified();
        let changed = |certificate: &Certificate| {
            let watch = quiet();
            let checked = certificate.check(&request, &watch).unwrap();
            assert!(!checked.ok && checked.worlds.is_empty());
            assert_eq!(watch.steps.into_inner(), 0);
            checked.changed.join("; ")
        };
        let mut other = certificate.clone();
        other.texts[0].1 += "// changed";
        assert_eq!(changed(&other), "the script of `two_pools` is not the one that the certificate is of");
        let text = std::fs::read_to_string(&request.scenario).unwrap();
        std::fs::write(&request.scenario, text.replace("depth: 1000000.0", "depth: 2000000.0")).unwrap();
        assert!(changed(&certificate).ends_with("sample.ron is not the one that the certificate is of"));
        std::fs::remove_file(&request.scenario).unwrap();
        assert!(certificate.check(&request, &quiet()).unwrap_err().to_string().contains("no such file"));
    }

    #[test]
    fn only_whole_certificates_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.json");
        assert_eq!(Certificate::open(&file).unwrap(), None, "not there");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Certificate::open(&file).map_err(|error| error.to_string())
        };
        assert_eq!(read("(format: 1)"), Ok(None));
        assert_eq!(read("{\"other\": 1}"), Ok(None));
        assert!(
            read("{\"palisade_certificate\": 2}")
                .unwrap_err()
                .contains("format 2 is not known: this version reads format 1")
        );
        assert!(read("{\"palisade_certificate\": 1}").unwrap_err().contains("is no whole certificate: missing field"));
        assert!(read("{\"palisade_certificate\": 1").unwrap_err().contains("is no whole certificate"));
    }
}

/// How parameters of shipped strategies are searched.
mod spaces {
    use super::*;

    #[track_caller]
    fn check(scenario: &str, name: &str, expected: (f64, f64, Scale)) {
        let request = RunRequest { scenario: scenario.into(), ..RunRequest::default() };
        let space = Space::of(&load(&request).unwrap(), &Choice::default()).unwrap();
        let variable = space.variables.iter().find(|variable| variable.name == name).unwrap();
        assert_eq!((variable.low, variable.high, variable.scale), expected, "{name}");
        let (plan, outside) = space.plan(&space.point(&space.start()));
        let near = |(found, start): (&f64, &f64)| (found - start).abs() <= 1e-3 * start.abs();
        assert!(outside == 0.0 && plan.iter().zip(&space.start()).all(near), "{plan:?}");
    }

    #[test]
    fn bounds_that_say_nothing_are_those_of_the_wallet_or_of_the_start() {
        check("mango_2022", "margin", (0.0, 14_050_000.0, Scale::Linear));
        check("mango_2022", "contracts", (4.83e3, 4.83e9, Scale::Log));
        check("mango_2022", "push_minutes", (0.01, 400.0, Scale::Log));
        check("mango_2022", "target_multiple", (1.0, 1000.0, Scale::Log));
        check("mango_2022", "dump", (0.0, 1.0, Scale::Linear));
        check("oracle_collusion", "multiple", (1.0, 1000.0, Scale::Log));
        check("oracle_collusion", "use_margin", (0.0, 1.0, Scale::Linear));
        check("quorum_capture", "value", (0.0002, 10.0, Scale::Log));
    }
}
