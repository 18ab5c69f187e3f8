//! A situation: a map of records, each a map of fields that differ from the standard world. An array stands for the
//! accounts, or the things, one after the other.

use palisade_engine::host::Hook;
use palisade_engine::registry::{Directory, Handle, Kind};
use palisade_engine::view::{Columns, OwnScope, Public};
use rhai::{Array, Dynamic, Map};

use crate::catalog::{Access, Catalog, Property};
use crate::check;
use crate::problem::did_you_mean;
use crate::pure::number;
use crate::types::{Type, kind_noun};

/// Records of the public view by the word for them; of positions and accounts an agent's own are meant.
const PUBLIC: [(&str, Kind); 12] = [
    ("world", Kind::Protocol),
    ("market", Kind::Market),
    ("feed", Kind::Feed),
    ("venue", Kind::Venue),
    ("asset", Kind::Asset),
    ("vault", Kind::Vault),
    ("proposal", Kind::Proposal),
    ("change", Kind::Change),
    ("parameter", Kind::Parameter),
    (OFFERED, Kind::Account),
    ("auction", Kind::Auction),
    ("pool", Kind::Pending),
];
const OWN: [(&str, Type); 3] = [("me", Type::Me), ("account", Type::Account), ("position", Type::Position)];
/// The account that `liquidate` is asked about.
const OFFERED: &str = "offered";
/// Entries that say something else than facts.
pub(super) const PARAMS: &str = "params";
pub(super) const MEMORY: &str = "memory";
pub(super) const BIND: &str = "bind";
const RNG: &str = "rng";
const HOOK: &str = "hook";
const OTHERS: [&str; 5] = [PARAMS, MEMORY, BIND, RNG, HOOK];

type Told<T> = Result<T, String>;

/// Where facts are supposed.
pub(super) struct View<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) public: &'a mut Public,
    pub(super) own: &'a mut Columns,
    /// Fields of what the hook is asked about, where others do not see it.
    pub(super) subject_values: &'a mut [f64],
    /// The things there are.
    pub(super) directory: &'a Directory,
    /// What the own fields hang on, by place.
    pub(super) scopes: &'a [OwnScope],
}

/// The hook asked, when the situation names one.
pub(super) fn hook(situation: &Map) -> Told<Option<Hook>> {
    let Some(value) = situation.get(HOOK) else { return Ok(None) };
    let name = value.clone().into_string().map_err(|other| format!("`hook` is {other}, not the name of one"))?;
    let known = || Hook::ALL.into_iter().map(Hook::name);
    let found = Hook::ALL.into_iter().find(|hook| hook.name() == name);
    found.map(Some).ok_or_else(|| hinted(format!("there is no hook `{name}`"), did_you_mean(&name, known())))
}

/// What `me.rng` draws in the situation, where it says so: uniform and normal.
pub(super) fn draws(situation: &Map) -> Told<[Option<f64>; 2]> {
    let mut draws = [None; 2];
    for (name, value) in entries(situation, RNG)? {
        let place = ["uniform", "normal"].iter().position(|known| *known == name.as_str());
        let place = place.ok_or_else(|| format!("`rng` is supposed by `uniform` and `normal`, not by `{name}`"))?;
        draws[place] = Some(number(&value).ok_or_else(|| format!("`rng.{name}` is a number"))?);
    }
    Ok(draws)
}

/// The map under `key`, if there is one.
pub(super) fn entries(situation: &Map, key: &str) -> Told<Map> {
    match situation.get(key) {
        None => Ok(Map::new()),
        Some(value) => {
            value.clone().try_cast::<Map>().ok_or_else(|| format!("`{key}` is a map, as in `#{{ {key}: #{{ … }} }}`"))
        }
    }
}

