//! Hostile samples: each must end in an error, quickly and without taking the process along.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use rhai::OptimizationLevel;

use super::log::MAX_LOG;
use super::*;
use crate::draft::{Draft, When};
use crate::library::Library;

fn run(text: &str) -> Result<String, String> {
    let mut sandbox = Sandbox::new(&Packages::new(), HostOptions::default());
    sandbox.engine.set_optimization_level(OptimizationLevel::Simple);
    let ast = sandbox.engine.compile(text).map_err(|error| format!("parse: {error}"))?;
    let result = sandbox.call((&ast, "f"), (), CALL_FUEL);
    match sandbox.meter.stopped() {
        Some(stop) => Err(format!("{stop:?}")),
        None => result.map(|value| value.to_string()).map_err(|error| error.to_string()),
    }
}

#[track_caller]
fn check(body: &str, expected: &str) {
    let found = run(&format!("fn f() {{ {body} }}\nfn g(n) {{ g(n + 1) }}")).expect_err(body);
    assert!(found.contains(expected), "{body}: {found}");
}

#[test]
fn runaway_scripts_are_stopped() {
    check("loop {}", "Fuel");
    check("while true { let x = 1; }", "Fuel");
    check("let n = 0; for i in 0..1000000000 { n += i; }", "Fuel");
    check("let a = []; a.pad(1000, 1); loop { a.sort(|x, y| x - y); }", "Fuel");
    check("let a = []; a.pad(1000, 1); loop { a.map(|x| x * 2); }", "Fuel");
    check("g(0)", "Stack overflow");
    check("let a = [1, 2, 3]; a.for_each(|x| { loop {} })", "Fuel");
}

