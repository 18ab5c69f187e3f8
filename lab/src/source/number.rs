//! Which number literals a scenario may not hold. RON reads `1e999` as infinity and `1e-400` as
//! zero without a word; here every literal must be a finite, normal number.

use std::num::IntErrorKind;

const SUFFIXES: [&str; 12] = ["i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64", "u128", "f32", "f64"];

/// Why a number literal, or a bare word in a value's place, is refused.
pub(super) fn refusal(literal: &str) -> Option<String> {
    let digits: String = literal.chars().filter(|&c| c != '_').collect();
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    if is_non_finite_word(unsigned) {
        return Some(format!("`{literal}` is not a finite number"));
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        let is_word = unsigned.len() == digits.len();
        return (!is_word).then(|| not_a_number(literal));
    }
    match radix(unsigned) {
        Some((base, body)) => integer(literal, strip_suffix(body, base), base),
        None => decimal(literal, strip_suffix(unsigned, 10)),
    }
}

fn is_non_finite_word(word: &str) -> bool {
    let stem = word.strip_suffix("f32").or_else(|| word.strip_suffix("f64")).unwrap_or(word);
    matches!(stem, "inf" | "NaN")
}

fn radix(digits: &str) -> Option<(u32, &str)> {
    let prefixes = [("0x", 16), ("0o", 8), ("0b", 2)];
    prefixes.iter().find_map(|&(prefix, base)| Some((base, digits.strip_prefix(prefix)?)))
}

fn strip_suffix(digits: &str, base: u32) -> &str {
    let allowed = |suffix: &&&str| base == 10 || !suffix.starts_with('f');
    let found = SUFFIXES.iter().filter(allowed).find_map(|suffix| digits.strip_suffix(suffix));
    found.unwrap_or(digits)
}

fn integer(literal: &str, body: &str, base: u32) -> Option<String> {
    if body.starts_with(['+', '-']) {
        return Some(not_a_number(literal));
    }
    match i128::from_str_radix(body, base).map_err(|error| *error.kind()) {
        Ok(_) => None,
        Err(IntErrorKind::PosOverflow) => Some(format!("integer `{literal}` is too large")),
        Err(_) => Some(not_a_number(literal)),
    }
}

fn decimal(literal: &str, body: &str) -> Option<String> {
    if body.bytes().all(|b| b.is_ascii_digit()) {
        return integer(literal, body, 10);
    }
    let Ok(value) = body.parse::<f64>() else {
        return Some(not_a_number(literal));
    };
    let mantissa = body.split(['e', 'E']).next().unwrap_or(body);
    let zero = mantissa.bytes().all(|b| matches!(b, b'0' | b'.'));
    if value.is_infinite() {
        Some(format!("`{literal}` is not a finite number: it is too large"))
    } else if value.is_subnormal() || (value == 0.0 && !zero) {
        Some(format!("`{literal}` is too close to zero to be held exactly"))
    } else {
        None
    }
}

fn not_a_number(literal: &str) -> String {
    format!("`{literal}` is not a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(literal: &str, expected: &str) {
        let refusal = refusal(literal);
        assert_eq!(refusal.as_deref().unwrap_or(""), expected, "for {literal}");
    }

    #[test]
    fn ordinary_numbers_and_words_pass() {
        for literal in
            ["0", "-0.0", "0e-999", "1_000", "1.5e3", ".5", "5.", "+7", "0xFF", "0b1", "0x1f32", "1u8", "2f64"]
        {
            check(literal, "");
        }
        for word in ["trader", "information", "None", "1e308", "2.2250738585072014e-308"] {
            check(word, "");
        }
        check("170141183460469231731687303715884105727", "");
    }

    #[test]
    fn everything_that_is_not_finite_and_normal_is_refused() {
        for literal in ["NaN", "inf", "-inf", "+NaN", "inff32", "NaNf64"] {
            check(literal, &format!("`{literal}` is not a finite number"));
        }
        check("1e999", "`1e999` is not a finite number: it is too large");
        check("1e-310", "`1e-310` is too close to zero to be held exactly");
        check("1e-400", "`1e-400` is too close to zero to be held exactly");
        check(
            "170141183460469231731687303715884105728",
            "integer `170141183460469231731687303715884105728` is too large",
        );
        check("0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "integer `0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF` is too large");
    }

    #[test]
    fn what_only_looks_like_a_number_is_refused() {
        for literal in ["5m", "1..2", "1-2", "-", ".", "0x", "--1", "1e", "-infinity", "0x+1"] {
            check(literal, &format!("`{literal}` is not a number"));
        }
    }
}
