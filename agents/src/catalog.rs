//! Everything a script can name on the records of its view, derived from what the mechanisms declared: fields, methods,
//! actions and functions. The checks, the runtime and its hints all read this one list.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use palisade_engine::action::{ArgKind, Receiver};
use palisade_engine::registry::{Kind, Registry};
use palisade_engine::view::{FieldKind, OwnScope};

use crate::types::Type;

/// Methods of the world that look a thing up by its name.
pub(crate) const FINDERS: [(&str, Kind); 6] = [
    ("market", Kind::Market),
    ("feed", Kind::Feed),
    ("venue", Kind::Venue),
    ("asset", Kind::Asset),
    ("vault", Kind::Vault),
    ("parameter", Kind::Parameter),
];

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// A public field, by place in the registry.
    Public(usize, FieldKind),
    /// An own field, by place in the registry.
    Own(usize),
    /// An action, by place in the registry.
    Action(u16),
    /// Part of the host itself.
    Host,
}

/// A field of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Property {
    pub(crate) ty: Type,
    pub(crate) access: Access,
    /// Its unit, where it has one, and one line.
    pub(crate) doc: (&'static str, &'static str),
}

/// What an argument of a method must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Takes {
    Int,
    Text,
    Number,
    Amount,
    Thing(Kind),
}

impl Takes {
    pub(crate) fn admits(self, ty: Type) -> bool {
        match self {
            _ if ty.is_silent() => true,
            Self::Int => matches!(ty, Type::Int | Type::Number),
            Self::Text => ty == Type::Text,
            Self::Number => ty.is_number(),
            Self::Amount => ty.is_number() || ty == Type::Portion,
            Self::Thing(kind) => ty == Type::Thing(kind),
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Int => "an integer",
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Amount => "a number, `all` or `fraction(x)`",
            Self::Thing(kind) => crate::types::thing_words(kind),
        }
    }
}

/// A method of a record.
#[derive(Clone, Debug)]
pub(crate) struct Method {
    pub(crate) takes: Vec<(&'static str, Takes)>,
    pub(crate) returns: Type,
    pub(crate) access: Access,
    /// The unit of what it returns, where it has one, and one line.
    pub(crate) doc: (&'static str, &'static str),
}

/// The fields and methods of one record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub(crate) properties: BTreeMap<&'static str, Property>,
    pub(crate) methods: BTreeMap<&'static str, Method>,
}

impl Members {
    /// Every name, for hints.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.properties.keys().chain(self.methods.keys()).copied()
    }
}

/// The members of every record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    records: Rc<BTreeMap<Type, Members>>,
}

