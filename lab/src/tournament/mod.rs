//! Tournaments: designs, environments, populations and strategies crossed with each other, played over seeds that all entrants
//! share, and what follows from it.

mod document;
mod entrants;
mod ladder;
mod population;
#[cfg(feature = "parquet")]
mod rank;
mod report;

use std::path::{Path, PathBuf};

use palisade_agents::HostOptions;
use palisade_engine::scenario::Role;
use serde::{Deserialize, Serialize};

pub use self::document::{Card, Entrant, Play, Sheet, Tournament, Variant};
use self::entrants::Player;
use self::ladder::Ladder;
pub use self::ladder::Meeting;
use self::population::Population;
#[cfg(feature = "parquet")]
pub use self::rank::{CellRow, Ranking, Solved, SystemRow, rank};
pub use self::report::{Counts, PairingRow, PayoffRow, Standing, TournamentReport, Trouble};
use crate::command;
use crate::folder::json;
use crate::load::{LoadError, Loaded, RunRequest, load, outside};
use crate::matches::{
    self, Axis, Cross, How, Made, MatchFolder, Pairing, Payoff, Plan, RECORDING_INTERRUPTED, Recorded, Replicates,
    Schedule, carry_out, gather, replay,
};
use crate::run::{RunError, Watch};
use crate::source::{Document, Override};

/// The file in a tournament's folder that says what came out.
pub(crate) const FILE: &str = "tournament.json";

/// What to play, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The tournament's file, or the name of one that travels with the program.
    pub file: PathBuf,
    /// `--set`, for every world.
    pub sets: Vec<Override>,
    /// Folders of scripts beside those that the file names.
    pub scripts: Vec<PathBuf>,
    /// Instead of the file's seed.
    pub seed: Option<u64>,
    /// Steps of each world, instead of the file's.
    pub steps: Option<u64>,
    /// Worlds of each pairing, exactly, instead of what the file says.
    pub replicates: Option<u32>,
    /// How and where it is played.
    pub how: How,
    /// How scripts are contained.
    pub host: HostOptions,
}

/// A tournament ready to be played.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) schedule: Format,
    players: Vec<Player>,
    tournament: Tournament,
    settlement: String,
}

/// How matches are chosen.
pub(crate) enum Format {
    /// Every pairing by itself.
    Cross(Cross),
    /// A ranking.
    Ladder(Ladder),
    /// Generations.
    Population(Box<Population>),
}

impl Format {
    fn pairings(&self) -> &[Pairing] {
        match self {
            Self::Cross(cross) => cross.pairings(),
            Self::Ladder(ladder) => ladder.pairings(),
            Self::Population(population) => population.pairings(),
        }
    }

    fn schedule(&mut self) -> &mut dyn Schedule {
        match self {
            Self::Cross(cross) => cross,
            Self::Ladder(ladder) => ladder,
            Self::Population(population) => population.as_mut(),
        }
    }
}

/// What of a request is kept with the matches, so that they can be made whole again.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Options {
    file: PathBuf,
    sets: Vec<String>,
    scripts: Vec<PathBuf>,
    seed: Option<u64>,
    steps: Option<u64>,
    replicates: Option<u32>,
}

impl Options {
    fn of(request: &Request) -> Self {
        let Request { file, scripts, seed, steps, replicates, .. } = request.clone();
        let sets = request.sets.iter().map(ToString::to_string).collect();
        Self { file, sets, scripts, seed, steps, replicates }
    }

    fn request(self, out: &Path) -> Result<Request, LoadError> {
        let Self { file, sets, scripts, seed, steps, replicates } = self;
        Ok(Request {
            file,
            sets: sets.iter().map(|set| set.parse()).collect::<Result<_, _>>()?,
            scripts,
            seed,
            steps,
            replicates,
            how: How { out: Some(out.to_owned()), ..How::default() },
            host: HostOptions::default(),
        })
    }
}

/// Plays a tournament, or what is missing of one.
///
/// # Errors
/// A file that is wrong; a folder that holds something else or cannot be written. A match that fails is a result.
pub fn tournament(request: &Request, watch: &dyn Watch) -> Result<TournamentReport, RunError> {
    let mut prepared = prepare(request)?;
    let (played, folder) = carry_out(&prepared.plan, prepared.schedule.schedule(), &request.how, watch)?;
    let notes = folder.as_ref().map(|folder| folder.told().to_vec()).unwrap_or_default();
    let mut report = TournamentReport::of(&prepared, &played, request.how.out.as_deref(), notes);
    if let Some(folder) = folder
        && !tabulate(&folder, &prepared, &report, request.how.recorded(watch))?
    {
        report.notes.push(RECORDING_INTERRUPTED.to_owned());
        (report.complete, report.interrupted) = (false, true);
    }
    Ok(report)
}

