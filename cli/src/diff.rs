//! `palisade diff`: two run directories against each other.

use std::path::PathBuf;

use clap::Args;
use palisade_lab::frames::{DirDiff, RunDir, TableDiff, diff as lab};

use crate::args::Coloring;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::{Align, wide, wrapped};
use crate::trouble::Trouble;
use palisade_lab::words::{count, counted};

#[derive(Args, Debug)]
#[command(after_help = "Exit codes: 0 every table is equal, 1 something differs, 2 bad input or usage.")]
pub(crate) struct DiffArgs {
    /// A run directory
    first: PathBuf,
    /// Another run directory
    second: PathBuf,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(crate) coloring: Coloring,
}

pub(crate) fn diff(args: &DiffArgs) -> Result<Exit, Trouble> {
    let found = lab(&RunDir::open(&args.first)?, &RunDir::open(&args.second)?)?;
    if args.json {
        print_json(&found)?;
    } else {
        print(&shown(&found, Paint::stdout(args.coloring.color)))?;
    }
    Ok(if found.is_equal() { Exit::Done } else { Exit::Failed })
}

fn shown(found: &DirDiff, paint: Paint) -> String {
    let mut text = String::new();
    for (name, first, second) in &found.manifest {
        text += &format!("{name}\n  - {first}\n  + {second}\n");
    }
    for (names, which) in [(&found.only_first, "first"), (&found.only_second, "second")] {
        if !names.is_empty() {
            text += &wrapped(&format!("only in the {which}: "), &names.join(", "));
        }
    }
    for table in &found.tables {
        text += &format!("\n{}\n", of_table(table, paint));
    }
    let equal = counted(found.equal.len() as u64, "table");
    let said = if found.is_equal() {
        format!("equal: {equal}\n")
    } else {
        format!("\nequal besides: {}\n", found.equal.join(", "))
    };
    text.push_str(&said);
    text
}

fn of_table(table: &TableDiff, paint: Paint) -> String {
    let (first, second) = table.rows;
    let mut head = format!("{} rows differ", count(table.differing));
    if first != second {
        head += &format!("; {} rows against {}", count(first), count(second));
    }
    if !table.first.is_empty() {
        let key: Vec<String> = table.first.iter().map(|(name, value)| format!("{name} {value}")).collect();
        head += &format!("; the first at {}", key.join(", "));
    }
    if !table.unmatched.is_empty() {
        head += &format!("; columns of one alone: {}", table.unmatched.join(", "));
    }
    let columns = [("column", Align::Name), ("rows", Align::Right), ("first: -", Align::Right), ("+", Align::Right)];
    let rows = table.columns.iter().map(|column| {
        let (first, second) = column.values.clone();
        vec![column.column.clone(), count(column.rows), first, second]
    });
    format!("{}: {head}\n{}", paint.bold(&table.table), wide(&columns, rows.collect()).trim_end())
}
