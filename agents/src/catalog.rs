//! Everything a script can name on the records of its view, derived from what the mechanisms declared: fields, methods,
//! actions and functions. The checks, the runtime and its hints all read this one list.

use std::collections::{BTreeMap, BTreeSet};

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
    records: BTreeMap<Type, Members>,
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
            catalog.property(Type::Thing(field.of), field.name, ty, Access::Public(place, field.kind));
        }
        for (place, field) in registry.own.iter().enumerate() {
            let access = Access::Own(place);
            match field.scope {
                OwnScope::Agent => catalog.property(Type::Me, field.name, Type::Float, access),
                OwnScope::Account => catalog.property(Type::Account, field.name, Type::Float, access),
                OwnScope::Position => catalog.property(Type::Position, field.name, Type::Float, access),
                OwnScope::Asset => catalog.lookup(field.name, ("asset", Kind::Asset), access),
                OwnScope::Feed => catalog.lookup(field.name, ("feed", Kind::Feed), access),
                OwnScope::Vault => catalog.lookup(field.name, ("vault", Kind::Vault), access),
                OwnScope::Change => catalog.lookup(field.name, ("change", Kind::Change), access),
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
            catalog.method(receiver, action.name, takes.collect(), Type::Unit, Access::Action(place));
        }
        catalog
    }

    fn add_host_members(&mut self) {
        self.property(Type::Me, "params", Type::Params, Access::Host);
        self.property(Type::Me, "memory", Type::Memory, Access::Host);
        self.property(Type::Me, "accounts", Type::Int, Access::Host);
        self.method(Type::Me, "account", vec![("index", Takes::Int)], Type::Account, Access::Host);
        self.property(Type::Me, "rng", Type::Rng, Access::Host);
        self.method(Type::Rng, "uniform", Vec::new(), Type::Float, Access::Host);
        self.method(Type::Rng, "normal", Vec::new(), Type::Float, Access::Host);
        self.method(Type::Rng, "chance", vec![("probability", Takes::Number)], Type::Flag, Access::Host);
        self.method(Type::Rng, "below", vec![("count", Takes::Int)], Type::Int, Access::Host);
        let market = || vec![("market", Takes::Thing(Kind::Market))];
        self.method(Type::Account, "position", market(), Type::Position, Access::Host);
        self.method(Type::Account, "has_position", market(), Type::Flag, Access::Host);
        self.method(Type::Thing(Kind::Protocol), "find", vec![("name", Takes::Text)], Type::Unknown, Access::Host);
        for (name, kind) in FINDERS {
            self.method(
                Type::Thing(Kind::Protocol),
                name,
                vec![("name", Takes::Text)],
                Type::Thing(kind),
                Access::Host,
            );
        }
        for (on, name, kind) in [(Kind::Protocol, "proposal", Kind::Proposal), (Kind::Proposal, "change", Kind::Change)]
        {
            self.method(Type::Thing(on), name, vec![("index", Takes::Int)], Type::Thing(kind), Access::Host);
        }
        for kind in Kind::ALL {
            self.property(Type::Thing(kind), "name", Type::Text, Access::Host);
        }
        for record in [Type::Position, Type::Params, Type::Memory] {
            self.records.entry(record).or_default();
        }
    }

    fn property(&mut self, record: Type, name: &'static str, ty: Type, access: Access) {
        self.records.entry(record).or_default().properties.insert(name, Property { ty, access });
    }

    fn method(
        &mut self,
        record: Type,
        name: &'static str,
        takes: Vec<(&'static str, Takes)>,
        returns: Type,
        access: Access,
    ) {
        self.records.entry(record).or_default().methods.insert(name, Method { takes, returns, access });
    }

    fn lookup(&mut self, name: &'static str, (arg, kind): (&'static str, Kind), access: Access) {
        self.method(Type::Me, name, vec![(arg, Takes::Thing(kind))], Type::Float, access);
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

    /// Own fields that a member called `name` may stand for, whatever record it is on.
    pub(crate) fn own_called<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.records.values().flat_map(move |members| {
            let property = members.properties.get(name).map(|property| property.access);
            let method = members.methods.get(name).map(|method| method.access);
            [property, method].into_iter().flatten().filter_map(|access| match access {
                Access::Own(place) => Some(place),
                _ => None,
            })
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
