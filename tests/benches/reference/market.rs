//! The market of the reference workload, what it does with one trader, and the strategy. No traders are kept here.
//!
//! What is done for each trader is inlined by order, so that plain Rust, which ratios are taken to, is as fast as it gets.

use crate::random::{Stream, sum, uniform};

pub(crate) const START_PRICE: f64 = 100.0;
const DRIFT: f64 = 0.0;
const VOLATILITY: f64 = 0.01;
const FEE: f64 = 0.0005;
const VOTE_PERIOD: u64 = 50;

/// Leverage above which half of a position is closed.
pub(crate) const MAX_LEVERAGE: f64 = 30.0;

/// The price, what nodes make of it, and what traders have paid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Market {
    /// The price.
    pub(crate) price: f64,
    /// What nodes agree on.
    pub(crate) oracle: f64,
    last: f64,
    /// The oracle's change since the last step.
    pub(crate) ret: f64,
    /// The requirement on margin.
    pub(crate) mmr: f64,
    /// The fund, in millionths.
    pub(crate) insurance: i64,
    /// How many traders were liquidated.
    pub(crate) liquidations: u64,
}

/// What the strategy does: the part that the user of a framework writes.
#[inline(always)]
#[must_use]
pub(crate) fn decide(price: f64, ret: f64, (margin, pos, thr): (f64, f64, f64)) -> f64 {
    let leverage = pos.abs() * price / margin;
    let unit = 0.1 * margin / price;
    if leverage > MAX_LEVERAGE {
        return -0.5 * pos;
    }
    if ret > thr { unit * (1.0 - leverage / MAX_LEVERAGE) } else { -unit * (1.0 - leverage / MAX_LEVERAGE) }
}

impl Market {
    /// The market before the first step.
    pub(crate) const fn new() -> Self {
        Self {
            price: START_PRICE,
            oracle: START_PRICE,
            last: START_PRICE,
            ret: 0.0,
            mmr: 0.025,
            insurance: 0,
            liquidations: 0,
        }
    }

    /// The price moves, and `agree` says what nodes make of it.
    pub(crate) fn advance(&mut self, step: u64, agree: impl FnOnce(f64) -> f64) {
        self.price *= 1.0 + DRIFT + VOLATILITY * (sum(Stream::Price, step, 0..12) - 6.0);
        self.last = self.oracle;
        self.oracle = agree(self.price);
        self.ret = self.oracle / self.last - 1.0;
    }

    /// A trader's profit is settled; who lacks margin makes way for somebody new.
    #[inline(always)]
    pub(crate) fn settle(&mut self, (margin, pos): (&mut f64, &mut f64), (trader, step): (usize, u64)) {
        *margin += *pos * (self.oracle - self.last);
        if *pos != 0.0 && *margin < self.mmr * pos.abs() * self.oracle {
            self.insurance += micros(*margin);
            self.liquidations += 1;
            (*margin, *pos) = entrant((step, trader as u64), self.oracle, REENTRY);
        }
    }

    /// A trader changes its position by `size` and pays the fee for it.
    #[inline(always)]
    pub(crate) fn trade(&mut self, (margin, pos): (&mut f64, &mut f64), size: f64) {
        *pos += size;
        let fee = FEE * size.abs() * self.oracle;
        *margin -= fee;
        self.insurance += micros(fee);
    }

    /// The margin requirement follows the majority.
    pub(crate) fn adopt(&mut self, tally: &Tally) {
        if 2 * tally.raise > tally.total {
            self.mmr *= 1.05;
        } else if 2 * tally.lower > tally.total {
            self.mmr *= 0.95;
        }
        self.mmr = self.mmr.clamp(0.01, 0.10);
    }
}

/// Whether there is a vote at the end of a step.
#[must_use]
pub(crate) const fn is_vote(step: u64) -> bool {
    step.is_multiple_of(VOTE_PERIOD)
}

/// Votes on the margin requirement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    raise: u64,
    lower: u64,
    total: u64,
}

impl Tally {
    /// The vote of one trader, who goes by its leverage.
    pub(crate) fn add(&mut self, leverage: f64, stake: u64) {
        self.total += stake;
        if leverage > 10.0 {
            self.lower += stake;
        } else if leverage < 3.0 {
            self.raise += stake;
        }
    }
}

/// Who is there at the start.
pub(crate) const ENTRY: [Stream; 3] = [Stream::Margin, Stream::Leverage, Stream::Side];
const REENTRY: [Stream; 3] = [Stream::NewMargin, Stream::NewLeverage, Stream::NewSide];

/// Collateral and position of somebody new.
#[cold]
pub(crate) fn entrant((a, b): (u64, u64), price: f64, [margin, leverage, side]: [Stream; 3]) -> (f64, f64) {
    let margin = 100.0 + 900.0 * uniform(margin, a, b);
    let leverage = 1.0 + 29.0 * uniform(leverage, a, b);
    let side = if uniform(side, a, b) < 0.5 { -1.0 } else { 1.0 };
    (margin, side * margin * leverage / price)
}

/// Millionths, rounded.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
fn micros(value: f64) -> i64 {
    (value * 1e6 + 0.5).floor() as i64
}
