//! A tournament as a game: payoffs with their intervals, ratings, equilibria and what evolution would make of it. Everything
//! comes from the table of matches, whose files are checked before a row of them is used.

use std::path::Path;

use serde::Serialize;

use super::report::TournamentReport;
use crate::frames::{FramesError, Row, RunDir, number, text, whole};
use crate::games::alpha_rank::{AlphaRank, Selection, alpha_rank};
use crate::games::bradley_terry::{Strengths, bradley_terry};
use crate::games::matrix::{Cell, Matrix, Replicates};
use crate::games::nash::{Equilibrium, zero_sum};
use crate::games::ratings::{self, Rating};
use crate::games::replicator::{Clock, Moment, one_population};
use crate::games::support::{Equilibria, equilibria};
use crate::games::{Contest, GameError, Outcome, Payoffs, Side};
use crate::stats::{Draws, Estimate};

/// A population in which strategies spread: as in most examples of alpha-rank, with payoffs in units of their range.
const SELECTION: Selection = Selection { population: 50, intensity: 10.0 };
/// Replicator dynamics in the same units, long enough to settle.
const CLOCK: Clock = Clock { step: 0.05, steps: 4000, keep_every: 40 };

/// A tournament as a game.
#[derive(Clone, Debug, Serialize)]
pub struct Ranking {
    /// The tournament's name.
    pub name: String,
    /// How it was played.
    pub format: String,
    /// Whether everything was played.
    pub complete: bool,
    /// The settlement asset, in which payoffs are counted.
    pub settlement: String,
    /// Who chooses rows: attackers, or the first of two.
    pub rows: Vec<String>,
    /// Who chooses columns: protocols, or the second of two.
    pub columns: Vec<String>,
    /// What every row against every column is worth; none where nothing was played.
    pub cells: Vec<Vec<Option<CellRow>>>,
    /// The rows that met every column, among which equilibria are looked for.
    pub players: Vec<String>,
    /// The columns they met, or of equals themselves.
    pub others: Vec<String>,
    /// Everyone who is rated, for having met somebody: rows, then columns that are not among them.
    pub entrants: Vec<String>,
    /// Contests behind ratings.
    pub contests: usize,
    /// Ratings, by system.
    pub ratings: Vec<SystemRow>,
    /// Bradley–Terry strengths of everyone.
    pub strengths: Solved<Strengths>,
    /// The equilibrium of the zero-sum game in which the rows' payoff is the columns' loss.
    pub zero_sum: Solved<Equilibrium>,
    /// Equilibria of the game in which both have payoffs of their own.
    pub equilibria: Solved<Equilibria>,
    /// Alpha-rank, of games between equals.
    pub alpha_rank: Solved<AlphaRank>,
    /// Replicator dynamics from equal shares, of games between equals.
    pub replicator: Solved<Vec<Moment>>,
}

impl Ranking {
    /// Entrants by falling strength, where that is known; by falling Elo rating otherwise.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let strength = |place: usize| match &self.strengths.found {
            Some(strengths) => strengths.strengths[place].value,
            None => self.ratings.first().map_or(0.0, |system| system.ratings[place].rating),
        };
        let mut order: Vec<usize> = (0..self.entrants.len()).collect();
        order.sort_by(|a, b| strength(*b).total_cmp(&strength(*a)));
        order
    }
}

/// What a row against a column is worth.
#[derive(Clone, Debug, Serialize)]
pub struct CellRow {
    /// Worlds.
    pub n: usize,
    /// To the row: mean, and its interval by resampling.
    pub to_row: Estimate,
    /// To the column.
    pub to_column: Option<Estimate>,
}

/// Ratings of one system.
#[derive(Clone, Debug, Serialize)]
pub struct SystemRow {
    /// Its name.
    pub name: &'static str,
    /// What it assumes.
    pub doc: &'static str,
    /// Ratings, in the order of entrants.
    pub ratings: Vec<Rating>,
}

