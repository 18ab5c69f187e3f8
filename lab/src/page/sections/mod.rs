//! The sections of a report, in the order in which they are read. Another kind of result adds its own here.

mod attack;
mod closing;
mod comparison;
mod governance;
mod losses;
mod market;
mod safety;
mod verdict;

use super::chart::Rows;
use super::{Section, Source};
use crate::frames::{FramesError, RunDir};

/// Makes a section, or nothing where there is nothing to show.
type Make = fn(&Source) -> Result<Option<Section>, FramesError>;

pub(super) const ALL: [Make; 13] = [
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

/// The rows of a query, of the first world where it asks for `run = 0`.
fn rows(run: &RunDir, sql: &str) -> Result<Rows, FramesError> {
    match run.query(sql)?.to_json() {
        serde_json::Value::Array(rows) => Ok(rows
            .into_iter()
            .filter_map(|row| match row {
                serde_json::Value::Object(row) => Some(row),
                _ => None,
            })
            .collect()),
        _ => Ok(Rows::new()),
    }
}

/// A text of a row.
fn text<'a>(row: &'a serde_json::Map<String, serde_json::Value>, name: &str) -> &'a str {
    row.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// A number of a row, NaN for none.
fn number(row: &serde_json::Map<String, serde_json::Value>, name: &str) -> f64 {
    row.get(name).and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN)
}

/// Different words of a column, in their order.
fn distinct(rows: &Rows, name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for row in rows {
        let word = text(row, name);
        if !found.iter().any(|known| known == word) {
            found.push(word.to_owned());
        }
    }
    found
}
