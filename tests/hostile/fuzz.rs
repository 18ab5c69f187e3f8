//! Programs made up of every function that a script can call, with arguments from the ends of their types: whatever they do,
//! they return or fault within their limits.

use palisade_agents::{Backend, signatures};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;
use palisade_engine::rng::{Stream, Streams};
use palisade_engine::scenario::Role;

use crate::place::{HOSTILE, Place};
use crate::stage::{self, Intruder};
use crate::{ALLOCATOR, alone};

/// Files, functions of each, and agents, who each call one in every step.
const FILES: u64 = 40;
const FUNCTIONS: usize = 60;
const AGENTS: u32 = 12;

#[test]
fn programs_of_all_functions_stay_within_their_limits() {
    alone(|| {
        let calls: Vec<Call> = signatures(&Registry::of(&ALL)).iter().filter_map(|line| Call::read(line)).collect();
        assert!(calls.len() > 400, "only {} functions can be called", calls.len());
        let place = Place::new();
        for file in 0..FILES {
            let text = program(&calls, &mut Dice(Streams::new(file).stream("fuzz", file, 0)));
            check(&place, &text, file % 10 == 0);
        }
    });
}

fn check(place: &Place, text: &str, is_repeated: bool) {
    place.put(text.as_bytes());
    let library = place.library().expect("a sound card");
    let intruder = Some(Intruder { strategy: HOSTILE, role: Role::Trader, agents: AGENTS });
    let play = |backend| stage::play(&library, intruder, backend).unwrap_or_else(|problem| panic!("{problem}{text}"));
    let before = stage::watch_bytes();
    let played = play(Backend::Auto);
    let peak = stage::peak_bytes() - before;
    assert!(peak < 64 << 20, "{peak} bytes at once: {text}");
    assert!(played.slowest.as_secs() < 2, "{:?} for {AGENTS} calls: {text}", played.slowest);
    assert!(played.tripped.is_none(), "{:?}: {text}", played.tripped);
    let internal = played.faults.iter().find(|fault| fault.contains("internal"));
    assert!(internal.is_none(), "{internal:?}: {text}");
    if is_repeated {
        let again = play(Backend::Rhai);
        assert!(
            again.rows == played.rows && again.faults == played.faults,
            "differs from its repeat in the interpreter: {text}"
        );
        drop((played, again));
        let left = ALLOCATOR.allocated().saturating_sub(before);
        assert!(left < 64 << 10, "{left} bytes left: {text}");
    }
}

/// One function with the types that it takes.
struct Call {
    name: String,
    types: Vec<String>,
    is_field: bool,
}

impl Call {
    /// Reads `pad(array, int, any)` and `text.len -> int`; nothing when a type is not for the world's own engine.
    fn read(line: &str) -> Option<Self> {
        let head = line.split(" -> ").next()?;
        let (name, types, is_field) = match head.strip_suffix(')').and_then(|head| head.split_once('(')) {
            Some((name, types)) => (name, types.split(", ").filter(|ty| !ty.is_empty()).collect(), false),
            None => {
                let (receiver, name) = head.split_once('.')?;
                (name, vec![receiver], true)
            }
        };
        let types: Vec<String> = types.into_iter().map(str::to_owned).collect();
        let is_known = types.iter().all(|ty| VALUES.iter().any(|(known, _)| known == ty));
        let is_declaration = name == "param" || name.ends_with("_param") || name == "example";
        (is_known && !is_declaration).then(|| Self { name: name.to_owned(), types, is_field })
    }

    /// The call with values of an array, which no check looks through.
    fn text(&self, dice: &mut Dice) -> String {
        let values: Vec<String> = self.types.iter().map(|ty| dice.value(ty)).collect();
        let list = values.join(", ");
        let places: Vec<String> = (0..values.len()).map(|place| format!("v[{place}]")).collect();
        // The language calls these two by their names alone.
        let is_method = !["print", "debug"].contains(&self.name.as_str()) && dice.below(3) > 0;
        let is_operator = !self.name.starts_with(|c: char| c.is_ascii_alphabetic());
        let call = match (is_operator, self.is_field, &*places) {
            (true, _, [one]) => format!("{}{one}", self.name),
            (true, _, [one, two]) => format!("{one} {} {two}", self.name),
            (false, true, [one, ..]) => format!("{one}.{}", self.name),
            (false, false, [one, rest @ ..]) if is_method => format!("{one}.{}({})", self.name, rest.join(", ")),
            _ => format!("{}({})", self.name, places.join(", ")),
        };
        format!("let v = [{list}]; {call};")
    }
}

