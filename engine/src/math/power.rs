//! Weights of votes other than one a token, and how evenly they are spread.

/// Votes of `credits` spread over `accounts` under quadratic voting: √(c·k), so that accounts nobody can tell apart
/// multiply votes by √k.
#[must_use]
pub fn quadratic_votes(credits: f64, accounts: f64) -> f64 {
    accounts * libm::sqrt(credits / accounts)
}

/// Weight of `amount` locked for `lock` with `elapsed` of it gone, of at most `longest` (Curve's vote escrow).
#[must_use]
pub fn locked_weight(amount: f64, (lock, elapsed): (f64, f64), longest: f64) -> f64 {
    let left = lock - elapsed;
    if left > 0.0 { amount * left / longest } else { 0.0 }
}

/// Shannon entropy and min-entropy of weights over blocs that vote alike, in bits (Austgen et al., arXiv:2311.03530).
#[must_use]
pub fn bloc_entropy(weights: &[f64]) -> (f64, f64) {
    let total: f64 = weights.iter().sum();
    let shares = || weights.iter().map(|weight| weight / total).filter(|share| *share > 0.0);
    let shannon = -shares().map(|share| share * libm::log2(share)).sum::<f64>();
    let largest = shares().fold(0.0, |most, share| if share > most { share } else { most });
    (shannon, -libm::log2(largest))
}
