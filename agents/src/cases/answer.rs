//! What a strategy answered, as an example's check sees it.

use palisade_engine::action::{Intent, Value};
use palisade_engine::registry::Registry;
use rhai::{Dynamic, Engine, Map};

use crate::problem::did_you_mean;
use crate::sandbox::Outcome;

/// The names on an answer, for hints.
pub(crate) const MEMBERS: [&str; 8] = ["asks", "count", "number", "is_all", "is_quiet", "answered", "value", "memory"];

/// One action asked for.
#[derive(Clone, Debug)]
struct Asked {
    name: &'static str,
    account: u8,
    args: Vec<(&'static str, Value)>,
}

/// What came of asking a hook once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    asked: Vec<Asked>,
    value: Option<f64>,
    memory: Map,
}

impl Answer {
    pub(super) fn new(registry: &Registry, intents: &[Intent], value: Option<f64>, memory: Map) -> Self {
        let asked = |intent: &Intent| {
            let spec = registry.actions.get(usize::from(intent.action.0))?;
            let given = spec.args.iter().zip(intent.args).filter_map(|(arg, value)| Some((arg.name, value?)));
            Some(Asked { name: spec.name, account: intent.actor.account, args: given.collect() })
        };
        Self { asked: intents.iter().filter_map(asked).collect(), value, memory }
    }

    /// In words, for an example that expected something else.
    pub(super) fn words(&self) -> String {
        let action = |asked: &Asked| {
            let args: Vec<String> =
                asked.args.iter().map(|(name, value)| format!("{name}: {}", shown(value))).collect();
            format!("{}({})", asked.name, args.join(", "))
        };
        let mut parts: Vec<String> = self.asked.iter().map(action).collect();
        parts.extend(self.value.map(|value| format!("returned {value}")));
        if parts.is_empty() { "it did nothing".into() } else { format!("it asked for {}", parts.join(", ")) }
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(move |asked| asked.name == name)
    }

    fn argument(&self, action: &str, arg: &str) -> Outcome<Value> {
        let Some(asked) = self.named(action).next() else {
            return Err(format!("there is no `{action}` in the answer: {}", self.words()).into());
        };
        if let Some((_, value)) = asked.args.iter().find(|(name, _)| *name == arg) {
            return Ok(*value);
        }
        let hint = did_you_mean(arg, asked.args.iter().map(|(name, _)| *name));
        Err(format!("`{action}` has no argument `{arg}`{}", hint.map_or(String::new(), |hint| format!(" ({hint})")))
            .into())
    }

    fn number(&self, action: &str, arg: &str) -> Outcome<f64> {
        match self.argument(action, arg)? {
            Value::Number(number) => Ok(number),
            other => Err(format!("`{arg}` of `{action}` is {}, not a number", shown(&other)).into()),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::All => "all".into(),
        Value::Fraction(share) => format!("fraction({share})"),
        Value::Handle(handle) => format!("{:?} {}", handle.kind, handle.index).to_lowercase(),
    }
}

/// Registers the members of an answer.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Answer>("answer");
    engine.register_fn("asks", |answer: &mut Answer, action: &str| answer.named(action).next().is_some());
    engine.register_fn("count", |answer: &mut Answer, action: &str| {
        i64::try_from(answer.named(action).count()).unwrap_or(i64::MAX)
    });
    engine.register_fn("number", |answer: &mut Answer, action: &str, arg: &str| answer.number(action, arg));
    engine.register_fn("number", |answer: &mut Answer, action: &str, arg: &str, account: i64| -> Outcome<f64> {
        let mut of_account = answer.clone();
        of_account.asked.retain(|asked| i64::from(asked.account) == account);
        of_account.number(action, arg)
    });
    engine.register_fn("is_all", |answer: &mut Answer, action: &str, arg: &str| -> Outcome<bool> {
        Ok(answer.argument(action, arg)? == Value::All)
    });
    engine.register_fn("is_quiet", |answer: &mut Answer| answer.asked.is_empty() && answer.value.is_none());
    engine.register_get("answered", |answer: &mut Answer| answer.value.is_some());
    engine.register_get("value", |answer: &mut Answer| -> Outcome<f64> {
        answer.value.ok_or_else(|| "the hook returned nothing: ask for `a.answered` first".into())
    });
    engine.register_get("memory", |answer: &mut Answer| Dynamic::from(answer.memory.clone()));
}
