//! The only way an action changes the world: read, write and transfer, all-or-nothing per rollback scope.

use bevy_ecs::bundle::Bundle;
use bevy_ecs::change_detection::Mut;
use bevy_ecs::component::{Component, Mutable};
use bevy_ecs::prelude::{Entity, World};

use crate::action::Rejected;
use crate::domain::{Account, AccountId, Agent, AgentId, Roster};
use crate::event::{Event, Events};
use crate::ledger::{Ledger, Reason, Slot};
use crate::registry::{Directory, Kind};
use crate::units::Amount;

/// Restores one pre-image.
type Undo = Box<dyn FnOnce(&mut World)>;

/// A transaction on the world. Outside a [`Tx::scope`] writes are final.
pub struct Tx<'w> {
    world: &'w mut World,
    undo: Vec<Undo>,
    depth: u32,
}

impl<'w> Tx<'w> {
    /// A transaction on `world`.
    pub fn new(world: &'w mut World) -> Self {
        Self { world, undo: Vec::new(), depth: 0 }
    }

    /// Runs `body`; when it is refused, everything it wrote, moved and noted is undone.
    ///
    /// # Errors
    /// What `body` was refused for.
    pub fn scope<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, Rejected>) -> Result<T, Rejected> {
        let mark = self.undo.len();
        let ledger_mark = self.world.resource_mut::<Ledger>().begin();
        let event_mark = self.world.resource::<Events>().len();
        self.depth += 1;
        let result = body(self);
        self.depth -= 1;
        if result.is_err() {
            while self.undo.len() > mark {
                if let Some(undo) = self.undo.pop() {
                    undo(self.world);
                }
            }
            self.world.resource_mut::<Events>().truncate(event_mark);
        } else if self.depth == 0 {
            self.undo.clear();
        }
        self.world.resource_mut::<Ledger>().close(ledger_mark, result.is_ok());
        result
    }

    /// The world, to read.
    #[must_use]
    pub fn world(&self) -> &World {
        self.world
    }

    /// A component of an entity.
    ///
    /// # Errors
    /// [`Rejected::NOT_FOUND`] when it has none.
    pub fn get<C: Component>(&self, entity: Entity) -> Result<&C, Rejected> {
        self.world.get::<C>(entity).ok_or(Rejected::NOT_FOUND)
    }

    /// A component to change; its pre-image is kept while a scope is open.
    pub fn write<C: Component<Mutability = Mutable> + Clone>(&mut self, entity: Entity) -> Option<Mut<'_, C>> {
        if self.depth > 0 {
            let image = self.world.get::<C>(entity)?.clone();
            self.undo.push(Box::new(move |world| {
                if let Some(mut value) = world.get_mut::<C>(entity) {
                    *value = image;
                }
            }));
        }
        self.world.get_mut::<C>(entity)
    }

    /// Changes a component that others follow, so that they hear of it; its pre-image is kept while a scope is open.
    ///
    /// # Errors
    /// [`Rejected::NOT_FOUND`] when the entity has none, or what `change` was refused for.
    pub fn modify<C: Component + Clone, T>(
        &mut self,
        entity: Entity,
        change: impl FnOnce(&mut C) -> Result<T, Rejected>,
    ) -> Result<T, Rejected> {
        if self.depth > 0 {
            let image = self.get::<C>(entity)?.clone();
            self.undo.push(Box::new(move |world| {
                // What was there to be changed is still there.
                let _ = world.modify_component(entity, |value: &mut C| *value = image);
            }));
        }
        self.world.modify_component(entity, change).ok().flatten().unwrap_or(Err(Rejected::NOT_FOUND))
    }

    /// Changes a component that is too large to keep a pre-image of; `revert` undoes exactly what `apply` did.
    ///
    /// # Errors
    /// [`Rejected::NOT_FOUND`] when the entity has none.
    pub fn amend<C: Component<Mutability = Mutable>>(
        &mut self,
        entity: Entity,
        apply: impl FnOnce(&mut C),
        revert: impl FnOnce(&mut C) + 'static,
    ) -> Result<(), Rejected> {
        apply(&mut *self.world.get_mut::<C>(entity).ok_or(Rejected::NOT_FOUND)?);
        if self.depth > 0 {
            self.undo.push(Box::new(move |world| {
                if let Some(mut value) = world.get_mut::<C>(entity) {
                    revert(&mut value);
                }
            }));
        }
        Ok(())
    }

    /// Brings a named thing into being, and returns its place among its kind; gone again when the scope is undone.
    pub fn spawn(&mut self, kind: Kind, name: &str, parts: impl Bundle) -> usize {
        let entity = self.world.spawn(parts).id();
        let place = self.world.resource_mut::<Directory>().add(kind, name, entity);
        if self.depth > 0 {
            self.undo.push(Box::new(move |world| {
                world.resource_mut::<Directory>().remove_last(kind);
                world.despawn(entity);
            }));
        }
        place
    }

    /// Moves value in the ledger.
    ///
    /// # Errors
    /// As [`Ledger::transfer`].
    pub fn transfer(&mut self, from: Slot, to: Slot, amount: Amount, reason: Reason) -> Result<(), Rejected> {
        self.world.resource_mut::<Ledger>().transfer(from, to, amount, reason)
    }

    /// Moves `amount`, or as much of it as is there; returns what was moved.
    ///
    /// # Errors
    /// As [`Ledger::transfer`].
    pub fn transfer_up_to(&mut self, from: Slot, to: Slot, amount: Amount, reason: Reason) -> Result<Amount, Rejected> {
        let moved = amount.min(self.balance(from)).max(0);
        self.transfer(from, to, moved, reason)?;
        Ok(moved)
    }

    /// The balance of a slot.
    #[must_use]
    pub fn balance(&self, slot: Slot) -> Amount {
        self.world.resource::<Ledger>().balance(slot)
    }

    /// Notes something that happened; forgotten again when the scope is undone.
    pub fn note(&mut self, event: Event) {
        self.world.resource_mut::<Events>().push(event);
    }

    /// The entity of a named thing.
    #[must_use]
    pub fn entity(&self, kind: Kind, index: usize) -> Option<Entity> {
        self.world.resource::<Directory>().entity(kind, index)
    }

    /// The entity of the protocol itself, which carries the terms that belong to no market.
    ///
    /// # Errors
    /// [`Rejected::NOT_FOUND`] never, once the simulation is built.
    pub fn protocol(&self) -> Result<Entity, Rejected> {
        self.entity(Kind::Protocol, 0).ok_or(Rejected::NOT_FOUND)
    }

    /// An agent's record.
    ///
    /// # Errors
    /// [`Rejected::NOT_FOUND`] when there is no such agent.
    pub fn agent(&self, agent: AgentId) -> Result<&Agent, Rejected> {
        self.get(self.world.resource::<Roster>().agent(agent).ok_or(Rejected::NOT_FOUND)?)
    }

    /// The entity of an account.
    ///
    /// # Errors
    /// [`Rejected::NOT_FOUND`] when there is no such account.
    pub fn account_entity(&self, account: AccountId) -> Result<Entity, Rejected> {
        self.world.resource::<Roster>().account(account).ok_or(Rejected::NOT_FOUND)
    }

    /// A copy of an account's record.
    ///
    /// # Errors
    /// [`Rejected::NOT_FOUND`] when there is no such account.
    pub fn account(&self, account: AccountId) -> Result<Account, Rejected> {
        self.get::<Account>(self.account_entity(account)?).cloned()
    }

    /// The id of the `index`-th account of an agent.
    ///
    /// # Errors
    /// [`Rejected::NOT_FOUND`] when the agent has fewer.
    pub fn account_of(&self, agent: AgentId, index: u8) -> Result<AccountId, Rejected> {
        let owner = self.agent(agent)?;
        if index < owner.accounts {
            Ok(AccountId(owner.first_account.0 + u32::from(index)))
        } else {
            Err(Rejected::NOT_FOUND)
        }
    }
}
