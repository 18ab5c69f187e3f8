//! The book: every margin account that is more than cash, as rows that are valued once on a step's marks.
//!
//! The components stay the truth: accounts and positions are immutable but through hooks that tell the book, and the ledger
//! keeps which margin slots changed. A reader gets rows only while nothing has changed since they were valued.

use bevy_ecs::lifecycle::HookContext;
use bevy_ecs::prelude::{Resource, World};
use bevy_ecs::world::DeferredWorld;

use crate::domain::{Account, AccountId, Market, Position};
use crate::ledger::{Bucket, Ledger, Slot};
use crate::registry::{Directory, Kind};
use crate::units::{Amount, Price};
use crate::valuation::{self, Pricing};

/// The rows of all accounts with a position, a claim or a debt.
#[derive(Resource, Debug, Default)]
pub(crate) struct Book {
    /// In no fixed order.
    rows: Vec<Row>,
    /// Place of each account's row.
    places: Vec<Option<u32>>,
    /// Where each account's collateral lies, in rising order.
    margins: Vec<Slot>,
    /// Accounts that changed since the book was brought up to date, each once.
    touched: Vec<AccountId>,
    /// Whether each account is among them.
    is_touched: Vec<bool>,
    /// What the rows are valued on, by market.
    pricings: Vec<Option<Pricing<'static>>>,
    /// Sum of the rows' debts.
    lent: i128,
}

/// An account that is more than cash.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Row {
    pub(crate) account: AccountId,
    /// Its cash.
    pub(crate) margin: Amount,
    /// Net collateral and maintenance requirement.
    pub(crate) nc: Amount,
    pub(crate) mmr: Amount,
    /// What it holds and owes besides its positions.
    balance: Amount,
    debt: Amount,
    /// Its first position, of size 0 when it has none: most accounts have one at most.
    first: Position,
    others: Box<[Position]>,
}

const NONE: Position = Position { market: 0, size: 0, cost: 0 };