impl View<'_> {
    /// Supposes every fact of the situation.
    pub(super) fn suppose(&mut self, situation: &Map) -> Told<()> {
        for (key, value) in situation {
            if OTHERS.contains(&key.as_str()) {
                continue;
            }
            match value.read_lock::<Array>() {
                None => self.record(key, None, value)?,
                Some(items) => {
                    for (place, item) in items.iter().enumerate() {
                        self.record(key, Some(place), item)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, key: &str, place: Option<usize>, value: &Dynamic) -> Told<()> {
        let fields = value.clone().try_cast::<Map>().ok_or_else(|| format!("`{key}` is a map of fields"))?;
        let public = PUBLIC.iter().find(|(word, _)| *word == key).map(|(_, kind)| Type::Thing(*kind));
        let own = OWN.iter().find(|(word, _)| *word == key).map(|(_, record)| *record);
        let Some(record) = public.or(own) else {
            let words = PUBLIC.iter().map(|(word, _)| *word).chain(OWN.iter().map(|(word, _)| *word));
            let hint = did_you_mean(key, words.chain(OTHERS));
            return Err(hinted(format!("a situation has no `{key}`"), hint));
        };
        fields.iter().try_for_each(|(name, value)| self.field((record, key, place), name, value))
    }

    fn field(&mut self, (record, key, place): (Type, &str, Option<usize>), name: &str, value: &Dynamic) -> Told<()> {
        let members = self.catalog.members(record);
        let property = members.and_then(|members| members.properties.get(name));
        let method = members.and_then(|members| members.methods.get(name));
        let access = match (property, method) {
            (Some(Property { access, .. }), _) => *access,
            (None, Some(method)) => method.access,
            (None, None) => {
                let names = members.into_iter().flat_map(|members| members.names());
                return Err(hinted(format!("`{key}` has no field `{name}`"), did_you_mean(name, names)));
            }
        };
        let number = match property.map(|property| property.ty) {
            Some(Type::Thing(kind)) => self.thing((key, name), kind, value)?,
            _ => {
                let number = value.as_bool().map(f64::from).ok().or_else(|| number(value));
                number.ok_or_else(|| format!("`{key}.{name}` is a number or a flag"))?
            }
        };
        match (access, record) {
            (Access::Public(field, _), Type::Thing(kind)) if kind.is_momentary() => self.subject_values[field] = number,
            (Access::Public(field, _), Type::Thing(kind)) => {
                let all = 0..self.directory.count(kind);
                all.filter(|index| place.is_none_or(|place| place == *index))
                    .for_each(|index| self.public.suppose(field, index, number));
            }
            (Access::Own(field), _) => self.own_field(field, place, number),
            _ => return Err(format!("`{key}.{name}` cannot be supposed: it is no fact")),
        }
        Ok(())
    }

    /// A thing by its name, or none by `()`.
    fn thing(&self, (key, name): (&str, &str), kind: Kind, value: &Dynamic) -> Told<f64> {
        if value.is_unit() {
            return Ok(-1.0);
        }
        let wanted =
            value.clone().into_string().map_err(|_| format!("`{key}.{name}` is the name of a thing, or ()"))?;
        let found = self.directory.find(kind, &wanted).and_then(|place| u32::try_from(place).ok()).map(f64::from);
        let hint = || did_you_mean(&wanted, self.directory.names(kind));
        found.ok_or_else(|| hinted(format!("`{key}.{name}`: there is no {} `{wanted}`", kind_noun(kind)), hint()))
    }

    fn own_field(&mut self, field: usize, place: Option<usize>, number: f64) {
        let is_agents = self.scopes.get(field) == Some(&OwnScope::Agent);
        self.own.suppose(field, place.filter(|_| !is_agents), number);
    }
}

/// What a hook is asked about in the standard world.
pub(super) fn subject(hook: Hook) -> Option<Handle> {
    let (_, kind) = check::subject(hook);
    (kind != Kind::Protocol).then_some(Handle { kind, index: 0 })
}

fn hinted(message: String, hint: Option<String>) -> String {
    hint.map_or(message.clone(), |hint| format!("{message} ({hint})"))
}
