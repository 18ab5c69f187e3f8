//! What came of a tournament: every pairing with its intervals, who did how well, and what went wrong.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use palisade_engine::frame::{Data, Frame, Item};
use serde::{Deserialize, Serialize};

use super::ladder::Meeting;
use super::{Format, Prepared};
use crate::folder::read_json;
use crate::matches::{Pairing, Played, Results, Status};
use crate::report::number;
use crate::stats::{self, count};
use crate::words::{NEGLIGIBLE, amount};

/// A tournament's results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TournamentReport {
    /// What came out, in a sentence or two.
    pub verdict: String,
    /// Its name.
    pub name: String,
    /// One line.
    pub summary: String,
    /// How it was played: `attack`, `round_robin`, `ladder`, `population`.
    pub format: String,
    /// The scenario that everything starts from.
    pub scenario: String,
    /// Version of the program.
    pub version: String,
    /// Digest of everything that the results depend on.
    pub digest: String,
    /// The command that reproduces it.
    pub command: String,
    /// The seed that all others are made of.
    pub seed: u64,
    /// The settlement asset, in which coins are counted.
    pub settlement: String,
    /// Matches by how they ended.
    pub matches: Counts,
    /// Whether everything was played.
    pub complete: bool,
    /// Whether it ended before all was played that was to be played here.
    pub interrupted: bool,
    /// The part that was played: which, from 1, of how many.
    pub shard: Option<(u32, u32)>,
    /// What is crossed.
    pub axes: Vec<String>,
    /// Names of the payoffs, each with what it is.
    pub payoffs: Vec<(String, String)>,
    /// Who took part.
    pub entrants: Vec<String>,
    /// Every pairing.
    pub pairings: Vec<PairingRow>,
    /// Who did how well, the best first.
    pub standings: Vec<Standing>,
    /// Of a ladder: who met.
    pub meetings: Vec<Meeting>,
    /// Of a population: for every environment the shares of the entrants by generation.
    pub shares: Vec<(String, Vec<Vec<f64>>)>,
    /// What went wrong, by what it says.
    pub troubles: Vec<Trouble>,
    /// What had to be mended before it could go on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The folder that was written.
    pub out: Option<String>,
}

/// Matches by how they ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// All of them.
    pub all: u64,
    /// Played to their end.
    pub done: u64,
    /// Impossible pairings.
    pub not_applicable: u64,
    /// Could not be loaded, or broke a law of the world.
    pub failed: u64,
    /// Ended their process.
    pub engine_fault: u64,
}

/// A pairing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PairingRow {
    /// What was taken of each axis.
    pub labels: Vec<String>,
    /// Worlds that were played to their end.
    pub n: u32,
    /// Worlds among them in which a strategy failed.
    pub faulty: u32,
    /// Whether it makes no sense at all.
    pub not_applicable: bool,
    /// What it was worth, for each payoff.
    pub payoffs: Vec<PayoffRow>,
}

/// What a pairing was worth to a side.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct PayoffRow {
    /// Mean over worlds.
    #[serde(deserialize_with = "number")]
    pub mean: f64,
    /// Its 95 % interval by Student's t.
    pub interval: Option<(f64, f64)>,
    /// Worlds in which it was above 0.
    pub above_zero: u32,
}

impl PayoffRow {
    /// Whether the interval leaves out 0, and all that is as good as 0.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.interval.is_some_and(|(low, high)| low > NEGLIGIBLE || high < -NEGLIGIBLE)
    }
}

/// How an entrant did over all pairings it was in.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Pairings that make sense.
    pub pairings: u32,
    /// Worlds.
    pub worlds: u32,
    /// Worlds among them in which a strategy failed, its own or another.
    pub faulty: u32,
    /// Mean over its pairings of what they were worth to it, over the replicates that all of them have played.
    #[serde(deserialize_with = "number")]
    pub mean: f64,
    /// The 95 % interval of that mean over these replicates, which share their seeds, by Student's t.
    pub interval: Option<(f64, f64)>,
    /// The 95 % interval of how far it is behind the first, over replicates, by Student's t.
    pub behind: Option<(f64, f64)>,
    /// The best pairing.
    #[serde(deserialize_with = "number")]
    pub best: f64,
    /// Share of worlds in which it gained.
    #[serde(deserialize_with = "number")]
    pub gained: f64,
}

