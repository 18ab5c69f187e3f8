//! What is written of a run, and in which format: `--record every=N,tables=…` and `--format`.

use std::fmt;
use std::str::FromStr;

pub use palisade_engine::Recording;

use crate::load::LoadError;
use crate::source::suggestion;

/// A file format of tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Apache Parquet, with what every column means in its footer.
    #[default]
    Parquet,
    /// Text with commas; what its columns are is in the manifest alone.
    Csv,
    /// Apache Arrow IPC, also called Feather.
    Ipc,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Parquet, Self::Csv, Self::Ipc];

    /// Its word, which is also how its files end.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Ipc => "ipc",
        }
    }
}

/// What is written of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// Which steps, and which tables beside those of every run.
    pub recording: Recording,
    /// In which format.
    pub format: Format,
}

/// The tables that are written on request, and those always written that a list may name as well.
const TABLES: [&str; 4] = ["positions", "trades", "reports", "votes"];

/// `every=N` and `tables=A,B`, in one word or several.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecordWord(pub Recording);

impl FromStr for RecordWord {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self, LoadError> {
        let wrong = |what: String| LoadError::Usage(format!("--record {text}: {what}"));
        let mut found = Recording::default();
        let mut in_tables = false;
        for word in text.split(',').map(str::trim) {
            match word.split_once('=') {
                Some(("every", steps)) => {
                    in_tables = false;
                    let steps = steps.parse().ok().filter(|steps| *steps > 0);
                    found.every =
                        steps.ok_or_else(|| wrong("expected `every=` and a number of steps from 1".into()))?;
                }
                Some(("tables", table)) => {
                    in_tables = true;
                    add(&mut found, table).map_err(wrong)?;
                }
                None if in_tables => add(&mut found, word).map_err(wrong)?,
                _ => return Err(wrong(format!("expected `every=N` or `tables=NAME,…`, found `{word}`"))),
            }
        }
        Ok(Self(found))
    }
}

fn add(recording: &mut Recording, table: &str) -> Result<(), String> {
    match table {
        "positions" => recording.positions = true,
        "trades" => recording.trades = true,
        "reports" => recording.reports = true,
        "votes" => {}
        other => {
            let help = suggestion(other, &TABLES).unwrap_or_default();
            return Err(format!("there is no table `{other}` to add; {help}"));
        }
    }
    Ok(())
}

impl fmt::Display for RecordWord {
    /// As it is read; empty when nothing differs from what every run records.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recording { every, positions, trades, reports } = self.0;
        let mut words: Vec<String> = (every > 1).then(|| format!("every={every}")).into_iter().collect();
        let tables = [(positions, "positions"), (trades, "trades"), (reports, "reports")];
        let tables: Vec<&str> = tables.into_iter().filter_map(|(is_kept, name)| is_kept.then_some(name)).collect();
        if !tables.is_empty() {
            words.push(format!("tables={}", tables.join(",")));
        }
        out.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for text in ["every=10", "tables=positions,reports", "every=3,tables=trades", ""] {
            let word = if text.is_empty() { RecordWord::default() } else { text.parse().unwrap() };
            assert_eq!(word.to_string(), text);
        }
        let all: RecordWord = "tables=trades,votes,every=2".parse().unwrap();
        assert_eq!(all.0, Recording { every: 2, trades: true, ..Recording::default() });
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        let refused = |text: &str| text.parse::<RecordWord>().unwrap_err().to_string();
        assert!(refused("every=0").contains("a number of steps from 1"));
        assert!(refused("often").contains("expected `every=N`"));
        assert!(refused("tables=position").contains("did you mean `positions`?"), "{}", refused("tables=position"));
        assert!(refused("every=2,trades").contains("found `trades`"));
    }
}