/// Brings the shards of a tournament together in a folder that is new, as if it had been played whole.
///
/// # Errors
/// Folders that are not all shards of one tournament, or in which matches are missing.
pub fn merge(shards: &[PathBuf], target: &Path, watch: &dyn Watch) -> Result<TournamentReport, RunError> {
    let (folder, begun) = gather(shards, target)?;
    let options: Options = serde_json::from_value(begun.options.clone())
        .map_err(|error| RunError::Output(format!("{}: {error}", shards[0].display())))?;
    let mut prepared = prepare(&options.request(folder.path())?)?;
    let (played, matches) = replay(&prepared.plan, prepared.schedule.schedule(), (folder.path(), &begun), watch)?;
    let report = TournamentReport::of(&prepared, &played, Some(target), matches.told().to_vec());
    tabulate(&matches, &prepared, &report, None)?;
    drop(matches);
    folder.put()?;
    Ok(report)
}

/// Writes everything that is made of the matches; says whether it is all there, for recording may end early.
fn tabulate(
    folder: &MatchFolder,
    prepared: &Prepared,
    report: &TournamentReport,
    recorded: Option<Recorded<'_>>,
) -> Result<bool, RunError> {
    let text = json(&TournamentReport { out: None, notes: Vec::new(), ..report.clone() })?;
    let (pairings, tables) = (prepared.schedule.pairings(), report.tables());
    let made = Made { pairings, complete: report.complete, files: &[(FILE, text)], tables, recorded };
    folder.tabulate(&prepared.plan, made)
}

/// Reads a tournament and checks everything that can be wrong with it before a world is played.
pub(crate) fn prepare(request: &Request) -> Result<Prepared, RunError> {
    let sheet = Sheet::load(&request.file)?;
    let mut tournament = sheet.tournament.clone();
    tournament.seed = request.seed.unwrap_or(tournament.seed);
    tournament.steps = request.steps.or(tournament.steps);
    if let Some(replicates) = request.replicates {
        tournament.replicates = Replicates { at_least: replicates, at_most: None, width: None };
    }
    let folder = request.file.is_file().then(|| request.file.parent().unwrap_or(Path::new("")));
    let entrants = tournament.play.entrants().to_vec();
    let mut scripts = request.scripts.clone();
    scripts.extend(tournament.scripts.iter().cloned());
    scripts.extend(entrants::scripts(&entrants, folder));
    let base = RunRequest {
        scenario: tournament.scenario.clone(),
        sets: request.sets.clone(),
        scripts,
        steps: tournament.steps,
        host: request.host,
        ..RunRequest::default()
    };
    let loaded = load(&base)?;
    let roles = tournament.play.seats().into_iter().map(|seat| role(&sheet, loaded.document(), seat));
    let roles: Vec<Role> = roles.collect::<Result<_, _>>()?;
    if roles.iter().any(|role| *role != roles[0]) {
        return Err(LoadError::from(sheet.document.problem(
            "play.seats",
            "the two seats are for different roles",
            None,
        ))
        .into());
    }
    let players = entrants::players(&sheet, &entrants, (&loaded.library, roles[0]), folder)?;
    let options = serde_json::to_value(Options::of(request)).map_err(|error| RunError::Output(error.to_string()))?;
    let crossing = Crossing { tournament: &tournament, loaded: &loaded, base: &base, players: &players };
    let mut schedule = crossing.format()?;
    let is_shardable = schedule.schedule().is_shardable();
    if let (Some(_), false) = (request.how.shard, is_shardable) {
        let text =
            "--shard: what this tournament plays next depends on all of its results, so that it cannot be divided";
        return Err(LoadError::Usage(text.into()).into());
    }
    let plan = Plan {
        kind: "tournament",
        name: tournament.name.clone(),
        asked: sheet.text.clone(),
        options,
        digest: digest(&sheet, request, &loaded, &outside(&base, crossing.sets())?),
        axes: crossing.axes(),
        payoffs: crossing.payoffs(),
        figures: loaded.outcomes().to_vec(),
        seed: tournament.seed,
        command: command::tournament(request),
        shard: request.how.shard,
    };
    let prepared = Prepared { plan, schedule, settlement: loaded.scenario().settlement.clone(), players, tournament };
    check(&prepared)?;
    Ok(prepared)
}

