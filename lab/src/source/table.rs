//! The CSV files of a scenario: which file each name stands for, and their columns as numbers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::file::SourceFile;
use super::home::{Home, NOT_A_FILE};
use super::problem::Problem;
use super::text::Composed;
use super::tree::{Entry, Node};
use super::typed;

/// The largest CSV file, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// The file of every name under `data`, where `given` (from `--data NAME=FILE`) wins over the
/// scenario.
pub(super) fn files(
    composed: &Composed,
    tree: &Node,
    home: Option<&Home>,
    given: &[(String, PathBuf)],
) -> Result<BTreeMap<String, SourceFile>, Problem> {
    let mut files = BTreeMap::new();
    for (name, path) in given {
        let shown = || format!("--data {name}={}", path.display());
        let file = SourceFile::on_disk(path, path.display().to_string());
        file.check(MAX_BYTES).map_err(|message| Problem::file(shown(), message))?;
        files.insert(name.clone(), file);
    }
    for entry in tree.find("data").map(Node::entries).unwrap_or_default() {
        if !files.contains_key(&entry.key) {
            files.insert(entry.key.clone(), listed(composed, entry, home)?);
        }
    }
    Ok(files)
}

/// The file that the scenario itself names.
fn listed(composed: &Composed, entry: &Entry, home: Option<&Home>) -> Result<SourceFile, Problem> {
    let relative: String = typed::parse(composed, &entry.value)?;
    let instead = format!("or give it as --data {}=FILE", entry.key);
    let problem = |message: String, help: Option<String>| {
        let help = help.map_or_else(|| instead.clone(), |help| format!("{help} {instead}"));
        composed.problem(entry.value.span, message).with_help(help)
    };
    let Some(home) = home else {
        return Err(problem(NOT_A_FILE.to_owned(), None));
    };
    let file = home.resolve(&relative).map_err(|(message, help)| problem(message, help))?;
    match file.check(MAX_BYTES) {
        Ok(()) => Ok(file),
        Err(message) => Err(problem(format!("`{relative}` {message}"), None)),
    }
}

/// The numeric columns of a CSV file with a header row.
///
/// A column is numeric when its first cell is a number or a date, and then all its cells must be.
/// Dates, `2022-10-11` or `2022-10-11T22:00:00Z`, become seconds since 1970. Every other column is
/// left out.
pub fn read_csv(file: &SourceFile) -> Result<BTreeMap<String, Vec<f64>>, Problem> {
    let shown = file.shown();
    file.check(MAX_BYTES).map_err(|message| Problem::file(shown, message))?;
    let fail = |error: csv::Error| unreadable(shown, &error);
    let start = file.open().map_err(|error| fail(error.into()))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(start);
    let header = reader.headers().map_err(fail)?.clone();
    if let Some(name) = twice(&header) {
        return Err(Problem::line(shown, 1, format!("column `{name}` is given twice")));
    }
    let mut columns = vec![Some(Vec::new()); header.len()];
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(fail)? {
        let line = record.position().map_or(0, csv::Position::line);
        for ((column, cell), name) in columns.iter_mut().zip(&record).zip(&header) {
            take(column, cell)
                .map_err(|what| Problem::line(shown, line, format!("column `{name}`: `{cell}` is not {what}")))?;
        }
    }
    let columns = header.iter().zip(columns);
    Ok(columns.filter_map(|(name, column)| Some((name.to_owned(), column?))).collect())
}

/// Adds a cell to its column, which is dropped when its first cell is not a number.
fn take(column: &mut Option<Vec<f64>>, cell: &str) -> Result<(), &'static str> {
    let Some(values) = column else {
        return Ok(());
    };
    match number(cell) {
        Some(value) if value.is_finite() => values.push(value),
        Some(_) => return Err("a finite number"),
        None if values.is_empty() => *column = None,
        None => return Err("a number"),
    }
    Ok(())
}

