//! `palisade rank`: a tournament as a game: payoffs, ratings, equilibria, evolution.

use std::path::PathBuf;

use clap::Args;
use palisade_lab::tournament::{Ranking, Solved, rank as lab};
use palisade_lab::words::{amount, compact, percent};

use crate::args::Display;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::{Align, table, wrapped};
use crate::tournament::headings;
use crate::trouble::Trouble;

/// Shares below this are not listed.
const LISTED: f64 = 5e-4;

#[derive(Args, Debug)]
#[command(
    after_help = "Of attackers and protocols a match is won by an attacker that gains, and by the protocol where it does not; \
    of two strategies, by the one whose agents gain more. Intervals of payoffs are by resampling, those of ratings three \
    deviations to either side."
)]
pub(crate) struct RankArgs {
    /// The folder of a tournament
    folder: PathBuf,
    #[command(flatten)]
    pub(crate) display: Display,
}

pub(crate) fn rank(args: &RankArgs) -> Result<Exit, Trouble> {
    let ranking = lab(&args.folder)?;
    match args.display.json {
        true => print_json(&ranking)?,
        false => print(&full(&ranking, Paint::stdout(args.display.color), args.display.quiet))?,
    }
    Ok(Exit::Done)
}

fn full(ranking: &Ranking, paint: Paint, quiet: bool) -> String {
    let mut text = String::new();
    if !ranking.complete {
        text += "Not everything was played: this is a part of it.\n\n";
    }
    if !quiet {
        text +=
            &format!("{}\n{}\n", paint.bold(&format!("payoffs to rows, in {}", ranking.settlement)), payoffs(ranking));
    }
    text += &format!("{}\n{}\n", paint.bold(&format!("ratings from {} contests", ranking.contests)), ratings(ranking));
    if !quiet {
        text +=
            &format!("{}\n{}\n", paint.bold("equilibrium, were the rows' payoff the columns' loss"), zero_sum(ranking));
        text += &format!("{}\n{}\n", paint.bold("equilibria with both sides' payoffs"), equilibria(ranking));
        text += &format!("{}\n{}", paint.bold("evolution of one population"), evolution(ranking));
    }
    text
}

fn payoffs(ranking: &Ranking) -> String {
    let names: Vec<&str> = ranking.columns.iter().map(String::as_str).collect();
    let (heads, legend) = headings(&names);
    let heads: Vec<(&str, Align)> =
        std::iter::once(("", Align::Name)).chain(heads.iter().map(|head| (head.as_str(), Align::Right))).collect();
    let rows = ranking.rows.iter().zip(&ranking.cells).map(|(name, cells)| {
        let cell = |cell: &Option<palisade_lab::tournament::CellRow>| {
            cell.as_ref().map_or("n/a".to_owned(), |cell| {
                let interval = cell.to_row.interval;
                let interval =
                    interval.map_or(String::new(), |(low, high)| format!("\n[{}, {}]", compact(low), compact(high)));
                format!("{}{interval}", compact(cell.to_row.value))
            })
        };
        std::iter::once(name.clone()).chain(cells.iter().map(cell)).collect()
    });
    format!("{}{legend}", table(&heads, rows.collect()))
}

fn ratings(ranking: &Ranking) -> String {
    let mut heads = vec![("", Align::Name)];
    heads.extend(ranking.ratings.iter().map(|system| (system.name, Align::Right)));
    heads.push(("Bradley-Terry", Align::Right));
    let strengths = ranking.strengths.found.as_ref();
    let order = ranking.order();
    let rows = order.into_iter().map(|place| {
        let mut row = vec![ranking.entrants[place].clone()];
        for system in &ranking.ratings {
            let rating = &system.ratings[place];
            let within = rating.interval.map_or(String::new(), |(low, _)| format!(" ±{:.0}", rating.rating - low));
            row.push(format!("{:.0}{within}", rating.rating));
        }
        row.push(strengths.map_or(String::new(), |strengths| {
            let strength = &strengths.strengths[place];
            let interval = strength.interval.map_or(String::new(), |(low, high)| format!(" [{low:+.2}, {high:+.2}]"));
            format!("{:+.2}{interval}", strength.value)
        }));
        row
    });
    let mut text = table(&heads, rows.collect());
    if let Some(why) = &ranking.strengths.why_not {
        text += &wrapped("  Bradley-Terry: ", why);
    }
    text
}

fn mix(names: &[String], shares: &[f64]) -> String {
    let used = names.iter().zip(shares).filter(|(_, share)| **share >= LISTED);
    used.map(|(name, share)| format!("{name} {}", percent(*share))).collect::<Vec<_>>().join(", ")
}

fn not<T>(solved: &Solved<T>) -> String {
    wrapped("  none: ", solved.why_not.as_deref().unwrap_or_default())
}

fn zero_sum(ranking: &Ranking) -> String {
    let Some(found) = &ranking.zero_sum.found else { return not(&ranking.zero_sum) };
    format!(
        "{}{}  value to the rows {} {}; what either side could still gain: {}\n",
        wrapped("  rows     ", &mix(&ranking.players, &found.row)),
        wrapped("  columns  ", &mix(&ranking.others, &found.column)),
        amount(found.value),
        ranking.settlement,
        amount(found.exploitability)
    )
}

fn equilibria(ranking: &Ranking) -> String {
    let Some(found) = &ranking.equilibria.found else { return not(&ranking.equilibria) };
    let mut text = String::new();
    for profile in &found.profiles {
        let worth =
            format!("worth {} to the rows and {} to the columns", amount(profile.to_row), amount(profile.to_column));
        let sides = format!(
            "{} against {}; {worth}",
            mix(&ranking.players, &profile.row),
            mix(&ranking.others, &profile.column)
        );
        text += &wrapped("  ", &sides);
    }
    if found.degenerate {
        text += "  The game is degenerate: there may be more.\n";
    }
    text
}

fn evolution(ranking: &Ranking) -> String {
    let Some(found) = &ranking.alpha_rank.found else { return not(&ranking.alpha_rank) };
    let mut text = wrapped("  alpha-rank  ", &mix(&ranking.players, &found.shares));
    if let Some(last) = ranking.replicator.found.as_ref().and_then(|moments| moments.last()) {
        text += &wrapped("  replicator  ", &mix(&ranking.players, &last.shares[0]));
    }
    text
}
