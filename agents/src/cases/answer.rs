//! What a strategy answered, as an example's check sees it.

use palisade_engine::action::{Intent, Value};
use palisade_engine::registry::{Directory, Registry};
use rhai::{Dynamic, Engine, Map};

use crate::problem::did_you_mean;
use crate::sandbox::Outcome;

/// The names on an answer, for hints.
pub(crate) const MEMBERS: [&str; 10] =
    ["asks", "count", "number", "share", "is_all", "name", "is_quiet", "answered", "value", "memory"];

/// One action asked for.
#[derive(Clone, Debug)]
struct Asked {
    name: &'static str,
    account: u8,
    args: Vec<(&'static str, Given)>,
}

/// An argument, things by name.
#[derive(Clone, Debug)]
enum Given {
    Number(f64),
    All,
    Fraction(f64),
    Thing(String),
}

impl Given {
    fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::All => "all".into(),
            Self::Fraction(share) => format!("fraction({share})"),
            Self::Thing(name) => name.clone(),
        }
    }
}

/// What came of asking a hook once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    asked: Vec<Asked>,
    value: Option<f64>,
    memory: Map,
}

impl Answer {
    pub(super) fn new(
        (registry, directory): (&Registry, &Directory),
        intents: &[Intent],
        value: Option<f64>,
        memory: Map,
    ) -> Self {
        let given = |value: Value| match value {
            Value::Number(number) => Given::Number(number),
            Value::All => Given::All,
            Value::Fraction(share) => Given::Fraction(share),
            Value::Handle(thing) => match directory.name(thing.kind, thing.index as usize) {
                "" => Given::Thing(thing.index.to_string()),
                name => Given::Thing(name.to_owned()),
            },
        };
        let asked = |intent: &Intent| {
            let spec = registry.actions.get(usize::from(intent.action.0))?;
            let args = spec.args.iter().zip(intent.args).filter_map(|(arg, value)| Some((arg.name, given(value?))));
            Some(Asked { name: spec.name, account: intent.actor.account, args: args.collect() })
        };
        Self { asked: intents.iter().filter_map(asked).collect(), value, memory }
    }

    /// In words, for an example that expected something else.
    pub(super) fn words(&self) -> String {
        let action = |asked: &Asked| {
            let args: Vec<String> =
                asked.args.iter().map(|(name, given)| format!("{name}: {}", given.shown())).collect();
            let account = if asked.account == 0 { String::new() } else { format!(" on account {}", asked.account) };
            format!("{}({}){account}", asked.name, args.join(", "))
        };
        let mut parts: Vec<String> = self.asked.iter().map(action).collect();
        parts.extend(self.value.map(|value| format!("returned {value}")));
        if parts.is_empty() { "it did nothing".into() } else { format!("it asked for {}", parts.join(", ")) }
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(move |asked| asked.name == name)
    }

    fn count(&self, action: &str) -> i64 {
        i64::try_from(self.named(action).count()).unwrap_or(i64::MAX)
    }

    /// The same answer with the actions of one account alone.
    fn of(&self, account: i64) -> Self {
        let mut of_account = self.clone();
        of_account.asked.retain(|asked| i64::from(asked.account) == account);
        of_account
    }

    fn argument(&self, action: &str, arg: &str) -> Outcome<&Given> {
        let Some(asked) = self.named(action).next() else {
            return Err(format!("there is no `{action}` in the answer: {}", self.words()).into());
        };
        if let Some((_, given)) = asked.args.iter().find(|(name, _)| *name == arg) {
            return Ok(given);
        }
        let hint = did_you_mean(arg, asked.args.iter().map(|(name, _)| *name));
        let hint = hint.map_or(String::new(), |hint| format!(" ({hint})"));
        Err(format!("`{action}` has no argument `{arg}`{hint}").into())
    }

    fn number(&self, action: &str, arg: &str) -> Outcome<f64> {
        match self.argument(action, arg)? {
            Given::Number(number) => Ok(*number),
            other => Err(format!("`{arg}` of `{action}` is {}, not a number", other.shown()).into()),
        }
    }

    fn share(&self, action: &str, arg: &str) -> Outcome<f64> {
        match self.argument(action, arg)? {
            Given::Fraction(share) => Ok(*share),
            Given::All => Ok(1.0),
            other => Err(format!("`{arg}` of `{action}` is {}, not a fraction", other.shown()).into()),
        }
    }

    fn is_all(&self, action: &str, arg: &str) -> Outcome<bool> {
        Ok(matches!(self.argument(action, arg)?, Given::All))
    }

    fn name(&self, action: &str, arg: &str) -> Outcome<String> {
        match self.argument(action, arg)? {
            Given::Thing(name) => Ok(name.clone()),
            other => Err(format!("`{arg}` of `{action}` is {}, not a thing", other.shown()).into()),
        }
    }
}

/// Registers the members of an answer. Those that look at actions take an account behind their other arguments, for
/// strategies that act on several.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Answer>("answer");
    engine.register_fn("asks", |answer: &mut Answer, action: &str| answer.count(action) > 0);
    engine.register_fn("asks", |answer: &mut Answer, action: &str, on: i64| answer.of(on).count(action) > 0);
    engine.register_fn("count", |answer: &mut Answer, action: &str| answer.count(action));
    engine.register_fn("count", |answer: &mut Answer, action: &str, on: i64| answer.of(on).count(action));
    member(engine, "number", Answer::number);
    member(engine, "share", Answer::share);
    member(engine, "is_all", Answer::is_all);
    member(engine, "name", Answer::name);
    engine.register_fn("is_quiet", |answer: &mut Answer| answer.asked.is_empty() && answer.value.is_none());
    engine.register_get("answered", |answer: &mut Answer| answer.value.is_some());
    engine.register_get("value", |answer: &mut Answer| -> Outcome<f64> {
        answer.value.ok_or_else(|| "the hook returned nothing: ask for `a.answered` first".into())
    });
    engine.register_get("memory", |answer: &mut Answer| Dynamic::from(answer.memory.clone()));
}

/// Something of the first action of a name, by the name of an argument.
fn member<T: rhai::Variant + Clone>(engine: &mut Engine, name: &str, read: fn(&Answer, &str, &str) -> Outcome<T>) {
    engine.register_fn(name, move |answer: &mut Answer, action: &str, arg: &str| read(answer, action, arg));
    engine.register_fn(name, move |answer: &mut Answer, action: &str, arg: &str, on: i64| {
        read(&answer.of(on), action, arg)
    });
}
