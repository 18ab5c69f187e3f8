//! Every load check with its place, and the silence where nothing is certain.

use palisade_engine::action::Receiver;
use palisade_engine::mechanism::Mechanism;
use palisade_engine::mechanisms;
use palisade_engine::view::{OwnField, OwnScope};

use super::*;

fn registry() -> Registry {
    let all: Vec<&dyn Mechanism> = mechanisms::ALL.to_vec();
    Registry::of(&all)
}

const CARD: &str = "//! name: x\n//! role: trader\n//! summary: s\n";

fn problems(body: &str) -> Vec<String> {
    problems_in(body, &registry())
}

fn problems_in(body: &str, registry: &Registry) -> Vec<String> {
    let library = Library::of_texts(&[("x.rhai", &format!("{CARD}{body}"))]).unwrap();
    let found = check(&library, library.get("x").unwrap(), registry);
    found.iter().map(|problem| problem.to_string().trim_start_matches("x.rhai:").to_owned()).collect()
}

/// One problem, at line and column of the text without its card.
#[track_caller]
fn check_one(body: &str, expected: &str) {
    let found = problems(body);
    let (place, message) = expected.split_once(' ').unwrap();
    let (line, column) = place.split_once(':').unwrap();
    let expected = format!("{}:{column}: {message}", line.parse::<i32>().unwrap() + 3);
    assert_eq!(found, [expected], "{body}");
}

#[track_caller]
fn check_decide(statement: &str, expected: &str) {
    let body = format!(
        "fn params() {{ #{{ perp: market_param(\"first\"), size: param(1.0, 0.0, 2.0, \"s\") }} }}\n\
         fn memory() {{ #{{ phase: 0, slow: 0.0, seen: false }} }}\n\
         fn decide(me, world) {{\n{statement}\n}}"
    );
    if expected.is_empty() {
        assert_eq!(problems(&body), Vec::<String>::new(), "{statement}");
    } else {
        let (place, message) = expected.split_once(' ').unwrap();
        check_one(&body, &format!("4:{place} {message}"));
    }
}

#[test]
fn only_functions_and_literals_stand_on_top() {
    check_one(
        "let x = 1;\nfn decide(me, world) {}",
        "1:1 `let x` outside of any function (write `const x = …`, or keep what changes in `memory()`)",
    );
    check_one(
        "fn decide(me, world) {}\nprint(1);",
        "2:1 a statement outside of any function (put it into a function: only `fn` and `const NAME = literal` stand at the top of a file)",
    );
    check_one(
        "const A = 1 + 1;\nfn decide(me, world) {}",
        "1:7 `A` is not a literal (a constant is a number, a flag or a text; what must be computed goes into a function)",
    );
    check_one("const all = 1;\nfn decide(me, world) {}", "1:7 `all` is a constant of the host");
    check_one("const FOR = 1;\nfn decide(me, world) {}", "1:7 `FOR` is a constant of the host");
    assert!(problems("const A = -2.5;\nfn decide(me, world) { me.account(0).deposit(A); }").is_empty());
}

#[test]
fn names_of_the_host_are_not_shadowed() {
    let hint = |name: &str| {
        format!("`{name}` is a built-in function (it would silently replace the built-in one: call it `own_{name}`)")
    };
    check_one("fn decide(me, world) {}\n  fn abs(x) { x }", &format!("2:6 {}", hint("abs")));
    check_one("fn decide(me, world) {}\nfn withdraw(x) { x }", &format!("2:4 {}", hint("withdraw")));
    check_one("fn decide(me, world) {}\nfn param(a) { a }", &format!("2:4 {}", hint("param")));
    check_one("fn decide(me, world) {}\nfn proposal(x) { x }", &format!("2:4 {}", hint("proposal")));
    check_one("fn decide(me, world) {}\nfn vault_param(x) { x }", &format!("2:4 {}", hint("vault_param")));
    check_one(
        "fn decide(me, world) {}\nfn f(AGAINST) { 1 }",
        "2:4 `AGAINST` is a constant of the host (choose another name)",
    );
    check_decide("let all = 1;", "1 `all` is a constant of the host (choose another name)");
    check_decide("let ABSTAIN = 1;", "1 `ABSTAIN` is a constant of the host (choose another name)");
}

