//! Following one agent through a world: what it saw, what it asked for, and what it got.

use std::ops::Range;

use palisade_agents::{Fact, Kept, Shown, TracedCall, nearest};
use palisade_engine::Simulation;
use palisade_engine::action::{Intent, Rejected, Value};
use palisade_engine::domain::{AgentId, Cohorts};
use palisade_engine::registry::Directory;
use palisade_engine::units::Span;
use serde::Serialize;

use crate::load::{LoadError, Loaded, RunRequest};
use crate::run::{RunError, Watch};
use crate::session::{Cast, Session, on_large_stack};

/// An agent followed through some steps.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// The agent's id.
    pub agent: u32,
    /// Its cohort.
    pub cohort: String,
    /// The strategy that it plays.
    pub strategy: String,
    /// The steps in which it was asked, or in which one of its actions ran.
    pub steps: Vec<TracedStep>,
}

/// One step of it.
#[derive(Clone, Debug, Serialize)]
pub struct TracedStep {
    /// The step, from 0.
    pub step: u64,
    /// Simulated time at its start.
    pub time: String,
    /// The hooks asked.
    pub calls: Vec<Call>,
    /// What became of the actions that ran in it, in their order.
    pub got: Vec<Got>,
}

/// One call of a hook.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// Its name.
    pub hook: &'static str,
    /// What it was asked about.
    pub subject: Option<String>,
    /// Facts read: name and value.
    pub saw: Vec<(String, serde_json::Value)>,
    /// Memory: name, before and after.
    pub memory: Vec<(String, serde_json::Value, serde_json::Value)>,
    /// Actions asked for, as a script would write them.
    pub asked: Vec<String>,
    /// The price or vote returned.
    pub returned: Option<f64>,
    /// How it failed.
    pub fault: Option<String>,
    /// Operations that it took.
    pub operations: u64,
}

/// What became of an action.
#[derive(Clone, Debug, Serialize)]
pub struct Got {
    /// The action.
    pub action: String,
    /// Why it was refused; nothing when it took effect.
    pub refused: Option<&'static str>,
}

/// Plays the world of the request's seed and follows `who`, an agent's id, or a cohort's name with `#place` when it is not
/// its first agent.
///
/// # Errors
/// An agent that is not there; a broken invariant.
pub fn trace(
    loaded: &Loaded,
    request: &RunRequest,
    (who, steps): (&str, Range<u64>),
    watch: &dyn Watch,
) -> Result<Trace, RunError> {
    on_large_stack(|| {
        let session = Session { loaded, request, watch };
        let (mut simulation, mut host) = session.build(request.seed, Cast::Full)?;
        let agent = find(&simulation, who)?;
        let info = simulation.world().resource::<Cohorts>().0.iter().find(|cohort| cohort.agents.contains(&agent));
        let cohort = info.map(|cohort| cohort.name.clone()).unwrap_or_default();
        let mut trace = Trace { agent, strategy: strategy(loaded, &cohort), cohort, steps: Vec::new() };
        simulation.follow(AgentId(agent));
        host.follow(AgentId(agent));
        for step in 0..steps.end.min(loaded.steps(request)) {
            if watch.interrupted() {
                break;
            }
            let time = Span(simulation.time()).to_string();
            session.step((&mut simulation, &mut host), (request.seed, step))?;
            let _ = simulation.take_frames();
            let (calls, done) = (host.take_calls(), simulation.take_followed());
            if steps.contains(&step) && !(calls.is_empty() && done.is_empty()) {
                let calls = calls.into_iter().map(|call| told(&simulation, call)).collect();
                let got = done.iter().map(|(intent, result)| got(&simulation, intent, *result)).collect();
                trace.steps.push(TracedStep { step, time, calls, got });
            }
        }
        Ok(trace)
    })
}

fn find(simulation: &Simulation, who: &str) -> Result<u32, LoadError> {
    let cohorts = &simulation.world().resource::<Cohorts>().0;
    let count = cohorts.iter().map(|cohort| cohort.agents.end).max().unwrap_or(0);
    if let Ok(id) = who.parse::<u32>() {
        let found = (id < count).then_some(id);
        return found
            .ok_or_else(|| LoadError::Usage(format!("there is no agent {id}: the world has {count}, counted from 0")));
    }
    let (name, place) = who.split_once('#').unwrap_or((who, "0"));
    let Some(cohort) = cohorts.iter().find(|cohort| cohort.name == name) else {
        let names: Vec<&str> = cohorts.iter().map(|cohort| cohort.name.as_str()).collect();
        let hint = nearest(name, names.iter().copied()).map(|near| format!("did you mean `{near}`? "));
        let message =
            format!("there is no cohort `{name}`: {}it is one of {}", hint.unwrap_or_default(), names.join(", "));
        return Err(LoadError::Usage(message));
    };
    let size = cohort.agents.end - cohort.agents.start;
    let place = place.parse::<u32>().ok().filter(|place| *place < size);
    place.map(|place| cohort.agents.start + place).ok_or_else(|| {
        LoadError::Usage(format!("`{who}`: `{name}` has {size} agents, counted from 0, as in `{name}#0`"))
    })
}

