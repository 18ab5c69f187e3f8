//! The key moments of one world, deduced from its rows as they go by: money moving at the attackers, feeds far from
//! where they began, the first liquidation, the first loss on each layer, and the moment claims exceed assets.

use std::collections::BTreeMap;

use palisade_engine::frame::Frame;
use palisade_engine::units::{Millis, Span};

use crate::report::StoryLine;
use crate::track::{number, text, time};
use crate::words::price;

/// The most lines of a story.
const MAX_LINES: usize = 12;
/// How far a feed must be from its first price, as a ratio, to be told of.
const FAR: f64 = 1.5;
/// The largest movements of the attackers' wallets that are told of, in either direction.
const MOVEMENTS: usize = 2;

/// Coins below which a loss is rounding and no moment of the story.
const SMALLEST: f64 = 0.01;

/// The events that say that a layer bore a loss, and what to call it, in the order of the usual waterfall.
const LAYERS: [(&str, &str); 6] = [
    ("loss_on_margin", "a bankrupt account's own margin bears its first loss"),
    ("loss_on_insurance", "the insurance fund bears its first loss"),
    ("loss_on_stake", "stake bears its first loss"),
    ("loss_on_winners", "winners are deleveraged for the first time"),
    ("loss_socialized", "a loss is socialized for the first time"),
    ("loss_written_off", "a loss is covered by nobody for the first time"),
];

/// Moments of proposals, stake and markets that are told of once each, and how.
const FIRSTS: [(&str, &str); 9] = [
    ("proposed", "a proposal of `{who}` would change {path} from {before} to {after}"),
    ("changed", "{path} goes from {before} to {after} by vote"),
    ("vetoed", "a guardian vetoes {what}"),
    ("defeated", "{what} is defeated"),
    ("expired", "{what} expires unexecuted"),
    ("cut_for_deviation", "stake of `{who}` is cut for a report far from the round's price"),
    ("cut_for_downtime", "stake of `{who}` is cut for silence"),
    ("market_reduce_only", "a guardian lets positions in {what} only shrink"),
    ("market_halted", "a guardian halts {what}"),
];

/// A feed's first price and how far it went.
#[derive(Clone, Copy, Debug)]
struct Excursion {
    first: f64,
    high: (Millis, f64),
    low: (Millis, f64),
}

/// Movements of the attackers' wallets in one direction, until the next one in the other.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: Millis,
    to: Millis,
    change: f64,
}

/// Collects key moments.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    settlement: String,
    scale: f64,
    wallet: Option<f64>,
    stretch: Option<Stretch>,
    rises: Vec<Stretch>,
    falls: Vec<Stretch>,
    feeds: BTreeMap<String, Excursion>,
    liquidation: Option<(Millis, String)>,
    losses: BTreeMap<usize, (Millis, f64)>,
    insolvency: Option<(Millis, f64)>,
    firsts: BTreeMap<usize, (Millis, String)>,
    forks: Vec<(Millis, String)>,
}

impl Story {
    /// A story told in coins of `settlement`, of which one is `scale` smallest units; attackers, if any, begin with `wallet`.
    pub(crate) fn new(settlement: &str, scale: f64, wallet: Option<f64>) -> Self {
        Self {
            settlement: settlement.to_owned(),
            scale,
            wallet,
            stretch: None,
            rises: Vec::new(),
            falls: Vec::new(),
            feeds: BTreeMap::new(),
            liquidation: None,
            losses: BTreeMap::new(),
            insolvency: None,
            firsts: BTreeMap::new(),
            forks: Vec::new(),
        }
    }

