//! `palisade tournament`: designs, environments and strategies crossed with each other, on all cores, so that nothing that was
//! played is lost; `palisade merge` brings its shards together.

use std::path::PathBuf;

use clap::Args;
use palisade_lab::matches::Begun;
use palisade_lab::tournament::{self as lab, Counts, PairingRow, Request, TournamentReport};
use palisade_lab::words::{amount, compact, interval, percent};

use crate::args::Display;
use crate::exit::Exit;
use crate::matches::{HowArgs, WorldsArgs};
use crate::output::{complain, print, print_json};
use crate::paint::Paint;
use crate::sweep;
use crate::table::{Align, table, wrapped};
use crate::trouble::Trouble;
use crate::watch::MatchOnlooker;

/// What the names of columns may take of a line.
const ROOM: usize = 72;

#[derive(Args, Debug)]
#[command(
    after_help = "A folder holds every match as soon as it has ended: killed at any moment, the same command with --resume \
    goes on, and ends with the same bytes as if it had never been interrupted.\n\n\
    Exit codes: 0 played, 1 some matches failed, 2 bad input or usage, 130 interrupted."
)]
pub(crate) struct TournamentArgs {
    /// The tournament's file (.ron), or the name of a built-in one such as attackers_vs_defences
    file: PathBuf,
    #[command(flatten)]
    how: HowArgs,
    /// Worlds of each pairing, exactly, instead of what the file says
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    replicates: Option<u32>,
    /// The seed that those of all matches are made of, instead of the file's
    #[arg(long, value_name = "N", env = "PALISADE_SEED")]
    seed: Option<u64>,
    #[command(flatten)]
    worlds: WorldsArgs,
    #[command(flatten)]
    pub(crate) display: Display,
}

#[derive(Args, Debug)]
pub(crate) struct MergeArgs {
    /// The folders of all shards
    #[arg(required = true, value_name = "DIR")]
    shards: Vec<PathBuf>,
    /// Where to write the whole, new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    pub(crate) display: Display,
}

impl TournamentArgs {
    fn request(&self) -> Result<Request, Trouble> {
        Ok(Request {
            file: self.file.clone(),
            sets: self.worlds.sets()?,
            scripts: self.worlds.scripts.clone(),
            seed: self.seed,
            steps: self.worlds.steps,
            replicates: self.replicates,
            how: self.how.how()?,
            host: self.worlds.host(),
        })
    }
}

pub(crate) fn tournament(args: &TournamentArgs) -> Result<Exit, Trouble> {
    let request = args.request()?;
    let onlooker = MatchOnlooker::start(&args.display)?;
    let report = lab::tournament(&request, &onlooker)?;
    drop(onlooker);
    show(&report, &args.display)
}

pub(crate) fn merge(args: &MergeArgs) -> Result<Exit, Trouble> {
    let is_sweep = args.shards.first().and_then(|shard| Begun::read(shard).ok().flatten());
    let is_sweep = is_sweep.is_some_and(|begun| begun.kind == palisade_lab::sweep::KIND);
    let onlooker = MatchOnlooker::start(&args.display)?;
    if is_sweep {
        let report = palisade_lab::sweep::merge(&args.shards, &args.out, &onlooker)?;
        drop(onlooker);
        return sweep::show(&report, &args.display);
    }
    let report = lab::merge(&args.shards, &args.out, &onlooker)?;
    drop(onlooker);
    show(&report, &args.display)
}

fn show(report: &TournamentReport, display: &Display) -> Result<Exit, Trouble> {
    report.notes.iter().for_each(|note| complain(&format!("warning: {note}\n")));
    let paint = Paint::stdout(display.color);
    match (display.json, display.quiet) {
        (true, _) => print_json(report)?,
        (false, true) => print(&wrapped("", &report.verdict))?,
        (false, false) => print(&full(report, paint))?,
    }
    Ok(exit(report))
}