fn strategy(loaded: &Loaded, cohort: &str) -> String {
    let named = |path: &str| path.split_once('.').is_some_and(|(_, name)| name == cohort);
    let found = loaded.scenario.cohorts.iter().find(|(path, _)| named(path));
    found.map(|(_, cohort)| cohort.strategy.clone()).unwrap_or_default()
}

fn told(simulation: &Simulation, call: TracedCall) -> Call {
    let fact = |Fact { name, value }: Fact| (name, json(value));
    let kept = |Kept { name, before, after }: Kept| (name, json(before), json(after));
    Call {
        hook: call.hook.name(),
        subject: call.subject,
        saw: call.saw.into_iter().map(fact).collect(),
        memory: call.memory.into_iter().map(kept).collect(),
        asked: call.asked.iter().map(|intent| written(simulation, intent)).collect(),
        returned: call.value,
        fault: call.fault,
        operations: call.operations,
    }
}

fn json(value: Shown) -> serde_json::Value {
    match value {
        Shown::Number(number) => number.into(),
        Shown::Flag(flag) => flag.into(),
        Shown::Thing(name) => name.into(),
    }
}

fn got(simulation: &Simulation, intent: &Intent, result: Result<(), Rejected>) -> Got {
    Got { action: written(simulation, intent), refused: result.err().map(|rejected| rejected.reason) }
}

/// An action as a script would write it.
fn written(simulation: &Simulation, intent: &Intent) -> String {
    let Some(spec) = simulation.registry().actions.get(usize::from(intent.action.0)) else { return String::new() };
    let directory = simulation.world().resource::<Directory>();
    let value = |value: Value| match value {
        Value::Number(number) => number.to_string(),
        Value::All => "all".to_owned(),
        Value::Fraction(share) => format!("fraction({share})"),
        Value::Handle(handle) => match directory.name(handle.kind, handle.index as usize) {
            "" => handle.index.to_string(),
            name => name.to_owned(),
        },
    };
    let args: Vec<String> = intent.args.into_iter().take(spec.args.len()).flatten().map(value).collect();
    let on = match spec.receiver {
        palisade_engine::action::Receiver::Me => "me".to_owned(),
        palisade_engine::action::Receiver::Account => format!("me.account({})", intent.actor.account),
    };
    format!("{on}.{}({})", spec.name, args.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::load::load;
    use crate::sample::{self, Onlooker};

    fn follow(who: &str, steps: Range<u64>) -> Result<Trace, RunError> {
        let (_folder, request) = sample::attacked();
        trace(&load(&request).unwrap(), &request, (who, steps), &Onlooker::default())
    }

    #[test]
    fn an_agent_is_followed_by_what_it_saw_asked_for_and_got() {
        let trace = follow("thief", 0..5).unwrap();
        assert!(trace.steps.len() > 1, "{trace:#?}");
        let call = &trace.steps[0].calls[0];
        assert_eq!((call.hook, call.fault.as_deref()), ("decide", None));
        assert!(!call.saw.is_empty() && call.operations > 0, "{call:#?}");
        let (asked, got): (Vec<&String>, Vec<&Got>) = (
            trace.steps.iter().flat_map(|step| &step.calls).flat_map(|call| &call.asked).collect(),
            trace.steps.iter().flat_map(|step| &step.got).collect(),
        );
        assert!(!asked.is_empty() && asked.len() == got.len(), "{asked:?} {got:?}");
        assert!(got.iter().all(|got| asked.contains(&&got.action)), "{asked:?} {got:?}");
    }

    #[test]
    fn following_changes_nothing() {
        let ids: Vec<u32> = [follow("0", 0..3), follow("thief#0", 0..3)].map(|trace| trace.unwrap().agent).into();
        assert_eq!(ids[0], 0);
        let (one, two) = (follow("thief", 3..6).unwrap(), follow("thief", 0..6).unwrap());
        let late = two.steps.into_iter().filter(|step| step.step >= 3).collect::<Vec<_>>();
        assert_eq!(format!("{:?}", one.steps), format!("{late:?}"));
    }

    #[test]
    fn an_agent_that_is_not_there_is_named() {
        let check = |who: &str, expected: &str| {
            let error = follow(who, 0..1).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("4000", "there is no agent 4000: the world has");
        check("theif", "there is no cohort `theif`: did you mean `thief`?");
        check("thief#7", "`thief` has 1 agents, counted from 0");
    }
}
