//! `palisade profile`: where the operations and the time of a world's scripts go.

use palisade_agents::{HookCost, LineCost};
use palisade_lab::load;
use palisade_lab::profile::{Profile, profile as lab};
use serde::Serialize;

use crate::args::ProfileArgs;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::{Align, table};
use crate::trouble::Trouble;
use crate::watch::Onlooker;
use palisade_lab::words::count;

pub(crate) fn profile(args: &ProfileArgs) -> Result<Exit, Trouble> {
    let request = args.inputs.request()?;
    let loaded = load::load(&request)?;
    let onlooker = Onlooker::start(&args.display, Some(loaded.steps(&request)))?;
    let profile = lab(&loaded, &request, &onlooker)?;
    drop(onlooker);
    if args.display.json {
        print_json(&Costs::of(&profile))?;
    } else {
        print(&shown(&profile, args.lines, Paint::stdout(args.display.color)))?;
    }
    Ok(Exit::Done)
}

fn shown(profile: &Profile, lines: usize, paint: Paint) -> String {
    let all: u64 = profile.lines.iter().map(|cost| cost.operations).sum();
    let right = |name| (name, Align::Right);
    let hooks = table(
        &[
            ("strategy", Align::Left),
            ("hook", Align::Left),
            ("backend", Align::Left),
            right("calls"),
            right("operations"),
            right("a call"),
            right("time"),
            right("a call"),
        ],
        profile.hooks.iter().map(hook).collect(),
    );
    let dearest = profile.lines.iter().take(lines).map(|cost| line(cost, all)).collect();
    let columns = [right("operations"), right("share"), right("time"), ("line", Align::Left), ("", Align::Left)];
    let lines = table(&columns, dearest);
    let (by_hook, by_line) = (paint.bold("By hook"), paint.bold("By line when interpreted, dearest first"));
    format!("{by_hook}\n{hooks}\n{by_line}\n{lines}")
}

fn hook(cost: &HookCost) -> Vec<String> {
    let calls = cost.calls.max(1);
    vec![
        cost.strategy.clone(),
        cost.hook.to_owned(),
        cost.backend.to_owned(),
        count(cost.calls),
        count(cost.operations),
        count(cost.operations / calls),
        time(cost.nanoseconds),
        time(cost.nanoseconds / calls),
    ]
}

#[allow(clippy::cast_precision_loss)]
fn line(cost: &LineCost, all: u64) -> Vec<String> {
    let share = 100.0 * cost.operations as f64 / all.max(1) as f64;
    let text: String = cost.text.chars().take(48).collect();
    let place = format!("{}:{}", cost.file, cost.line);
    vec![count(cost.operations), format!("{share:.1} %"), time(cost.nanoseconds), place, text]
}

#[allow(clippy::cast_precision_loss)]
fn time(nanoseconds: u64) -> String {
    match nanoseconds as f64 {
        time if time >= 1e9 => format!("{:.2} s", time / 1e9),
        time if time >= 1e6 => format!("{:.1} ms", time / 1e6),
        time if time >= 1e3 => format!("{:.1} \u{b5}s", time / 1e3),
        time => format!("{time} ns"),
    }
}

/// The costs for programs.
#[derive(Serialize)]
struct Costs<'a> {
    hooks: Vec<HookRow<'a>>,
    lines: Vec<LineRow<'a>>,
}

#[derive(Serialize)]
struct HookRow<'a> {
    strategy: &'a str,
    hook: &'a str,
    backend: &'a str,
    calls: u64,
    operations: u64,
    nanoseconds: u64,
}

#[derive(Serialize)]
struct LineRow<'a> {
    file: &'a str,
    line: usize,
    operations: u64,
    nanoseconds: u64,
    text: &'a str,
}

impl<'a> Costs<'a> {
    fn of(profile: &'a Profile) -> Self {
        let hook = |cost: &'a HookCost| {
            let HookCost { strategy, hook, backend, calls, operations, nanoseconds } = cost;
            let (calls, operations, nanoseconds) = (*calls, *operations, *nanoseconds);
            HookRow { strategy, hook, backend, calls, operations, nanoseconds }
        };
        let line = |cost: &'a LineCost| {
            let LineCost { file, line, text, operations, nanoseconds } = cost;
            LineRow { file, line: *line, operations: *operations, nanoseconds: *nanoseconds, text }
        };
        Self { hooks: profile.hooks.iter().map(hook).collect(), lines: profile.lines.iter().map(line).collect() }
    }
}