/// Loads a pairing for everything that is crossed, so that what is wrong is found before anything is played.
fn check(prepared: &Prepared) -> Result<(), LoadError> {
    let mut seen = std::collections::BTreeSet::new();
    let first: Vec<Pairing> = match &prepared.schedule {
        Format::Cross(_) | Format::Ladder(_) => Vec::new(),
        // Its pairings come as it is played: the first generation has everything that is crossed.
        Format::Population(population) => {
            let start = population.start();
            (0..population.environments.len()).map(|place| population.generation(place, 0, &start)).collect()
        }
    };
    for pairing in prepared.schedule.pairings().iter().chain(&first) {
        let labels: Vec<(usize, String)> = pairing.labels.iter().cloned().enumerate().collect();
        if labels.iter().any(|label| !seen.contains(label)) {
            seen.extend(labels);
            match load(&pairing.request) {
                Err(error) if !error.is_not_applicable() => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The role of a seat.
fn role(sheet: &Sheet, scenario: &Document, seat: &str) -> Result<Role, LoadError> {
    match scenario.parse(&format!("{seat}.role")) {
        Ok(role) => Ok(role),
        Err(_) => {
            let known: Vec<String> = ["population", "attackers"]
                .iter()
                .flat_map(|part| scenario.keys(part).into_iter().map(move |name| format!("{part}.{name}")))
                .collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let message = format!("the scenario has no cohort `{seat}`");
            let path = if sheet.document.raw("play.seat").is_some() { "play.seat" } else { "play.seats" };
            Err(sheet.document.problem(path, message, crate::source::suggestion(seat, &known)).into())
        }
    }
}

/// How many agents a cohort has in an environment.
fn agents(environment: &Pairing, seat: &str) -> Result<u32, LoadError> {
    let document = Document::load(&environment.request.scenario, &environment.request.sets)?;
    Ok(document.parse(&format!("{seat}.count"))?)
}

/// The digest of everything that results depend on; `outside` are the digests of files that variants name.
fn digest(sheet: &Sheet, request: &Request, loaded: &Loaded, outside: &[String]) -> [u8; 32] {
    let own = [request.seed, request.steps, request.replicates.map(u64::from)].map(|value| format!("{value:?}"));
    let words = [
        "palisade tournament 1".to_owned(),
        env!("CARGO_PKG_VERSION").to_owned(),
        sheet.document.hash(),
        loaded.scenario_hash().to_owned(),
        loaded.scripts_hash().to_owned(),
    ];
    let sets = request.sets.iter().map(ToString::to_string);
    matches::digest(words.into_iter().chain(own).chain(sets).chain(outside.iter().cloned()))
}

/// What is crossed with what.
struct Crossing<'a> {
    tournament: &'a Tournament,
    loaded: &'a Loaded,
    base: &'a RunRequest,
    players: &'a [Player],
}

impl Crossing<'_> {
    fn axes(&self) -> Vec<Axis> {
        let own: &[&str] = match self.tournament.play {
            Play::Attack { .. } => &["attacker"],
            Play::RoundRobin { .. } | Play::Ladder { .. } => &["first", "second"],
            Play::Population { .. } => &["generation"],
        };
        ["protocol", "market", "population"].iter().chain(own).map(|axis| Axis::words(axis)).collect()
    }

    fn payoffs(&self) -> Vec<(String, String)> {
        let named = |name: &str, doc: String| (name.to_owned(), doc);
        match &self.tournament.play {
            Play::Attack { profit, defence, .. } => vec![
                named("payoff_attacker", format!("What the match is worth to the attacker: {profit}.")),
                named("payoff_protocol", format!("What it is worth to the protocol: {defence}.")),
            ],
            Play::RoundRobin { .. } | Play::Ladder { .. } => vec![
                named("payoff_first", "What the first cohort gained, per agent.".into()),
                named("payoff_second", "What the second cohort gained, per agent.".into()),
            ],
            Play::Population { .. } => self
                .players
                .iter()
                .map(|player| {
                    (format!("return_{}", player.name), "What its agents gained of what they began with.".into())
                })
                .collect(),
        }
    }

    /// All that is set anywhere.
    fn sets(&self) -> Vec<Override> {
        let Tournament { protocols, markets, populations, .. } = self.tournament;
        let variants = protocols.iter().chain(markets).chain(populations).flat_map(|variant| &variant.set);
        variants.filter_map(|set| set.parse().ok()).collect()
    }

    /// Everything but the players: protocols × markets × populations.
    fn environments(&self) -> Vec<Pairing> {
        let Tournament { protocols, markets, populations, .. } = self.tournament;
        let mut found = Vec::new();
        for protocol in protocols {
            for market in markets {
                for population in populations {
                    let sets = [protocol, market, population].into_iter().flat_map(|variant| &variant.set);
                    let mut request = self.base.clone();
                    request.sets.extend(sets.filter_map(|set| set.parse().ok()));
                    found.push(Pairing {
                        labels: [protocol, market, population].map(|variant| variant.name.clone()).to_vec(),
                        request,
                        payoffs: Vec::new(),
                        environment: format!("{}\n{}", market.name, population.name),
                    });
                }
            }
        }
        found
    }

    /// An environment with players in seats.
    fn seated(&self, environment: &Pairing, seats: &[(&str, &Player)], payoffs: Vec<Payoff>) -> Pairing {
        let mut pairing = environment.clone();
        for (seat, player) in seats {
            let sets = player.seated(self.loaded.document(), seat);
            pairing.request.sets.extend(sets.iter().filter_map(|set| set.parse().ok()));
            pairing.labels.push(player.name.clone());
        }
        Pairing { payoffs, ..pairing }
    }

    fn format(&self) -> Result<Format, LoadError> {
        let replicates = self.tournament.replicates;
        let environments = self.environments();
        let pairs = |seats: &(String, String)| -> Vec<Pairing> {
            let payoffs = vec![Payoff::Group(seats.0.clone()), Payoff::Group(seats.1.clone())];
            let mut pairings = Vec::new();
            for environment in &environments {
                for first in self.players {
                    for second in self.players {
                        let seated = [(seats.0.as_str(), first), (seats.1.as_str(), second)];
                        pairings.push(self.seated(environment, &seated, payoffs.clone()));
                    }
                }
            }
            pairings
        };
        Ok(match &self.tournament.play {
            Play::Attack { seat, profit, defence, .. } => {
                let payoffs = vec![Payoff::Figures(profit.clone()), Payoff::Figures(defence.clone())];
                self.check_payoffs(&payoffs)?;
                let mut pairings = Vec::new();
                for environment in &environments {
                    for player in self.players {
                        pairings.push(self.seated(environment, &[(seat, player)], payoffs.clone()));
                    }
                }
                Format::Cross(Cross { pairings, replicates })
            }
            Play::RoundRobin { seats, .. } => Format::Cross(Cross { pairings: pairs(seats), replicates }),
            Play::Ladder { seats, rounds, .. } => {
                let (pairings, entrants) = (pairs(seats), self.players.len());
                Format::Ladder(Ladder { pairings, entrants, replicates, rounds: *rounds })
            }
            Play::Population { seat, generations, selection, floor, .. } => Format::Population(Box::new(Population {
                agents: environments.iter().map(|environment| agents(environment, seat)).collect::<Result<_, _>>()?,
                environments,
                players: self.players.to_vec(),
                scenario: self.loaded.document().clone(),
                seat: seat.clone(),
                generations: *generations,
                selection: *selection,
                floor: *floor,
                replicates: replicates.most(),
                pairings: Vec::new(),
            })),
        })
    }

    /// Payoffs must be numbers of figures there are.
    fn check_payoffs(&self, payoffs: &[Payoff]) -> Result<(), LoadError> {
        let values = self.loaded.outcomes().iter().map(|outcome| (outcome.name.clone(), 1.0)).collect();
        for payoff in payoffs {
            if let Payoff::Figures(text) = payoff {
                palisade_agents::evaluate(text, &values)
                    .map_err(|message| LoadError::Usage(format!("payoff {text:?}: {message}")))?;
            }
        }
        Ok(())
    }
}

impl Play {
    /// Who takes part.
    #[must_use]
    pub fn entrants(&self) -> &[Entrant] {
        match self {
            Self::Attack { entrants, .. }
            | Self::RoundRobin { entrants, .. }
            | Self::Ladder { entrants, .. }
            | Self::Population { entrants, .. } => entrants,
        }
    }

    /// The cohorts that entrants are put into.
    #[must_use]
    pub fn seats(&self) -> Vec<&str> {
        match self {
            Self::Attack { seat, .. } | Self::Population { seat, .. } => vec![seat],
            Self::RoundRobin { seats, .. } | Self::Ladder { seats, .. } => vec![&seats.0, &seats.1],
        }
    }

    /// Its word in results.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Attack { .. } => "attack",
            Self::RoundRobin { .. } => "round_robin",
            Self::Ladder { .. } => "ladder",
            Self::Population { .. } => "population",
        }
    }
}
