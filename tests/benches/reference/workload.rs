//! The reference workload in plain Rust: columns of traders, a price, an oracle of 21 nodes, liquidations and votes.
//!
//! Every operation stands in the order of its specification, and what crosses traders is an integer, so the digest of
//! a run has the same bits in every language and for every order of traders.

use std::fmt::{self, Display};
use std::ops::Range;

use crate::market::{ENTRY, Market, START_PRICE, Tally, decide, entrant, is_vote};
use crate::oracle::Nodes;
use crate::random::{Stream, mix64, uniform};

/// Traders in columns, and the one market they share.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    /// Collateral.
    pub(crate) margin: Vec<f64>,
    /// Signed size.
    pub(crate) pos: Vec<f64>,
    /// The move that counts.
    pub(crate) thr: Vec<f64>,
    /// Votes.
    pub(crate) stake: Vec<u64>,
    /// The market.
    pub(crate) market: Market,
    nodes: Nodes,
}

impl Workload {
    /// `traders` traders before the first step.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    #[must_use]
    pub(crate) fn new(traders: u32) -> Self {
        let all = 0..u64::from(traders);
        let (margin, pos) = all.clone().map(|trader| entrant((trader, 0), START_PRICE, ENTRY)).unzip();
        Self {
            margin,
            pos,
            thr: all.clone().map(|trader| 0.004 * uniform(Stream::Threshold, trader, 0)).collect(),
            stake: all.map(|trader| 1 + (1000.0 * uniform(Stream::TraderStake, trader, 0)).floor() as u64).collect(),
            market: Market::new(),
            nodes: Nodes::new(),
        }
    }

    /// How many traders there are.
    #[must_use]
    pub(crate) fn traders(&self) -> usize {
        self.margin.len()
    }

    /// One whole step of plain Rust: traders settle, decide and trade in one pass.
    pub(crate) fn step(&mut self, step: u64) {
        self.advance(step);
        let Self { margin, pos, thr, market, .. } = self;
        for (trader, ((margin, pos), thr)) in margin.iter_mut().zip(pos).zip(thr).enumerate() {
            market.settle((margin, pos), (trader, step));
            let size = decide(market.oracle, market.ret, (*margin, *pos, *thr));
            market.trade((margin, pos), size);
        }
        self.vote(step);
    }

    /// Price and oracle move on.
    pub(crate) fn advance(&mut self, step: u64) {
        let nodes = &mut self.nodes;
        self.market.advance(step, |price| nodes.agree(price, step));
    }

    /// Some traders are settled.
    pub(crate) fn settle(&mut self, traders: Range<usize>, step: u64) {
        let columns = self.margin[traders.clone()].iter_mut().zip(&mut self.pos[traders.clone()]);
        for (trader, columns) in traders.zip(columns) {
            self.market.settle(columns, (trader, step));
        }
    }

    /// One trader trades.
    pub(crate) fn trade(&mut self, trader: usize, size: f64) {
        self.market.trade((&mut self.margin[trader], &mut self.pos[trader]), size);
    }

    /// Neighbors trade, from trader `first` on.
    pub(crate) fn trade_all(&mut self, first: usize, sizes: &[f64]) {
        let columns = self.margin[first..].iter_mut().zip(&mut self.pos[first..]);
        for (columns, size) in columns.zip(sizes) {
            self.market.trade(columns, *size);
        }
    }

    /// A trader's collateral and position and the market, for [`Self::restore`].
    #[must_use]
    pub(crate) fn image(&self, trader: usize) -> (f64, f64, Market) {
        (self.margin[trader], self.pos[trader], self.market)
    }

    /// Undoes what happened since [`Self::image`].
    pub(crate) fn restore(&mut self, trader: usize, image: (f64, f64, Market)) {
        (self.margin[trader], self.pos[trader], self.market) = image;
    }

    /// Once in a period traders vote on the margin requirement.
    pub(crate) fn vote(&mut self, step: u64) {
        if !is_vote(step) {
            return;
        }
        let mut tally = Tally::default();
        for ((margin, pos), stake) in self.margin.iter().zip(&self.pos).zip(&self.stake) {
            tally.add(pos.abs() * self.market.oracle / margin, *stake);
        }
        self.market.adopt(&tally);
    }

    /// What a run came to.
    #[must_use]
    pub(crate) fn digest(&self) -> Digest {
        let words = self.margin.iter().zip(&self.pos).enumerate();
        let hashes =
            words.map(|(place, (margin, pos))| mix64(margin.to_bits() ^ pos.to_bits().rotate_left(1) ^ place as u64));
        let market = self.market;
        Digest {
            liquidations: market.liquidations,
            insurance: market.insurance,
            slashed: self.nodes.slashed,
            mmr: market.mmr.to_bits(),
            price: market.price.to_bits(),
            hash: hashes.fold(0, u64::wrapping_add),
        }
    }
}

/// A run in six numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Digest {
    /// How many traders were liquidated.
    pub(crate) liquidations: u64,
    /// The fund, in millionths.
    pub(crate) insurance: i64,
    /// What nodes lost.
    pub(crate) slashed: u64,
    /// The bits of the margin requirement.
    pub(crate) mmr: u64,
    /// The bits of the price.
    pub(crate) price: u64,
    /// The bits of all traders.
    pub(crate) hash: u64,
}

impl Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { liquidations, insurance, slashed, mmr, price, hash } = self;
        write!(out, "{liquidations} {insurance} {slashed} {mmr:016x} {price:016x} {hash:016x}")
    }
}