/// Something that a game may not have.
#[derive(Clone, Debug, Serialize)]
pub struct Solved<T> {
    /// What was found.
    pub found: Option<T>,
    /// Why there is nothing.
    pub why_not: Option<String>,
}

impl<T> Solved<T> {
    fn of(result: Result<T, GameError>) -> Self {
        match result {
            Ok(found) => Self { found: Some(found), why_not: None },
            Err(error) => Self::not(&error.to_string()),
        }
    }

    fn not(why: &str) -> Self {
        Self { found: None, why_not: Some(why.to_owned()) }
    }
}

/// A match as a game sees it.
struct Bout {
    row: usize,
    column: usize,
    to_row: f64,
    to_column: f64,
    /// The environment and the replicate: what all entrants of a seed have in common.
    weather: String,
}

/// Makes a game of a tournament's matches.
///
/// # Errors
/// A folder that holds no tournament of pairs; a file that is damaged.
pub fn rank(folder: &Path) -> Result<Ranking, FramesError> {
    let wrong = |what: &str| FramesError::NotARun { path: folder.to_owned(), what: what.to_owned() };
    let run = RunDir::open(folder)?;
    run.check()?;
    let report = TournamentReport::open(folder).map_err(|what| wrong(&what))?;
    let report = report.ok_or_else(|| wrong("holds no tournament, as `palisade tournament … --out` writes it"))?;
    if report.format == "population" {
        return Err(wrong("is a population: its shares by generation are in the table `shares`"));
    }
    let is_attack = report.format == "attack";
    let (row_axis, column_axis) = if is_attack { ("attacker", "protocol") } else { ("first", "second") };
    let (row_payoff, column_payoff) =
        if is_attack { ("payoff_attacker", "payoff_protocol") } else { ("payoff_first", "payoff_second") };
    let rows = run.rows_of(&format!(
        "SELECT {row_axis} AS r, {column_axis} AS c, {row_payoff} AS x, {column_payoff} AS y, \
         protocol, market, population, replicate FROM matches WHERE status = 'done' ORDER BY round, pairing, replicate"
    ))?;
    let names = |axis: usize| {
        let mut names: Vec<String> = Vec::new();
        for row in &report.pairings {
            if !names.contains(&row.labels[axis]) {
                names.push(row.labels[axis].clone());
            }
        }
        names
    };
    let (row_names, column_names) = if is_attack { (names(3), names(0)) } else { (names(3), names(4)) };
    let bouts = bouts(&rows, (&row_names, &column_names), is_attack);
    let game = |error: GameError| FramesError::Query(error.to_string());
    let matrix = matrix(&bouts, &row_names, &column_names).map_err(game)?;
    Ok(ranking(&report, &matrix, &bouts, is_attack))
}

fn bouts(rows: &[Row], (row_names, column_names): (&[String], &[String]), is_attack: bool) -> Vec<Bout> {
    let place = |names: &[String], name: &str| names.iter().position(|known| known == name);
    let bout = |row: &Row| {
        let bout = Bout {
            row: place(row_names, text(row, "r"))?,
            column: place(column_names, text(row, "c"))?,
            to_row: number(row, "x"),
            to_column: number(row, "y"),
            weather: weather(row, is_attack),
        };
        (bout.to_row.is_finite()).then_some(bout)
    };
    rows.iter().filter_map(bout).collect()
}

fn weather(row: &Row, is_attack: bool) -> String {
    let protocol = if is_attack { "" } else { text(row, "protocol") };
    let (market, population) = (text(row, "market"), text(row, "population"));
    format!("{protocol}\n{market}\n{population}\n{}", whole(row, "replicate"))
}