fn exit(report: &TournamentReport) -> Exit {
    let Counts { failed, engine_fault, .. } = report.matches;
    match (report.interrupted, failed + engine_fault) {
        (true, _) => Exit::Interrupted,
        (false, 0) => Exit::Done,
        (false, _) => Exit::Failed,
    }
}

/// Everything that a reader asks first.
pub(crate) fn full(report: &TournamentReport, paint: Paint) -> String {
    let said: String = wrapped("", &report.verdict).lines().map(|line| paint.bold(line) + "\n").collect();
    let mut text = format!("{said}\n");
    match report.format.as_str() {
        "population" => text += &shares(report),
        "ladder" => text += &format!("{}{}", standings(report), meetings(report)),
        _ => text += &format!("{}{}", matrices(report, paint), standings(report)),
    }
    text += &troubles(report);
    text += &closing(report);
    text
}

/// A matrix for every environment: the first of two in rows, or attackers, against the second, or protocols.
fn matrices(report: &TournamentReport, paint: Paint) -> String {
    let is_attack = report.format == "attack";
    let mut text = String::new();
    let (rows, columns) = if is_attack { (3, 0) } else { (3, 4) };
    let rest = |row: &PairingRow| -> Vec<String> {
        let axes = (0..row.labels.len()).filter(|axis| *axis != rows && *axis != columns);
        axes.map(|axis| row.labels[axis].clone()).collect()
    };
    let mut environments: Vec<Vec<String>> = Vec::new();
    for row in &report.pairings {
        if !environments.contains(&rest(row)) {
            environments.push(rest(row));
        }
    }
    let what = if is_attack {
        "what an attack is worth to the attacker"
    } else {
        "what a match is worth to the first, per agent"
    };
    for environment in &environments {
        let inside: Vec<&PairingRow> = report.pairings.iter().filter(|row| rest(row) == *environment).collect();
        let names = |axis: usize| {
            let mut names: Vec<&str> = Vec::new();
            inside.iter().for_each(|row| {
                if !names.contains(&row.labels[axis].as_str()) {
                    names.push(&row.labels[axis])
                }
            });
            names
        };
        let cell = |row: &str, column: &str| {
            let found = inside.iter().find(|pairing| pairing.labels[rows] == row && pairing.labels[columns] == column);
            match found {
                Some(pairing) if pairing.not_applicable => "n/a".to_owned(),
                Some(pairing) if pairing.n == 0 => "-".to_owned(),
                Some(pairing) => marked(pairing),
                None => String::new(),
            }
        };
        let axes: Vec<usize> = (0..report.axes.len()).filter(|axis| *axis != rows && *axis != columns).collect();
        let place = report.place(&inside[0].labels, &axes);
        text += &format!("{}\n", paint.bold(&format!("{what}, in {}: {place}", report.settlement)));
        let (heads, legend) = headings(&names(columns));
        let aligned: Vec<(&str, Align)> =
            std::iter::once(("", Align::Name)).chain(heads.iter().map(|head| (head.as_str(), Align::Right))).collect();
        let lines = names(rows).into_iter().map(|row| {
            std::iter::once(row.to_owned()).chain(names(columns).into_iter().map(|column| cell(row, column))).collect()
        });
        text += &format!("{}{legend}\n", table(&aligned, lines.collect()));
    }
    text += "  * the 95 % interval of the mean leaves out 0; n/a: the protocol lacks what the strategy requires\n\n";
    text
}

/// Headings for columns of these names: letters with a legend where the names would not fit a line.
pub(crate) fn headings(names: &[&str]) -> (Vec<String>, String) {
    let width: usize = names.iter().map(|name| name.chars().count().max(14) + 2).sum();
    if width <= ROOM {
        return (names.iter().map(|name| (*name).to_owned()).collect(), String::new());
    }
    let letter = |place: usize| char::from_u32('A' as u32 + place as u32 % 26).map_or(String::new(), |c| c.to_string());
    let letters: Vec<String> = (0..names.len()).map(|place| letter(place).repeat(1 + place / 26)).collect();
    let legend: Vec<String> = letters.iter().zip(names).map(|(letter, name)| format!("{letter} {name}")).collect();
    (letters, wrapped("  ", &legend.join(" · ")))
}