    pub(crate) fn see(&mut self, frame: &Frame) {
        for row in 0..frame.rows() {
            match frame.table {
                "world" => self.see_world(frame, row),
                "feeds" => self.see_feed(frame, row),
                "liquidations" if self.liquidation.is_none() => {
                    let (cohort, market) = (text(frame, "cohort", row), text(frame, "market", row));
                    let paid = number(frame, "price", row);
                    let what = format!("first liquidation: an account of `{cohort}` in {market} at {}", price(paid));
                    self.liquidation = Some((time(frame, row), what));
                }
                "events" => {
                    self.see_event(frame, row);
                    self.see_first(frame, row);
                }
                "governance" if text(frame, "what", row) == "set_from_outside" => self.see_fork(frame, row),
                "governance" | "slashes" => self.see_first(frame, row),
                _ => {}
            }
        }
    }

    fn see_world(&mut self, frame: &Frame, row: usize) {
        let at = time(frame, row);
        let solvency = number(frame, "solvency", row);
        if solvency < 0.0 && self.insolvency.is_none() {
            self.insolvency = Some((at, -solvency));
        }
        let wallet = number(frame, "attacker_wallet", row);
        let Some(before) = self.wallet.filter(|_| wallet.is_finite()) else { return };
        self.wallet = Some(wallet);
        let change = wallet - before;
        if change == 0.0 {
            return;
        }
        let movement = Stretch { from: at, to: at, change };
        match &mut self.stretch {
            Some(stretch) if (stretch.change > 0.0) == (change > 0.0) => {
                stretch.to = at;
                stretch.change += change;
            }
            current => {
                let ended = current.replace(movement);
                self.keep(ended);
            }
        }
    }

    fn keep(&mut self, ended: Option<Stretch>) {
        let Some(ended) = ended else { return };
        let largest = if ended.change > 0.0 { &mut self.rises } else { &mut self.falls };
        largest.push(ended);
        largest.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()).then(a.from.cmp(&b.from)));
        largest.truncate(MOVEMENTS);
    }

    fn see_feed(&mut self, frame: &Frame, row: usize) {
        let (at, price) = (time(frame, row), number(frame, "price", row));
        // A feed that has not published has no price yet.
        if !price.is_finite() || price <= 0.0 {
            return;
        }
        let name = text(frame, "feed", row);
        let Some(excursion) = self.feeds.get_mut(name) else {
            let begin = Excursion { first: price, high: (at, price), low: (at, price) };
            self.feeds.insert(name.to_owned(), begin);
            return;
        };
        if price > excursion.high.1 {
            excursion.high = (at, price);
        }
        if price < excursion.low.1 {
            excursion.low = (at, price);
        }
    }

    fn see_event(&mut self, frame: &Frame, row: usize) {
        let what = text(frame, "what", row);
        if let Some(layer) = LAYERS.iter().position(|(word, _)| *word == what) {
            let amount = number(frame, "amount", row) / self.scale;
            if amount < SMALLEST {
                return;
            }
            self.losses.entry(layer).or_insert((time(frame, row), amount));
        }
    }

    /// Notes a parameter that was set from outside, each time: whoever did wants to see it.
    fn see_fork(&mut self, frame: &Frame, row: usize) {
        let value = |column| price(number(frame, column, row));
        let line = format!("{} is set from {} to {}", text(frame, "path", row), value("before"), value("after"));
        self.forks.push((time(frame, row), line + " from outside"));
    }

    /// Notes the first moment of a kind.
    fn see_first(&mut self, frame: &Frame, row: usize) {
        let word = text(frame, "what", row);
        let Some(kind) = FIRSTS.iter().position(|(known, _)| *known == word) else { return };
        let value = |column| price(number(frame, column, row));
        let thing = [text(frame, "proposal", row), text(frame, "thing", row)].concat();
        self.firsts.entry(kind).or_insert_with(|| {
            let line = FIRSTS[kind].1.replace("{who}", text(frame, "cohort", row)).replace("{what}", &thing);
            let line = line.replace("{path}", text(frame, "path", row));
            (time(frame, row), line.replace("{before}", &value("before")).replace("{after}", &value("after")))
        });
    }

    /// The lines, in order of time.
    pub(crate) fn tell(&self) -> Vec<StoryLine> {
        let mut lines: Vec<(Millis, String)> = Vec::new();
        lines
            .extend(self.insolvency.map(|(at, short)| (at, format!("claims exceed assets, by {}", self.coins(short)))));
        lines.extend(self.forks.iter().cloned());
        lines.extend(self.movements());
        lines.extend(self.firsts.values().cloned());
        lines.extend(self.liquidation.clone());
        // Own margin is what it is for: the other layers come first.
        for (layer, (at, amount)) in self.losses.iter().rev() {
            lines.push((*at, format!("{}: {}", LAYERS[*layer].1, self.coins(*amount))));
        }
        lines.extend(self.excursions());
        lines.truncate(MAX_LINES);
        lines.sort_by_key(|(at, _)| *at);
        lines.into_iter().map(|(time_ms, text)| StoryLine { time_ms, text }).collect()
    }

    fn movements(&self) -> Vec<(Millis, String)> {
        let mut known = self.clone();
        known.keep(self.stretch);
        let tell = |stretch: &Stretch| {
            let what = if stretch.change > 0.0 { "receive" } else { "put in" };
            let coins = self.coins(stretch.change.abs());
            let until = if stretch.to > stretch.from { format!(", until {}", Span(stretch.to)) } else { String::new() };
            (stretch.from, format!("attackers {what} {coins}{until}"))
        };
        known.falls.iter().chain(&known.rises).map(tell).collect()
    }

    /// The farthest points of the feeds, the farthest feed first.
    fn excursions(&self) -> Vec<(Millis, String)> {
        let mut far: Vec<(f64, Millis, String)> = Vec::new();
        for (feed, Excursion { first, high, low }) in &self.feeds {
            if high.1 >= FAR * first {
                let times = high.1 / first;
                far.push((
                    times,
                    high.0,
                    format!("feed {feed} peaks at {}, {times:.2}x its first price", price(high.1)),
                ));
            }
            if low.1 * FAR <= *first {
                let times = first / low.1;
                let text = format!("feed {feed} bottoms at {}, 1/{times:.2} of its first price", price(low.1));
                far.push((times, low.0, text));
            }
        }
        far.sort_by(|a, b| b.0.total_cmp(&a.0));
        far.into_iter().map(|(_, at, text)| (at, text)).collect()
    }

    fn coins(&self, amount: f64) -> String {
        format!("{} {}", price(amount), self.settlement)
    }
}