fn matrix(bouts: &[Bout], row_names: &[String], column_names: &[String]) -> Result<Matrix, GameError> {
    let of = |row: usize, column: usize| {
        let mut of: Vec<&Bout> = bouts.iter().filter(|bout| (bout.row, bout.column) == (row, column)).collect();
        of.sort_by(|a, b| a.weather.cmp(&b.weather));
        of.into_iter()
    };
    let mut cells = Vec::new();
    for row in 0..row_names.len() {
        for column in 0..column_names.len() {
            let to_row: Vec<f64> = of(row, column).map(|bout| bout.to_row).collect();
            let to_column: Vec<f64> = of(row, column).map(|bout| bout.to_column).collect();
            let is_known = to_column.iter().all(|value| value.is_finite());
            if !to_row.is_empty() {
                cells.push(((row, column), Cell { to_row, to_column: is_known.then_some(to_column) }));
            }
        }
    }
    // Cells are paired where every one has played under the same weather.
    let under = |place: (usize, usize)| -> Vec<&str> {
        let mut under: Vec<&str> = of(place.0, place.1).map(|bout| bout.weather.as_str()).collect();
        under.sort_unstable();
        under
    };
    let is_even = cells.windows(2).all(|pair| under(pair[0].0) == under(pair[1].0));
    let replicates = if is_even { Replicates::Paired } else { Replicates::Independent };
    let mut matrix = Matrix::new(row_names.to_vec(), column_names.to_vec(), replicates)?;
    for ((row, column), cell) in cells {
        matrix.enter(row, column, cell)?;
    }
    Ok(matrix)
}

fn ranking(report: &TournamentReport, matrix: &Matrix, bouts: &[Bout], is_attack: bool) -> Ranking {
    let draws = Draws { seed: report.seed, ..Draws::default() };
    let (rows, columns) = (matrix.rows().to_vec(), matrix.columns().to_vec());
    let cell = |row: usize, column: usize| {
        let cell = matrix.cell(row, column)?;
        let to_row = matrix.mean(Side::Row, row, column, &draws)?;
        Some(CellRow { n: cell.to_row.len(), to_row, to_column: matrix.mean(Side::Column, row, column, &draws) })
    };
    let met_rows = rows.iter().enumerate().filter(|(row, _)| bouts.iter().any(|bout| bout.row == *row));
    let mut entrants: Vec<String> = met_rows.map(|(_, name)| name.clone()).collect();
    let met_columns = columns.iter().enumerate().filter(|(column, _)| bouts.iter().any(|bout| bout.column == *column));
    entrants.extend(met_columns.map(|(_, name)| name.clone()).filter(|name| !rows.contains(name)));
    let game = among_equals(matrix, is_attack);
    let players = game.as_ref().map(|game| game.rows().to_vec()).unwrap_or_default();
    let others = game.as_ref().map(|game| game.columns().to_vec()).unwrap_or_default();
    let contests = contests(bouts, (&rows, &columns), &entrants, is_attack);
    let rate = |system: &ratings::RatingSystem| {
        let ratings = system.rate(entrants.len(), &contests).ok()?;
        Some(SystemRow { name: system.name, doc: system.doc, ratings })
    };
    let of_side = |side: Side| game.clone().and_then(|game| game.payoffs(side));
    let (to_rows, to_columns) = (of_side(Side::Row), of_side(Side::Column));
    let equals = if is_attack { None } else { Some(symmetric(&to_rows, &to_columns)) };
    let unlike = "attackers and protocols are not of one population";
    let of_equals = |payoffs: &Option<Result<Payoffs, GameError>>| payoffs.clone();
    Ranking {
        name: report.name.clone(),
        format: report.format.clone(),
        complete: report.complete,
        settlement: report.settlement.clone(),
        cells: (0..rows.len()).map(|row| (0..columns.len()).map(|column| cell(row, column)).collect()).collect(),
        ratings: ratings::ALL.iter().filter_map(rate).collect(),
        strengths: Solved::of(bradley_terry(entrants.len(), &contests)),
        zero_sum: Solved::of(to_rows.clone().and_then(|payoffs| zero_sum(&payoffs))),
        equilibria: Solved::of(to_rows.and_then(|to_rows| equilibria(&to_rows, &to_columns?))),
        alpha_rank: match of_equals(&equals) {
            None => Solved::not(unlike),
            Some(payoffs) => Solved::of(payoffs.and_then(|payoffs| alpha_rank(&payoffs, &SELECTION))),
        },
        replicator: match of_equals(&equals) {
            None => Solved::not(unlike),
            Some(payoffs) => Solved::of(payoffs.and_then(|payoffs| {
                #[allow(clippy::cast_precision_loss)]
                let start = vec![1.0 / payoffs.rows() as f64; payoffs.rows()];
                one_population(&payoffs, &start, &CLOCK)
            })),
        },
        contests: contests.len(),
        rows,
        columns,
        players,
        others,
        entrants,
    }
}

