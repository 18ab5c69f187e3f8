//! The course of a world: what enabled what happened, what was taken, what it set off, and which layers paid.

use super::{Sentence, Telling, at, said};
use crate::frames::{FramesError, Row, number, text, whole};
use crate::words::{NEGLIGIBLE, amount, counted, exact, price as price_of, signed, time};

/// Events of losses, and who bears them.
pub(super) const LAYERS: [(&str, &str); 6] = [
    ("loss_on_margin", "the bankrupt's own margin"),
    ("loss_on_insurance", "the insurance fund"),
    ("loss_on_stake", "stake"),
    ("loss_on_winners", "winners, by auto-deleveraging"),
    ("loss_socialized", "depositors and solvent accounts"),
    ("loss_written_off", "nobody"),
];

/// How far a published price must be from what its sources say for that to be told, as a ratio.
const APART: f64 = 0.05;
/// How far a price must move over the run.
const FAR: f64 = 0.25;

impl Telling<'_> {
    pub(super) fn course(&self) -> Result<Vec<Sentence>, FramesError> {
        let mut told = Vec::new();
        told.extend(self.votes()?);
        told.extend(self.offences()?);
        told.extend(self.prices()?);
        told.extend(self.attackers()?);
        told.extend(self.liquidations()?);
        told.extend(self.layers()?);
        // What happened in a step stands where it happened; what holds for the whole comes behind.
        told.sort_by_key(|sentence| sentence.step.unwrap_or(u64::MAX));
        told.extend(self.balance()?);
        Ok(told)
    }

    /// Parameters that votes changed, and those that were set from outside.
    fn votes(&self) -> Result<Vec<Sentence>, FramesError> {
        let rows = self.rows("SELECT step, time_ms, what, cohort, proposal, path, before, after FROM governance WHERE {} AND what IN ('changed', 'set_from_outside') ORDER BY step")?;
        let sentence = |row: &Row| {
            let change = format!(
                "{} from {} to {}",
                text(row, "path"),
                exact(number(row, "before")),
                exact(number(row, "after"))
            );
            let text = match text(row, "what") {
                "changed" => format!(
                    "The vote on {} changed {change}; `{}` put it into force.",
                    text(row, "proposal"),
                    text(row, "cohort")
                ),
                _ => format!("`--set-at` changed {change}."),
            };
            at(row, text)
        };
        Ok(rows.iter().map(sentence).collect())
    }

    /// Stake cut for offences.
    fn offences(&self) -> Result<Vec<Sentence>, FramesError> {
        let rows = self.rows("SELECT MIN(step) AS step, MIN(time_ms) AS time_ms, what, cohort, COUNT(*) AS times FROM slashes WHERE {} GROUP BY what, cohort ORDER BY step")?;
        let sentence = |row: &Row| {
            let why = text(row, "what").replace('_', " ");
            let whose = match text(row, "cohort") {
                "" => String::new(),
                cohort => format!(" of `{cohort}`"),
            };
            at(row, format!("Stake{whose} was {why}, {} in all.", counted(whole(row, "times"), "time")))
        };
        Ok(rows.iter().map(sentence).collect())
    }

    /// Feeds that went far, and those that published something else than their sources said.
    fn prices(&self) -> Result<Vec<Sentence>, FramesError> {
        let rows = self.rows(
            "SELECT feed, step, time_ms, price, reference FROM feeds WHERE {} AND price > 0 ORDER BY feed, step",
        )?;
        let mut told = Vec::new();
        for feed in rows.chunk_by(|a, b| text(a, "feed") == text(b, "feed")) {
            let Some(first) = feed.first() else { continue };
            let (name, start) = (text(first, "feed"), number(first, "price"));
            let by_price = |a: &&Row, b: &&Row| number(a, "price").total_cmp(&number(b, "price"));
            for (row, word) in
                [(feed.iter().rev().max_by(by_price), "highest"), (feed.iter().min_by(by_price), "lowest")]
            {
                let Some(row) = row.filter(|row| (number(row, "price") / start - 1.0).abs() >= FAR) else { continue };
                let price = number(row, "price");
                told.push(at(
                    row,
                    format!(
                        "The feed {name} was at its {word}, {}: {} times its first price.",
                        price_of(price),
                        amount(price / start)
                    ),
                ));
            }
            let apart = |row: &&Row| (number(row, "price") / number(row, "reference") - 1.0).abs() >= APART;
            let (times, first_apart) = (feed.iter().filter(apart).count(), feed.iter().find(apart));
            if let Some(row) = first_apart {
                let text = format!(
                    "The feed {name} published {} where its sources said {}; it was that far from them in {}.",
                    price_of(number(row, "price")),
                    price_of(number(row, "reference")),
                    counted(times as u64, "step")
                );
                told.push(at(row, text));
            }
        }
        Ok(told)
    }

    /// Money of the attackers going in and coming back.
    fn attackers(&self) -> Result<Vec<Sentence>, FramesError> {
        let figures = self.rows(
            "SELECT attacker_outlay, attacker_gross, attacker_bought, position_notional, withdrawn FROM runs WHERE {}",
        )?;
        let Some(figures) = figures.first() else { return Ok(Vec::new()) };
        let (outlay, gross) = (number(figures, "attacker_outlay"), number(figures, "attacker_gross"));
        let mut told = Vec::new();
        if outlay < NEGLIGIBLE && gross < NEGLIGIBLE {
            return Ok(told);
        }
        let wallets = self.rows(
            "SELECT step, time_ms, attacker_wallet AS w, attacker_paper_profit AS p FROM world WHERE {} ORDER BY step",
        )?;
        let by = |name: &'static str| move |a: &&Row, b: &&Row| number(a, name).total_cmp(&number(b, name));
        if let Some(low) = wallets.iter().min_by(by("w")) {
            let mut how = Vec::new();
            let bought = number(figures, "attacker_bought");
            if bought >= NEGLIGIBLE {
                how.push(format!("{} of it spent on venues", self.money(bought)));
            }
            let notional = number(figures, "position_notional");
            if notional >= NEGLIGIBLE {
                how.push(format!("behind a position entered for {}", self.money(notional)));
            }
            let how = if how.is_empty() { String::new() } else { format!(", {}", how.join(", ")) };
            told.push(at(low, format!("By here attackers had put in {}{how}.", self.money(outlay))));
        }
        if let Some(peak) = wallets.iter().rev().max_by(by("p")).filter(|row| number(row, "p") >= NEGLIGIBLE) {
            told.push(at(
                peak,
                format!(
                    "Their profit on paper was at its largest at the end of a step, {}.",
                    self.money(number(peak, "p"))
                ),
            ));
        }
        // Of what came before the last coin was put in, nothing has come back.
        let behind = wallets.iter().rposition(|row| wallets.iter().all(|other| number(row, "w") <= number(other, "w")));
        let behind = wallets.get(behind.unwrap_or_default()..).unwrap_or_default();
        if let Some(high) = behind.iter().rev().max_by(by("w")).filter(|_| gross >= NEGLIGIBLE) {
            let withdrawn = number(figures, "withdrawn");
            let how = if withdrawn >= NEGLIGIBLE {
                format!(", {} of it withdrawn from margin accounts", self.money(withdrawn))
            } else {
                String::new()
            };
            told.push(at(high, format!("By here {} had come back to them{how}.", self.money(gross))));
        }
        if self.run.manifest().tables.contains_key("trades") {
            let sql = "SELECT MIN(t.step) AS step, MIN(t.time_ms) AS time_ms, t.what AS what, t.thing AS thing, COUNT(*) AS times FROM trades AS t \
                       JOIN agents AS a ON t.agent = a.agent AND t.seed = a.seed WHERE t.{} AND a.role = 'attacker' GROUP BY t.what, t.thing ORDER BY step";
            for row in self.rows(sql)? {
                let (what, thing) = (text(&row, "what"), text(&row, "thing"));
                let what = match what {
                    "bought" | "sold" => format!("{what} on {thing}"),
                    _ => format!("{what} a position in {thing}"),
                };
                told.push(at(
                    &row,
                    format!("Attackers {what} for the first time; {} in all.", counted(whole(&row, "times"), "time")),
                ));
            }
        }
        Ok(told)
    }

    /// Liquidations, and how long they went on in a row.
    fn liquidations(&self) -> Result<Vec<Sentence>, FramesError> {
        let rows = self.rows("SELECT market, step, MIN(time_ms) AS time_ms, COUNT(*) AS times, COUNT(DISTINCT account) AS accounts, MIN(price) AS low FROM liquidations WHERE {} GROUP BY market, step ORDER BY market, step")?;
        let mut told = Vec::new();
        for market in rows.chunk_by(|a, b| text(a, "market") == text(b, "market")) {
            let Some(first) = market.first() else { continue };
            let chains = market.chunk_by(|a, b| whole(b, "step") == whole(a, "step") + 1);
            let longest = chains.map(<[Row]>::len).max().unwrap_or_default();
            let times: u64 = market.iter().map(|row| whole(row, "times")).sum();
            let mut text = format!(
                "The first liquidation in {} was at {}; there were {} in all",
                text(first, "market"),
                price_of(number(first, "low")),
                times
            );
            if longest > 1 {
                text += &format!(", up to {longest} steps in a row");
            }
            told.push(at(first, text + "."));
        }
        Ok(told)
    }

    /// Which layers paid, from when on.
    fn layers(&self) -> Result<Vec<Sentence>, FramesError> {
        let rows = self.rows("SELECT what, MIN(step) AS step, MIN(time_ms) AS time_ms, SUM(amount) AS amount, COUNT(DISTINCT account) AS accounts FROM events WHERE {} AND account >= 0 GROUP BY what")?;
        let mut told = Vec::new();
        for (what, who) in LAYERS {
            let Some(row) = rows.iter().find(|row| text(row, "what") == what) else { continue };
            let of = counted(whole(row, "accounts"), "account");
            let sum = self.coins(number(row, "amount"));
            let text = match what {
                "loss_written_off" => format!("From here on losses of {of} were covered by nobody: {sum} in all."),
                _ => format!("From here on {who} bore losses of {of}: {sum} in all."),
            };
            told.push(at(row, text));
        }
        Ok(told)
    }

    /// Who is poorer and who is richer, and whether claims are covered.
    fn balance(&self) -> Result<Vec<Sentence>, FramesError> {
        let groups = self.rows("SELECT \"group\" AS name, role, \"end\" - start AS change, without_attack FROM groups WHERE {} ORDER BY change")?;
        let named = |row: &Row| {
            let change = signed(number(row, "change"));
            let without = number(row, "without_attack");
            let without = if without.is_finite() && without.abs() >= NEGLIGIBLE {
                format!(" (without the attack {})", signed(without))
            } else {
                String::new()
            };
            format!("{} {change}{without}", text(row, "name"))
        };
        let mut told = Vec::new();
        let losers: Vec<String> =
            groups.iter().filter(|row| number(row, "change") <= -NEGLIGIBLE).take(4).map(named).collect();
        let winners: Vec<String> =
            groups.iter().rev().filter(|row| number(row, "change") >= NEGLIGIBLE).take(4).map(named).collect();
        if !losers.is_empty() {
            told.push(said(format!("Who paid, in {}: {}.", self.coin, losers.join(", "))));
        }
        if !winners.is_empty() {
            told.push(said(format!("Who gained: {}.", winners.join(", "))));
        }
        let world = self.rows("SELECT step, time_ms, solvency FROM world WHERE {} ORDER BY step")?;
        let first = world.iter().find(|row| number(row, "solvency") < 0.0);
        if let (Some(first), Some(last)) = (first, world.last()) {
            let end = number(last, "solvency");
            let end =
                if end < 0.0 { format!("{} short", self.money(-end)) } else { format!("{} ahead", self.money(end)) };
            told.push(said(format!(
                "Claims exceeded assets for the first time at step {} ({}); at the end the protocol was {end}.",
                whole(first, "step"),
                time(whole(first, "time_ms"))
            )));
        }
        Ok(told)
    }
}
