//! A range of numbers: from where to where, how the way is measured, and the text of the number at a place on it.

use std::fmt;

/// How far apart, as a share of the larger one, the ends are at least: far above the digits that are kept.
const NARROWEST: f64 = 1e-6;
/// Up to here every whole number is one of `f64`.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A range of numbers, its ends included.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Range {
    /// The smaller end.
    pub from: f64,
    /// The larger end.
    pub to: f64,
    /// How the way between them is measured.
    pub scale: Scale,
    /// Which numbers it holds.
    pub numbers: Numbers,
    /// Points in a grid; a range of whole numbers has all of them when silent.
    pub points: Option<u32>,
}

/// How the way between two ends is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    /// By differences.
    Linear,
    /// By ratios.
    Log,
}

/// Which numbers a range holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Numbers {
    /// All.
    Real,
    /// Whole ones.
    Whole,
}

impl Range {
    /// What was expected of a range that holds nothing.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let Self { from, to, .. } = *self;
        let is_whole = |end: f64| end.fract() == 0.0 && end.abs() < LARGEST_WHOLE;
        if !(from.is_finite() && to.is_finite() && (to - from).is_finite()) {
            Some("finite ends")
        } else if from >= to {
            Some("the smaller end first, and a larger one")
        } else if to - from < NARROWEST * from.abs().max(to.abs()) {
            Some("ends that differ by more than a millionth")
        } else if self.numbers == Numbers::Whole && !(is_whole(from) && is_whole(to)) {
            Some("whole ends below 2^53 for whole numbers")
        } else if self.scale == Scale::Log && from <= 0.0 {
            Some("ends above 0 for a log scale")
        } else if self.points.is_some_and(|points| points < 2) {
            Some("2 points or more, for both ends are among them")
        } else {
            None
        }
    }

    /// The number at a place `0 ≤ u < 1` of the way, as text. Whole numbers are equally likely on a linear scale; on a log
    /// scale `n` has the share `ln((n + 1) / n)`. Real ones have 12 significant digits: enough to tell points apart, and
    /// the same text whatever the last bits of a logarithm are.
    pub(super) fn at(&self, u: f64) -> String {
        match self.numbers {
            Numbers::Real => number(self.within(rounded(self.along(self.to, u)))),
            Numbers::Whole => number(self.within(self.along(self.to + 1.0, u).floor())),
        }
    }

    /// How many points it has in a grid; `None` when that is not said.
    pub(super) fn count(&self) -> Option<u64> {
        match (self.points, self.numbers) {
            (Some(points), _) => Some(u64::from(points)),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            (None, Numbers::Whole) => Some((self.to - self.from) as u64 + 1),
            (None, Numbers::Real) => None,
        }
    }

    /// The points of a grid, evenly on the scale, both ends among them; whole numbers that round to the same one stand
    /// once.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn levels(&self) -> Vec<String> {
        let last = self.count().unwrap_or(0).saturating_sub(1);
        let level = |place: u64| match place {
            0 => self.from,
            place if place == last => self.to,
            place => {
                let there = self.along(self.to, place as f64 / last as f64);
                let kept = if self.numbers == Numbers::Whole { there.round() } else { rounded(there) };
                self.within(kept)
            }
        };
        let mut levels: Vec<f64> = (0..=last).map(level).collect();
        levels.dedup();
        levels.into_iter().map(number).collect()
    }

    fn along(&self, to: f64, u: f64) -> f64 {
        match self.scale {
            Scale::Linear => self.from + (to - self.from) * u,
            Scale::Log => {
                let (low, high) = (libm::log(self.from), libm::log(to));
                libm::exp(low + (high - low) * u)
            }
        }
    }

    fn within(&self, value: f64) -> f64 {
        value.clamp(self.from, self.to)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}..{}", number(self.from), number(self.to))?;
        out.write_str(if self.scale == Scale::Log { ":log" } else { "" })?;
        out.write_str(if self.numbers == Numbers::Whole { ":int" } else { "" })?;
        self.points.map_or(Ok(()), |points| write!(out, "/{points}"))
    }
}

