//! The file of a tournament: what is crossed, who takes part, how it is played and when enough is enough.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::load::LoadError;
use crate::matches::Replicates;
use crate::source::{Document, Problem, beside, tournament_text};

/// The version of tournament files that this program reads.
const FORMAT: u32 = 1;
const KEYS: [&str; 13] = [
    "tournament",
    "name",
    "summary",
    "sources",
    "scenario",
    "seed",
    "steps",
    "scripts",
    "protocols",
    "markets",
    "populations",
    "play",
    "replicates",
];

/// Who takes part.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub enum Entrant {
    /// A strategy of the library, by its name. The scenario's own strategy of the seat keeps the scenario's parameters.
    Strategy(String),
    /// A strategy with settings of its own, each `path=value` below the seat, such as `params.push=1e6`.
    Variant {
        /// What it is called in results.
        name: String,
        /// The strategy.
        strategy: String,
        /// Its settings.
        set: Vec<String>,
    },
    /// A script file, beside the tournament's.
    File(String),
    /// All strategies of the seat's role in a folder.
    Folder(String),
    /// All strategies of the library whose card is like this.
    Card(Card),
}

/// What a strategy's card and text must be like.
#[derive(Clone, PartialEq, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Card {
    /// The most coins that its card says it is meant for.
    pub capital: Option<f64>,
    /// Whether it draws random numbers.
    pub stochastic: Option<bool>,
    /// Words that its card requires of the protocol, all of them.
    pub requires: Vec<String>,
    /// Facts that it may read at most, such as `market.mark`; all when there is no such list.
    pub information: Option<Vec<String>>,
    /// Names to leave out.
    pub except: Vec<String>,
}

/// How it is played.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub enum Play {
    /// Every attacker against every protocol.
    Attack {
        /// The cohort that attackers are put into, such as `attackers.raider`.
        seat: String,
        /// The attackers.
        entrants: Vec<Entrant>,
        /// What a match is worth to the attacker, of figures.
        #[serde(default = "profit")]
        profit: String,
        /// What it is worth to the protocol, of figures.
        #[serde(default = "defence")]
        defence: String,
    },
    /// Every entrant against every other and itself, in two cohorts of one world, both ways round. A match is worth what
    /// a cohort gains, per agent.
    RoundRobin {
        /// The two cohorts.
        seats: (String, String),
        /// Who is put into them.
        entrants: Vec<Entrant>,
    },
    /// Neighbors in a ranking play each other; who is better beyond chance moves up.
    Ladder {
        /// The two cohorts.
        seats: (String, String),
        /// Who is put into them, the best first as far as it is known.
        entrants: Vec<Entrant>,
        /// The most rounds.
        #[serde(default = "rounds")]
        rounds: u32,
    },
    /// A mixed population in which what earns more becomes more frequent: replicator dynamics on returns.
    Population {
        /// The cohort that the population is made of, which gives the number of agents.
        seat: String,
        /// The strategies.
        entrants: Vec<Entrant>,
        /// Generations.
        generations: u32,
        /// Log growth of a share by a return that exceeds the mean one by 1.
        selection: f64,
        /// Share that each strategy has at least.
        #[serde(default)]
        floor: f64,
    },
}

fn profit() -> String {
    "attacker_profit".to_owned()
}

fn defence() -> String {
    "-loss_caused".to_owned()
}

const fn rounds() -> u32 {
    100
}

/// One of what is crossed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// What it sets.
    pub set: Vec<String>,
}

/// A tournament as its file says it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Tournament {
    /// Its name.
    pub name: String,
    /// One line.
    pub summary: String,
    /// The scenario that everything starts from.
    pub scenario: PathBuf,
    /// The seed that all others are made of.
    pub seed: u64,
    /// Steps of each world, unless the scenario's clock decides.
    pub steps: Option<u64>,
    /// Folders and files of scripts.
    pub scripts: Vec<PathBuf>,
    /// Designs.
    pub protocols: Vec<Variant>,
    /// Environments.
    pub markets: Vec<Variant>,
    /// Everyone but entrants.
    pub populations: Vec<Variant>,
    /// How it is played.
    pub play: Play,
    /// How many worlds.
    pub replicates: Replicates,
}

