//! Who lost how much: every group's worth before and after, and what the attack did to it.

use std::cmp::Ordering;

use palisade_lab::report::{GroupRow, Report};

use super::of_first;
use crate::table::{Align, table, wrapped};
use palisade_lab::words::{NEGLIGIBLE, counted, money, signed};

/// More groups than this are summed up in a line.
const MOST: usize = 10;

pub(crate) fn section(report: &Report) -> Option<(String, String)> {
    let (still, mut moved): (Vec<&GroupRow>, Vec<&GroupRow>) =
        report.first.groups.iter().partition(|row| is_still(row));
    moved.sort_by(|a, b| worst_first(a, b));
    let paired = moved.iter().any(|row| row.caused.is_some());
    let (shown, rest) = moved.split_at(moved.len().min(MOST));
    let mut columns = vec![
        ("group", Align::Left),
        ("role", Align::Left),
        ("start", Align::Right),
        ("end", Align::Right),
        ("change", Align::Right),
    ];
    if paired {
        columns.extend([("without attack", Align::Right), ("caused", Align::Right)]);
    }
    let mut text = table(&columns, shown.iter().map(|row| cells(row, paired)).collect());
    if !rest.is_empty() {
        let change: f64 = rest.iter().map(|row| row.change).sum();
        text += &format!("  and {}, together {}\n", counted(rest.len() as u64, "more group"), signed(change));
    }
    if !still.is_empty() {
        let names: Vec<&str> = still.iter().map(|row| row.group.as_str()).collect();
        text += &wrapped("  unchanged: ", &names.join(", "));
    }
    (!text.is_empty()).then(|| (format!("Who lost how much ({}{})", report.settlement, of_first(report)), text))
}

/// Neither changed nor was kept from changing.
fn is_still(row: &GroupRow) -> bool {
    row.change.abs() < NEGLIGIBLE && row.caused.is_none_or(|caused| caused.abs() < NEGLIGIBLE)
}

/// By what the attack caused, behind it whoever has no pair, as attackers. Where nobody has one, by the change, and the
/// outside last, as its worth moves with every price.
fn worst_first(a: &GroupRow, b: &GroupRow) -> Ordering {
    let unpaired = |row: &GroupRow| (row.caused.is_none(), row.caused.is_none() && row.role == "outside");
    let loss = |row: &GroupRow| row.caused.unwrap_or(row.change);
    unpaired(a).cmp(&unpaired(b)).then(loss(a).total_cmp(&loss(b))).then_with(|| a.group.cmp(&b.group))
}

fn cells(row: &GroupRow, paired: bool) -> Vec<String> {
    let role = if row.role == row.group { String::new() } else { row.role.clone() };
    let mut cells = vec![row.group.clone(), role, money(row.start), money(row.end), signed(row.change)];
    if paired {
        let maybe = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), signed);
        cells.extend([maybe(row.without_attack), maybe(row.caused)]);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::sample;

    #[track_caller]
    fn check(rows: Vec<GroupRow>, expected: &str) {
        let mut report = sample::one_world();
        report.first.groups = rows;
        assert_eq!(section(&report).map(|(_, text)| format!("\n{text}")).unwrap_or_default(), expected);
    }

    #[test]
    fn the_worst_hit_come_first_and_the_unchanged_share_a_line() {
        let rows = vec![
            sample::group("winners", 5.0, Some(0.0)),
            sample::group("idle", 0.004, Some(0.0)),
            sample::group("victims", -90.0, Some(10.0)),
            sample::group("spared", 0.0, Some(7.0)),
        ];
        check(
            rows,
            "
  group    role     start     end  change  without attack   caused
  ----------------------------------------------------------------
  victims  trader  100.00   10.00  -90.00          +10.00  -100.00
  spared   trader  100.00  100.00    0.00           +7.00    -7.00
  winners  trader  100.00  105.00   +5.00            0.00    +5.00
  unchanged: idle
",
        );
    }

    #[test]
    fn without_a_pair_there_are_no_causes() {
        check(
            vec![sample::group("b", -1.0, None), sample::group("a", -3.0, None)],
            "
  group  role     start    end  change
  ------------------------------------
  a      trader  100.00  97.00   -3.00
  b      trader  100.00  99.00   -1.00
",
        );
    }

    #[test]
    fn attackers_have_no_pair_and_come_behind_those_they_hurt() {
        let outside = GroupRow { role: "outside".to_owned(), ..sample::group("outside", -99.0, None) };
        check(
            vec![outside, sample::group("attacker", -50.0, None), sample::group("victims", -1.0, Some(0.0))],
            "
  group     role     start    end  change  without attack  caused
  ---------------------------------------------------------------
  victims   trader  100.00  99.00   -1.00            0.00   -1.00
  attacker  trader  100.00  50.00  -50.00               -       -
  outside           100.00   1.00  -99.00               -       -
",
        );
    }

    #[test]
    fn many_groups_are_summed_up() {
        let mut report = sample::one_world();
        report.first.groups =
            (0..13).map(|place| sample::group(&format!("g{place:02}"), f64::from(place) - 20.0, None)).collect();
        let (_, text) = section(&report).unwrap_or_default();
        assert!(text.ends_with("  and 3 more groups, together -27.00\n"), "{text}");
    }
}