/// Matches that did not end well, by what they say.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trouble {
    /// How they ended.
    pub status: Status,
    /// What was in the way.
    pub message: String,
    /// How many matches.
    pub count: u64,
    /// The first of them.
    pub pairing: Vec<String>,
    /// How to see it again.
    pub command: String,
}

impl TournamentReport {
    pub(super) fn of(prepared: &Prepared, played: &Played, out: Option<&Path>, notes: Vec<String>) -> Self {
        let Prepared { plan, schedule, players, tournament, settlement } = prepared;
        let pairings = schedule.pairings();
        let rows: Vec<PairingRow> =
            pairings.iter().enumerate().map(|(place, pairing)| row(place, pairing, &played.results)).collect();
        let mut report = Self {
            verdict: String::new(),
            name: tournament.name.clone(),
            summary: tournament.summary.clone(),
            format: tournament.play.word().to_owned(),
            scenario: tournament.scenario.display().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: blake3::Hash::from(plan.digest).to_hex().to_string(),
            command: plan.command.clone(),
            seed: plan.seed,
            settlement: settlement.clone(),
            matches: counts(&played.results, pairings.len()),
            complete: !played.interrupted && plan.shard.is_none(),
            interrupted: played.interrupted,
            shard: plan.shard,
            axes: plan.axes.iter().map(|axis| axis.name.clone()).collect(),
            payoffs: plan.payoffs.clone(),
            entrants: players.iter().map(|player| player.name.clone()).collect(),
            standings: standings(schedule, pairings, &played.results),
            troubles: troubles(pairings, &played.results),
            pairings: rows,
            meetings: Vec::new(),
            shares: Vec::new(),
            notes,
            out: out.map(|out| out.display().to_string()),
        };
        match schedule {
            Format::Cross(_) => {}
            Format::Ladder(ladder) => {
                let walk = ladder.walk(&played.results);
                report.meetings = walk.meetings;
                let place = |name: &str| walk.ranking.iter().position(|entrant| report.entrants[*entrant] == name);
                report.standings.sort_by_key(|standing| place(&standing.name));
            }
            Format::Population(population) => {
                report.shares = (0..population.environments.len())
                    .map(|place| {
                        let labels = report.place(&population.environments[place].labels, &[0, 1, 2]);
                        (labels, population.history(place, &played.results))
                    })
                    .collect();
            }
        }
        report.verdict = verdict(&report);
        report
    }

    /// Whether more than one thing was taken of an axis.
    #[must_use]
    pub fn varies(&self, axis: usize) -> bool {
        self.pairings.iter().any(|row| row.labels[axis] != self.pairings[0].labels[axis])
    }

    /// What was taken of those of some axes of which there is more than one thing; the scenario's name where there is none.
    #[must_use]
    pub fn place(&self, labels: &[String], axes: &[usize]) -> String {
        let told: Vec<&str> =
            axes.iter().filter(|axis| self.varies(**axis)).map(|axis| labels[*axis].as_str()).collect();
        if told.is_empty() { self.scenario.clone() } else { told.join(", ") }
    }

