//! The report in words, for a reader who was not in the room: one file a section, in the order they are read.

mod attack;
mod closing;
mod flows;
mod groups;
mod outcomes;
mod routes;
#[cfg(test)]
pub(crate) mod sample;
mod story;
mod trouble;
#[cfg(test)]
mod verdict;

use palisade_lab::report::Report;
use palisade_lab::verdict::headline;

use crate::paint::Paint;
use crate::table::wrapped;

/// A part of the summary: its title and its lines, or nothing to say.
type Section = fn(&Report) -> Option<(String, String)>;

const SECTIONS: [Section; 10] = [
    story::section,
    groups::section,
    flows::section,
    attack::attack,
    attack::solvency,
    routes::backing,
    routes::routes,
    outcomes::section,
    trouble::refusals,
    trouble::faults,
];

/// The whole summary.
pub(crate) fn full(report: &Report, paint: Paint) -> String {
    let mut text: String = wrapped("", &headline(report)).lines().map(|line| paint.bold(line) + "\n").collect();
    text += &format!("\n{}", closing::scope(report));
    for (title, lines) in SECTIONS.iter().filter_map(|section| section(report)) {
        text += &format!("\n{}\n{lines}", paint.bold(&title));
    }
    [text, "\n".to_owned(), closing::provenance(report), closing::reproduce(report)].concat()
}

/// The verdict and how to reproduce it, a line each.
pub(crate) fn quiet(report: &Report, paint: Paint) -> String {
    format!("{}\n{}", paint.bold(&headline(report)), closing::reproduce(report))
}

/// `, seed 1` behind a title when the details are those of one world among several.
fn of_first(report: &Report) -> String {
    match report.worlds {
        0 | 1 => String::new(),
        _ => format!(", seed {}", report.first.seed),
    }
}

/// Labels and values, two pairs a line.
fn pairs(pairs: &[(String, String)]) -> String {
    let width = |of: fn(&(String, String)) -> &String, place: usize| {
        pairs.iter().skip(place).step_by(2).map(|pair| of(pair).chars().count()).max().unwrap_or(0)
    };
    let widths = [0, 1].map(|place| (width(|(label, _)| label, place), width(|(_, value)| value, place)));
    let line = |row: &[(String, String)]| {
        let cells =
            row.iter().zip(widths).map(|((label, value), (left, right))| format!("{label:left$}  {value:>right$}"));
        format!("  {}\n", cells.collect::<Vec<_>>().join("     "))
    };
    pairs.chunks(2).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(label: &str, value: &str) -> (String, String) {
        (label.to_owned(), value.to_owned())
    }

    #[test]
    fn pairs_stand_in_two_columns() {
        let text = pairs(&[pair("in", "1.00"), pair("net", "-1.00"), pair("withdrawn", "20.00")]);
        assert_eq!(text, "  in          1.00     net  -1.00\n  withdrawn  20.00\n");
        assert_eq!(pairs(&[]), "");
    }

    #[test]
    fn quiet_is_the_verdict_and_the_command() {
        let text = quiet(&sample::one_world(), Paint::Plain);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].starts_with("Attack succeeded: ") && lines[1].starts_with("reproduce: palisade run "),
            "{text}"
        );
    }

    #[track_caller]
    fn check_size(report: &Report) {
        let text = full(report, Paint::Plain);
        let verdict_and_sections = text.split_once("\nreproduce: ").map_or("", |(before, _)| before);
        assert!(verdict_and_sections.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.lines().count() <= 62, "{} lines\n{text}", text.lines().count());
        assert!(!text.contains('\u{1b}') && !text.contains("safe") && !text.contains(" \n"), "{text}");
    }

    #[test]
    fn a_summary_fits_a_page_and_has_no_codes() {
        check_size(&sample::one_world());
        check_size(&sample::many_worlds());
        check_size(&sample::without_attackers());
    }

    #[test]
    fn the_whole_summary_reads_well() {
        assert_eq!(full(&sample::one_world(), Paint::Plain), include_str!("sample_one_world.txt"));
        assert_eq!(full(&sample::many_worlds(), Paint::Plain), include_str!("sample_many_worlds.txt"));
    }
}