/// A tournament file with what it was read from.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What it says.
    pub tournament: Tournament,
    /// Its text.
    pub text: String,
    pub(crate) document: Document,
}

impl Sheet {
    /// Reads a tournament: a file, or the name of one that travels with the program.
    ///
    /// # Errors
    /// The first thing that is wrong with it, and where.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let (shown, text, folder) = tournament_text(path)?;
        Ok(Self::read(&shown, &text, folder.as_deref())?)
    }

    /// Reads a tournament's text; paths in it start from `folder`.
    pub(crate) fn read(shown: &str, text: &str, folder: Option<&Path>) -> Result<Self, Problem> {
        let document = Document::from_text(shown, text, &[])?;
        document.check_kind("tournament", FORMAT, &KEYS)?;
        let beside = |path: &str| beside(folder, path);
        let scripts: Vec<String> = document.optional("scripts")?.unwrap_or_default();
        let tournament = Tournament {
            name: name(&document)?,
            summary: document.optional("summary")?.unwrap_or_default(),
            scenario: beside(&document.parse::<String>("scenario")?),
            seed: document.optional("seed")?.unwrap_or(1),
            steps: document.optional("steps")?,
            scripts: scripts.iter().map(|path| beside(path)).collect(),
            protocols: variants(&document, "protocols")?,
            markets: variants(&document, "markets")?,
            populations: variants(&document, "populations")?,
            play: document.parse("play")?,
            replicates: document.optional("replicates")?.unwrap_or_default(),
        };
        let _: Option<Vec<String>> = document.optional("sources")?;
        check(&document, &tournament)?;
        Ok(Self { tournament, text: text.to_owned(), document })
    }

    /// Where files beside the tournament's lie.
    pub(crate) fn beside(folder: Option<&Path>, path: &str) -> PathBuf {
        folder.map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
    }
}

fn name(document: &Document) -> Result<String, Problem> {
    let name: String = document.parse("name")?;
    let wrong = name.trim().is_empty() || name.chars().any(char::is_control);
    if wrong { Err(document.problem("name", "a tournament needs a printable name", None)) } else { Ok(name) }
}

/// The variants under a key, in the file's order; one that changes nothing where there is no such key.
fn variants(document: &Document, path: &str) -> Result<Vec<Variant>, Problem> {
    if document.raw(path).is_none() {
        return Ok(vec![Variant { name: "as it is".to_owned(), set: Vec::new() }]);
    }
    let sets: BTreeMap<String, Vec<String>> = document.parse(path)?;
    if sets.is_empty() {
        return Err(document.problem(path, "nothing to cross: name one at least, or leave this out", None));
    }
    let variant = |name: String| {
        let set = sets.get(&name).cloned().unwrap_or_default();
        document.overrides(&format!("{path}.{name}"), &set)?;
        Ok(Variant { name, set })
    };
    document.keys(path).into_iter().map(variant).collect()
}

fn check(document: &Document, tournament: &Tournament) -> Result<(), Problem> {
    if let Some((key, what)) = tournament.replicates.fault() {
        return Err(document.problem(&format!("replicates.{key}"), what, None));
    }
    if let [first, second] = tournament.play.seats()[..]
        && first == second
    {
        return Err(document.problem("play.seats", "two seats are two cohorts", None));
    }
    if let Play::Population { generations, selection, floor, .. } = &tournament.play {
        let wrong = |key: &str, what: &str| Err(document.problem(&format!("play.{key}"), what, None));
        if *generations == 0 {
            return wrong("generations", "expected 1 generation at least");
        }
        if !(selection.is_finite() && *selection >= 0.0) {
            return wrong("selection", "expected a number from 0");
        }
        if !(0.0..1.0).contains(floor) {
            return wrong("floor", "expected a share from 0 to below 1");
        }
    }
    Ok(())
}