#[test]
fn hooks_have_their_shape() {
    check_one(
        "fn f() {}",
        "-2:1 the strategy has no hook (write one of `fn report(me, feed)`, `fn liquidate(me, account)`, `fn decide(me, world)`, `fn vote(me, proposal)`, `fn bid(me, auction)`, `fn order(me, pool)`)",
    );
    check_one("fn decide(me) {}", "1:4 `decide` takes 2 arguments, not 1 (write `fn decide(me, world)`)");
    check_one("fn decide(me, world) {}\nfn reprt(me, feed) {}", "2:4 nothing calls `reprt` (did you mean `report`?)");
    check_one("fn report(me, feed) { \"high\" }", "1:4 `report` returns a text: it returns a price, or nothing");
}

/// A registry with own values of vaults and changes.
fn voting() -> Registry {
    let mut registry = registry();
    let own = |scope, name| OwnField { scope, name, unit: "", doc: "", gather: |_, _, _| {} };
    registry.own.extend([own(OwnScope::Vault, "staked"), own(OwnScope::Change, "estimate")]);
    registry
}

/// The only problem of a vote, by its column; the body begins in column 25.
#[track_caller]
fn check_vote(body: &str, expected: &str) {
    let found = problems_in(&format!("fn vote(me, proposal) {{ {body} }}"), &voting());
    let expected = expected.split_once(' ').map(|(column, message)| format!("4:{column}: {message}"));
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{body}");
}

#[test]
fn votes_are_checked() {
    let wants = "it returns FOR, AGAINST, ABSTAIN, or nothing yet";
    check_vote("FOR", "");
    check_vote("if me.cash > 1.0 { AGAINST } else { ABSTAIN }", "");
    check_vote("if me.cash > 1.0 { return FOR; }", "");
    check_vote("", "");
    check_vote("max(FOR, AGAINST)", "");
    check_vote("me.cash", &format!("4 `vote` returns a number: {wants}"));
    check_vote("all", &format!("4 `vote` returns `all` or a fraction: {wants}"));
    check_vote("me.cash > 0.0", &format!("4 `vote` returns a flag: {wants}"));
    check_vote("AGANST", "25 there is no variable `AGANST` (did you mean `AGAINST`?)");
    check_vote("let x = FOR == true; ()", "37 compares an integer with a flag: they are never equal");
    check_one("fn vote(me) {}", "1:4 `vote` takes 2 arguments, not 1 (write `fn vote(me, proposal)`)");
    check_one(
        "fn decide(me, world) { vote(me, 1) }\nfn vote(me, proposal) { }",
        "1:24 only the host calls `vote` (put what both need into a function of its own)",
    );
    check_one("fn decide(me, world) {}\nfn vot(me, proposal) {}", "2:4 nothing calls `vot` (did you mean `vote`?)");
}

#[test]
fn vaults_proposals_and_parameters_have_their_kind() {
    check_vote(
        "if me.estimate(proposal.change(0)) > me.staked(proposal) {}",
        "72 `vault` of `staked(vault)` is a vault, not a proposal",
    );
    check_vote(
        "if me.estimate(proposal) > 0.0 {}",
        "40 `change` of `estimate(change)` is a change of a proposal, not a proposal",
    );
    check_vote("proposal.chang(0)", "34 a proposal has no method `chang` (did you mean `change`?)");
    check_vote("proposal.change(0).x; ()", "44 a change of a proposal has no field `x`");
    check_vote("proposal.change(0.5); ()", "41 `index` of `change(index)` is an integer, not a number");
    check_vote(
        "if proposal == proposal.change(0) {}",
        "37 compares a proposal with a change of a proposal: they are never equal",
    );
    check_vote("proposal.proposal(0); ()", "34 a proposal has no method `proposal`");
    check_vote("proposal.name + proposal.change(0).name; ()", "");
    check_decide("world.vualt(\"a\");", "7 the world has no method `vualt` (did you mean `vault`?)");
    check_decide("world.vault(\"a\").x;", "18 a vault has no field `x`");
    check_decide("world.parameter(1);", "17 `name` of `parameter(name)` is a text, not an integer");
    check_decide(
        "if world.parameter(\"a\") == world.proposal(0) {}",
        "25 compares a risk parameter with a proposal: they are never equal",
    );
    let tuned = |kind: &str| {
        format!("fn params() {{ #{{ x: {kind}(\"a.b\", \"d\") }} }}\nfn decide(me, world) {{ me.params.x.y }}")
    };
    check_one(&tuned("vault_param"), "2:36 a vault has no field `y`");
    check_one(&tuned("parameter_param"), "2:36 a risk parameter has no field `y`");
    check_decide(
        "let x = vault_param(\"late\");",
        "9 `vault_param` declares a parameter: it belongs into `params()` (read it as `me.params.name`)",
    );
}

