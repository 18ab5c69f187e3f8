//! Votes: how they are counted, when a proposal passes, and where it stands on its way; and closed forms of capture that
//! running worlds are held against.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Votes, in the token's smallest unit: sums of balances exceed 64 bits in other protocols' figures.
pub type Weight = i128;

/// What a vote says (Governor Bravo's support values 0, 1 and 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// 0
    Against,
    /// 1
    For,
    /// 2
    Abstain,
}

/// Votes so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Votes for.
    pub for_votes: Weight,
    /// Votes against.
    pub against_votes: Weight,
    /// Votes that abstain.
    pub abstain_votes: Weight,
}

impl Tally {
    /// Adds a vote.
    pub fn add(&mut self, choice: Choice, weight: Weight) {
        match choice {
            Choice::Against => self.against_votes += weight,
            Choice::For => self.for_votes += weight,
            Choice::Abstain => self.abstain_votes += weight,
        }
    }
}

/// Which votes count toward a quorum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuorumCounts {
    /// Those for it (Governor Bravo).
    #[default]
    For,
    /// Those for it and those that abstain (OpenZeppelin's `GovernorCountingSimple`).
    ForAndAbstain,
    /// All.
    All,
}

/// What a proposal needs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Thresholds {
    /// Votes that must be counted.
    pub quorum: Weight,
    /// Votes for it that pass it before its time is over, where there is such a way.
    pub super_quorum: Option<Weight>,
    /// Which votes count toward the quorum.
    pub counts: QuorumCounts,
    /// Share of for and against that for must exceed.
    pub majority: f64,
}

impl Thresholds {
    /// Whether the quorum is reached.
    #[must_use]
    pub const fn reached(&self, tally: Tally) -> bool {
        let counted = match self.counts {
            QuorumCounts::For => tally.for_votes,
            QuorumCounts::ForAndAbstain => tally.for_votes + tally.abstain_votes,
            QuorumCounts::All => tally.for_votes + tally.against_votes + tally.abstain_votes,
        };
        self.quorum <= counted
    }

    /// Whether a vote that ended with `tally` passes: the quorum is reached and for has more than its share.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn passes(&self, tally: Tally) -> bool {
        let decided = tally.for_votes + tally.against_votes;
        // One half, the usual share, is compared to the last unit.
        let prevails = if self.majority == 0.5 {
            tally.for_votes > tally.against_votes
        } else {
            tally.for_votes as f64 > self.majority * decided as f64
        };
        self.reached(tally) && prevails
    }

    fn passes_early(&self, tally: Tally) -> bool {
        self.super_quorum.is_some_and(|votes| tally.for_votes >= votes) && self.passes(tally)
    }
}

/// The times of a proposal, in any one unit (blocks and seconds in Governor Bravo).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Calendar {
    /// Voting opens behind it.
    pub start: i64,
    /// The last moment of voting.
    pub end: i64,
    /// From when it may be executed, once it is queued.
    pub eta: Option<i64>,
    /// How long after that it may be.
    pub grace: i64,
}

/// Where a proposal stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProposalState {
    /// Voting has not opened.
    Pending,
    /// Voting is open.
    Active,
    /// It did not pass.
    Defeated,
    /// It passed and is not queued.
    Succeeded,
    /// It waits for its time, or for somebody to execute it.
    Queued,
    /// Nobody executed it in time.
    Expired,
}

/// Where a proposal stands at `now`: the moment as voting counts it, and as execution does.
///
/// Governor Bravo's state machine (compound-protocol `GovernorBravoDelegate.state`), with OpenZeppelin's super quorum.
#[must_use]
pub fn state(calendar: Calendar, tally: Tally, needs: Thresholds, now: (i64, i64)) -> ProposalState {
    let (clock, time) = now;
    if clock <= calendar.start {
        ProposalState::Pending
    } else if clock <= calendar.end && !needs.passes_early(tally) {
        ProposalState::Active
    } else if !needs.passes(tally) {
        ProposalState::Defeated
    } else {
        match calendar.eta {
            None => ProposalState::Succeeded,
            Some(eta) if time >= eta.saturating_add(calendar.grace) => ProposalState::Expired,
            Some(_) => ProposalState::Queued,
        }
    }
}

/// Opening and end of the vote on a proposal made at `made`: start = made + delay, end = start + period.
#[must_use]
pub const fn window(made: i64, delay: i64, period: i64) -> (i64, i64) {
    let start = made.saturating_add(delay);
    (start, start.saturating_add(period))
}

/// A share of the supply, rounded down.
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub fn quorum(supply: Weight, share: f64) -> Weight {
    // Parts per trillion keep shares that are written in decimals exact where a product of floats would not be.
    const PARTS: f64 = 1e12;
    let parts = libm::round(share * PARTS) as i128;
    match supply.checked_mul(parts) {
        Some(product) => product / PARTS as i128,
        None => libm::floor(supply as f64 * share) as i128,
    }
}

/// The end of a vote whose quorum was reached at `now`: at least `extension` from then (OpenZeppelin's late quorum).
#[must_use]
pub fn extended_end(end: i64, now: i64, extension: i64) -> i64 {
    end.max(now.saturating_add(extension))
}

/// A malicious proposal before apathetic voters.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Capture {
    /// Honest votes there are, one unit each.
    pub honest: u32,
    /// Chance that one is cast.
    pub turnout: f64,
    /// Chance that one that is cast is for the proposal.
    pub support: f64,
    /// The attacker's votes, all for it.
    pub block: u32,
    /// Votes of any kind that are needed.
    pub quorum: u32,
}

