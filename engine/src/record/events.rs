//! Tables of events: which columns each has, and what they take of an event.

use bevy_ecs::prelude::World;

use super::{cohort_of, keyed};
use crate::domain::Change;
use crate::event::{Event, EventTable};
use crate::frame::{Data, Frame, Item};
use crate::params;
use crate::registry::Directory;

/// A column of a table of events: its name, unit and meaning, and what it takes of an event.
pub(super) type EventColumn = (&'static str, &'static str, &'static str, fn(&World, &Event) -> Item);

const WHAT: EventColumn = ("what", "", "What happened.", |_, event| Item::Text(event.what.into()));
const AGENT: EventColumn =
    ("agent", "", "Agent id, −1 for none.", |_, event| Item::Int(event.agent.map_or(-1, |agent| i64::from(agent.0))));
const COHORT: EventColumn = ("cohort", "", "The agent's cohort.", |world, event| {
    Item::Text(event.agent.map_or_else(|| "".into(), |agent| cohort_of(world, agent.0)))
});
const ACCOUNT: EventColumn = ("account", "", "Margin account id, −1 for none.", |_, event| {
    Item::Int(event.account.map_or(-1, |account| i64::from(account.0)))
});
const PRICE: EventColumn = ("price", "quote/base", "Price, 0 for none.", |_, event| Item::Float(event.price));
const SIZE: EventColumn =
    ("size", "base units", "Signed size in the base asset's smallest unit.", |_, event| Item::Int(event.size));
const AMOUNT: EventColumn =
    ("amount", "settlement units", "Amount in the settlement asset's smallest unit.", |_, event| {
        Item::Int(event.amount)
    });
const STAKE: EventColumn =
    ("stake", "stake units", "Stake in its asset's smallest unit.", |_, event| Item::Int(event.size));

/// The column that names the thing an event is about.
const fn thing(name: &'static str, doc: &'static str) -> EventColumn {
    (name, "", doc, |world, event| {
        Item::Text(
            event.thing.map_or("", |thing| world.resource::<Directory>().name(thing.kind, thing.index as usize)).into(),
        )
    })
}

/// Table, name, unit and meaning of every column of the tables of events, behind `step` and `time_ms`.
#[must_use]
pub fn event_columns() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let columns = EventTable::ALL
        .into_iter()
        .map(event_layout)
        .flat_map(|(table, _, columns)| columns.into_iter().map(move |(name, unit, doc, _)| (table, name, unit, doc)));
    columns.collect()
}

/// The name of a table of events, what a row is, and its columns.
fn event_layout(table: EventTable) -> (&'static str, &'static str, Vec<EventColumn>) {
    match table {
        EventTable::Liquidations => (
            "liquidations",
            "A position taken or closed by liquidation.",
            vec![WHAT, AGENT, COHORT, ACCOUNT, thing("market", "The market."), SIZE, PRICE, AMOUNT],
        ),
        EventTable::Stakes => (
            "stakes",
            "Stake put in, asked back or taken out.",
            vec![WHAT, AGENT, COHORT, thing("vault", "The vault."), STAKE],
        ),
        EventTable::Slashes => (
            "slashes",
            "Stake cut, and what it raised.",
            vec![
                WHAT,
                AGENT,
                COHORT,
                thing("vault", "The vault."),
                STAKE,
                ("price", "coins", "Market price of the staked asset after it.", |_, event| Item::Float(event.price)),
                ("raised", "settlement units", "What it raised.", |_, event| Item::Int(event.amount)),
            ],
        ),
        EventTable::Votes => (
            "votes",
            "A vote cast.",
            vec![
                ("choice", "", "For, against or abstained.", |_, event| Item::Text(event.what.into())),
                AGENT,
                COHORT,
                thing("proposal", "The proposal."),
                ("weight", "token units", "Weight when cast, in the token's smallest unit.", |_, event| {
                    Item::Int(event.size)
                }),
            ],
        ),
        EventTable::Governance => (
            "governance",
            "A proposal on its way, or a parameter that it changes.",
            vec![
                WHAT,
                AGENT,
                COHORT,
                thing("proposal", "The proposal."),
                ("path", "", "The parameter that changes, empty for none.", |world, event| {
                    let path = |change: Change| Some(params::all(world).nth(change.parameter)?.0);
                    Item::Text(event.change.and_then(path).unwrap_or_default().into())
                }),
                ("before", "", "Its value before.", |_, event| {
                    Item::Float(event.change.map_or(f64::NAN, |change| change.before))
                }),
                ("after", "", "Its value after.", |_, event| {
                    Item::Float(event.change.map_or(f64::NAN, |change| change.after))
                }),
            ],
        ),
        EventTable::Trades => (
            "trades",
            "A change of a position, or an exchange on a venue.",
            vec![
                WHAT,
                AGENT,
                COHORT,
                ACCOUNT,
                thing("thing", "The market or venue."),
                SIZE,
                PRICE,
                (
                    "cost",
                    "quote units",
                    "What it cost in the quote's smallest unit, negative when it was received.",
                    |_, event| Item::Int(event.amount),
                ),
            ],
        ),
        EventTable::Reports => (
            "reports",
            "What a node reported to a feed in a step.",
            vec![WHAT, AGENT, COHORT, thing("feed", "The feed."), STAKE, PRICE],
        ),
        EventTable::Events => (
            "events",
            "A stage of the loss waterfall, or anything else that happened.",
            vec![WHAT, AGENT, COHORT, ACCOUNT, thing("thing", "The market, vault or proposal."), SIZE, PRICE, AMOUNT],
        ),
    }
}

/// An empty table of events, with how its columns are read.
pub(super) fn event_frame(world: &World, table: EventTable) -> (EventTable, Vec<EventColumn>, Frame) {
    let (name, doc, columns) = event_layout(table);
    let blank = Event::new(table, "");
    let frame = columns.iter().fold(keyed(name, doc), |frame, (name, unit, doc, read)| {
        let data = match read(world, &blank) {
            Item::Int(_) => Data::Int(Vec::new()),
            Item::Float(_) => Data::Float(Vec::new()),
            Item::Flag(_) => Data::Flag(Vec::new()),
            Item::Text(_) => Data::Text(Vec::new()),
        };
        frame.with(*name, *unit, *doc, data)
    });
    (table, columns, frame)
}