#[test]
fn a_vote_reads_what_it_names() {
    let body =
        "fn vote(me, proposal) { if me.estimate(proposal.change(0)) > 0.0 { FOR } }\nfn decide(me, world) { me.cash }";
    let library = Library::of_texts(&[("x.rhai", &format!("{CARD}{body}"))]).unwrap();
    let registry = voting();
    let checked = checked(
        &library,
        library.get("x").unwrap(),
        &Catalog::of(&registry),
        (&Packages::new(), HostOptions::default()),
    );
    let reads = &checked.map_err(|found| format!("{found:?}")).unwrap().terms.reads[&Hook::Vote];
    let names: Vec<&str> = reads.own.iter().map(|place| registry.own[*place].name).collect();
    assert_eq!(names, ["estimate"]);
}

/// An action and a look-up of one name on one record, say, would hide each other.
#[test]
fn no_name_stands_for_two_methods() {
    let registry = registry();
    let lookups = registry
        .own
        .iter()
        .filter(|field| matches!(field.scope, OwnScope::Asset | OwnScope::Feed | OwnScope::Vault | OwnScope::Change));
    let acts = registry.actions.iter().filter(|action| action.receiver == Receiver::Me);
    let mut names: Vec<&str> = lookups.map(|field| field.name).chain(acts.map(|action| action.name)).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}

#[test]
fn the_view_is_read_only() {
    let hint = "(the view shows what is: keep what changes in `me.memory`, and act through actions)";
    check_decide("me.params.perp.index = 3.0;", &format!("16 `index` of a market is read-only {hint}"));
    check_decide("me.params.size += 1.0;", &format!("11 `size` of `me.params` is read-only {hint}"));
    check_decide("world.time = 0.0;", &format!("7 `time` of the world is read-only {hint}"));
    check_decide("let a = me.account(0); a.equity = 1.0;", &format!("26 `equity` of an account is read-only {hint}"));
}

#[test]
fn unlike_types_are_not_compared() {
    check_decide("if me.cash == \"a\" {}", "12 compares a number with a text: they are never equal");
    check_decide(
        "if me.cash > () {}",
        "12 compares a number with (): neither is larger (a number is always there: compare it with a number)",
    );
    check_decide(
        "if me.params.perp == world.settlement {}",
        "19 compares a market with an asset: they are never equal",
    );
    check_decide("if me.params.perp.stale > 0.0 {}", "25 compares a flag with a number: neither is larger");
    check_decide(
        "if me.cash < all {}",
        "12 compares a number with `all` or a fraction: neither is larger (`all` and fractions are amounts of actions only)",
    );
    check_decide("if me.params.perp.spot == () { return; }", "");
    check_decide("if me.memory.phase == 0 && me.cash > 1 {}", "");
}

#[test]
fn integers_are_not_divided() {
    let hint = "(integers drop the fraction: write `1.0 / 2.0`, or `.to_float()`)";
    check_decide("me.memory.slow = 1 / 2;", &format!("20 divides an integer by an integer {hint}"));
    check_decide("let n = me.memory.phase / 2;", &format!("25 divides an integer by an integer {hint}"));
    check_decide("let n = 4; n /= 2;", &format!("14 divides an integer by an integer {hint}"));
    check_decide("let n = 4; n = 1.0; me.memory.slow = n / 2;", "");
    check_decide("me.memory.slow = me.cash / 2;", "");
}

#[test]
fn misspelt_members_name_the_right_one() {
    check_decide("let x = me.params.perp.indx;", "24 a market has no field `indx` (did you mean `index`?)");
    check_decide("let x = me.params.siez;", "19 `me.params` has no field `siez` (did you mean `size`?)");
    check_decide("me.memory.phaze = 1;", "11 `me.memory` has no field `phaze` (did you mean `phase`?)");
    check_decide("let x = me.memory.sloww;", "19 `me.memory` has no field `sloww` (did you mean `slow`?)");
    check_decide(
        "me.account(0).opne(me.params.perp, 1.0);",
        "15 an account has no method `opne` (did you mean `open`?)",
    );
    check_decide(
        "me.account(0).equity();",
        "15 an account has no method `equity` (`equity` is a field: write it without parentheses)",
    );
    check_decide("let x = me.balance;", "12 `me` has no field `balance` (`balance` is a method: write `balance(…)`)");
    check_decide("let x = sqr(2.0);", "9 there is no function `sqr` (did you mean `sqrt`?)");
    check_decide("let price = 1.0; let y = prise;", "26 there is no variable `prise` (did you mean `price`?)");
    check_decide(
        "let a = me.account(0); let p = a.position(me.params.perp); p.entri > 0.0",
        "62 a position has no field `entri` (did you mean `entry`?)",
    );
}

