//! The sections of a report, in the order in which they are read. Another kind of result adds its own here.

mod attack;
mod closing;
mod comparison;
mod governance;
mod hunt;
mod losses;
mod market;
mod safety;
mod sweep;
mod tournament;
mod verdict;

use super::{Section, Source};
use crate::frames::{FramesError, Row, RunDir, number, text};

/// Makes a section, or nothing where there is nothing to show.
type Make = fn(&Source) -> Result<Option<Section>, FramesError>;

pub(super) const ALL: [Make; 24] = [
    hunt::finding,
    tournament::verdict,
    tournament::payoffs,
    tournament::ratings,
    tournament::equilibria,
    tournament::evolution,
    tournament::generations,
    tournament::ladder,
    sweep::verdict,
    sweep::map,
    sweep::indices,
    comparison::verdict,
    comparison::costs,
    comparison::worlds,
    verdict::verdict,
    attack::timeline,
    market::prices,
    losses::losses,
    safety::backing,
    safety::margin,
    governance::votes,
    safety::concentration,
    verdict::worlds,
    closing::closing,
];

/// A figure of every world in which it is finite.
fn figures(run: &RunDir, name: &str) -> Result<Vec<f64>, FramesError> {
    let rows = run.rows_of(&format!("SELECT {name} FROM runs ORDER BY run"))?;
    Ok(rows.iter().map(|row| number(row, name)).filter(|value| value.is_finite()).collect())
}

/// Different words of a column, in their order.
fn distinct(rows: &[Row], name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for row in rows {
        let word = text(row, name);
        if !found.iter().any(|known| known == word) {
            found.push(word.to_owned());
        }
    }
    found
}