    /// The tables beside `matches` and `pairings`.
    pub(super) fn tables(&self) -> Vec<Frame> {
        let text = |text: &str| Item::Text(Arc::from(text));
        let mut standings = Frame::new("standings", "How an entrant did, the best first.");
        for (name, doc, data) in [
            ("name", "Its name.", Data::Text(Vec::new())),
            ("pairings", "Pairings that make sense.", Data::Int(Vec::new())),
            ("worlds", "Worlds.", Data::Int(Vec::new())),
            (
                "mean",
                "Mean over its pairings of what they were worth to it, over the replicates that all have played.",
                Data::Float(Vec::new()),
            ),
            ("low", "Lower end of the 95 % interval of that mean.", Data::Float(Vec::new())),
            ("high", "Upper end.", Data::Float(Vec::new())),
        ] {
            standings = standings.with(name, "", doc, data);
        }
        for standing in &self.standings {
            let (low, high) = standing.interval.unwrap_or((f64::NAN, f64::NAN));
            standings.push(&[
                text(&standing.name),
                Item::Int(standing.pairings.into()),
                Item::Int(standing.worlds.into()),
                Item::Float(standing.mean),
                Item::Float(low),
                Item::Float(high),
            ]);
        }
        let mut tables = vec![standings];
        if !self.shares.is_empty() {
            let mut shares = Frame::new("shares", "The share of an entrant in a generation.")
                .with("environment", "", "Protocol, market and population.", Data::Text(Vec::new()))
                .with("generation", "", "From 0; the last one was not played.", Data::Int(Vec::new()))
                .with("entrant", "", "Who.", Data::Text(Vec::new()))
                .with("share", "", "Its share of the population.", Data::Float(Vec::new()));
            for (environment, generations) in &self.shares {
                for (generation, values) in (0_i64..).zip(generations) {
                    for (entrant, share) in self.entrants.iter().zip(values) {
                        let row = [text(environment), Item::Int(generation), text(entrant), Item::Float(*share)];
                        shares.push(&row);
                    }
                }
            }
            tables.push(shares);
        }
        tables
    }

    /// Reads a tournament's results back; `None` when the folder holds none.
    ///
    /// # Errors
    /// Results that cannot be read.
    pub fn open(folder: &Path) -> Result<Option<Self>, String> {
        read_json(&folder.join(super::FILE))
    }
}

fn row(place: usize, pairing: &Pairing, results: &Results) -> PairingRow {
    let briefs = results.of(place);
    PairingRow {
        labels: pairing.labels.clone(),
        n: count(results.done(place).count()),
        faulty: count(briefs.iter().filter(|brief| brief.faults > 0).count()),
        not_applicable: briefs.first().is_some_and(|brief| brief.status == Status::NotApplicable),
        payoffs: (0..pairing.payoffs.len())
            .map(|side| {
                let values = results.payoffs(place, side);
                PayoffRow {
                    mean: stats::mean(&values),
                    interval: stats::mean_interval(&values),
                    above_zero: count(values.iter().filter(|value| **value > 0.0).count()),
                }
            })
            .collect(),
    }
}

fn counts(results: &Results, pairings: usize) -> Counts {
    let mut counts = Counts::default();
    for brief in (0..pairings).flat_map(|place| results.of(place)) {
        counts.all += 1;
        *match brief.status {
            Status::Done => &mut counts.done,
            Status::NotApplicable => &mut counts.not_applicable,
            Status::Failed => &mut counts.failed,
            Status::EngineFault => &mut counts.engine_fault,
        } += 1;
    }
    counts
}

/// What went wrong, each message once, with the first match that met it.
fn troubles(pairings: &[Pairing], results: &Results) -> Vec<Trouble> {
    let mut troubles: Vec<Trouble> = Vec::new();
    for (place, pairing) in pairings.iter().enumerate() {
        for brief in results.of(place) {
            let Some((message, command)) = brief.trouble.as_deref() else { continue };
            match troubles.iter_mut().find(|known| known.status == brief.status && known.message == *message) {
                Some(known) => known.count += 1,
                None => troubles.push(Trouble {
                    status: brief.status,
                    message: message.clone(),
                    count: 1,
                    pairing: pairing.labels.clone(),
                    command: command.clone(),
                }),
            }
        }
    }
    troubles
}

/// The places of pairings that someone was in, with the payoff that was theirs, by name.
fn parts(schedule: &Format, pairings: &[Pairing]) -> BTreeMap<String, Vec<(usize, usize)>> {
    let mut parts: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
    for (place, pairing) in pairings.iter().enumerate() {
        match schedule {
            // Of a match between two of the same name each is that one.
            Format::Cross(_) | Format::Ladder(_) if pairing.labels.len() == 5 => {
                parts.entry(pairing.labels[3].clone()).or_default().push((place, 0));
                parts.entry(pairing.labels[4].clone()).or_default().push((place, 1));
            }
            Format::Cross(_) | Format::Ladder(_) => {
                parts.entry(pairing.labels[3].clone()).or_default().push((place, 0));
            }
            Format::Population(population) => {
                for (side, player) in population.players.iter().enumerate() {
                    parts.entry(player.name.clone()).or_default().push((place, side));
                }
            }
        }
    }
    parts
}