fn twice(header: &csv::StringRecord) -> Option<&str> {
    let mut names = header.iter().enumerate();
    let earlier = |index, name| header.iter().take(index).any(|earlier| earlier == name);
    names.find(|&(index, name)| earlier(index, name)).map(|(_, name)| name)
}

fn unreadable(shown: &str, error: &csv::Error) -> Problem {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Problem::line(shown, line, format!("the row has {len} cells, the header has {expected_len}"))
        }
        csv::ErrorKind::Utf8 { .. } => Problem::line(shown, line, "the text is not UTF-8"),
        _ => Problem::file(shown, format!("cannot be read: {error}")),
    }
}

fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().or_else(|| seconds(cell))
}

/// Seconds since 1970 of `yyyy-mm-dd` or `yyyy-mm-ddThh:mm:ssZ`.
fn seconds(cell: &str) -> Option<f64> {
    let (date, time) = match cell.split_once('T') {
        Some((date, time)) => (date, time.strip_suffix('Z')?),
        None => (cell, "00:00:00"),
    };
    let [year, month, day] = digits(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = digits(time, ':', [2, 2, 2])?;
    let valid = (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
    let within_day = hour < 24 && minute < 60 && second < 60;
    (valid && within_day).then(|| (days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) as f64)
}

fn digits(text: &str, mark: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(mark);
    let mut numbers = [0; 3];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next().filter(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn month_days(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<String, Vec<f64>>, Problem> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, text).unwrap();
        read_csv(&SourceFile::on_disk(&path, "x.csv"))
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &[f64])]) {
        let expected = expected.iter().map(|&(name, values)| (name.to_owned(), values.to_vec()));
        assert_eq!(read(text).unwrap(), expected.collect());
    }

    #[track_caller]
    fn check_refused(text: &str, line: u32, message: &str) {
        let problem = read(text).unwrap_err();
        assert_eq!((problem.place().line, problem.message()), (line, message));
    }

    #[test]
    fn columns_of_numbers_and_dates_are_read_and_text_is_left_out() {
        check(
            "date, close, note\n1970-01-02, 1.5, a\n1970-01-01T00:00:10Z, 2e1, b\n",
            &[("close", &[1.5, 20.0]), ("date", &[86_400.0, 10.0])],
        );
        check("a\n", &[("a", &[])]);
    }

    #[test]
    fn bad_rows_are_refused_with_their_line() {
        check_refused("a,b\n1,2\n3\n", 3, "the row has 1 cells, the header has 2");
        check_refused("a,b\n1,2\n3,NaN\n", 3, "column `b`: `NaN` is not a finite number");
        check_refused("a,b\n1,inf\n", 2, "column `b`: `inf` is not a finite number");
        check_refused("a,b\n1,2\n3,\n", 3, "column `b`: `` is not a number");
        check_refused("a,b,a\n1,2,3\n", 1, "column `a` is given twice");
    }

    #[track_caller]
    fn check_seconds(text: &str, expected: Option<f64>) {
        assert_eq!(seconds(text), expected, "for {text}");
    }

    #[test]
    fn dates_follow_the_gregorian_calendar() {
        check_seconds("1970-01-01", Some(0.0));
        check_seconds("2022-10-11T22:00:00Z", Some(1_665_525_600.0));
        check_seconds("2000-02-29", Some(951_782_400.0));
        check_seconds("1969-12-31", Some(-86_400.0));
        for text in ["2023-02-29", "1900-02-29", "2022-13-01", "2022-1-1", "2022-10-11T24:00:00Z"] {
            check_seconds(text, None);
        }
        check_seconds("2022-10-11T22:00:00", None);
    }

    #[test]
    fn a_folder_is_not_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let problem = read_csv(&SourceFile::on_disk(folder.path(), "x")).unwrap_err();
        assert_eq!(problem.message(), "is not a regular file");
        assert_eq!(problem.place().line, 0);
    }
}