fn rounded(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// The shortest text that reads back as the number.
fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if (1e-5..1e16).contains(&size) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Range = Range { from: 0.01, to: 0.5, scale: Scale::Linear, numbers: Numbers::Real, points: None };

    #[track_caller]
    fn check(range: Range, at: [f64; 3], expected: [&str; 3]) {
        assert_eq!(at.map(|u| range.at(u)), expected, "for {range}");
    }

    const NEARLY_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

    #[test]
    fn places_on_the_way_are_numbers_of_the_range() {
        check(HALF, [0.0, 0.5, NEARLY_ONE], ["0.01", "0.255", "0.5"]);
        // The middle of a log scale is the geometric mean, not the arithmetic one.
        let log = Range { from: 0.01, to: 100.0, scale: Scale::Log, ..HALF };
        check(log, [0.0, 0.5, 0.75], ["0.01", "1", "10"]);
        let tiny = Range { from: 1e-9, to: 1e20, scale: Scale::Log, ..HALF };
        check(tiny, [0.0, 2.0 / 29.0, NEARLY_ONE], ["1e-9", "1e-7", "1e20"]);
    }

    /// Kills `floor` → `round`, which gives both ends half their share, and `to + 1` → `to`, which never gives the last.
    #[test]
    fn whole_numbers_have_equal_shares() {
        let dice = Range { from: 1.0, to: 6.0, numbers: Numbers::Whole, ..HALF };
        let mut counts = [0; 6];
        for place in 0..6000 {
            let face: usize = dice.at(f64::from(place) / 6000.0).parse().unwrap_or(0);
            counts[face - 1] += 1;
        }
        assert_eq!(counts, [1000; 6]);
        check(dice, [0.0, 0.99 / 6.0, NEARLY_ONE], ["1", "1", "6"]);
        let signed = Range { from: -1.0, to: 1.0, ..dice };
        check(signed, [0.0, 0.5, NEARLY_ONE], ["-1", "0", "1"]);
        // ln(2/1) of ln(4/1) is a half.
        let log = Range { from: 1.0, to: 3.0, scale: Scale::Log, ..dice };
        check(log, [0.499, 0.501, NEARLY_ONE], ["1", "2", "3"]);
    }

    #[track_caller]
    fn check_levels(range: Range, expected: &[&str]) {
        assert_eq!(range.levels(), expected, "for {range}");
    }

    #[test]
    fn levels_hold_both_ends() {
        check_levels(Range { points: Some(3), ..HALF }, &["0.01", "0.255", "0.5"]);
        check_levels(Range { from: 0.1, to: 0.5, points: Some(5), ..HALF }, &["0.1", "0.2", "0.3", "0.4", "0.5"]);
        let log = Range { from: 1.0, to: 1000.0, scale: Scale::Log, points: Some(4), ..HALF };
        check_levels(log, &["1", "10", "100", "1000"]);
        let whole = Range { from: 1.0, to: 4.0, numbers: Numbers::Whole, ..HALF };
        check_levels(whole, &["1", "2", "3", "4"]);
        check_levels(Range { points: Some(2), ..whole }, &["1", "4"]);
        check_levels(Range { points: Some(9), ..whole }, &["1", "2", "3", "4"]);
    }

    #[test]
    fn ranges_that_hold_nothing_are_refused() {
        let whole = Range { numbers: Numbers::Whole, ..HALF };
        let faults = [
            (HALF, None),
            (Range { to: f64::INFINITY, ..HALF }, Some("finite ends")),
            (Range { from: -f64::MAX, to: f64::MAX, ..HALF }, Some("finite ends")),
            (Range { to: 0.01, ..HALF }, Some("the smaller end first, and a larger one")),
            (Range { from: 1.0, to: 1.000_000_1, ..HALF }, Some("ends that differ by more than a millionth")),
            (whole, Some("whole ends below 2^53 for whole numbers")),
            (Range { from: 0.0, scale: Scale::Log, ..HALF }, Some("ends above 0 for a log scale")),
            (Range { points: Some(1), ..HALF }, Some("2 points or more, for both ends are among them")),
        ];
        for (range, fault) in faults {
            assert_eq!(range.fault(), fault, "for {range}");
        }
    }
}
