//! The double-entry ledger: every unit of every asset sits on one slot (owner × bucket × asset) and moves with a reason.
//!
//! `outside` is an owner like any other: the rest of the world's finite inventory. While a rollback scope is open the
//! ledger keeps a journal, so that a rejected action is undone to the last unit.

use std::collections::BTreeMap;

use bevy_ecs::prelude::Resource;

use crate::action::Rejected;
use crate::units::Amount;

/// An asset by its place in the scenario's list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AssetId(pub u16);

/// A group of owners whose gains and losses are reported together: a cohort, or a party such as the insurance fund.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub u16);

/// What an amount is set aside for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Bucket {
    /// Free money of an agent.
    Wallet,
    /// Collateral of a margin account.
    Margin,
    /// Stake in a vault.
    Stake,
    /// Reserve of a venue.
    Reserve,
    /// Capital of a market's counterparty pool.
    Pool,
    /// The insurance fund.
    Insurance,
    /// Deposits that accounts may borrow against unrealized profit.
    Deposits,
    /// Fees that stakers have earned and not claimed.
    Rewards,
    /// Promised to whoever does what was asked.
    Escrow,
    /// What the protocol holds for itself.
    Treasury,
    /// Taken out of circulation for good.
    Burned,
    /// The rest of the world.
    Outside,
}

impl Bucket {
    /// How many there are.
    const COUNT: usize = Self::Outside as usize + 1;
}

/// One place of value, by index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(u32);

impl Slot {
    /// The slot `offset` places after this one: slots of one owner over all assets are opened in asset order.
    #[must_use]
    pub const fn asset(self, asset: AssetId) -> Self {
        Self(self.0 + asset.0 as u32)
    }
}

/// Why value moved. A plain name, so that a plugin's mechanism brings its own.
pub type Reason = &'static str;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    balance: Amount,
    group: GroupId,
    asset: AssetId,
    bucket: Bucket,
}

/// One journaled movement.
#[derive(Clone, Copy, Debug)]
struct Movement {
    from: Slot,
    to: Slot,
    amount: Amount,
    reason: Reason,
}

/// Value that went from one group to another, or moved within one, for one reason.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Flow {
    /// The group that paid.
    pub from: GroupId,
    /// The group that received.
    pub to: GroupId,
    /// Why.
    pub reason: Reason,
    /// In which asset.
    pub asset: AssetId,
}

/// All balances, what was issued, and who paid whom.
#[derive(Resource, Clone, Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    issued: Vec<i128>,
    flows: BTreeMap<Flow, i128>,
    journal: Vec<Movement>,
    open_scopes: u32,
    moved: bool,
    /// Sums of balances by asset and bucket.
    totals: Vec<[i128; Bucket::COUNT]>,
    /// Slots whose balances changed, of the buckets that somebody follows.
    changed: [Option<Vec<Slot>>; Bucket::COUNT],
}

impl Ledger {
    /// A ledger over `assets` assets, all empty.
    #[must_use]
    pub fn new(assets: usize) -> Self {
        Self { issued: vec![0; assets], totals: vec![[0; Bucket::COUNT]; assets], ..Self::default() }
    }

    /// Opens an empty slot.
    ///
    /// # Panics
    /// `Invariant:` when 2³² slots exist; the loader refuses populations of that size.
    pub fn open(&mut self, group: GroupId, bucket: Bucket, asset: AssetId) -> Slot {
        let index = u32::try_from(self.entries.len()).expect("Invariant: fewer than 2^32 ledger slots");
        self.entries.push(Entry { balance: 0, group, asset, bucket });
        Slot(index)
    }

    /// Opens one slot per asset, in asset order; [`Slot::asset`] finds each.
    pub fn open_all(&mut self, group: GroupId, bucket: Bucket) -> Slot {
        let first = self.open(group, bucket, AssetId(0));
        for asset in 1..self.issued.len() {
            self.open(group, bucket, AssetId(u16::try_from(asset).unwrap_or(u16::MAX)));
        }
        first
    }