#[test]
fn natives_that_hang_or_swallow_memory_are_replaced() {
    check(r#"let s = "x"; s.pad(10, "")"#, "padding is empty");
    check(r#"let s = "x"; s.pad(100000, "ab")"#, "longer than a text");
    check("let a = []; a.pad(18014398509481984, 1)", "larger than an array");
    check("let a = []; a.pad(1000, [1, 2, 3])", "larger than an array");
    check(r#"let s = "aaaaaaaa"; s.pad(1000, "a"); s.replace("a", "bbbb")"#, "longer than a text");
    check(r#"let s = "x"; loop { s += s; }"#, "Length of string too large");
    check("let a = [0]; loop { a += a; }", "too large");
    check("let m = #{}; let i = 0; loop { m[`k${i}`] = i; i += 1; }", "Fuel");
}

#[test]
fn what_reaches_outside_does_not_exist() {
    check("eval(\"1\")", "eval");
    check("import \"x\"", "import");
    check("try { throw 1 } catch { 2 }", "try");
    check("let x = |a, b| a; x.curry(1)", "parse");
    check("sleep(1)", "not found");
    check("exit()", "not found");
    check("timestamp()", "not found");
    check("parse_json(\"{}\")", "not found");
    check("open_file(\"/etc/passwd\")", "not found");
    check("let x = 1; let f = |y| y + x; f.call(1)", "Undefined variable: x");
}

#[test]
fn deep_and_large_sources_are_refused() {
    check(&format!("{}1{}", "(".repeat(200), ")".repeat(200)), "complexity");
    check(&format!("let x = {}1;", "-".repeat(3_000)), "");
    let many: String = (0..200).map(|n| format!("fn f{n}() {{}}\n")).collect();
    assert!(run(&many).unwrap_err().contains("functions"));
}

#[test]
fn the_byte_cap_stops_a_call() {
    thread_local!(static BYTES: Cell<usize> = const { Cell::new(0) });
    let options = HostOptions {
        live_bytes: || {
            BYTES.with(|bytes| {
                bytes.set(bytes.get() + 4_096);
                bytes.get()
            })
        },
        byte_cap: 100_000,
        ..HostOptions::default()
    };
    check_stop(options, "loop {}", Some(Stop::Memory));
    check_stop(options, "1 + 1", None);
}

#[test]
fn a_thread_that_holds_less_than_before_is_not_stopped() {
    thread_local!(static BYTES: Cell<usize> = const { Cell::new(8_192) });
    let live_bytes = || {
        BYTES.with(|bytes| {
            bytes.set(bytes.get().wrapping_sub(4_096));
            bytes.get()
        })
    };
    let options = HostOptions { live_bytes, byte_cap: 100_000, ..HostOptions::default() };
    check_stop(options, "for i in 0..1000 {}", None);
}

#[test]
fn the_deadline_stops_a_call() {
    let options = HostOptions { deadline: Duration::ZERO, ..HostOptions::default() };
    check_stop(options, "loop {}", Some(Stop::Deadline));
    check_stop(options, "for i in 0..100 {}", None);
}

#[track_caller]
fn check_stop(options: HostOptions, body: &str, expected: Option<Stop>) {
    let sandbox = Sandbox::new(&Packages::new(), options);
    let ast = sandbox.engine.compile(format!("fn f() {{ {body} }}")).unwrap();
    let result = sandbox.call((&ast, "f"), (), CALL_FUEL);
    assert_eq!((result.is_err(), sandbox.meter.stopped()), (expected.is_some(), expected), "{body}");
}

#[test]
fn an_engine_that_panicked_is_not_used_again() {
    let mut sandbox = Sandbox::new(&Packages::new(), HostOptions::default());
    sandbox.engine.register_fn("breaks", || -> i64 { panic!("on purpose") });
    let ast = sandbox.engine.compile("fn f() { breaks() } fn g() { 1 }").unwrap();
    for name in ["f", "g"] {
        let error = sandbox.call((&ast, name), (), CALL_FUEL).unwrap_err();
        assert!(error.to_string().contains("internal fault in the script engine"), "{name}: {error}");
        assert_eq!((sandbox.meter.stopped(), sandbox.is_broken()), (Some(Stop::Panic), true));
    }
}

#[test]
fn a_stop_that_a_native_swallows_is_still_a_stop() {
    let sandbox = Sandbox::new(&Packages::new(), HostOptions::default());
    let ast = sandbox.engine.compile("fn f() { let a = []; a.pad(900, 1); a.dedup() }").unwrap();
    assert!(sandbox.call((&ast, "f"), (), 2_000).is_ok());
    assert!(sandbox.call((&ast, "f"), (), 500).is_err());
    assert_eq!(sandbox.meter.stopped(), Some(Stop::Fuel));
}

/// Where a variable stands is told from the top of the scope: what is charged for must be the one that is copied.
#[test]
fn the_variable_that_is_copied_is_charged_for() {
    let operations = |body: &str, copied: &str| {
        let text = format!(
            "//! name: x\n//! role: trader\n//! summary: s
             fn first(x) {{ let cells = []; cells.pad(1000, x); cells }}
             fn f() {{ let low = [1]; let large = first(1); let high = [2]; {body} }}
             fn g(low, large, high) {{ let low = [low]; let kept = NAME; }}"
        )
        .replace("NAME", copied);
        let library = Library::of_texts(&[("x.rhai", &text)]).unwrap();
        let mut sandbox = Sandbox::new(&Packages::new(), HostOptions::default());
        let draft = Draft::parse(&library, library.get("x").unwrap(), &mut sandbox.engine).unwrap();
        let ast = draft.compile(&mut sandbox.engine).unwrap();
        sandbox.watch(&draft.copies(When::Asked));
        assert!(sandbox.call((&ast, "f"), (), CALL_FUEL).is_ok(), "{body}");
        sandbox.meter.operations()
    };
    for body in [
        "let kept = NAME;",
        "let between = 1; { let inner = 2; let kept = NAME; }",
        "for item in 0..1 { let kept = NAME; }",
        "for (item, place) in low { let low = 1; let kept = NAME; }",
        "if true { let a = 1; } let b = 2; let kept = [b, NAME];",
        "switch low.len() { 1 => { let a = 1; let kept = NAME; } _ => () }",
        "g(1, large, 2);",
        "[1].map(|x| { let large = first(x); let high = 1; let kept = NAME; });",
    ] {
        let [low, large, high] = ["low", "large", "high"].map(|name| {
            // A closure sees only its own.
            let known = if body.starts_with("[1]") && name == "low" { "high" } else { name };
            operations(body, known)
        });
        assert_eq!(low, high, "{body}");
        assert_eq!(large, low + 31, "{body}: 16,064 bytes in portions of 512");
    }
}

#[test]
fn prints_are_bounded_and_escaped() {
    let sandbox = Sandbox::new(&Packages::new(), HostOptions::default());
    sandbox.meter.begin(CALL_FUEL);
    let _ = sandbox.engine.eval::<()>(r#"print("a\u001b[2J"); for i in 0..2000 { print("0123456789"); }"#);
    let lines = sandbox.log.take();
    assert_eq!(lines[0], "a\\u{1b}[2J");
    assert!(lines.iter().map(String::len).sum::<usize>() <= MAX_LOG);
    assert!(sandbox.log.take().is_empty());
}

#[test]
fn function_names_do_not_show() {
    assert_eq!(run("fn f() { let x = |a| a; `${x}` + x.to_debug() }").unwrap(), "FnFn");
}

#[test]
#[allow(clippy::disallowed_methods)] // to find where the two libraries differ
fn powers_go_through_the_pinned_library() {
    let mut sandbox = Sandbox::new(&Packages::new(), HostOptions::default());
    sandbox.engine.set_fast_operators(false);
    let pairs = (1..2_000_u32).map(|n| (1.0 + f64::from(n) / 997.0, 0.37 * f64::from(n)));
    let unlike: Vec<(f64, f64)> = pairs.filter(|(x, y)| x.powf(*y).to_bits() != libm::pow(*x, *y).to_bits()).collect();
    assert!(!unlike.is_empty(), "no pair tells the two libraries apart");
    for (x, y) in unlike {
        for text in [format!("{x:?} ** {y:?}"), format!("let x = {x:?}; x **= {y:?}; x"), format!("pow({x:?}, {y:?})")]
        {
            let found: f64 = sandbox.engine.eval(&text).unwrap();
            assert_eq!(found.to_bits(), libm::pow(x, y).to_bits(), "{text}");
        }
    }
}

#[test]
fn what_is_looked_for_is_not_called() {
    assert_eq!(run("fn f() { [\"len\", \"f\"].index_of(\"f\") }").unwrap(), "1");
    assert_eq!(run("fn f() { [1, 2, 3].index_of(9) }").unwrap(), "-1");
    assert_eq!(run("fn f() { [1, [2], 3].contains([2]) }").unwrap(), "true");
    assert_eq!(run("fn f() { [1, 2, 1].index_of(1, -1) }").unwrap(), "2");
    check("[1].map(\"g\")", "takes a closure");
    check("[2, 1].sort(\"g\")", "takes a closure");
    check("[2, 1].reduce(\"g\", 0)", "takes a closure");
}

#[test]
fn texts_fall_apart_as_in_rhai() {
    let check =
        |body: &str, expected: &str| assert_eq!(run(&format!("fn f() {{ {body} }}")).unwrap(), expected, "{body}");
    check("\"a,b,c\".split(\",\")", "[\"a\", \"b\", \"c\"]");
    check("\"a,b,c\".split(',', 2)", "[\"a\", \"b,c\"]");
    check("\"a,b,c\".split_rev(\",\", 2)", "[\"c\", \"a,b\"]");
    check("\"ab\".split(\"\")", "[\"\", \"a\", \"b\", \"\"]");
    check("\"abc\".split(\"x\")", "[\"abc\"]");
    check("\" a  b \".split()", "[\"a\", \"b\"]");
    check("\"abc\".split(1)", "[\"a\", \"bc\"]");
    check("\"héllo\".chars(1..3)", "['é', 'l']");
    check("\"hello\".chars(-2, 9)", "['l', 'o']");
    check("\"hello\".chars(3..=9).len", "2");
    check("\"hello\".chars(5..=2).len", "0");
    check("let n = 0; for c in \"abc\".chars { n += 1; } n", "3");
    check("let s = \"ab\"; s.pad(5, 'x'); s", "abxxx");
    check("let s = \"aXb\"; s.replace('X', \"--\"); s", "a--b");
}
