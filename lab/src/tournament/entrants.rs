//! Who takes part: names, files, folders and cards become strategies with what each sets at its seat.

use std::path::{Path, PathBuf};

use palisade_agents::{Library, Shelf, Strategy, outline};
use palisade_engine::scenario::Role;

use super::document::{Card, Entrant, Sheet};
use crate::load::LoadError;
use crate::source::{Document, suggestion};

/// One who takes part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Player {
    /// What it is called in results.
    pub(crate) name: String,
    /// Its strategy.
    pub(crate) strategy: String,
    /// Settings below its seat.
    pub(crate) set: Vec<String>,
}

impl Player {
    /// What puts it into a seat of a scenario, as `--set` takes it.
    pub(crate) fn seated(&self, scenario: &Document, seat: &str) -> Vec<String> {
        self.seated_as(scenario, seat, seat)
    }

    /// The same for a seat that is a copy of another.
    pub(crate) fn seated_as(&self, scenario: &Document, seat: &str, like: &str) -> Vec<String> {
        let own: Option<String> = scenario.parse(&format!("{like}.strategy")).ok();
        let mut sets = vec![format!("{seat}.strategy={:?}", self.strategy)];
        // What another strategy was given means nothing to this one.
        if own.as_deref() != Some(&self.strategy) {
            let given = ["params", "bind"].into_iter().filter(|key| scenario.raw(&format!("{like}.{key}")).is_some());
            sets.extend(given.map(|key| format!("{seat}.{key}={{}}")));
        }
        sets.extend(self.set.iter().map(|set| format!("{seat}.{set}")));
        sets
    }
}

/// The script files and folders that entrants name.
pub(crate) fn scripts(entrants: &[Entrant], folder: Option<&Path>) -> Vec<PathBuf> {
    let named = entrants.iter().filter_map(|entrant| match entrant {
        Entrant::File(path) | Entrant::Folder(path) => Some(Sheet::beside(folder, path)),
        Entrant::Strategy(_) | Entrant::Variant { .. } | Entrant::Card(_) => None,
    });
    named.collect()
}

/// Everyone who takes part in a role, in the file's order, each once.
///
/// # Errors
/// A name that means nothing, a strategy of another role, a file that is no script, fewer than one entrant.
pub(crate) fn players(
    sheet: &Sheet,
    entrants: &[Entrant],
    (library, role): (&Library, Role),
    folder: Option<&Path>,
) -> Result<Vec<Player>, LoadError> {
    let mut players: Vec<Player> = Vec::new();
    for (place, entrant) in entrants.iter().enumerate() {
        let path = format!("play.entrants.{place}");
        let found = of(sheet, entrant, (library, role), &path, folder)?;
        if found.is_empty() {
            let message = format!("there is nobody like this who plays {}", role.name());
            return Err(sheet.document.problem(&path, message, hint(entrant)).into());
        }
        for player in found {
            match players.iter().find(|known| known.name == player.name) {
                Some(known) if *known == player => {}
                Some(_) => {
                    let message = format!("two entrants are called `{}`", player.name);
                    return Err(sheet.document.problem(&path, message, None).into());
                }
                None => players.push(player),
            }
        }
    }
    if players.is_empty() {
        return Err(sheet.document.problem("play.entrants", "nobody takes part", None).into());
    }
    Ok(players)
}

/// What a card that fits nobody perhaps meant.
fn hint(entrant: &Entrant) -> Option<String> {
    let Entrant::Card(card) = entrant else { return None };
    let known: Vec<&str> = palisade_agents::needs().collect();
    let unknown = card.requires.iter().find(|word| !known.contains(&word.as_str()))?;
    suggestion(unknown, &known)
}

fn of(
    sheet: &Sheet,
    entrant: &Entrant,
    (library, role): (&Library, Role),
    path: &str,
    folder: Option<&Path>,
) -> Result<Vec<Player>, LoadError> {
    let problem = |message: String, hint: Option<String>| LoadError::from(sheet.document.problem(path, message, hint));
    let plain =
        |strategy: &Strategy| Player { name: strategy.name.clone(), strategy: strategy.name.clone(), set: Vec::new() };
    let named = |name: &str| -> Result<Player, LoadError> {
        let strategy = library.get(name).map_err(|unknown| {
            let hint = unknown.near.as_deref().map(|near| format!("did you mean `{near}`?"));
            problem(format!("there is no strategy `{name}`"), hint)
        })?;
        let own = strategy.card.role;
        if own != Some(role) {
            let own = own.map_or("no role", Role::name);
            return Err(problem(format!("`{name}` is for {own}, the seat is for {}", role.name()), None));
        }
        Ok(plain(strategy))
    };
    Ok(match entrant {
        Entrant::Strategy(name) => vec![named(name)?],
        Entrant::Variant { name, strategy, set } => {
            sheet.document.overrides(&format!("{path}.set"), set)?;
            vec![Player { name: name.clone(), set: set.clone(), ..named(strategy)? }]
        }
        Entrant::File(file) => {
            let file = Sheet::beside(folder, file);
            let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            vec![named(&stem)?]
        }
        Entrant::Folder(inside) => {
            let inside = Sheet::beside(folder, inside);
            let opened = Library::open(&[inside]).map_err(|problem| LoadError::Script(vec![problem]))?;
            let fits = |strategy: &&Strategy| strategy.shelf == Shelf::Strategy && strategy.card.role == Some(role);
            opened.files.iter().filter(fits).map(plain).collect()
        }
        Entrant::Card(card) => {
            let mut found = Vec::new();
            for strategy in library.strategies().filter(|strategy| strategy.card.role == Some(role)) {
                if is_like(card, library, strategy)? {
                    found.push(plain(strategy));
                }
            }
            found
        }
    })
}

/// Whether a strategy is like a card.
fn is_like(card: &Card, library: &Library, strategy: &Strategy) -> Result<bool, LoadError> {
    let Card { capital, stochastic, requires, information, except } = card;
    if except.contains(&strategy.name) || !requires.iter().all(|word| strategy.card.requires.contains(word)) {
        return Ok(false);
    }
    if let Some(most) = capital
        && coins(strategy.card.capital.as_deref()).is_none_or(|coins| coins > *most)
    {
        return Ok(false);
    }
    if stochastic.is_none() && information.is_none() {
        return Ok(true);
    }
    let outline = outline(library, strategy).map_err(LoadError::Script)?;
    let draws = outline.facts.iter().any(|fact| fact.starts_with("rng."));
    let knows = |known: &Vec<String>| outline.facts.iter().all(|fact| fact.starts_with("rng.") || known.contains(fact));
    Ok(stochastic.is_none_or(|wanted| wanted == draws) && information.as_ref().is_none_or(knows))
}

/// The coins that a card's capital begins with, such as 900000 of `900_000 USD: votes, margin and push`.
fn coins(capital: Option<&str>) -> Option<f64> {
    let digits: String = capital?.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '_' | '.' | ',')).collect();
    digits.replace(['_', ','], "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capital_of_a_card_is_its_first_number() {
        assert_eq!(coins(Some("900_000 USD: votes, margin and push")), Some(900_000.0));
        assert_eq!((coins(Some("any")), coins(None)), (None, None));
    }
}
