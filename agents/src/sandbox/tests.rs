//! Hostile samples: each must end in an error, quickly and without taking the process along.
#![allow(clippy::unwrap_used)]

use rhai::{CallFnOptions, OptimizationLevel, Scope};

use super::*;

fn run(text: &str) -> Result<String, String> {
    let mut sandbox = Sandbox::new(&Packages::new(), HostOptions::default());
    sandbox.engine.set_optimization_level(OptimizationLevel::Simple);
    let ast = sandbox.engine.compile(text).map_err(|error| format!("parse: {error}"))?;
    sandbox.meter.begin(CALL_FUEL);
    let options = CallFnOptions::new().eval_ast(false);
    let result: Outcome<Dynamic> = sandbox.engine.call_fn_with_options(options, &mut Scope::new(), &ast, "f", ());
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
    let sandbox = Sandbox::new(&Packages::new(), options);
    let ast = sandbox.engine.compile("fn f() { loop {} }").unwrap();
    sandbox.meter.begin(CALL_FUEL);
    let result: Outcome<Dynamic> = sandbox.engine.call_fn(&mut Scope::new(), &ast, "f", ());
    assert!(result.is_err());
    assert_eq!(sandbox.meter.stopped(), Some(Stop::Memory));
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
