//! Numbers, shares, counts and simulated time as people read them.

/// Below this, an amount of the settlement asset is as good as none.
pub const NEGLIGIBLE: f64 = 0.005;

/// An amount of coins: `1,234.56`, from a million on `14.04 M`, and `0.0012` where two decimals would hide it.
#[must_use]
pub fn amount(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let size = value.abs();
    if size >= 999_999.995 {
        return format!("{} M", fixed(value / 1e6, 2));
    }
    if size > 0.0 && size < NEGLIGIBLE { small(value) } else { fixed(value, 2) }
}

/// The two ends of an interval of amounts, and nothing where there is none.
#[must_use]
pub fn interval(ends: Option<(f64, f64)>) -> String {
    ends.map_or(String::new(), |(low, high)| format!("{} to {}", amount(low), amount(high)))
}

/// An amount for a field of a matrix: no more digits than tell it from its neighbors.
#[must_use]
pub fn compact(value: f64) -> String {
    match value.abs() {
        size if size < NEGLIGIBLE => "0.00".to_owned(),
        size if size >= 999_500.0 => format!("{} M", fixed(value / 1e6, 2)),
        size if size >= 9_999.5 => format!("{} k", fixed(value / 1e3, 0)),
        size if size >= 100.0 => fixed(value, 0),
        _ => amount(value),
    }
}

/// An amount of the settlement asset, where anything below half a cent is zero.
#[must_use]
pub fn money(value: f64) -> String {
    amount(if value.abs() < NEGLIGIBLE { 0.0 } else { value })
}

/// A change, always with its sign.
#[must_use]
pub fn signed(value: f64) -> String {
    let text = money(value);
    if value >= NEGLIGIBLE { format!("+{text}") } else { text }
}

/// An outcome in its unit: a flag is yes or no, a whole number has no decimals.
#[must_use]
pub fn figure(value: f64, unit: &str) -> String {
    match unit {
        "flag" => if value == 0.0 { "no" } else { "yes" }.to_owned(),
        "coins" => money(value),
        _ if value.is_finite() && value == value.trunc() && value.abs() < 1e6 => fixed(value, 0),
        _ if value.abs() >= 1.0 || value == 0.0 => amount(value),
        _ => small(value),
    }
}

/// A number as a scenario would write it, large and tiny ones in exponents.
#[must_use]
pub fn exact(value: f64) -> String {
    let size = value.abs();
    if size >= 1e7 || (size > 0.0 && size < 1e-4) { format!("{value:e}") } else { value.to_string() }
}

/// The numbers that are allowed.
#[must_use]
pub fn range(low: f64, high: f64) -> String {
    format!("{}\u{2026}{}", exact(low), exact(high))
}

/// A share between 0 and 1 in percent, with one decimal.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A count with thousands apart.
#[must_use]
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A count and its noun: `1 world`, `2 worlds`.
#[must_use]
pub fn counted(value: u64, noun: &str) -> String {
    let number = count(value);
    match (value, noun.strip_suffix('y')) {
        (1, _) => format!("{number} {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {noun}s"),
    }
}

/// A reason's code as words: `insufficient_margin` is read as `insufficient margin`.
#[must_use]
pub fn spoken(code: &str) -> String {
    code.replace('_', " ")
}

/// Simulated time from its start: `45s`, `1m 30s`, `2h 00m`, `3d 04h`.
#[must_use]
pub fn time(millis: u64) -> String {
    let (seconds, rest) = (millis / 1_000, millis % 1_000);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, seconds / 3_600, seconds / 60) {
        (0, 0, 0) if rest > 0 => format!("{}s", fixed(millis_as_seconds(millis), 1)),
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes:02}m {:02}s", seconds % 60),
        _ => format!("{days}d {hours:02}h {minutes:02}m"),
    }
}

#[allow(clippy::cast_precision_loss)]
fn millis_as_seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

/// Three significant digits of a number below one, never in exponents unless it is smaller than a billionth.
fn small(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    match value.abs() {
        size if size < 1e-9 => format!("{value:.2e}"),
        size if size < 1e-6 => format!("{value:.12}").trim_end_matches('0').to_owned(),
        size if size < 1e-3 => format!("{value:.6}"),
        _ => format!("{value:.4}"),
    }
}

fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let negative = text.starts_with('-') && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{}{}{dot}{fraction}", if negative { "-" } else { "" }, grouped(whole))
}

/// A number to the digits that a resolution leaves: `0.1286` of 0.128637… to within 0.0009.
#[must_use]
pub fn near(value: f64, resolution: f64) -> String {
    let decimals = (0..12).find(|decimals| resolution >= POWERS[*decimals]).unwrap_or(12);
    format!("{value:.decimals$}")
}

