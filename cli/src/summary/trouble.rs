//! What did not take effect: refused actions, and strategies that failed.

use palisade_lab::report::Report;

use super::of_first;
use crate::table::wrapped;
use palisade_lab::words::{count, counted, spoken};

const MOST: usize = 5;

pub(crate) fn refusals(report: &Report) -> Option<(String, String)> {
    let mut rows: Vec<_> = report.first.refusals.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    let lines = rows.iter().map(|row| (row.count, format!("{} {}: {}", row.cohort, row.action, spoken(&row.reason))));
    let total = rows.iter().map(|row| row.count).sum();
    listed(lines.collect(), "more reason")
        .map(|text| (format!("Refused actions: {}{}", count(total), of_first(report)), text))
}

pub(crate) fn faults(report: &Report) -> Option<(String, String)> {
    let faults = &report.first.faults;
    let lines = faults.places.iter().map(|place| (place.count, format!("{}: {}", place.place, place.message)));
    let mut text = listed(lines.collect(), "more place").unwrap_or_default();
    if !faults.benched.is_empty() {
        text += &wrapped("  no longer asked: ", &faults.benched.join(", "));
    }
    (faults.count > 0 || !text.is_empty())
        .then(|| (format!("Script faults: {}{}", count(faults.count), of_first(report)), text))
}

/// The first few of counted lines, and how many more there are.
fn listed(lines: Vec<(u64, String)>, more: &str) -> Option<String> {
    let width = lines.iter().take(MOST).map(|(times, _)| count(*times).len()).max()?;
    let mut text: String = lines
        .iter()
        .take(MOST)
        .map(|(times, line)| wrapped(&format!("  {:>width$} x ", count(*times)), line))
        .collect();
    if lines.len() > MOST {
        text += &format!("  and {}\n", counted((lines.len() - MOST) as u64, more));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use palisade_lab::report::{FaultPlace, Faults, RefusalRow};

    use super::*;
    use crate::summary::sample;

    #[test]
    fn the_most_frequent_refusals_come_first() {
        let mut report = sample::one_world();
        let refusal = |action: &str, count| RefusalRow {
            cohort: "makers".to_owned(),
            action: action.to_owned(),
            reason: "no_margin".to_owned(),
            count,
        };
        report.first.refusals = (1..=7).map(|place| refusal(&format!("a{place}"), 500 * place)).collect();
        let (title, text) = refusals(&report).unwrap_or_default();
        assert_eq!(title, "Refused actions: 14,000");
        assert!(text.starts_with("  3,500 x makers a7: no margin\n"), "{text}");
        assert!(text.ends_with("  1,500 x makers a3: no margin\n  and 2 more reasons\n"), "{text}");
    }

    #[test]
    fn faults_are_shown_with_their_place() {
        let mut report = sample::one_world();
        assert_eq!(faults(&report), None);
        let place = FaultPlace { place: "a.rhai:3:5".to_owned(), message: "division by zero".to_owned(), count: 12 };
        report.first.faults = Faults { count: 12, places: vec![place], benched: vec!["makers".to_owned()] };
        let (title, text) = faults(&report).unwrap_or_default();
        assert_eq!(title, "Script faults: 12");
        assert_eq!(text, "  12 x a.rhai:3:5: division by zero\n  no longer asked: makers\n");
    }
}
