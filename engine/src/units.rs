//! Numbers with a meaning: amounts in an asset's smallest unit, prices, and spans of time.
//!
//! Amounts are checked integers; a price is a normal positive float; turning a size at a price into an amount always
//! names the direction of its rounding, so that payers round up and receivers down.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A count of an asset's smallest unit (signed: the sign says who owes whom).
pub type Amount = i64;

/// Milliseconds since the start of the run, or a length of time.
pub type Millis = u64;

/// A price in quote units per base unit of two assets, both in whole coins.
///
/// Positive, finite and normal, so that at least 12 significant digits hold over 1e-12…1e18.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Serialize)]
pub struct Price(f64);

impl Price {
    const MIN: f64 = 1e-12;
    const MAX: f64 = 1e18;

    /// A price, or `None` when `value` is not positive, finite and within 1e-12…1e18.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (Self::MIN..=Self::MAX).contains(&value).then_some(Self(value))
    }

    /// The nearest legal price: for products of processes that may drift out of the range.
    #[must_use]
    pub fn saturating(value: f64) -> Self {
        if value >= Self::MAX {
            Self(Self::MAX)
        } else if value > Self::MIN {
            Self(value)
        } else {
            Self(Self::MIN)
        }
    }

    /// The bare number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(input)?;
        Self::new(value).ok_or_else(|| de::Error::custom(format!("a price lies in 1e-12…1e18, found {value}")))
    }
}

impl JsonSchema for Price {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Price".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": Self::MIN, "maximum": Self::MAX })
    }
}

/// A length of time, written `"1h30m"`, `"250ms"`, `"7d"` in scenarios.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Span(pub Millis);

impl Span {
    /// Seconds as a float, for rates.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Days as a float, for volatilities and decay.
    #[must_use]
    pub fn days(self) -> f64 {
        self.seconds() / 86_400.0
    }
}

/// Why a text is not a length of time.
#[derive(Debug, thiserror::Error)]
#[error("expected a length of time such as \"250ms\", \"30s\", \"5m\", \"1h30m\" or \"7d\", found {0:?}")]
pub struct SpanError(String);

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let fail = || SpanError(text.to_owned());
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(fail());
        }
        let mut total: Millis = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(fail)?;
            let count: Millis = rest[..digits].parse().map_err(|_| fail())?;
            let tail = &rest[digits..];
            let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let unit = match &tail[..end] {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(fail()),
            };
            total = count.checked_mul(unit).and_then(|ms| total.checked_add(ms)).ok_or_else(fail)?;
            rest = &tail[end..];
        }
        if total > 100 * 365 * 86_400_000 { Err(fail()) } else { Ok(Self(total)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest == 0 {
            return out.write_str("0s");
        }
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
            if rest >= size {
                write!(out, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(self)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time of at most 100 years, in days, hours, minutes, seconds and milliseconds.",
            "type": "string",
            "pattern": r"^\s*([0-9]+(ms|s|m|h|d))+\s*$",
            "examples": ["250ms", "30s", "5m", "1h30m", "7d"]
        })
    }
}

/// Which way a fraction of the smallest unit goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rounding {
    /// Toward minus infinity: what a receiver gets.
    Down,
    /// Toward plus infinity: what a payer owes.
    Up,
}

/// `value` as a whole number of units, `None` when it is not finite or leaves the 64-bit range.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
pub fn whole(value: f64, rounding: Rounding) -> Option<Amount> {
    if value.is_nan() || value.abs() >= 9.2e18 {
        return None;
    }
    // Toward zero, then a step: the baseline instruction set has no rounding, and beyond 2^53 everything is whole.
    let truncated = value as Amount;
    Some(match rounding {
        Rounding::Down => truncated - Amount::from(truncated as f64 > value),
        Rounding::Up => truncated + Amount::from((truncated as f64) < value),
    })
}

/// `10^digits` exactly, for moving between whole coins and smallest units.
///
/// # Panics
/// Never for a legal number of decimals (at most 18).
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn pow10(digits: u8) -> f64 {
    10_u64.pow(u32::from(digits)) as f64
}

/// `numerator × amount ÷ denominator` rounded toward zero, without overflow in between.
///
/// Returns 0 when the denominator is 0.
#[must_use]
#[allow(clippy::cast_possible_truncation)]
pub fn share(amount: Amount, numerator: Amount, denominator: Amount) -> Amount {
    if denominator == 0 {
        return 0;
    }
    (i128::from(amount) * i128::from(numerator) / i128::from(denominator)) as Amount
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Millis>) {
        assert_eq!(text.parse::<Span>().ok().map(|span| span.0), expected, "{text}");
    }

    #[test]
    fn spans_are_read_and_written() {
        check("1h30m", Some(5_400_000));
        check("250ms", Some(250));
        check("7d", Some(604_800_000));
        check("", None);
        check("5", None);
        check("5 m", None);
        check("99999999999999999999s", None);
        check("101y", None);
        assert_eq!("1h30m".parse::<Span>().unwrap().to_string(), "1h30m");
    }

    #[test]
    fn prices_refuse_what_is_not_a_price() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-310, 1e19] {
            assert!(Price::new(bad).is_none(), "{bad}");
        }
        assert_eq!(Price::new(0.0382).map(Price::get), Some(0.0382));
    }

    #[test]
    fn rounding_has_a_direction() {
        assert_eq!(whole(-1.5, Rounding::Down), Some(-2));
        assert_eq!(whole(-1.5, Rounding::Up), Some(-1));
        assert_eq!(whole(f64::NAN, Rounding::Up), None);
        for value in [0.0, -0.0, 0.5, 3.0, 4_503_599_627_370_497.5, 9.1e18, 9.2e18, 1e300, f64::INFINITY] {
            for value in [value, -value] {
                let check = |rounded: f64, rounding| {
                    #[allow(clippy::cast_possible_truncation)]
                    let expected = (rounded.abs() < 9.2e18).then_some(rounded as Amount);
                    assert_eq!(whole(value, rounding), expected, "{value} {rounding:?}");
                };
                check(libm::floor(value), Rounding::Down);
                check(libm::ceil(value), Rounding::Up);
            }
        }
        assert_eq!(share(7, 2, 3), 4);
        assert_eq!(share(-7, 2, 3), -4);
    }
}