#[test]
fn arguments_fit() {
    check_decide("me.account(0).open(me.params.perp);", "15 `open(market, size)` takes 2 arguments, not 1");
    check_decide(
        "me.account(0).deposit(\"1\");",
        "23 `amount` of `deposit(amount)` is a number, `all` or `fraction(x)`, not a text",
    );
    check_decide(
        "me.account(0).open(me.params.perp.spot, 1.0);",
        "20 `market` of `open(market, size)` is a market, not a venue",
    );
    check_decide("me.account(0.5);", "12 `index` of `account(index)` is an integer, not a number");
    check_decide("me.account(0).deposit(5); me.account(0).withdraw(all); me.account(0).withdraw(fraction(0.5));", "");
    check_decide("let x = min(1.0);", "9 `min` takes 2 arguments, not 1");
    check_decide(
        "let x = param(1.0, 0.0, 2.0, \"late\");",
        "9 `param` declares a parameter: it belongs into `params()` (read it as `me.params.name`)",
    );
}

#[test]
fn memory_keeps_its_types() {
    check_decide(
        "me.memory.phase = 1.5;",
        "11 `me.memory.phase` is an integer and cannot become a number (declare `phase: 0.0` in `memory()`, or assign `x.to_int()`)",
    );
    check_decide("me.memory.seen = 1;", "11 `me.memory.seen` is a flag and cannot become an integer");
    check_decide(
        "let m = me.memory; m.phase += 0.5;",
        "22 `me.memory.phase` is an integer and cannot become a number (declare `phase: 0.0` in `memory()`, or assign `x.to_int()`)",
    );
    check_decide("me.memory.slow = 1; me.memory.phase += 1; me.memory.seen = true;", "");
    check_one(
        "fn memory() { #{ note: \"x\" } }\nfn decide(me, world) {}",
        "1:18 `note` of `memory()` is neither a number nor a flag (memory holds numbers and flags)",
    );
}

#[test]
fn conditions_are_flags() {
    check_decide("if me.cash {}", "4 a condition is a flag, this is a number (compare it, as in `x > 0.0`)");
    check_decide(
        "while me.memory.seen && me.memory.phase { break; }",
        "25 a condition is a flag, this is an integer (compare it, as in `x > 0.0`)",
    );
    check_decide("let x = -me.params.perp;", "");
    check_decide("let x = me.params.perp + 1.0;", "24 `+` needs numbers, this is a market");
}

#[test]
fn declarations_are_evaluated() {
    check_one(
        "fn params() { #{ a: param(3.0, 0.0, 1.0, \"x\") } }\nfn decide(me, world) {}",
        "1:21 param: the default 3 is not within 0 to 1",
    );
    check_one(
        "fn params() { #{ a: 3.0 } }\nfn decide(me, world) {}",
        "1:4 `a` is not declared as a parameter (param(default, low, high, \"what it is\"), or market_param, venue_param, feed_param, asset_param, vault_param, parameter_param, action_param)",
    );
    check_one(
        "fn wake() { #{ evry: \"1m\" } }\nfn decide(me, world) {}",
        "1:4 `wake()` has no condition `evry` (did you mean `every`?)",
    );
    check_one(
        "fn wake() { #{ every: \"soon\" } }\nfn decide(me, world) {}",
        "1:4 `every` of `wake()`: expected a length of time such as \"250ms\", \"30s\", \"5m\", \"1h30m\" or \"7d\", found \"soon\"",
    );
    check_one(
        "fn memory() { 1 }\nfn decide(me, world) {}",
        "1:4 `memory()` returns no map (write `fn memory() { #{ … } }`)",
    );
}

