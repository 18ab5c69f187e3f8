//! `palisade query` and `palisade tables`: what a run directory holds, asked in SQL or by a ready analysis.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use palisade_lab::frames::{ANALYSES, Answer, Cell, FramesError, RunDir};
use palisade_lab::store::{ColumnNote, TableNote};
use serde::Serialize;

use crate::args::Coloring;
use crate::exit::Exit;
use crate::output::{complain, print, print_json};
use crate::paint::Paint;
use crate::table::{Align, table, wide, wrapped};
use crate::trouble::Trouble;
use palisade_lab::words::{count, counted};

#[derive(Args, Debug)]
#[command(
    after_help = "`palisade tables DIR` lists tables and columns. Columns named like a word of SQL stand in quotes: \"end\"."
)]
pub(crate) struct QueryArgs {
    /// A run directory, as `palisade run … --out DIR` writes it
    dir: PathBuf,
    /// The query, in SQL over the run's tables [default: list the ready analyses]
    #[arg(value_name = "SQL", conflicts_with = "analysis")]
    sql: Option<String>,
    /// Ask a ready analysis instead
    #[arg(long, value_name = "NAME")]
    analysis: Option<String>,
    /// How to print the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Shape::Table)]
    format: Shape,
    /// Rows that a table shows at most; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 40)]
    limit: usize,
    /// Write the answer into this new file instead; its name ends with .parquet, .csv or .ipc
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) coloring: Coloring,
}

#[derive(Args, Debug)]
pub(crate) struct TablesArgs {
    /// A run directory, as `palisade run … --out DIR` writes it
    dir: PathBuf,
    /// The table whose columns to show [default: all tables, in short]
    table: Option<String>,
    /// Print one JSON array, an object for each table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(crate) coloring: Coloring,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Shape {
    Table,
    Csv,
    Json,
}

pub(crate) fn query(args: &QueryArgs) -> Result<Exit, Trouble> {
    let run = RunDir::open(&args.dir)?;
    let answer = match (&args.sql, &args.analysis) {
        (Some(sql), _) => run.query(sql)?,
        (None, Some(name)) => run.analysis(name)?,
        (None, None) if args.out.is_some() => {
            return Err(Trouble::Usage("--out: there is no query to answer; give one, or `--analysis NAME`".into()));
        }
        (None, None) => {
            print(&analyses(Paint::stdout(args.coloring.color)))?;
            return Ok(Exit::Done);
        }
    };
    if let Some(out) = &args.out {
        answer.write(out)?;
        complain(&format!("{} in {}\n", counted(answer.rows() as u64, "row"), out.display()));
        return Ok(Exit::Done);
    }
    match args.format {
        Shape::Json => print_json(&answer.to_json())?,
        Shape::Csv => print(&answer.to_csv()?)?,
        Shape::Table => {
            let limit = if args.limit == 0 { usize::MAX } else { args.limit };
            print(&shown(&answer, limit))?;
            if answer.rows() > limit {
                let left = count((answer.rows() - limit) as u64);
                complain(&format!("… {left} more; `--limit 0` shows all, `--format csv` writes them all\n"));
            }
        }
    }
    Ok(Exit::Done)
}

pub(crate) fn tables(args: &TablesArgs) -> Result<Exit, Trouble> {
    let run = RunDir::open(&args.dir)?;
    let paint = Paint::stdout(args.coloring.color);
    let all = &run.manifest().tables;
    if let Some(name) = &args.table {
        // Also refuses a table that is not there.
        drop(run.table(name)?);
    }
    let listed = all.iter().filter(|(name, _)| args.table.as_ref().is_none_or(|asked| asked == *name));
    let listed: Vec<Listed<'_>> = listed.map(|(name, note)| Listed { name, rows: run.rows(name), note }).collect();
    if args.json {
        print_json(&listed)?;
        return Ok(Exit::Done);
    }
    let text = match (&args.table, listed.as_slice()) {
        (Some(_), [one]) => columns(one, paint),
        _ => overview(&listed),
    };
    print(&text)?;
    Ok(Exit::Done)
}

/// A table of a run.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    rows: u64,
    #[serde(flatten)]
    note: &'a TableNote,
}

fn overview(listed: &[Listed<'_>]) -> String {
    let row = |one: &Listed<'_>| {
        vec![one.name.to_owned(), count(one.rows), one.note.columns.len().to_string(), one.note.doc.clone()]
    };
    let columns =
        [("table", Align::Name), ("rows", Align::Right), ("columns", Align::Right), ("a row is", Align::Left)];
    table(&columns, listed.iter().map(row).collect()) + "\n`palisade tables DIR TABLE` shows a table's columns.\n"
}

fn columns(one: &Listed<'_>, paint: Paint) -> String {
    let row = |column: &ColumnNote| {
        let kind = serde_json::to_value(column.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
        vec![column.name.clone(), kind.unwrap_or_default(), column.unit.clone(), column.doc.clone()]
    };
    let heads = [("column", Align::Name), ("kind", Align::Name), ("unit", Align::Name), ("meaning", Align::Left)];
    let rows = one.note.columns.iter().map(row).collect();
    format!("{}, {}: {}\n{}", paint.bold(one.name), counted(one.rows, "row"), one.note.doc, table(&heads, rows))
}

fn analyses(paint: Paint) -> String {
    let one = |name: &str, doc: &str, sql: &str| {
        let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{}\n{}{}\n", paint.bold(name), wrapped("  ", doc), wrapped("    ", &sql))
    };
    let all = ANALYSES.iter().map(|analysis| one(analysis.name, analysis.doc, analysis.sql));
    format!("Ready analyses, for `--analysis NAME`:\n\n{}", all.collect::<String>())
}

fn shown(answer: &Answer, limit: usize) -> String {
    let rows: Vec<Vec<Cell>> = (0..answer.rows().min(limit)).map(|row| answer.row(row)).collect();
    let is_number = |place: usize| {
        rows.iter().all(|row| matches!(row.get(place), Some(Cell::Int(_) | Cell::Float(_) | Cell::Null) | None))
    };
    let names = answer.names();
    let columns: Vec<(&str, Align)> = names
        .iter()
        .enumerate()
        .map(|(place, name)| (name.as_str(), if is_number(place) { Align::Right } else { Align::Left }))
        .collect();
    if rows.is_empty() {
        return format!("no rows; columns: {}\n", names.join(", "));
    }
    wide(&columns, rows.iter().map(|row| row.iter().map(Cell::to_string).collect()).collect())
}

impl From<FramesError> for Trouble {
    fn from(error: FramesError) -> Self {
        Self::Usage(error.to_string())
    }
}