impl Row {
    /// The row of an account as it stands, not yet valued; `None` when it is nothing but cash.
    fn of(world: &World, id: AccountId) -> Option<Self> {
        let (account, positions) = valuation::account(world, id)?;
        if positions.0.is_empty() && account.claim == 0 && account.debt == 0 {
            return None;
        }
        let ledger = world.resource::<Ledger>();
        Some(Self {
            account: id,
            margin: ledger.balance(account.margin),
            balance: valuation::balance(ledger, account),
            debt: account.debt,
            first: positions.0.first().copied().unwrap_or(NONE),
            others: positions.0.get(1..).unwrap_or_default().into(),
            nc: 0,
            mmr: 0,
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.first.size != 0
    }

    pub(crate) fn positions(&self) -> impl Iterator<Item = &Position> {
        std::iter::once(&self.first).filter(|first| first.size != 0).chain(&self.others)
    }

    fn value(&mut self, pricings: &[Option<Pricing<'_>>]) {
        (self.nc, self.mmr) = (self.net_collateral(pricings), 0);
        for position in std::iter::once(&self.first).chain(&self.others) {
            if let Some(Some(pricing)) = pricings.get(usize::from(position.market)) {
                self.mmr = self.mmr.saturating_add(pricing.mmr(position.size));
            }
        }
    }

    /// Net collateral on other marks.
    pub(crate) fn net_collateral(&self, pricings: &[Option<Pricing<'_>>]) -> Amount {
        let add = |nc: Amount, position: &Position| {
            let pricing = pricings.get(usize::from(position.market)).and_then(Option::as_ref);
            pricing.map_or(nc, |pricing| nc.saturating_add(pricing.profit(position)))
        };
        // Nothing is worth nothing.
        self.others.iter().fold(add(self.balance, &self.first), add)
    }
}

impl Book {
    /// Fills the book of a world that is set up.
    pub(crate) fn begin(world: &mut World) {
        let all = valuation::every_account(world);
        let (touched, margins): (Vec<_>, Vec<_>) = all.map(|(account, _)| (account.id, account.margin)).unzip();
        assert!(margins.is_sorted(), "Invariant: margin slots rise with their accounts");
        let (places, is_touched) = (vec![None; touched.len()], vec![true; touched.len()]);
        world.resource_mut::<Ledger>().follow(Bucket::Margin);
        world.insert_resource(Self { places, margins, touched, is_touched, ..Self::default() });
        Self::follow(world);
    }

    /// Hears of an account or of positions that were put in.
    pub(crate) fn hear(mut world: DeferredWorld<'_>, context: HookContext) {
        let Some(id) = world.get::<Account>(context.entity).map(|account| account.id) else { return };
        if let Some(mut book) = world.get_resource_mut::<Self>() {
            book.touch(id);
        }
    }

    /// Before the book is begun there is nothing to bring up to date.
    fn touch(&mut self, id: AccountId) {
        if self.is_touched.get(id.0 as usize) == Some(&false) {
            self.is_touched[id.0 as usize] = true;
            self.touched.push(id);
        }
    }

    /// Brings the rows up to date and values them on the present marks; what is up to date costs nothing.
    pub(crate) fn follow(world: &mut World) {
        if world.resource::<Self>().is_current(world) {
            return;
        }
        let moved = world.resource_mut::<Ledger>().take_changed(Bucket::Margin);
        let mut book = std::mem::take(&mut *world.resource_mut::<Self>());
        book.take_in(world, &moved);
        debug_assert!(book.is_true(world), "Invariant: the book differs from its accounts");
        *world.resource_mut::<Self>() = book;
    }

    /// All rows, valued on the present marks; `None` when something has changed since.
    pub(crate) fn valued(&self, world: &World) -> Option<impl Iterator<Item = &Row>> {
        self.is_current(world).then(|| self.rows.iter())
    }

    /// The rows behind a [`Self::follow`].
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Sum of all debts.
    pub(crate) fn lent(&self, world: &World) -> i128 {
        if self.touched.is_empty() {
            return self.lent;
        }
        valuation::every_account(world).map(|(account, _)| i128::from(account.debt)).sum()
    }

    fn is_current(&self, world: &World) -> bool {
        self.touched.is_empty()
            && !world.resource::<Ledger>().has_changed(Bucket::Margin)
            && self.pricings.len() == world.resource::<Directory>().count(Kind::Market)
            && Pricing::all(world, mark).zip(&self.pricings).all(|(now, then)| now == *then)
    }

    fn take_in(&mut self, world: &World, moved: &[Slot]) {
        for slot in moved {
            let owner = self.margins.binary_search(slot).ok().and_then(|place| u32::try_from(place).ok());
            owner.into_iter().for_each(|owner| self.touch(AccountId(owner)));
        }
        let mut touched = std::mem::take(&mut self.touched);
        let pricings: Vec<_> = Pricing::all(world, mark).collect();
        let is_revalued = pricings != self.pricings;
        for id in &touched {
            let mut row = Row::of(world, *id);
            if let Some(row) = row.as_mut().filter(|_| !is_revalued) {
                row.value(&pricings);
            }
            self.put(*id, row);
            self.is_touched[id.0 as usize] = false;
        }
        if is_revalued {
            self.rows.iter_mut().for_each(|row| row.value(&pricings));
            self.pricings = pricings.iter().map(|pricing| pricing.as_ref().map(Pricing::kept)).collect();
        }
        touched.clear();
        self.touched = touched;
    }

    /// Puts in, replaces or takes out the row of an account.
    fn put(&mut self, id: AccountId, row: Option<Row>) {
        let account = id.0 as usize;
        self.lent += row.as_ref().map_or(0, |row| i128::from(row.debt));
        match (self.places[account].map(|place| place as usize), row) {
            (None, None) => {}
            (None, Some(row)) => {
                self.places[account] = u32::try_from(self.rows.len()).ok();
                self.rows.push(row);
            }
            (Some(place), Some(row)) => {
                self.lent -= i128::from(self.rows[place].debt);
                self.rows[place] = row;
            }
            (Some(place), None) => {
                self.lent -= i128::from(self.rows.swap_remove(place).debt);
                self.places[account] = None;
                if let Some(last) = self.rows.get(place) {
                    self.places[last.account.0 as usize] = u32::try_from(place).ok();
                }
            }
        }
    }

    /// Whether the rows are those of the accounts.
    fn is_true(&self, world: &World) -> bool {
        let lent: i128 = self.rows.iter().map(|row| i128::from(row.debt)).sum();
        let places = valuation::every_account(world).zip(&self.places);
        lent == self.lent
            && places.into_iter().all(|((account, positions), place)| {
                let risk = valuation::risk(world, account, positions);
                let row = Row::of(world, account.id).map(|row| Row { nc: risk.nc, mmr: risk.mmr, ..row });
                place.map(|place| &self.rows[place as usize]) == row.as_ref()
            })
    }
}

fn mark(market: &Market) -> Option<Price> {
    market.mark
}
