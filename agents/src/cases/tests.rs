//! Examples against small strategies: what passes, what fails and how it is said.
#![allow(clippy::unwrap_used)]

use super::*;

const CARD: &str = "//! name: x\n//! role: trader\n//! summary: s\n";
const BODY: &str = r#"
fn params() { #{ market: market_param("first"), size: param(2.0, 0.0, 9.0, "size") } }
fn memory() { #{ seen: 0.0, open: false } }
fn decide(me, world) {
    let market = me.params.market;
    if market.mark > 100.5 && !me.memory.open { me.account(1).open(market, me.params.size); }
    if me.account(0).free > 50_000.0 { me.account(0).withdraw(all); }
    if me.account(1).position(market).size > 5.0 { me.account(1).close(market, fraction(0.5)); }
    me.memory.seen = market.mark;
}
fn vote(me, proposal) { if proposal.loosens { AGAINST } else { FOR } }
"#;

fn run(cases: &str) -> Result<Vec<Case>, String> {
    let text = format!("{CARD}{BODY}fn cases() {{ [\n{cases}\n] }}");
    let library = Library::of_texts(&[("x.rhai", &text)]).unwrap();
    super::cases(&library, library.get("x").unwrap())
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[track_caller]
fn passes(situation: &str, check: &str) {
    let cases = run(&format!("example(\"e\", {situation}, |a| {check})")).unwrap();
    assert_eq!(cases[0].verdict, Verdict::Passed, "{situation} {check}");
}

#[test]
fn examples_change_facts_of_the_standard_world() {
    passes("#{}", "a.is_quiet() && !a.answered && a.memory.seen == 100.0 && !a.asks(\"open\")");
    passes("#{ market: #{ mark: 101 } }", "a.count(\"open\") == 1 && a.number(\"open\", \"size\") == 2.0");
    passes("#{ market: [#{ mark: 101.0 }], params: #{ size: 3 } }", "a.number(\"open\", \"size\", 1) == 3.0");
    passes("#{ market: #{ mark: 101.0 }, memory: #{ open: true } }", "a.is_quiet() && a.memory.open");
    passes("#{ account: #{ free: 60_000.0 } }", "a.is_all(\"withdraw\", \"amount\")");
    passes("#{ position: #{ size: 6.0 } }", "a.asks(\"close\") && !a.is_all(\"close\", \"size\")");
    passes("#{ position: [#{ size: 6.0 }] }", "a.is_quiet()");
    passes("#{ market: #{ mark: 101.0 } }", "a.asks(\"open\", 1) && !a.asks(\"open\", 0) && a.count(\"open\", 1) == 1");
    passes("#{ market: #{ mark: 101.0 } }", "a.name(\"open\", \"market\") == \"TOK-PERP\"");
    passes("#{ position: #{ size: 6.0 } }", "a.share(\"close\", \"size\") == 0.5");
    passes("#{ hook: \"vote\" }", "a.answered && a.value == AGAINST");
    passes("#{ hook: \"vote\", proposal: #{ loosens: false } }", "a.value == FOR");
}

#[test]
fn things_and_draws_can_be_supposed() {
    let body = "fn params() { #{ venue: venue_param(\"first\") } }\n\
                fn decide(me, world) {\n\
                    if me.rng.chance(0.5) { me.sell(me.params.venue, all); }\n\
                    if world.market(\"TOK-PERP\").spot == world.venue(\"STK/USD\") { me.buy(me.params.venue, me.rng.normal()); }\n\
                }";
    let check = |situation: &str, check: &str| {
        let text = format!("{CARD}{body}\nfn cases() {{ [ example(\"e\", {situation}, |a| {check}) ] }}");
        let library = Library::of_texts(&[("x.rhai", &text)]).unwrap();
        let cases = super::cases(&library, library.get("x").unwrap()).map_err(|problems| problems[0].to_string());
        cases.map(|cases| cases[0].verdict.clone())
    };
    let sold = "a.name(\"sell\", \"venue\") == \"TOK/USD 2\"";
    assert_eq!(check("#{ bind: #{ venue: \"TOK/USD 2\" }, rng: #{ uniform: 0.4 } }", sold), Ok(Verdict::Passed));
    assert_eq!(check("#{ rng: #{ uniform: 0.5 } }", "a.is_quiet()"), Ok(Verdict::Passed));
    let bought = "a.number(\"buy\", \"spend\") == 7.0";
    let spot = "#{ rng: #{ uniform: 0.9, normal: 7.0 }, market: #{ spot: \"STK/USD\" } }";
    assert_eq!(check(spot, bought), Ok(Verdict::Passed));
    let wrong = check("#{ market: #{ spot: \"STK/US\" } }", "true").unwrap_err();
    assert!(wrong.contains("`market.spot`: there is no venue `STK/US` (did you mean `STK/USD`?)"), "{wrong}");
    assert!(check("#{ bind: #{ venu: \"STK/USD\" } }", "true").unwrap_err().contains("venu"));
    assert!(check("#{ rng: #{ uniforms: 1.0 } }", "true").unwrap_err().contains("not by `uniforms`"));
}

#[test]
fn a_failed_example_says_what_was_asked_for() {
    let cases = run("example(\"stays\", #{ market: #{ mark: 101.0 } }, |a| a.is_quiet()),\n\
                     example(\"nothing\", #{}, |a| a.asks(\"open\"))")
    .unwrap();
    let said: Vec<_> =
        cases.iter().map(|case| (case.title.as_str(), case.line, case.column, case.verdict.clone())).collect();
    let opened = "it asked for open(market: TOK-PERP, size: 2) on account 1".to_owned();
    assert_eq!(
        said,
        [("stays", 16, 1, Verdict::Failed(opened)), ("nothing", 17, 1, Verdict::Failed("it did nothing".into()))]
    );
}

#[track_caller]
fn faults(situation: &str, check: &str, expected: &str) {
    let cases = run(&format!("example(\"e\", {situation}, |a| {check})")).unwrap();
    let Verdict::Faulted(message) = &cases[0].verdict else { panic!("{:?}", cases[0].verdict) };
    assert!(message.contains(expected), "{message}");
}

#[test]
fn an_example_that_cannot_be_judged_is_a_fault() {
    faults(
        "#{}",
        "a.number(\"open\", \"size\") > 0.0",
        "x.rhai:16:25: there is no `open` in the answer: it did nothing",
    );
    faults("#{ market: #{ mark: 101.0 } }", "a.number(\"open\", \"sise\") > 0.0", "(did you mean `size`?)");
    faults(
        "#{ account: #{ free: 60_000.0 } }",
        "a.number(\"withdraw\", \"amount\") > 0.0",
        "`amount` of `withdraw` is all",
    );
    faults("#{}", "a.is_quite()", "(did you mean `is_quiet`?)");
    faults("#{}", "a.value > 0.0", "the hook returned nothing");
    faults("#{}", "1", "the example returned i64, not a flag");
    faults("#{ market: #{ mark: 0.0 } }", "{ loop {} }", "operations");
}

#[track_caller]
fn refused(cases: &str, expected: &str) {
    let found = run(cases).unwrap_err();
    assert!(found.contains(expected), "{found}");
}

#[test]
fn an_impossible_situation_names_its_place_and_the_nearest_name() {
    refused(
        "example(\"e\", #{ markt: #{} }, |a| true)",
        "x.rhai:16:1: a situation has no `markt` (did you mean `market`?)",
    );
    refused("example(\"e\", #{ market: #{ mrk: 1 } }, |a| true)", "`market` has no field `mrk` (did you mean `mark`?)");
    refused("example(\"e\", #{ market: #{ mark: \"x\" } }, |a| true)", "`market.mark` is a number or a flag");
    refused("example(\"e\", #{ memory: #{ sen: 1.0 } }, |a| true)", "(did you mean `seen`?)");
    refused("example(\"e\", #{ params: #{ size: 99.0 } }, |a| true)", "expected 0 to 9, found 99");
    refused("example(\"e\", #{ hook: \"report\" }, |a| true)", "the strategy has no `report`");
    refused("example(\"e\", #{ hook: \"vot\" }, |a| true)", "(did you mean `vote`?)");
    refused("1", "`cases()` returns no array of examples");
}
