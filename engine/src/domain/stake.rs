//! Stake: vaults that hold tokens behind markets and feeds, and agents' shares of them.

use std::collections::BTreeSet;

use bevy_ecs::lifecycle::HookContext;
use bevy_ecs::prelude::{Component, Resource};
use bevy_ecs::world::DeferredWorld;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Agent, AgentId};
use crate::ledger::{AssetId, Slot};
use crate::units::{Amount, Millis, Span};

/// What becomes of stake that was cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disposal {
    /// It is sold at once into the vault's venue; what that raises counts.
    #[default]
    Sell,
    /// It goes to the protocol's treasury and raises nothing.
    Hold,
}

/// A vault, under `protocol.vaults`.
#[derive(Component, Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VaultTerms {
    /// The asset staked; the settlement asset when empty.
    pub asset: String,
    /// The markets it guarantees.
    pub markets: Vec<String>,
    /// The venue that trades the staked asset for the settlement asset; not needed where they are the same.
    pub venue: String,
    /// What becomes of cut stake.
    pub disposal: Disposal,
    /// Time between asking for stake back and getting it; it can be cut until then.
    pub cooldown: Span,
    /// Largest share of the stake that may be cut within a window.
    pub slash_cap: f64,
    /// Length of that window.
    pub slash_window: Span,
}

impl Default for VaultTerms {
    fn default() -> Self {
        Self {
            asset: String::new(),
            markets: Vec::new(),
            venue: String::new(),
            disposal: Disposal::Sell,
            cooldown: Span(0),
            slash_cap: 1.0,
            slash_window: Span(86_400_000),
        }
    }
}

/// A stake vault.
#[derive(Component, Clone, Debug)]
pub struct Vault {
    /// The asset staked.
    pub asset: AssetId,
    /// Where the stake lies.
    pub staked: Slot,
    /// Where fees lie that stakers have earned and not claimed, in the settlement asset.
    pub rewards: Slot,
    /// Where stake goes that is held instead of sold, in the staked asset.
    pub treasury: Slot,
    /// Where burned stake lies, in the staked asset.
    pub burned: Slot,
    /// The venue that trades the staked asset, by place.
    pub venue: Option<usize>,
    /// Shares of all stakers: each is worth stake ÷ shares.
    pub shares: Amount,
    /// Fees per share so far, times [`Vault::INDEX_SCALE`].
    pub index: i128,
    /// Fees earned so far, in settlement units.
    pub earned: Amount,
    /// Stake cut so far.
    pub cut: Amount,
    /// The window of the cap on cuts.
    pub window: CutWindow,
}

impl Vault {
    /// Fixed-point scale of [`Vault::index`].
    pub const INDEX_SCALE: i128 = 1_000_000_000_000;
}

/// What may be cut within a window is a share of the stake at its first cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CutWindow {
    /// When it began.
    pub start: Millis,
    /// Stake at its start.
    pub base: Amount,
    /// Cut since.
    pub cut: Amount,
    /// The most that the cap has allowed so far: a vote may lower it below what is cut already.
    pub allowed: Amount,
}

/// An agent's shares of vaults, in vault order.
#[derive(Component, Clone, Debug, Default)]
#[component(immutable, on_insert = Holders::hear)]
pub struct Holdings(pub Vec<Holding>);

/// The agents that hold shares of a vault, or have held some.
#[derive(Resource, Clone, Debug, Default)]
pub struct Holders(BTreeSet<AgentId>);

impl Holders {
    /// All of them, in id order.
    pub fn iter(&self) -> impl Iterator<Item = AgentId> {
        self.0.iter().copied()
    }

    /// Hears of holdings that were put in.
    fn hear(mut world: DeferredWorld<'_>, context: HookContext) {
        let holds = world.get::<Holdings>(context.entity).is_some_and(|holdings| !holdings.0.is_empty());
        let Some(id) = world.get::<Agent>(context.entity).filter(|_| holds).map(|agent| agent.id) else { return };
        if let Some(mut holders) = world.get_resource_mut::<Self>() {
            holders.0.insert(id);
        }
    }
}

/// Shares of one vault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// The vault, by place.
    pub vault: usize,
    /// All shares, those that are cooling included.
    pub shares: Amount,
    /// Shares on their way out, oldest first.
    pub cooling: Vec<Cooling>,
    /// The vault's index up to which fees are in `owed`.
    pub index: i128,
    /// Fees earned and not claimed, in settlement units.
    pub owed: Amount,
}

/// Shares that were asked back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooling {
    /// How many.
    pub shares: Amount,
    /// From when they can be taken out.
    pub until: Millis,
}

impl Holdings {
    /// The holding of a vault, when there is one.
    #[must_use]
    pub fn of(&self, vault: usize) -> Option<&Holding> {
        self.0.iter().find(|holding| holding.vault == vault)
    }

    /// The holding of a vault, made when there is none.
    pub fn entry(&mut self, vault: usize) -> &mut Holding {
        let place = self.0.partition_point(|holding| holding.vault < vault);
        if self.0.get(place).is_none_or(|holding| holding.vault != vault) {
            self.0.insert(place, Holding { vault, ..Holding::default() });
        }
        &mut self.0[place]
    }
}

impl Holding {
    /// Shares that are on their way out.
    #[must_use]
    pub fn cooling_shares(&self) -> Amount {
        self.cooling.iter().map(|cooling| cooling.shares).sum()
    }

    /// Fees earned and not claimed at the vault's `index`, in settlement units.
    #[must_use]
    pub fn owed_at(&self, index: i128) -> Amount {
        let earned = i128::from(self.shares) * (index - self.index) / Vault::INDEX_SCALE;
        self.owed.saturating_add(Amount::try_from(earned).unwrap_or(Amount::MAX))
    }

    /// Brings `owed` up to the vault's `index`, before the number of shares changes.
    pub fn settle(&mut self, index: i128) {
        self.owed = self.owed_at(index);
        self.index = index;
    }

    /// Takes `shares` away: those that are cooling last, the newest of them first.
    pub fn remove(&mut self, shares: Amount) {
        self.shares -= shares;
        let mut excess = self.cooling_shares() - self.shares;
        while excess > 0 {
            let Some(newest) = self.cooling.last_mut() else { break };
            let taken = excess.min(newest.shares);
            newest.shares -= taken;
            excess -= taken;
            if newest.shares == 0 {
                self.cooling.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_leave_before_those_that_are_cooling() {
        let cooling = vec![Cooling { shares: 30, until: 1 }, Cooling { shares: 20, until: 2 }];
        let mut holding = Holding { shares: 100, cooling, ..Holding::default() };
        holding.remove(50);
        assert_eq!((holding.shares, holding.cooling_shares()), (50, 50));
        holding.remove(25);
        assert_eq!(holding.cooling, [Cooling { shares: 25, until: 1 }]);
        holding.remove(25);
        assert!(holding.cooling.is_empty() && holding.shares == 0);
    }

    #[test]
    fn fees_follow_the_index() {
        let mut holding = Holding { shares: 3, ..Holding::default() };
        holding.settle(Vault::INDEX_SCALE * 5 / 2);
        assert_eq!(holding.owed, 7, "rounded down");
        holding.settle(Vault::INDEX_SCALE * 5 / 2);
        assert_eq!(holding.owed, 7);
    }
}
