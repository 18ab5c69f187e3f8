//! What a strategy may require of a protocol, by the words of its card's `requires`. A scenario that lacks one of them
//! cannot use the strategy: the pairing is not applicable, which is not the same as an attack that fails.

use palisade_engine::Simulation;
use palisade_engine::registry::{Directory, Kind, Registry};
use palisade_engine::scenario::SetupError;
use palisade_engine::view::Public;

/// What the message of an impossible pairing begins with.
pub const NOT_APPLICABLE: &str = "not applicable";

/// A thing that a strategy can require.
pub(crate) struct Need {
    pub(crate) word: &'static str,
    pub(crate) doc: &'static str,
    holds: fn(&Simulation) -> bool,
}

/// Everything that can be required.
pub(crate) const ALL: [Need; 9] = [
    Need { word: "perp", doc: "a perpetual market", holds: |world| count(world, Kind::Market) > 0 },
    Need { word: "feed", doc: "an oracle feed", holds: |world| count(world, Kind::Feed) > 0 },
    Need { word: "spot_venue", doc: "a venue", holds: |world| count(world, Kind::Venue) > 0 },
    Need {
        word: "outside_price",
        doc: "an asset with a price outside the world",
        holds: |world| any(world, Kind::Venue, "has_external", |value| value > 0.0),
    },
    Need {
        word: "staked_token",
        doc: "a vault whose asset is traded on a venue",
        holds: |world| any(world, Kind::Vault, "venue", |venue| venue >= 0.0),
    },
    Need {
        word: "governance",
        doc: "parameters that can be voted on",
        holds: |world| count(world, Kind::Parameter) > 0,
    },
    Need {
        word: "blockspace",
        doc: "actions that compete for a place in a block",
        holds: |world| count(world, Kind::Action) > 0,
    },
    Need { word: "vote_venue", doc: "a venue that trades the voting asset", holds: trades_votes },
    Need {
        word: "withdrawable_profit",
        doc: "a market that counts unrealized profit as collateral",
        holds: lends_on_profit,
    },
];

/// The words that a card may require.
pub fn words() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|need| need.word)
}

/// Refuses a scenario that lacks what the strategy called `name` requires; `path` is its cohort's.
pub(crate) fn check(world: &Simulation, path: &str, name: &str, requires: &[String]) -> Result<(), SetupError> {
    let known = requires.iter().filter_map(|word| ALL.iter().find(|need| need.word == word));
    match known.into_iter().find(|need| !(need.holds)(world)) {
        None => Ok(()),
        Some(need) => {
            let message =
                format!("{NOT_APPLICABLE}: `{name}` requires `{}`, {}, and the scenario has none", need.word, need.doc);
            Err(SetupError::value(format!("{path}.strategy"), message))
        }
    }
}

fn count(simulation: &Simulation, kind: Kind) -> usize {
    simulation.world().resource::<Directory>().count(kind)
}

fn place(registry: &Registry, kind: Kind, name: &str) -> Option<usize> {
    registry.public.iter().position(|field| field.of == kind && field.name == name)
}

fn any(simulation: &Simulation, kind: Kind, name: &str, holds: fn(f64) -> bool) -> bool {
    let public = simulation.world().resource::<Public>();
    let field = place(simulation.registry(), kind, name);
    field.is_some_and(|field| (0..count(simulation, kind)).any(|index| holds(public.value(field, index))))
}

fn trades_votes(simulation: &Simulation) -> bool {
    let (registry, public) = (simulation.registry(), simulation.world().resource::<Public>());
    let fields = (place(registry, Kind::Protocol, "vote_token"), place(registry, Kind::Venue, "base"));
    let (Some(token), Some(base)) = fields else { return false };
    let token = public.value(token, 0);
    token >= 0.0 && (0..count(simulation, Kind::Venue)).any(|venue| public.value(base, venue) == token)
}

fn lends_on_profit(simulation: &Simulation) -> bool {
    let weight = simulation.registry().params.iter().find(|param| param.name == "unrealized_weight");
    let weight = |market| weight.and_then(|weight| (weight.read)(simulation.world(), market));
    (0..count(simulation, Kind::Market)).any(|market| weight(market).is_some_and(|weight| weight > 0.0))
}