fn standings(schedule: &Format, pairings: &[Pairing], results: &Results) -> Vec<Standing> {
    let mut standings: Vec<(Standing, BTreeMap<u32, f64>)> =
        parts(schedule, pairings).into_iter().map(|(name, parts)| standing(name, &parts, results)).collect();
    standings.sort_by(|(a, _), (b, _)| b.mean.total_cmp(&a.mean).then_with(|| a.name.cmp(&b.name)));
    // Who never played comes last.
    standings.sort_by_key(|(standing, _)| standing.mean.is_nan());
    let Some((_, best)) = standings.first().cloned() else { return Vec::new() };
    let behind = |own: &BTreeMap<u32, f64>| {
        let gaps: Vec<f64> = best.iter().filter_map(|(replicate, best)| Some(best - own.get(replicate)?)).collect();
        stats::mean_interval(&gaps)
    };
    standings.into_iter().map(|(standing, own)| Standing { behind: behind(&own), ..standing }).collect()
}

/// A standing, and its mean payoff by replicate.
fn standing(name: String, parts: &[(usize, usize)], results: &Results) -> (Standing, BTreeMap<u32, f64>) {
    let mut means = Vec::new();
    let (mut worlds, mut gains, mut faulty) = (0_u32, 0_u32, 0_u32);
    let mut replicates: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (place, side) in parts {
        let done = results.done(*place);
        faulty += count(done.clone().filter(|brief| brief.faults > 0).count());
        let values: Vec<(u32, f64)> = done
            .filter_map(|brief| Some((brief.replicate, *brief.payoffs.get(*side)?)))
            .filter(|(_, value)| value.is_finite())
            .collect();
        if values.is_empty() {
            continue;
        }
        means.push(stats::mean(&values.iter().map(|(_, value)| *value).collect::<Vec<_>>()));
        for (replicate, value) in values {
            worlds += 1;
            gains += u32::from(value > 0.0);
            replicates.entry(replicate).or_default().push(value);
        }
    }
    // Seeds are shared by all pairings of a replicate: these means, not single worlds, are independent.
    let full = replicates.values().map(Vec::len).max().unwrap_or_default();
    replicates.retain(|_, values| values.len() == full);
    let by_replicate: BTreeMap<u32, f64> =
        replicates.into_iter().map(|(replicate, values)| (replicate, stats::mean(&values))).collect();
    let of_all: Vec<f64> = by_replicate.values().copied().collect();
    let standing = Standing {
        name,
        pairings: count(means.len()),
        worlds,
        faulty,
        mean: stats::mean(&of_all),
        interval: stats::mean_interval(&of_all),
        behind: None,
        best: means.iter().copied().fold(f64::NAN, f64::max),
        gained: f64::from(gains) / f64::from(worlds),
    };
    (standing, by_replicate)
}

fn verdict(report: &TournamentReport) -> String {
    let coins = |value: f64| format!("{} {}", amount(value), report.settlement);
    let Counts { all, done, failed, engine_fault, .. } = report.matches;
    let mut text = match report.format.as_str() {
        _ if done == 0 => "No match was played to its end.".to_owned(),
        "attack" => attack_verdict(report, &coins),
        "population" => population_verdict(report),
        "ladder" => ladder_verdict(report),
        _ => pairs_verdict(report, &coins),
    };
    let faulty: u32 = report.pairings.iter().map(|row| row.faulty).sum();
    if faulty > 0 {
        text += &format!(" In {faulty} of {done} worlds a strategy failed: see `faults` in the table `matches`.");
    }
    if failed + engine_fault > 0 {
        text += &format!(" {} of {all} matches failed.", failed + engine_fault);
    }
    text += &crate::matches::part_of(report.shard, report.complete);
    text
}

