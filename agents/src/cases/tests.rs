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
    passes("#{ hook: \"vote\" }", "a.answered && a.value == AGAINST");
    passes("#{ hook: \"vote\", proposal: #{ loosens: false } }", "a.value == FOR");
}

#[test]
fn a_failed_example_says_what_was_asked_for() {
    let cases = run("example(\"stays\", #{ market: #{ mark: 101.0 } }, |a| a.is_quiet()),\n\
                     example(\"nothing\", #{}, |a| a.asks(\"open\"))")
    .unwrap();
    let said: Vec<_> =
        cases.iter().map(|case| (case.title.as_str(), case.line, case.column, case.verdict.clone())).collect();
    let opened = "it asked for open(market: market 0, size: 2)".to_owned();
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