/// The part of a game in which nothing is missing: rows that met every column, of equals those that met each other.
fn among_equals(matrix: &Matrix, is_attack: bool) -> Result<Matrix, GameError> {
    let (rows, columns) = (matrix.rows(), matrix.columns());
    let has_played = |row: usize, column: usize| matrix.cell(row, column).is_some();
    let columns_in: Vec<usize> =
        (0..columns.len()).filter(|column| (0..rows.len()).any(|row| has_played(row, *column))).collect();
    let rows_in: Vec<usize> =
        (0..rows.len()).filter(|row| columns_in.iter().all(|column| has_played(*row, *column))).collect();
    let columns_in = if is_attack { columns_in } else { rows_in.clone() };
    let names = |all: &[String], places: &[usize]| places.iter().map(|place| all[*place].clone()).collect();
    let mut part = Matrix::new(names(rows, &rows_in), names(columns, &columns_in), Replicates::Independent)?;
    for (new_row, row) in rows_in.iter().enumerate() {
        for (new_column, column) in columns_in.iter().enumerate() {
            if let Some(cell) = matrix.cell(*row, *column) {
                part.enter(new_row, new_column, cell.clone())?;
            }
        }
    }
    Ok(part)
}

/// Who won: an attacker that gains, a protocol that lets none gain, or of two the one whose agents gained more. Matches
/// against oneself say nothing.
fn contests(
    bouts: &[Bout],
    (rows, columns): (&[String], &[String]),
    entrants: &[String],
    is_attack: bool,
) -> Vec<Contest> {
    let place = |name: &String| entrants.iter().position(|known| known == name).unwrap_or_default();
    let contest = |bout: &Bout| {
        let (first, second) = (place(&rows[bout.row]), place(&columns[bout.column]));
        let gap = if is_attack { bout.to_row } else { bout.to_row - bout.to_column };
        let outcome = if gap > 0.0 {
            Outcome::Win
        } else if gap < 0.0 {
            Outcome::Loss
        } else {
            Outcome::Draw
        };
        (first != second && gap.is_finite()).then_some(Contest { first, second, outcome })
    };
    bouts.iter().filter_map(contest).collect()
}

/// What each earns against each, whichever seat it had, in units of the range of all payoffs.
fn symmetric(
    to_rows: &Result<Payoffs, GameError>,
    to_columns: &Result<Payoffs, GameError>,
) -> Result<Payoffs, GameError> {
    let (to_rows, to_columns) = (to_rows.clone()?, to_columns.clone()?);
    let count = to_rows.rows();
    let mean = |row: usize, column: usize| f64::midpoint(to_rows.at(row, column), to_columns.at(column, row));
    let cells: Vec<Vec<f64>> = (0..count).map(|row| (0..count).map(|column| mean(row, column)).collect()).collect();
    let low = cells.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let high = cells.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = if high > low { high - low } else { 1.0 };
    Payoffs::new(&cells.iter().map(|row| row.iter().map(|value| (value - low) / range).collect()).collect::<Vec<_>>())
}