    /// Creates `amount` new units on `slot`.
    ///
    /// # Errors
    /// [`Rejected::OVERFLOW`] when the balance would leave the 64-bit range, [`Rejected::AMOUNT`] when it is negative.
    pub fn mint(&mut self, slot: Slot, amount: Amount) -> Result<(), Rejected> {
        if amount < 0 {
            return Err(Rejected::AMOUNT);
        }
        let entry = self.entries[slot.0 as usize];
        entry.balance.checked_add(amount).ok_or(Rejected::OVERFLOW)?;
        self.shift(slot, amount);
        self.issued[entry.asset.0 as usize] += i128::from(amount);
        Ok(())
    }

    /// The one place where balances change.
    fn shift(&mut self, slot: Slot, amount: Amount) {
        let entry = &mut self.entries[slot.0 as usize];
        entry.balance += amount;
        self.totals[entry.asset.0 as usize][entry.bucket as usize] += i128::from(amount);
        if let Some(changed) = &mut self.changed[entry.bucket as usize] {
            // An action moves from and to the same few slots.
            if changed.last() != Some(&slot) {
                changed.push(slot);
            }
        }
        self.moved = true;
    }

    /// Moves `amount` from one slot to another of the same asset.
    ///
    /// # Errors
    /// [`Rejected::AMOUNT`] for a negative amount or different assets, [`Rejected::FUNDS`] when the payer has less,
    /// [`Rejected::OVERFLOW`] when the receiver cannot hold it.
    pub fn transfer(&mut self, from: Slot, to: Slot, amount: Amount, reason: Reason) -> Result<(), Rejected> {
        let (payer, receiver) = (self.entries[from.0 as usize], self.entries[to.0 as usize]);
        if amount < 0 || payer.asset != receiver.asset {
            return Err(Rejected::AMOUNT);
        }
        if payer.balance < amount {
            return Err(Rejected::FUNDS);
        }
        if amount == 0 || from == to {
            return Ok(());
        }
        receiver.balance.checked_add(amount).ok_or(Rejected::OVERFLOW)?;
        let movement = Movement { from, to, amount, reason };
        self.apply(movement, 1);
        if self.open_scopes > 0 {
            self.journal.push(movement);
        }
        Ok(())
    }

    fn apply(&mut self, movement: Movement, sign: Amount) {
        let amount = sign * movement.amount;
        self.shift(movement.from, -amount);
        self.shift(movement.to, amount);
        let (from, to) = (self.entries[movement.from.0 as usize], self.entries[movement.to.0 as usize]);
        let flow = Flow { from: from.group, to: to.group, reason: movement.reason, asset: from.asset };
        let total = self.flows.entry(flow).or_default();
        *total += i128::from(amount);
        if *total == 0 {
            self.flows.remove(&flow);
        }
    }

    /// The balance of `slot`.
    #[must_use]
    pub fn balance(&self, slot: Slot) -> Amount {
        self.entries[slot.0 as usize].balance
    }

    /// From now on keeps which slots of a bucket change, for whoever takes them with [`Self::take_changed`] every step.
    pub(crate) fn follow(&mut self, bucket: Bucket) {
        self.changed[bucket as usize].get_or_insert_default();
    }

    /// Whether a slot of a bucket that is followed has changed since the last [`Self::take_changed`].
    pub(crate) fn has_changed(&self, bucket: Bucket) -> bool {
        self.changed[bucket as usize].as_ref().is_some_and(|changed| !changed.is_empty())
    }

    /// The slots of a bucket that changed since the last call, in the order in which they did; some of them repeatedly.
    pub(crate) fn take_changed(&mut self, bucket: Bucket) -> Vec<Slot> {
        self.changed[bucket as usize].as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Opens a rollback scope and returns the mark to [`Self::close`] it with.
    pub fn begin(&mut self) -> usize {
        self.open_scopes += 1;
        self.journal.len()
    }

    /// Closes the scope opened at `mark`; with `keep` false every movement since is undone.
    pub fn close(&mut self, mark: usize, keep: bool) {
        if !keep {
            while self.journal.len() > mark {
                if let Some(movement) = self.journal.pop() {
                    self.apply(movement, -1);
                }
            }
        }
        self.open_scopes -= 1;
        if self.open_scopes == 0 {
            self.journal.clear();
        }
    }

    /// All flows between groups so far, in a fixed order.
    pub fn flows(&self) -> impl Iterator<Item = (Flow, i128)> + '_ {
        self.flows.iter().map(|(flow, amount)| (*flow, *amount))
    }