#[test]
fn all_problems_come_together() {
    let found = problems("fn decide(me, world) {\nlet x = me.csh;\nlet y = 1 / 2;\nworld.time = 1.0;\n}");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn what_is_not_certain_stays_silent() {
    check_decide("let x = world.find(\"A\"); let y = x.anything; x.whatever(1); y = 3; if y == \"a\" {}", "");
    check_decide("let x = 1; if me.cash > 0.0 { x = \"a\"; } if x == \"a\" {}", "");
    check_decide("let f = |x| x.foo + 1; f.call(2);", "");
    check_decide("let a = [1, 2]; for x in a { if x == \"a\" {} } a[0].b.c(1);", "");
    check_decide("let a = (); if me.cash > 0.0 { a = 1.0; } if a == () {} a > 2.0", "");
    check_decide("let n = 0; loop { n += 1; if n > 3 { break; } } switch n { 1 => 2.0, _ => 3.0 };", "");
    check_decide("let x = 1; while me.cash > 0.0 { if x == \"a\" { break; } x = \"a\"; }", "");
    check_decide("let s = \"a\" + 1 + `b${me.cash}`; print(s); s.len() > 2", "");
}

#[test]
fn functions_are_followed() {
    check_one(
        "fn decide(me, world) { f(me) }\nfn f(who) { who.csh }",
        "2:17 `me` has no field `csh` (did you mean `cash`?)",
    );
    check_one(
        "fn decide(me, world) { report(me, 1) }\nfn report(me, feed) { }",
        "1:24 only the host calls `report` (put what both need into a function of its own)",
    );
    check_one("fn decide(me, world) { f(me, 1) }\nfn f(who) { 1 }", "1:24 `f` takes 1 arguments, not 2");
    check_decide("[1].map(|x| world.time)", "13 there is no variable `world` (a closure sees only its own arguments)");
    assert!(problems("fn decide(me, world) { f(3) }\nfn f(n) { if n > 0 { f(n - 1) } else { 0 } }").is_empty());
}

#[track_caller]
fn check_reads(body: &str, expected: &[&str]) {
    let registry = registry();
    let catalog = Catalog::of(&registry);
    let library = Library::of_texts(&[("x.rhai", &format!("{CARD}{body}"))]).unwrap();
    let checked = checked(&library, library.get("x").unwrap(), &catalog, (&Packages::new(), HostOptions::default()))
        .map_err(|p| format!("{p:?}"));
    let reads = &checked.as_ref().unwrap().terms.reads[&Hook::Decide];
    let names: Vec<String> = reads
        .own
        .iter()
        .map(|place| format!("{:?}.{}", registry.own[*place].scope, registry.own[*place].name))
        .collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, expected, "{body}");
}

#[track_caller]
fn check_shown(body: &str, expected: &[&str]) {
    let registry = registry();
    let library = Library::of_texts(&[("x.rhai", &format!("{CARD}{body}"))]).unwrap();
    let catalog = Catalog::of(&registry);
    let checked = checked(&library, library.get("x").unwrap(), &catalog, (&Packages::new(), HostOptions::default()));
    let reads = checked.map_err(|p| format!("{p:?}")).unwrap().terms.reads[&Hook::Decide].clone();
    let of_changes = catalog.changes_fields();
    let public = reads.public.unwrap().into_iter().filter(|place| !of_changes.contains(&Some(*place)));
    let fields = public.map(|place| &registry.public[place]);
    let mut names: Vec<String> = fields.map(|field| format!("{:?}.{}", field.of, field.name)).collect();
    names.sort_unstable();
    assert_eq!(names, expected, "{body}");
}

#[test]
fn only_what_a_hook_reads_is_frozen() {
    check_shown("fn decide(me, world) {}", &[]);
    check_shown("fn decide(me, world) { me.cash }\nfn report(me, feed) { feed.price }", &[]);
    check_shown(
        "fn mark_of(m) { m.mark }\nfn decide(me, world) { let m = world.market(\"A\"); mark_of(m); m.feed.price }",
        &["Feed.price", "Market.feed", "Market.mark"],
    );
    check_shown("fn price_of(f) { f.price }\nfn decide(me, world) { me.price_of(world.feed(\"A\")) }", &["Feed.price"]);
    check_shown(
        "fn decide(me, world) { let x = world.feed(\"A\"); let n = 0; do { x.price } while ({ x = world.venue(\"V\"); n += 1; n < 3 }) }",
        &["Auction.price", "Feed.price", "Vault.price", "Venue.price"],
    );
    // Of what nobody knows, whatever it may be.
    check_shown("fn decide(me, world) { let x = [world]; x[0].index }", &["Market.index"]);
}