/// Who ends on top, and how many of its neighbors' meetings decided that.
fn ladder_verdict(report: &TournamentReport) -> String {
    let Some(top) = report.standings.first() else { return String::new() };
    let moved = report.meetings.iter().filter(|meeting| meeting.swapped).count();
    let decided = report
        .meetings
        .iter()
        .filter(|meeting| meeting.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0))
        .count();
    format!(
        "{} ends on top of {}: of {} meetings {decided} were decided beyond chance, and {moved} moved somebody up.",
        top.name,
        report.entrants.len(),
        report.meetings.len()
    )
}

/// Who comes first, as far as that is beyond chance.
fn pairs_verdict(report: &TournamentReport, coins: &dyn Fn(f64) -> String) -> String {
    let Some(best) = report.standings.first().filter(|best| best.mean.is_finite()) else {
        return "No match was played to its end.".to_owned();
    };
    let like = |standing: &&Standing| standing.behind.is_none_or(|(low, _)| low <= 0.0) && standing.mean.is_finite();
    let others: Vec<&str> = report.standings[1..].iter().filter(like).map(|standing| standing.name.as_str()).collect();
    let worth = format!("{} a match and agent", coins(best.mean));
    match others[..] {
        [] => format!("{} comes first of {} with {worth}, beyond chance.", best.name, report.entrants.len()),
        _ if others.len() + 1 == report.standings.len() => {
            format!(
                "None of {} can be told from the others: {} has the most with {worth}.",
                report.entrants.len(),
                best.name
            )
        }
        _ => format!("{} has the most with {worth}, but cannot be told from {}.", best.name, others.join(", ")),
    }
}

fn attack_verdict(report: &TournamentReport, coins: &dyn Fn(f64) -> String) -> String {
    let played = report.pairings.iter().filter(|row| row.n > 0);
    let sure = |row: &&PairingRow| row.payoffs[0].interval.is_some_and(|(low, _)| low > NEGLIGIBLE);
    let (count, pays) = (played.clone().count(), played.clone().filter(sure).count());
    let best = played.max_by(|a, b| a.payoffs[0].mean.total_cmp(&b.payoffs[0].mean));
    let Some(best) = best else { return "No match was played to its end.".to_owned() };
    let [protocol, market, population, attacker] = &best.labels[..] else { return String::new() };
    let variants = |axis: usize| report.varies(axis);
    let mut place = format!("`{protocol}`");
    for (axis, label) in [(1, market), (2, population)] {
        if variants(axis) {
            place += &format!(", `{label}`");
        }
    }
    let most = &best.payoffs[0];
    if report.pairings.iter().all(|row| row.n <= 1) {
        let alone = "One world each tells nothing of chance";
        return format!("{alone}; the most is {attacker} against {place} with {}.", coins(most.mean));
    }
    if pays == 0 {
        return format!(
            "No attack pays beyond chance in any of {count} pairings; the best is {attacker} against {place} with {} on average. None was found among these, which is not to say that there is none.",
            coins(most.mean)
        );
    }
    let interval = most.interval.map(|(low, high)| format!(" (95 % {} to {})", coins(low), coins(high)));
    format!(
        "{pays} of {count} pairings pay the attacker beyond chance; the most is {attacker} against {place}: {}{} a match.",
        coins(most.mean),
        interval.unwrap_or_default()
    )
}

fn population_verdict(report: &TournamentReport) -> String {
    let last = |(environment, generations): &(String, Vec<Vec<f64>>)| {
        let shares = generations.last()?;
        let best = (0..shares.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b]))?;
        Some(format!(
            "in {environment} {} has {:.0} % after {} generations",
            report.entrants[best],
            100.0 * shares[best],
            generations.len() - 1
        ))
    };
    let told: Vec<String> = report.shares.iter().filter_map(last).collect();
    let mut text = told.join("; ");
    if let Some(first) = text.get(..1) {
        text = first.to_uppercase() + &text[1..] + ".";
    }
    text
}