const TEXT: &str = "text";
/// Values of each type, from the ends and the middle.
const VALUES: [(&str, &[&str]); 18] = [
    ("()", &["()"]),
    ("flag", &["true", "false"]),
    (
        "int",
        &[
            "0",
            "1",
            "-1",
            "2",
            "7",
            "63",
            "64",
            "65",
            "1023",
            "1024",
            "1025",
            "4294967296",
            "9007199254740993",
            "MOST",
            "LEAST",
        ],
    ),
    (
        "float",
        &[
            "0.0",
            "-0.0",
            "1.0",
            "-1.5",
            "0.5",
            "1.0e-308",
            "1.0e308",
            "-1.0e308",
            "4.5e15",
            "nothing() / nothing()",
            "1.0 / nothing()",
            "-1.0 / nothing()",
        ],
    ),
    ("letter", &["'x'", "' '", "'\\u0390'", "'\\U0001F980'", "'\\U0010FFFF'", "'\\x00'"]),
    (
        TEXT,
        &[
            "\"\"",
            "\"x\"",
            "\" a b  c \"",
            "\"a\\u00e9\\U0001F980\"",
            "\"-12.5e3\"",
            "\"zz\"",
            "\"TOK-PERP\"",
            "\"\\x1b[2J\\u202e\"",
            "long(1000)",
            "long(1024)",
            "long(300)",
        ],
    ),
    (
        "array",
        &[
            "[]",
            "[1]",
            "[3, 1, 2]",
            "[nothing() / nothing(), 1.0, -0.0]",
            "[\"b\", \"a\", \"b\"]",
            "[1, 2.5, \"x\", 'c', (), [], #{}]",
            "[me, world]",
            "column(1000)",
            "column(50)",
            "rows(300)",
            "rows(20)",
            "[|x| x]",
            "[0..3, 0..=3]",
        ],
    ),
    ("map", &["#{}", "#{ a: 1 }", "#{ b: [1], a: #{ c: 2.5 } }", "#{ f: |x| x, g: 0..3 }", "pages(200)", "pages(20)"]),
    (
        "closure",
        &[
            "|| 1",
            "|x| x",
            "|x| true",
            "|x| false",
            "|x, y| x",
            "|x, y| y",
            "|x, y| 1",
            "|x, y| nothing() / nothing()",
            "|x, y| [x, y]",
            "|x, y, z| z",
            "|x| { loop {} }",
            "|x| throw x",
            "|x| column(900)",
        ],
    ),
    ("range", &["0..0", "0..5", "5..0", "-3..3", "0..MOST", "LEAST..MOST", "MOST..LEAST"]),
    ("range=", &["0..=0", "0..=5", "5..=0", "-3..=3", "0..=MOST", "LEAST..=MOST"]),
    ("amount", &["all", "fraction(0.5)", "fraction(nothing() / nothing())", "fraction(-5.0)"]),
    ("me", &["me"]),
    ("rng", &["me.rng"]),
    ("account", &["me.account(0)", "me.account(1)"]),
    ("position", &["me.account(0).position(world.market(\"TOK-PERP\"))"]),
    (
        "thing",
        &[
            "world",
            "world.market(\"TOK-PERP\")",
            "world.venue(\"TOK/USD\")",
            "world.asset(\"USD\")",
            "world.feed(\"TOK\")",
            "world.vault(\"nodes\")",
        ],
    ),
    ("any", &[]),
];

/// What the values are made with.
const HELP: &str = r#"const MOST = 9223372036854775807;
const LEAST = -9223372036854775808;

fn nothing() { 0.0 }
fn long(length) { let text = "ab"; text.pad(length, "ab "); text }
fn column(length) { let cells = []; cells.pad(length, 1.5); cells }
fn rows(length) { let rows = []; for row in 0..length { rows.push([row]); } rows }
fn pages(length) { let pages = #{}; for page in 0..length { pages[`k${page}`] = page; } pages }
"#;

/// Draws of a program.
struct Dice(Stream);

impl Dice {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    fn below(&mut self, count: usize) -> usize {
        ((self.0.uniform() * count as f64) as usize).min(count - 1)
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// A value of the type, and now and then one of another.
    fn value(&mut self, ty: &str) -> String {
        let known = VALUES.iter().find(|(known, _)| *known == ty).map(|(_, values)| *values).unwrap_or_default();
        let values =
            if known.is_empty() || self.below(20) == 0 { self.of(&VALUES[..VALUES.len() - 1]).1 } else { known };
        (*self.of(values)).to_owned()
    }
}

fn program(calls: &[Call], dice: &mut Dice) -> String {
    let mut text = format!("//! name: fuzz\n//! role: trader\n//! summary: whatever comes\n\n{HELP}\n");
    for place in 0..FUNCTIONS {
        let body: String = (0..=dice.below(3)).map(|_| format!("    {}\n", statement(calls, dice))).collect();
        text.push_str(&format!("fn f{place}(me, world) {{\n{body}}}\n"));
    }
    let cases: String = (0..FUNCTIONS).map(|place| format!("        {place} => f{place}(me, world),\n")).collect();
    text.push_str(&format!("fn decide(me, world) {{\n    switch me.rng.below({FUNCTIONS}) {{\n{cases}    }}\n}}\n"));
    text
}

/// A call: once, again and again, or on its own result.
fn statement(calls: &[Call], dice: &mut Dice) -> String {
    let call = dice.of(calls).text(dice);
    match dice.below(12) {
        0 => format!("loop {{ {call} }}"),
        1 => format!("for n in 0..20 {{ {call} }}"),
        2 => {
            let (head, last) = call.rsplit_once("; ").unwrap_or(("", &call));
            format!(
                "{head}; let kept = #{{}}; let n = 0; loop {{ kept[`k${{n}}`] = {{ {} }}; n += 1; }}",
                last.trim_end_matches(';')
            )
        }
        _ => call,
    }
}