#[test]
fn only_what_a_hook_reads_is_gathered() {
    check_reads("fn decide(me, world) {}", &[]);
    check_reads(
        "fn decide(me, world) { me.cash }\nfn liquidate(me, account) { me.account(0).equity }",
        &["Agent.cash"],
    );
    check_reads("fn decide(me, world) { f(me.account(0)) }\nfn f(a) { a.cash }", &["Account.cash"]);
    check_reads(
        "fn decide(me, world) { let m = world.market(\"A\"); m.imr + me.account(0).position(m).size }",
        &["Position.size"],
    );
    check_reads("fn decide(me, world) { me.account(0).has_position(world.market(\"A\")) }", &["Position.size"]);
    check_reads("fn decide(me, world) { let x = [me]; x[0].cash }", &["Account.cash", "Agent.cash"]);
    check_reads("fn decide(me, world) { let x = [me]; x.map(|y| y.balance(1)) }", &["Asset.balance"]);
    check_reads(
        "fn decide(me, world) { let a = me; for i in 0..2 { if i == 1 { a.equity } a = me.account(0); } }",
        &["Account.equity"],
    );
}

#[test]
fn library_files_are_merged_and_clash() {
    let part = ("lib/sizing.rhai", "const HALF = 0.5;\nfn half(x) {\n    x * HALF\n}");
    let uses = "//! uses: sizing\n";
    let load = |body: &str| {
        let library = Library::of_texts(&[("x.rhai", &format!("{CARD}{uses}{body}")), part]).unwrap();
        let found = check(&library, library.get("x").unwrap(), &registry());
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(load("fn decide(me, world) { half(me.cash) }"), Vec::<String>::new());
    assert_eq!(
        load("fn decide(me, world) { half(1.0) }\nfn half(x) { x }"),
        ["lib/sizing.rhai:2:4: `half` is defined in x.rhai too (rename one of the two)"]
    );
    assert_eq!(load("fn decide(me, world) { half(me) }"), ["lib/sizing.rhai:3:7: `*` needs numbers, this is `me`"]);
}

#[test]
fn every_embedded_strategy_is_clean() {
    let (library, registry) = (Library::load(&[]).unwrap(), registry());
    assert!(library.names().count() >= 10);
    for strategy in library.strategies() {
        let found = check(&library, strategy, &registry);
        assert!(found.is_empty(), "{}", crate::problem::LoadError::Script(found));
        let declared = crate::outline(&library, strategy).unwrap().params;
        assert!(declared.iter().all(|param| !param.doc.is_empty()), "{}: undocumented parameter", strategy.name);
        let decide =
            strategy.text.lines().skip_while(|line| !line.starts_with("fn decide")).position(|line| line == "}");
        assert!(decide.is_none_or(|lines| lines <= 40), "{}: decide has more than 40 lines", strategy.name);
    }
}

#[test]
fn no_registered_name_is_reserved() {
    let catalog = Catalog::of(&registry());
    let mut sandbox = loading_sandbox(&Packages::new(), HostOptions::default());
    sandbox.engine.set_strict_variables(false);
    for (_, members) in catalog.records() {
        for name in members.names() {
            let text = format!("fn f(a) {{ a.{name}; a.{name}(1); #{{ {name}: 1 }} }}");
            assert!(sandbox.engine.compile(&text).is_ok(), "{name}");
        }
    }
}
#[test]
fn sources_that_nest_without_end_are_refused() {
    let links = [".a", " + 1.0", "&&true", "[0]", ".a()", "**2", "??()"];
    let mut texts: Vec<String> = links.iter().map(|link| format!("let x = me{};", link.repeat(8_000))).collect();
    texts.push(format!("if true {{}} {}", "else if true {}".repeat(4_000)));
    texts.push(format!("let x = {}1;", "!".repeat(30_000)));
    texts.push(format!("let x = {}1;", "|x| ".repeat(10_000)));
    texts.push(format!("{}{}", "{".repeat(30_000), "}".repeat(30_000)));
    for text in texts {
        let found = problems(&format!("fn decide(me, world) {{ {text} }}"));
        assert!(found.len() == 1 && found[0].contains("maximum complexity"), "{}: {found:?}", &text[..30]);
    }
}
