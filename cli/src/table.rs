//! Plain tables and wrapped lines, a hundred columns wide at most.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};

/// The widest line of any report.
pub(crate) const WIDTH: u16 = 100;
const INDENT: &str = "  ";
/// A name longer than this is broken after all: the other columns need their room.
const LONGEST_NAME: usize = 44;

/// How a column stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Names, which are never broken.
    Name,
    /// Numbers.
    Right,
}

/// An indented table with a ruled heading; nothing when there are no rows.
pub(crate) fn table(columns: &[(&str, Align)], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let constraints: Vec<_> = (0..columns.len()).map(|place| constraint(columns, &rows, place)).collect();
    let mut table = bare(columns, rows);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH - 2);
    for (place, constraint) in constraints.into_iter().enumerate() {
        if let (Some(column), Some(constraint)) = (table.column_mut(place), constraint) {
            column.set_constraint(constraint);
        }
    }
    indented(&table)
}

fn bare(columns: &[(&str, Align)], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('-').junction('-')))
        .set_header(columns.iter().map(|(name, _)| *name))
        .add_rows(rows);
    for (place, (_, align)) in columns.iter().enumerate() {
        let Some(column) = table.column_mut(place) else { continue };
        column.set_padding((0, if place + 1 == columns.len() { 0 } else { 1 }));
        if *align == Align::Right {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn indented(table: &Table) -> String {
    table.lines().map(|line| format!("{INDENT}{}\n", line.trim_end())).collect()
}

/// The same as wide as its cells are, none of them broken: for rows that another program may read.
pub(crate) fn wide(columns: &[(&str, Align)], rows: Vec<Vec<String>>) -> String {
    let mut table = bare(columns, rows);
    table.set_content_arrangement(ContentArrangement::Disabled);
    indented(&table)
}

/// How wide a column may be: numbers and names as they are, words up to their share, and what is left for the only words.
fn constraint(columns: &[(&str, Align)], rows: &[Vec<String>], place: usize) -> Option<ColumnConstraint> {
    let lines = rows.iter().filter_map(|row| row.get(place)).flat_map(|cell| cell.lines());
    let longest = lines.map(|line| line.chars().count()).max().unwrap_or(0);
    match columns[place].1 {
        Align::Right => Some(ColumnConstraint::ContentWidth),
        Align::Name if longest <= LONGEST_NAME => Some(ColumnConstraint::ContentWidth),
        Align::Left if columns.iter().filter(|(_, align)| *align == Align::Left).count() == 1 => None,
        Align::Name | Align::Left => Some(ColumnConstraint::UpperBoundary(Width::Percentage(60))),
    }
}

/// `text` in lines of at most a hundred columns, the first after `lead`, the rest below where it began.
pub(crate) fn wrapped(lead: &str, text: &str) -> String {
    let hang = lead.chars().count();
    let (mut lines, mut line, mut used) = (String::new(), lead.to_owned(), hang);
    for word in words(text) {
        let length = word.chars().count();
        if used > hang && used + 1 + length > usize::from(WIDTH) {
            lines += &format!("{}\n", line.trim_end());
            (line, used) = (" ".repeat(hang), hang);
        }
        if used > hang {
            line.push(' ');
            used += 1;
        }
        line.push_str(&word);
        used += length;
    }
    lines + line.trim_end() + "\n"
}

/// Words, where a million and a percent sign stay with their number.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let unit = word == "%" || word.trim_end_matches([',', ';', '.']) == "M";
        match words.last_mut() {
            Some(number) if unit => *number += &format!(" {word}"),
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_nothing_trails() {
        let rows = vec![vec!["alice".to_owned(), "1.00".to_owned()], vec!["b".to_owned(), "-1,000.00".to_owned()]];
        let expected = "
  who       change
  ----------------
  alice       1.00
  b      -1,000.00
";
        assert_eq!(format!("\n{}", table(&[("who", Align::Left), ("change", Align::Right)], rows)), expected);
        assert_eq!(table(&[("who", Align::Left)], Vec::new()), "");
    }

    #[test]
    fn a_table_never_passes_the_widest_line() {
        let rows = vec![vec!["word ".repeat(60), "1.00".to_owned()]];
        let text = table(&[("who", Align::Left), ("change", Align::Right)], rows);
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(WIDTH)), "{text}");
        assert!(text.contains("1.00"));
    }

    #[test]
    fn names_are_whole_and_words_take_what_is_left() {
        let rows = vec![vec!["a_name_that_is_long".to_owned(), "word ".repeat(30)]];
        let text = table(&[("name", Align::Name), ("meaning", Align::Left)], rows);
        assert!(text.contains("a_name_that_is_long  word"), "{text}");
        let widest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!((91..=usize::from(WIDTH)).contains(&widest(&text)), "{text}");
        let rows = vec![vec!["a_name_without_end_".repeat(9), "word ".repeat(30)]];
        let text = table(&[("name", Align::Name), ("meaning", Align::Left)], rows);
        assert!(widest(&text) <= usize::from(WIDTH), "{text}");
    }

    #[test]
    fn wrapped_lines_hang_below_their_lead() {
        let text = wrapped("  1m  ", &"word ".repeat(30));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("  1m  word") && lines[0].len() <= usize::from(WIDTH));
        assert!(lines[1].starts_with("      word"));
        assert_eq!(wrapped("", ""), "\n");
    }

    #[test]
    fn a_number_keeps_its_unit() {
        let text = wrapped("", &format!("{} +90.00 M, 5.0 % more", "x".repeat(92)));
        assert_eq!(text.lines().nth(1), Some("+90.00 M, 5.0 % more"));
    }
}