    /// All of one asset that moved for a reason.
    #[must_use]
    pub fn moved_for(&self, reason: Reason, asset: AssetId) -> i128 {
        let flows = self.flows.iter().filter(|(flow, _)| flow.reason == reason && flow.asset == asset);
        flows.map(|(_, amount)| amount).sum()
    }

    /// The sum of a group's balances of one asset.
    #[must_use]
    pub fn held(&self, group: GroupId, asset: AssetId) -> i128 {
        let own = self.entries.iter().filter(|entry| entry.group == group && entry.asset == asset);
        own.map(|entry| i128::from(entry.balance)).sum()
    }

    /// The sum of all balances of one asset in some buckets.
    #[must_use]
    pub fn in_buckets(&self, buckets: &[Bucket], asset: AssetId) -> i128 {
        let totals = &self.totals[asset.0 as usize];
        buckets.iter().map(|bucket| totals[*bucket as usize]).sum()
    }

    /// The number of units ever issued of `asset`.
    #[must_use]
    pub fn issued(&self, asset: AssetId) -> i128 {
        self.issued[asset.0 as usize]
    }

    /// Writes balances, issuance and flows, for hashing.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write_state(&self, out: &mut dyn std::fmt::Write) -> std::fmt::Result {
        write!(out, "{:?}{:?}{:?};", self.entries, self.issued, self.flows)
    }

    /// Stops the run when balances and issuance differ; cheap when nothing has moved since the last look.
    ///
    /// # Panics
    /// `Invariant:` naming the asset and the difference.
    pub fn assert_conserved(&mut self, after: &str) {
        if !std::mem::take(&mut self.moved) {
            return;
        }
        let mut totals = vec![[0_i128; Bucket::COUNT]; self.issued.len()];
        for entry in &self.entries {
            assert!(entry.balance >= 0, "Invariant: a balance is negative after {after}: {entry:?}");
            totals[entry.asset.0 as usize][entry.bucket as usize] += i128::from(entry.balance);
        }
        for (asset, (totals, issued)) in totals.iter().zip(&self.issued).enumerate() {
            let sum: i128 = totals.iter().sum();
            assert!(sum == *issued, "Invariant: asset {asset} holds {sum} but issued {issued} after {after}");
        }
        assert!(totals == self.totals, "Invariant: sums of buckets are not those kept after {after}");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn two() -> (Ledger, Slot, Slot) {
        let mut ledger = Ledger::new(1);
        let a = ledger.open(GroupId(0), Bucket::Wallet, AssetId(0));
        let b = ledger.open(GroupId(1), Bucket::Wallet, AssetId(0));
        ledger.mint(a, 100).unwrap();
        (ledger, a, b)
    }

    #[test]
    fn value_moves_and_is_undone() {
        let (mut ledger, a, b) = two();
        let outer = ledger.begin();
        ledger.transfer(a, b, 40, "gift").unwrap();
        let inner = ledger.begin();
        ledger.transfer(b, a, 15, "back").unwrap();
        ledger.close(inner, false);
        assert_eq!((ledger.balance(a), ledger.balance(b)), (60, 40));
        ledger.close(outer, false);
        assert_eq!((ledger.balance(a), ledger.balance(b)), (100, 0));
        assert_eq!(ledger.flows().count(), 0);
        ledger.assert_conserved("test");
    }

    #[test]
    fn what_is_not_there_cannot_move() {
        let (mut ledger, a, b) = two();
        assert_eq!(ledger.transfer(a, b, 101, "x"), Err(Rejected::FUNDS));
        assert_eq!(ledger.transfer(a, b, -1, "x"), Err(Rejected::AMOUNT));
        ledger.mint(b, i64::MAX).unwrap();
        assert_eq!(ledger.transfer(a, b, 1, "x"), Err(Rejected::OVERFLOW));
    }

    #[test]
    #[should_panic(expected = "Invariant: asset 0 holds 101 but issued 100")]
    fn a_leak_stops_the_run() {
        let (mut ledger, a, _) = two();
        ledger.entries[a.0 as usize].balance += 1;
        ledger.assert_conserved("test");
    }
}