impl Catalog {
    /// The catalog of what `registry` declares.
    pub(crate) fn of(registry: &Registry) -> Self {
        let mut catalog = Self::default();
        catalog.add_host_members();
        for (place, field) in registry.public.iter().enumerate() {
            let ty = match field.kind {
                FieldKind::Number => Type::Float,
                FieldKind::Flag => Type::Flag,
                FieldKind::Handle(kind) => Type::Thing(kind),
            };
            let property = Property { ty, access: Access::Public(place, field.kind), doc: (field.unit, field.doc) };
            catalog.property(Type::Thing(field.of), field.name, property);
        }
        for (place, field) in registry.own.iter().enumerate() {
            let (access, doc) = (Access::Own(place), (field.unit, field.doc));
            let property = Property { ty: Type::Float, access, doc };
            let mut lookup = |arg: &'static str, kind: Kind| {
                let takes = vec![(arg, Takes::Thing(kind))];
                catalog.method(Type::Me, field.name, Method { takes, returns: Type::Float, access, doc });
            };
            match field.scope {
                OwnScope::Agent => catalog.property(Type::Me, field.name, property),
                OwnScope::Account => catalog.property(Type::Account, field.name, property),
                OwnScope::Position => catalog.property(Type::Position, field.name, property),
                OwnScope::Asset => lookup("asset", Kind::Asset),
                OwnScope::Feed => lookup("feed", Kind::Feed),
                OwnScope::Vault => lookup("vault", Kind::Vault),
                OwnScope::Change => lookup("change", Kind::Change),
            }
        }
        for (place, action) in registry.actions.iter().enumerate() {
            let Ok(place) = u16::try_from(place) else { break };
            let receiver = match action.receiver {
                Receiver::Me => Type::Me,
                Receiver::Account => Type::Account,
            };
            let takes = action.args.iter().map(|arg| {
                let takes = match arg.kind {
                    ArgKind::Amount => Takes::Amount,
                    ArgKind::Number => Takes::Number,
                    ArgKind::Handle(kind) => Takes::Thing(kind),
                };
                (arg.name, takes)
            });
            let (takes, access) = (takes.collect(), Access::Action(place));
            let method = Method { takes, returns: Type::Unit, access, doc: ("", action.doc) };
            catalog.method(receiver, action.name, method);
        }
        catalog
    }

    fn add_host_members(&mut self) {
        let thing = Type::Thing;
        for (record, name, ty, doc) in [
            (Type::Me, "params", Type::Params, "The strategy's parameters, read-only."),
            (Type::Me, "memory", Type::Memory, "What the agent remembers, read and written."),
            (Type::Me, "accounts", Type::Int, "How many margin accounts it has."),
            (Type::Me, "rng", Type::Rng, "Its own random draws."),
        ] {
            self.property(record, name, Property { ty, access: Access::Host, doc: ("", doc) });
        }
        let nothing = Vec::new;
        let market = || vec![("market", Takes::Thing(Kind::Market))];
        for (record, name, takes, returns, doc) in [
            (Type::Me, "account", vec![("index", Takes::Int)], Type::Account, "One of its margin accounts, from 0."),
            (Type::Rng, "uniform", nothing(), Type::Float, "Uniform in 0…1, 1 left out."),
            (Type::Rng, "normal", nothing(), Type::Float, "Standard normal."),
            (Type::Rng, "chance", vec![("probability", Takes::Number)], Type::Flag, "True with a probability."),
            (
                Type::Rng,
                "below",
                vec![("count", Takes::Int)],
                Type::Int,
                "An integer from 0 to one less than the count.",
            ),
            (Type::Account, "position", market(), Type::Position, "Its position in a market, open or not."),
            (Type::Account, "has_position", market(), Type::Flag, "Whether it has one."),
            (thing(Kind::Protocol), "find", vec![("name", Takes::Text)], Type::Unknown, "A thing of any kind by name."),
            (
                thing(Kind::Protocol),
                "proposal",
                vec![("index", Takes::Int)],
                thing(Kind::Proposal),
                "A proposal, from 0.",
            ),
            (
                thing(Kind::Proposal),
                "change",
                vec![("index", Takes::Int)],
                thing(Kind::Change),
                "One of its changes, from 0.",
            ),
        ] {
            self.method(record, name, Method { takes, returns, access: Access::Host, doc: ("", doc) });
        }
        for (name, kind) in FINDERS {
            let (takes, access) = (vec![("name", Takes::Text)], Access::Host);
            let method = Method { takes, returns: thing(kind), access, doc: ("", "The one of this name.") };
            self.method(thing(Kind::Protocol), name, method);
        }
        for kind in Kind::ALL {
            let name = Property { ty: Type::Text, access: Access::Host, doc: ("", "Its name.") };
            self.property(thing(kind), "name", name);
        }
        for record in [Type::Position, Type::Params, Type::Memory] {
            Rc::make_mut(&mut self.records).entry(record).or_default();
        }
    }

    fn property(&mut self, record: Type, name: &'static str, property: Property) {
        Rc::make_mut(&mut self.records).entry(record).or_default().properties.insert(name, property);
    }

    fn method(&mut self, record: Type, name: &'static str, method: Method) {
        Rc::make_mut(&mut self.records).entry(record).or_default().methods.insert(name, method);
    }

    /// The members of a record.
    pub(crate) fn members(&self, record: Type) -> Option<&Members> {
        self.records.get(&record)
    }

    /// All records with their members.
    pub(crate) fn records(&self) -> impl Iterator<Item = (Type, &Members)> {
        self.records.iter().map(|(record, members)| (*record, members))
    }

    /// The method called `name` on any record.
    pub(crate) fn any_method(&self, name: &str) -> Option<&Method> {
        self.records.values().find_map(|members| members.methods.get(name))
    }

    /// The place of a public field in the registry.
    pub(crate) fn public_field(&self, record: Type, name: &str) -> Option<usize> {
        match self.members(record)?.properties.get(name)?.access {
            Access::Public(place, _) => Some(place),
            _ => None,
        }
    }

    /// The public fields that say which changes a proposal's are: the first one, and how many.
    pub(crate) fn changes_fields(&self) -> [Option<usize>; 2] {
        ["first_change", "changes"].map(|name| self.public_field(Type::Thing(Kind::Proposal), name))
    }

    /// What a member called `name` may stand for, whatever record it is on.
    pub(crate) fn called<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Access> + 'a {
        self.records.values().flat_map(move |members| {
            let property = members.properties.get(name).map(|property| property.access);
            let method = members.methods.get(name).map(|method| method.access);
            [property, method].into_iter().flatten()
        })
    }

    /// The record and name of the member that `is` picks.
    pub(crate) fn named(&self, is: impl Fn(Access) -> bool) -> Option<(Type, &'static str)> {
        self.records.iter().find_map(|(record, members)| {
            let properties = members.properties.iter().map(|(name, property)| (*name, property.access));
            let methods = members.methods.iter().map(|(name, method)| (*name, method.access));
            properties.chain(methods).find(|(_, access)| is(*access)).map(|(name, _)| (*record, name))
        })
    }

    /// Every own field, for hooks that the inference gave up on.
    pub(crate) fn all_own(&self) -> BTreeSet<usize> {
        let members = self.records.values();
        let properties =
            members.clone().flat_map(|members| members.properties.values()).map(|property| property.access);
        let methods = members.flat_map(|members| members.methods.values()).map(|method| method.access);
        properties
            .chain(methods)
            .filter_map(|access| match access {
                Access::Own(place) => Some(place),
                _ => None,
            })
            .collect()
    }

    /// The own field that tells whether there is a position.
    pub(crate) fn position_size(&self) -> Option<usize> {
        match self.members(Type::Position)?.properties.get("size")?.access {
            Access::Own(place) => Some(place),
            _ => None,
        }
    }
}