/// Chance that the proposal passes: turnout and support are binomial, all votes count toward the quorum, and for must
/// exceed against.
#[must_use]
pub fn capture_probability(case: Capture) -> f64 {
    let Capture { honest, turnout, support, block, quorum } = case;
    let mut total = 0.0;
    for cast in (0..=honest).filter(|cast| cast + block >= quorum) {
        let passing = (0..=cast).filter(|in_favor| block + in_favor > cast - in_favor);
        let passes: f64 = passing.map(|in_favor| binomial(cast, in_favor, support)).sum();
        total += binomial(honest, cast, turnout) * passes;
    }
    total
}

/// Chance of `hits` in `trials` of chance `p` each.
fn binomial(trials: u32, hits: u32, p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        let certain = if p <= 0.0 { 0 } else { trials };
        return if hits == certain { 1.0 } else { 0.0 };
    }
    let (n, k) = (f64::from(trials), f64::from(hits));
    let choices = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    libm::exp(choices + k * libm::log(p) + (n - k) * libm::log1p(-p))
}

/// Chance that at least one of `watchers` notices a queued proposal within `time`, each with a hazard a unit of time:
/// 1 − exp(−G·μ·d); with one watcher the share of holders who do.
#[must_use]
pub fn noticed(hazard: f64, time: f64, watchers: f64) -> f64 {
    -libm::expm1(-hazard * time * watchers)
}

/// Votes that an attacker must exceed where approval is continuous and a share `moved` of the `hat` votes has gone to a
/// new proposal: the larger of the two sides (M. Zoltu, 2019, on Maker's governance).
#[must_use]
pub fn hat_votes_needed(hat: f64, moved: f64) -> f64 {
    let (stayed, gone) = ((1.0 - moved) * hat, moved * hat);
    if stayed > gone { stayed } else { gone }
}

/// Whether tokens that are borrowed and returned within one step can put a proposal into force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlashOutcome {
    /// Votes are counted as they were before: the tokens have none.
    NoPower,
    /// The proposal is in force before they are returned.
    Executed,
    /// The proposal passes but waits, and can still be stopped.
    Queued,
}

/// What a flash-loaned vote achieves, by whether past balances count and how long execution is delayed.
#[must_use]
pub const fn flash_vote(counts_past_balances: bool, delay: u64) -> FlashOutcome {
    match (counts_past_balances, delay) {
        (true, _) => FlashOutcome::NoPower,
        (false, 0) => FlashOutcome::Executed,
        (false, _) => FlashOutcome::Queued,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Thresholds = Thresholds { quorum: 40, super_quorum: None, counts: QuorumCounts::For, majority: 0.5 };

    fn tally(for_votes: Weight, against_votes: Weight, abstain_votes: Weight) -> Tally {
        Tally { for_votes, against_votes, abstain_votes }
    }

    #[track_caller]
    fn check(needs: Thresholds, votes: Tally, passes: bool) {
        assert_eq!(needs.passes(votes), passes, "{needs:?} {votes:?}");
    }

    #[test]
    fn a_quorum_is_reached_exactly_and_a_majority_is_more_than_half() {
        check(NEEDS, tally(40, 39, 0), true);
        check(NEEDS, tally(39, 0, 99), false);
        check(NEEDS, tally(40, 40, 0), false);
        check(Thresholds { counts: QuorumCounts::ForAndAbstain, ..NEEDS }, tally(20, 0, 20), true);
        check(Thresholds { counts: QuorumCounts::ForAndAbstain, ..NEEDS }, tally(20, 19, 19), false);
        check(Thresholds { counts: QuorumCounts::All, ..NEEDS }, tally(21, 19, 0), true);
        check(Thresholds { majority: 0.75, ..NEEDS }, tally(75, 25, 0), false);
        check(Thresholds { majority: 0.75, ..NEEDS }, tally(76, 25, 0), true);
        // A unit in 2^100 decides.
        check(NEEDS, tally((1 << 100) + 1, 1 << 100, 0), true);
    }

    #[test]
    fn shares_in_decimals_are_exact() {
        assert_eq!(quorum(10_000_000_000_000, 0.04), 400_000_000_000);
        assert_eq!(quorum(101, 0.5), 50);
        assert!(quorum(i128::from(u64::MAX) * 1_000_000_000_000_000, 1.0) > 0, "beyond 128 bits it is a float");
    }

    #[test]
    fn a_super_quorum_passes_early_only_what_would_pass() {
        let needs = Thresholds { super_quorum: Some(60), ..NEEDS };
        let open = Calendar { start: 0, end: 10, eta: None, grace: 5 };
        assert_eq!(state(open, tally(59, 0, 0), needs, (5, 5)), ProposalState::Active);
        assert_eq!(state(open, tally(60, 0, 0), needs, (5, 5)), ProposalState::Succeeded);
        assert_eq!(state(open, tally(60, 60, 0), needs, (5, 5)), ProposalState::Active);
    }

    #[test]
    fn binomials_sum_to_one_at_the_edges_too() {
        for p in [0.0, 0.3, 1.0] {
            let sum: f64 = (0..=20).map(|hits| binomial(20, hits, p)).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{p}: {sum}");
        }
    }
}