#[cfg(test)]
mod tests {
    use palisade_engine::frame::{Data, Item};

    use super::*;

    fn table(name: &'static str, columns: &[&'static str], rows: &[(i64, &[Item])]) -> Frame {
        let mut frame = Frame::new(name, "").with("time_ms", "", "", Data::Int(Vec::new()));
        for (place, column) in columns.iter().enumerate() {
            let empty = match rows[0].1[place] {
                Item::Text(_) => Data::Text(Vec::new()),
                Item::Int(_) => Data::Int(Vec::new()),
                _ => Data::Float(Vec::new()),
            };
            frame = frame.with(*column, "", "", empty);
        }
        for (time, items) in rows {
            let row: Vec<Item> = std::iter::once(Item::Int(*time)).chain(items.iter().cloned()).collect();
            frame.push(&row);
        }
        frame
    }

    fn told(frames: &[Frame]) -> Vec<String> {
        let mut story = Story::new("USD", 1e6, Some(100.0));
        frames.iter().for_each(|frame| story.see(frame));
        story.tell().into_iter().map(|line| format!("{} {}", line.time_ms, line.text)).collect()
    }

    #[test]
    fn moments_are_told_in_order_of_time() {
        let float = Item::Float;
        let world = table(
            "world",
            &["attacker_wallet", "solvency"],
            &[(1, &[float(100.0), float(5.0)]), (2, &[float(60.0), float(5.0)]), (3, &[float(90.0), float(-2.5)])],
        );
        let feeds = table(
            "feeds",
            &["feed", "price"],
            &[
                (1, &[Item::Text("A".into()), float(0.0)]),
                (2, &[Item::Text("A".into()), float(2.0)]),
                (3, &[Item::Text("A".into()), float(3.0)]),
                (4, &[Item::Text("A".into()), float(1.9)]),
            ],
        );
        let events = table(
            "events",
            &["what", "amount"],
            &[
                (5, &[Item::Text("loss_on_insurance".into()), Item::Int(1_500_000)]),
                (6, &[Item::Text("loss_on_insurance".into()), Item::Int(9)]),
            ],
        );
        assert_eq!(
            told(&[world, feeds, events]),
            [
                "2 attackers put in 40 USD",
                "3 claims exceed assets, by 2.5 USD",
                "3 attackers receive 30 USD",
                "3 feed A peaks at 3, 1.50x its first price",
                "5 the insurance fund bears its first loss: 1.5 USD",
            ]
        );
    }

    #[test]
    fn votes_cuts_and_halts_are_told_once_each() {
        let word = |text: &str| Item::Text(text.into());
        let change = |what: &str| {
            [word(what), word("attacker"), word("proposal 0"), word("a.imr"), Item::Float(1.0), Item::Float(0.02)]
        };
        let (proposed, changed) = (change("proposed"), change("changed"));
        let governance = table(
            "governance",
            &["what", "cohort", "proposal", "path", "before", "after"],
            &[(1, &proposed), (2, &changed), (3, &changed)],
        );
        let slashes = table(
            "slashes",
            &["what", "cohort"],
            &[(4, &[word("cut_for_deviation"), word("nodes")]), (5, &[word("cut_for_deviation"), word("others")])],
        );
        let events =
            table("events", &["what", "thing", "amount"], &[(6, &[word("market_halted"), word("X"), Item::Int(0)])]);
        assert_eq!(
            told(&[governance, slashes, events]),
            [
                "1 a proposal of `attacker` would change a.imr from 1 to 0.02",
                "2 a.imr goes from 1 to 0.02 by vote",
                "4 stake of `nodes` is cut for a report far from the round's price",
                "6 a guardian halts X",
            ]
        );
    }

    #[test]
    fn every_parameter_that_is_set_from_outside_is_told() {
        let word = |text: &str| Item::Text(text.into());
        let row = |path: &str| [word("set_from_outside"), word(path), Item::Float(0.1), Item::Float(0.05)];
        let (fee, margin) = (row("a.fee"), row("a.imr"));
        let governance = table("governance", &["what", "path", "before", "after"], &[(3, &fee), (7, &margin)]);
        assert_eq!(
            told(&[governance]),
            ["3 a.fee is set from 0.1 to 0.05 from outside", "7 a.imr is set from 0.1 to 0.05 from outside"]
        );
    }

    #[test]
    fn a_calm_world_has_no_story() {
        let calm = table("feeds", &["feed", "price"], &[(1, &[Item::Text("A".into()), Item::Float(2.0)])]);
        assert!(told(&[calm]).is_empty());
    }

    #[test]
    fn the_largest_movements_are_told() {
        let steps = [90.0, 70.0, 69.0, 40.0, 41.0, 80.0, 79.0];
        let rows: Vec<(i64, [Item; 1])> = (1..).zip(steps.map(|wallet| [Item::Float(wallet)])).collect();
        let rows: Vec<(i64, &[Item])> = rows.iter().map(|(time, row)| (*time, &row[..])).collect();
        assert_eq!(
            told(&[table("world", &["attacker_wallet"], &rows)]),
            [
                "1 attackers put in 60 USD, until 4ms",
                "5 attackers receive 40 USD, until 6ms",
                "7 attackers put in 1 USD",
            ]
        );
    }
}