fn marked(pairing: &PairingRow) -> String {
    let payoff = &pairing.payoffs[0];
    format!("{}{}", compact(payoff.mean), if payoff.is_sure() { "*" } else { "" })
}

fn standings(report: &TournamentReport) -> String {
    let columns = [
        ("", Align::Name),
        ("mean", Align::Right),
        ("95 % interval", Align::Right),
        ("best pairing", Align::Right),
        ("gained in", Align::Right),
        ("worlds", Align::Right),
        ("with faults", Align::Right),
    ];
    let rows = report.standings.iter().map(|standing| {
        let interval = interval(standing.interval);
        vec![
            standing.name.clone(),
            amount(standing.mean),
            interval,
            amount(standing.best),
            if standing.worlds == 0 { "n/a".into() } else { percent(standing.gained) },
            standing.worlds.to_string(),
            standing.faulty.to_string(),
        ]
    });
    format!("{}\n", table(&columns, rows.collect()))
}

fn meetings(report: &TournamentReport) -> String {
    let columns = [
        ("round", Align::Right),
        ("above", Align::Name),
        ("below", Align::Name),
        ("below gained more", Align::Right),
        ("95 % interval", Align::Right),
        ("", Align::Left),
    ];
    let rows = report.meetings.iter().map(|meeting| {
        vec![
            meeting.round.to_string(),
            report.entrants[meeting.above].clone(),
            report.entrants[meeting.below].clone(),
            amount(meeting.difference),
            interval(meeting.interval),
            if meeting.swapped { "moves up".to_owned() } else { String::new() },
        ]
    });
    format!("{}\n", table(&columns, rows.collect()))
}

fn shares(report: &TournamentReport) -> String {
    let mut text = String::new();
    for (environment, generations) in &report.shares {
        let every = (generations.len() / 12).max(1);
        let heads = std::iter::once(("generation", Align::Right))
            .chain(report.entrants.iter().map(|entrant| (entrant.as_str(), Align::Right)));
        let heads: Vec<(&str, Align)> = heads.collect();
        let last = generations.len().saturating_sub(1);
        let rows = generations.iter().enumerate().filter(|(place, _)| place % every == 0 || *place == last);
        let rows = rows.map(|(place, shares)| {
            std::iter::once(place.to_string()).chain(shares.iter().map(|share| percent(*share))).collect()
        });
        text += &format!("  {environment}\n{}\n", table(&heads, rows.collect()));
    }
    text
}

fn troubles(report: &TournamentReport) -> String {
    let mut text = String::new();
    for trouble in &report.troubles {
        let count = matches(trouble.count);
        text += &wrapped(&format!("  {} ", trouble.status.word()), &format!("{count}: {}", trouble.message));
        if !trouble.command.is_empty() {
            text += &format!("    reproduce: {}\n", trouble.command);
        }
    }
    if text.is_empty() { text } else { text + "\n" }
}

fn matches(count: u64) -> String {
    if count == 1 { "1 match".to_owned() } else { format!("{} matches", palisade_lab::words::count(count)) }
}

fn closing(report: &TournamentReport) -> String {
    let Counts { all, done, not_applicable, .. } = report.matches;
    let mut text = format!("{} of which {} were played to their end", matches(all), palisade_lab::words::count(done));
    if not_applicable > 0 {
        text += &format!(" and {not_applicable} not applicable");
    }
    text += ".\n";
    if let Some(out) = &report.out {
        text += &format!("Written to {out}.\n");
    }
    text += &format!("reproduce: {}\n", report.command);
    text
}
