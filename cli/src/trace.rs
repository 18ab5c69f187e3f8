//! `palisade trace`: one agent, step by step.

use palisade_lab::load;
use palisade_lab::trace::{Call, Got, Trace, TracedStep, trace as lab};
use serde_json::Value;

use crate::args::TraceArgs;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::wrapped;
use crate::trouble::Trouble;
use crate::watch::Onlooker;
use palisade_lab::words::spoken;

pub(crate) fn trace(args: &TraceArgs) -> Result<Exit, Trouble> {
    let request = args.inputs.request()?;
    let loaded = load::load(&request)?;
    let onlooker = Onlooker::start(&args.display, Some(args.steps.end.min(loaded.steps(&request))))?;
    let trace = lab(&loaded, &request, (&args.agent, args.steps.clone()), &onlooker)?;
    drop(onlooker);
    if args.display.json {
        print_json(&trace)?;
    } else {
        print(&shown(&trace, Paint::stdout(args.display.color)))?;
    }
    Ok(Exit::Done)
}

fn shown(trace: &Trace, paint: Paint) -> String {
    let head = format!("agent {} of {}, which plays {}", trace.agent, trace.cohort, trace.strategy);
    let steps: String = trace.steps.iter().map(|step| step_shown(step, paint)).collect();
    let nothing = if steps.is_empty() { "it was not asked in these steps, and none of its actions ran\n" } else { "" };
    format!("{}\n{steps}{nothing}", paint.bold(&head))
}

fn step_shown(step: &TracedStep, paint: Paint) -> String {
    let head = paint.bold(&format!("step {} at {}", step.step, step.time));
    let calls: String = step.calls.iter().map(call_shown).collect();
    let got: String = step.got.iter().map(got_shown).collect();
    format!("{head}\n{calls}{got}")
}

fn got_shown(got: &Got) -> String {
    let result = got.refused.map_or_else(|| "took effect".to_owned(), |why| format!("refused: {}", spoken(why)));
    wrapped("    got       ", &format!("{}: {result}", got.action))
}

fn call_shown(call: &Call) -> String {
    let about = call.subject.as_ref().map(|subject| format!(" about {subject}")).unwrap_or_default();
    let mut text = format!("  {}{about}, {} operations\n", call.hook, call.operations);
    let saw: Vec<String> = call.saw.iter().map(|(name, value)| format!("{name} {}", value_shown(value))).collect();
    let changed = call.memory.iter().filter(|(_, before, after)| before != after);
    let memory: Vec<String> = changed
        .map(|(name, before, after)| format!("{name} {} \u{2192} {}", value_shown(before), value_shown(after)))
        .collect();
    for (lead, words) in [("    saw       ", saw), ("    remembers ", memory), ("    asked     ", call.asked.clone())] {
        if !words.is_empty() {
            text += &wrapped(lead, &words.join(", "));
        }
    }
    text += &call.returned.map_or(String::new(), |value| wrapped("    returned  ", &value.to_string()));
    text += &call.fault.as_ref().map_or(String::new(), |fault| wrapped("    failed    ", fault));
    text
}

fn value_shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "()".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        Value::Null => "NaN".to_owned(),
        other => other.to_string(),
    }
}
