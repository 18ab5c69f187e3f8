//! What the mechanisms declare, as people read it: risk parameters with their paths, actions as they are called, rules.

use palisade_engine::action::{ActionSpec, ArgKind, ArgSpec, Receiver, Who};
use palisade_engine::params::{Looser as Way, ParamSpec};
use palisade_engine::registry::Kind;
use palisade_engine::scenario::Role;
use serde::Serialize;

/// What stands in a path for the name of a thing.
const NAME: &str = "NAME";

/// A risk parameter.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Parameter {
    /// Where it stands in a scenario, with `NAME` for the name of a market, feed, vault or venue.
    pub path: String,
    /// Its key.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Its value where a scenario is silent.
    pub default: f64,
    /// The smallest legal value.
    pub low: f64,
    /// The largest legal value.
    pub high: f64,
    /// Which way loosens a safeguard.
    pub looser: Looser,
    /// What it means.
    pub doc: String,
    #[serde(skip)]
    block: &'static str,
    #[serde(skip)]
    of_protocol: bool,
}

/// Which way of a parameter loosens a safeguard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Looser {
    /// A lower value protects less.
    Lower,
    /// A higher value protects less.
    Higher,
    /// Neither way plainly protects less.
    Neither,
}

impl Parameter {
    pub(crate) fn of(spec: &ParamSpec) -> Self {
        let of_protocol = spec.kind == Kind::Protocol;
        Self {
            path: spec.path(if of_protocol { "" } else { NAME }),
            name: spec.name.to_owned(),
            unit: spec.unit.to_owned(),
            default: (spec.default)(),
            low: spec.bounds.0,
            high: spec.bounds.1,
            looser: match spec.looser {
                Way::Lower => Looser::Lower,
                Way::Higher => Looser::Higher,
                Way::Neither => Looser::Neither,
            },
            doc: spec.doc.to_owned(),
            block: spec.block,
            of_protocol,
        }
    }

    /// The block and the key, without the name of a thing.
    #[must_use]
    pub fn short_path(&self) -> String {
        format!("{}.{}", self.block, self.name)
    }

    /// Whether a path leads into the block of this parameter.
    pub(super) fn within(&self, path: &str) -> bool {
        path.strip_prefix(self.block).is_some_and(|rest| rest.starts_with('.'))
    }

    /// Whether `name` is its key, its path, or its path on some thing.
    pub(super) fn is_called(&self, name: &str) -> bool {
        if name == self.name || name == self.short_path() {
            return true;
        }
        let inside = name.strip_prefix(self.block).and_then(|rest| rest.strip_prefix('.'));
        let thing = inside.and_then(|rest| rest.strip_suffix(self.name.as_str())?.strip_suffix('.'));
        !self.of_protocol && thing.is_some_and(|thing| !thing.is_empty())
    }
}

/// An action.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// How scripts call it.
    pub call: String,
    /// Which roles may take it.
    pub who: String,
    /// What it does.
    pub doc: String,
    /// Its arguments, in order.
    pub args: Vec<ActionArg>,
}

/// An argument of an action.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ActionArg {
    /// Its name.
    pub name: String,
    /// What it must be: a kind of thing, or the unit of a number.
    pub takes: String,
    /// What it means.
    pub doc: String,
}

impl Action {
    pub(crate) fn of(spec: &ActionSpec) -> Self {
        let receiver = match spec.receiver {
            Receiver::Me => "me",
            Receiver::Account => "me.account(i)",
        };
        let args: Vec<ActionArg> = spec.args.iter().map(ActionArg::of).collect();
        let names: Vec<&str> = args.iter().map(|arg| arg.name.as_str()).collect();
        Self {
            name: spec.name.to_owned(),
            call: format!("{receiver}.{}({})", spec.name, names.join(", ")),
            who: who(spec.who),
            doc: spec.doc.to_owned(),
            args,
        }
    }

    /// Whether `name` is its name, or its call as far as the name.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let called = self.call.rsplit_once('(').map_or(self.call.as_str(), |(called, _)| called);
        name == self.name || name == called
    }
}

impl ActionArg {
    fn of(spec: &ArgSpec) -> Self {
        let takes = match spec.kind {
            ArgKind::Amount => format!("{}, `all` or `fraction(x)`", spec.unit),
            ArgKind::Number => spec.unit.to_owned(),
            ArgKind::Handle(kind) => noun(kind),
        };
        Self { name: spec.name.to_owned(), takes, doc: spec.doc.trim_end_matches('.').to_owned() }
    }
}

fn who(who: Who) -> String {
    let names = |roles: &[Role]| roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
    match who {
        Who::Everyone => "everyone".to_owned(),
        Who::Public(roles) => names(&[roles, &[Role::Attacker]].concat()),
        Who::Appointed(roles) => names(roles),
    }
}

/// A kind of thing as a bare noun.
pub(crate) fn noun(kind: Kind) -> String {
    format!("{kind:?}").to_lowercase()
}

/// A rule that scenarios choose by name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it decides: the function of a script that does.
    pub decides: String,
    /// The columns that go in.
    pub columns: Vec<&'static str>,
    /// How it decides.
    pub doc: String,
    /// The script, unless it is one of the program's own.
    pub file: Option<String>,
}

impl Rule {
    pub(crate) fn of(rule: &palisade_engine::rule::Rule) -> Self {
        let (name, doc) = (rule.name.clone(), rule.doc.clone());
        Self { name, decides: rule.kind.word().to_owned(), columns: rule.kind.columns().to_vec(), doc, file: None }
    }

    /// The rule of a script whose card says what it decides.
    pub(super) fn of_script(script: &palisade_agents::Strategy) -> Option<Self> {
        let kind = script.card.decides?;
        Some(Self {
            name: script.name.clone(),
            decides: kind.word().to_owned(),
            columns: kind.columns().to_vec(),
            doc: script.card.summary.clone(),
            file: Some(script.file.clone()),
        })
    }
}