/// A number with six significant digits at most: whole with thousands apart when large.
#[must_use]
pub fn price(value: f64) -> String {
    if value.abs() >= 1000.0 {
        return fixed(value, 0);
    }
    let digits = format!("{value:.5e}");
    let exponent = digits.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok()).unwrap_or(0);
    let decimals = usize::try_from(5 - exponent).unwrap_or(0).min(12);
    let text = format!("{value:.decimals$}");
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    if decimals > 0 { trimmed.to_owned() } else { text }
}

/// Ten to the power of minus each place.
const POWERS: [f64; 12] = [1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11];

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_amount(value: f64, expected: &str) {
        assert_eq!(amount(value), expected);
    }

    #[test]
    fn exact_numbers_lose_no_digit() {
        for (value, expected) in
            [(0.05, "0.05"), (1e12, "1e12"), (2.5e-5, "2.5e-5"), (0.0, "0"), (-1_000_000.5, "-1000000.5")]
        {
            assert_eq!(exact(value), expected);
            assert_eq!(expected.parse(), Ok(value));
        }
        assert_eq!(range(0.0001, 10.0), "0.0001…10");
    }

    #[test]
    fn no_digit_is_shown_that_a_search_has_not_found() {
        assert_eq!(near(0.128_637_695_3, 0.000_869), "0.1286");
        assert_eq!(near(4_999.9, 0.49), "4999.9");
        assert_eq!(near(5_120.0, 64.0), "5120");
    }

    #[test]
    fn prices_are_short() {
        let shown = [0.038_2, 1.0, 999.5, 1000.0, 116_000_000.4, -1234.0, 0.0, 1e-7].map(price);
        assert_eq!(shown, ["0.0382", "1", "999.5", "1,000", "116,000,000", "-1,234", "0", "0.0000001"]);
    }

    #[test]
    fn amounts_have_two_decimals_and_millions_a_letter() {
        check_amount(0.0, "0.00");
        check_amount(-0.0, "0.00");
        check_amount(1_234.56, "1,234.56");
        check_amount(-1_234.564, "-1,234.56");
        check_amount(999_999.99, "999,999.99");
        check_amount(999_999.996, "1.00 M");
        check_amount(14_040_000.0, "14.04 M");
        check_amount(-98_100_000.0, "-98.10 M");
        check_amount(1_234_567_890.0, "1,234.57 M");
        check_amount(f64::NAN, "n/a");
        check_amount(f64::INFINITY, "n/a");
    }

    #[test]
    fn small_amounts_are_not_hidden_but_dust_of_the_settlement_asset_is() {
        check_amount(0.004, "0.0040");
        check_amount(0.000_12, "0.000120");
        assert_eq!(money(0.004), "0.00");
        assert_eq!(money(-0.004), "0.00");
        assert_eq!(signed(0.004), "0.00");
        assert_eq!(signed(0.005), "+0.01");
        assert_eq!(signed(102e6), "+102.00 M");
        assert_eq!(signed(-3.0), "-3.00");
    }

    #[track_caller]
    fn check_figure(value: f64, unit: &str, expected: &str) {
        assert_eq!(figure(value, unit), expected, "{value} {unit}");
    }

    #[test]
    fn figures_follow_their_unit() {
        check_figure(1.0, "flag", "yes");
        check_figure(0.0, "flag", "no");
        check_figure(1_200.0, "actions", "1,200");
        check_figure(2.5, "actions", "2.50");
        check_figure(0.0312, "ratio", "0.0312");
        check_figure(0.0, "ratio", "0");
        check_figure(3.0, "coins", "3.00");
        check_figure(1.5e-10, "ratio", "1.50e-10");
        check_figure(f64::NAN, "ratio", "n/a");
        check_figure(f64::NAN, "coins", "n/a");
    }

    #[track_caller]
    fn check_time(millis: u64, expected: &str) {
        assert_eq!(time(millis), expected);
    }

    #[test]
    fn time_has_the_two_or_three_units_that_matter() {
        check_time(0, "0s");
        check_time(1_500, "1.5s");
        check_time(45_000, "45s");
        check_time(90_000, "1m 30s");
        check_time(3_600_000, "1h 00m 00s");
        check_time(7_265_000, "2h 01m 05s");
        check_time(273_660_000, "3d 04h 01m");
    }

    #[test]
    fn counts_are_grouped_and_agree_with_their_noun() {
        assert_eq!(counted(1, "world"), "1 world");
        assert_eq!(counted(0, "world"), "0 worlds");
        assert_eq!(counted(1_234_567, "step"), "1,234,567 steps");
        assert_eq!(percent(0.8765), "87.6 %");
    }
}
