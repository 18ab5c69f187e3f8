//! One agent, one liquidation, one proposal, and losses account by account.

use super::cause::LAYERS;
use super::{Sentence, Telling, at, literal, said};
use crate::frames::{FramesError, Row, number, text, whole};
use crate::source::suggestion;
use crate::words::{counted, exact, price, spoken, time};

/// Accounts whose losses are told one by one.
const ACCOUNTS: usize = 10;
/// Moments of an agent that are told one by one.
const MOMENTS: usize = 40;

impl Telling<'_> {
    pub(super) fn losses(&self) -> Result<Vec<Sentence>, FramesError> {
        let rows = self.rows("SELECT account, MIN(agent) AS agent, MIN(cohort) AS cohort, step, MIN(time_ms) AS time_ms, what, SUM(amount) AS amount FROM events WHERE {} AND account >= 0 GROUP BY account, step, what ORDER BY step, account")?;
        // The first layer is what the accounts had themselves.
        let is_loss = |row: &&Row| LAYERS.iter().skip(1).any(|(what, _)| *what == text(row, "what"));
        let losses: Vec<Row> = rows.iter().filter(is_loss).cloned().collect();
        let mut told = Vec::new();
        let mut accounts: Vec<&[Row]> = losses
            .chunk_by(|a, b| whole(a, "step") == whole(b, "step") && number(a, "account") == number(b, "account"))
            .collect();
        let sum = |rows: &[Row]| rows.iter().map(|row| number(row, "amount")).sum::<f64>();
        let all: f64 = accounts.iter().map(|rows| sum(rows)).sum();
        let total = accounts.len();
        accounts.sort_by(|a, b| sum(b).total_cmp(&sum(a)));
        for rows in accounts.into_iter().take(ACCOUNTS) {
            let Some(first) = rows.first() else { continue };
            let layer = |(what, who): &(&str, &str)| {
                let borne: f64 =
                    rows.iter().filter(|row| text(row, "what") == *what).map(|row| number(row, "amount")).sum();
                (borne != 0.0).then(|| format!("{who} {}", self.coins(borne)))
            };
            let borne: Vec<String> = LAYERS.iter().skip(1).filter_map(layer).collect();
            let text = format!(
                "Account {} of agent {} (`{}`) was resolved for {}: {}.",
                number(first, "account"),
                number(first, "agent"),
                text(first, "cohort"),
                self.coins(sum(rows)),
                borne.join(", ")
            );
            told.push(at(first, text));
        }
        if told.is_empty() {
            told.push(said("No account owed more than it had.".to_owned()));
        } else if total > ACCOUNTS {
            let rest = total - ACCOUNTS;
            told.push(said(format!(
                "{} with smaller losses are left out. All losses together: {}.",
                counted(rest as u64, "account"),
                self.coins(all)
            )));
        }
        Ok(told)
    }

    pub(super) fn agent(&self, agent: u32) -> Result<(String, Vec<Sentence>), FramesError> {
        let rows = self.rows(&format!("SELECT cohort, role, worth FROM agents WHERE {{}} AND agent = {agent}"))?;
        let Some(row) = rows.first() else {
            let count = self.rows("SELECT COUNT(*) AS n FROM agents WHERE {}")?;
            let last = count.first().map_or(0, |row| whole(row, "n")).saturating_sub(1);
            return Err(FramesError::Unknown {
                what: "agent",
                name: agent.to_string(),
                help: Some(format!("they are 0 to {last}")),
            });
        };
        let title = format!("Agent {agent} of `{}`, {}", text(row, "cohort"), text(row, "role"));
        let mut told = Vec::new();
        let has = |table: &str| self.run.manifest().tables.contains_key(table);
        if has("trades") {
            for row in self.rows(&format!("SELECT step, time_ms, what, thing, account, size, price, cost FROM trades WHERE {{}} AND agent = {agent} ORDER BY step"))? {
                let what = text(&row, "what");
                let paid = price(number(&row, "price"));
                let thing = text(&row, "thing");
                let text = match what {
                    "bought" | "sold" => format!("It {what} on {thing} at {paid}."),
                    _ => format!("It {what} a position in {thing} at {paid}, for {}.", self.coins(number(&row, "cost").abs())),
                };
                told.push(at(&row, text));
            }
        }
        for row in self.rows(&format!("SELECT step, time_ms, what, market, account, price, amount FROM liquidations WHERE {{}} AND agent = {agent} ORDER BY step"))? {
            let text = format!("Its account {} was {} in {} at {}.", number(&row, "account"), spoken(text(&row, "what")), text(&row, "market"), price(number(&row, "price")));
            told.push(at(&row, text));
        }
        for row in self.rows(&format!(
            "SELECT step, time_ms, choice, proposal FROM votes WHERE {{}} AND agent = {agent} ORDER BY step"
        ))? {
            told.push(at(&row, format!("It voted {} on {}.", text(&row, "choice"), text(&row, "proposal"))));
        }
        for row in self.rows(&format!(
            "SELECT step, time_ms, what, vault FROM stakes WHERE {{}} AND agent = {agent} ORDER BY step"
        ))? {
            told.push(at(&row, format!("Its stake in {}: {}.", text(&row, "vault"), spoken(text(&row, "what")))));
        }
        for row in self.rows(&format!(
            "SELECT step, time_ms, what, stake, vault FROM slashes WHERE {{}} AND agent = {agent} ORDER BY step"
        ))? {
            told.push(at(&row, format!("Its stake in {} was {}.", text(&row, "vault"), spoken(text(&row, "what")))));
        }
        for row in self.rows(&format!("SELECT step, time_ms, hook, place, message FROM faults WHERE {{}} AND agent = {agent} ORDER BY step LIMIT 5"))? {
            told.push(at(&row, format!("Its script failed in `{}`: {}: {}", text(&row, "hook"), text(&row, "place"), text(&row, "message"))));
        }
        told.sort_by_key(|sentence| sentence.step);
        let left = told.len().saturating_sub(MOMENTS);
        told.truncate(MOMENTS);
        if left > 0 {
            told.push(said(format!("{} are left out.", counted(left as u64, "later moment"))));
        }
        told.push(said(format!("At the end it was worth {}.", self.money(number(row, "worth")))));
        Ok((title, told))
    }

    pub(super) fn liquidation(&self, place: usize) -> Result<(String, Vec<Sentence>), FramesError> {
        let all = self.rows("SELECT step, time_ms, what, agent, cohort, account, market, size, price, amount FROM liquidations WHERE {}")?;
        let Some(row) = all.get(place) else {
            let help = match all.len() {
                0 => "there was none in this world".to_owned(),
                many => format!("they are 0 to {}", many - 1),
            };
            return Err(FramesError::Unknown { what: "liquidation", name: place.to_string(), help: Some(help) });
        };
        let (market, step) = (text(row, "market"), whole(row, "step"));
        let title = format!(
            "Liquidation {place}: account {} of agent {} (`{}`)",
            number(row, "account"),
            number(row, "agent"),
            text(row, "cohort")
        );
        let mut told = Vec::new();
        let marks = self.rows(&format!("SELECT step, time_ms, mark, \"index\", margin_factor FROM markets WHERE {{}} AND market = {} AND mark > 0 AND step <= {step} ORDER BY step", literal(market)))?;
        let now = marks.last();
        let before =
            marks.iter().rev().skip(1).find(|mark| now.is_some_and(|now| number(mark, "mark") != number(now, "mark")));
        if let (Some(now), Some(before)) = (now, before) {
            let (from, to) = (number(before, "mark"), number(now, "mark"));
            told.push(at(
                before,
                format!(
                    "{market} was last marked at {}; by the step of the liquidation it was {} ({:+.1} %).",
                    price(from),
                    price(to),
                    100.0 * (to / from - 1.0)
                ),
            ));
            let index = number(now, "index");
            if index.is_finite() && (to / index - 1.0).abs() > 0.01 {
                told.push(at(
                    now,
                    format!(
                        "What the feed's sources said was {}: the mark stood {:+.1} % from it.",
                        price(index),
                        100.0 * (to / index - 1.0)
                    ),
                ));
            }
        }
        let changes = self.rows(&format!("SELECT step, time_ms, what, path, before, after FROM governance WHERE {{}} AND what IN ('changed', 'set_from_outside') AND step <= {step} ORDER BY step"))?;
        for change in changes.iter().filter(|change| {
            text(change, "path").contains(market) || text(change, "path").starts_with("protocol.liquidation")
        }) {
            let who = if text(change, "what") == "changed" { "A vote" } else { "`--set-at`" };
            told.push(at(
                change,
                format!(
                    "{who} had changed {} from {} to {}.",
                    text(change, "path"),
                    exact(number(change, "before")),
                    exact(number(change, "after"))
                ),
            ));
        }
        told.push(at(
            row,
            format!(
                "It was {} at {}, for {}.",
                spoken(text(row, "what")),
                price(number(row, "price")),
                self.coins(number(row, "amount").abs())
            ),
        ));
        told.sort_by_key(|sentence| sentence.step);
        let account = number(row, "account");
        let losses = self.rows(&format!("SELECT step, time_ms, what, SUM(amount) AS amount FROM events WHERE {{}} AND account = {account} AND step >= {step} GROUP BY step, time_ms, what ORDER BY step"))?;
        for loss in &losses {
            if let Some((_, who)) = LAYERS.iter().find(|(what, _)| *what == text(loss, "what")) {
                told.push(at(
                    loss,
                    format!(
                        "What the account owed beyond its margin was borne by {who}: {}.",
                        self.coins(number(loss, "amount"))
                    ),
                ));
            }
        }
        let others: Vec<&Row> = all
            .iter()
            .enumerate()
            .filter(|(other, row)| *other != place && text(row, "market") == market)
            .map(|(_, row)| row)
            .collect();
        let mut last = step;
        let mut set_off = 0;
        for other in others.iter().filter(|other| whole(other, "step") >= step) {
            if whole(other, "step") > last + 1 {
                break;
            }
            last = whole(other, "step");
            set_off += 1;
        }
        let text = match set_off {
            0 => "No other liquidation in the market followed without a pause.".to_owned(),
            n => format!(
                "{} in the market went on with it, without a pause up to step {last}.",
                counted(n, "other liquidation")
            ),
        };
        told.push(said(text));
        Ok((title, told))
    }

    pub(super) fn proposal(&self, name: &str) -> Result<(String, Vec<Sentence>), FramesError> {
        let all = self.rows(
            "SELECT step, time_ms, what, cohort, proposal, path, before, after FROM governance WHERE {} ORDER BY step",
        )?;
        let mut names: Vec<String> = Vec::new();
        for row in &all {
            let proposal = text(row, "proposal");
            if !proposal.is_empty() && !names.iter().any(|known| known == proposal) {
                names.push(proposal.to_owned());
            }
        }
        let found = names.iter().find(|known| *known == name).or_else(|| names.get(name.parse::<usize>().ok()?));
        let Some(proposal) = found.cloned() else {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let help = suggestion(name, &known).or_else(|| Some("there was none in this world".to_owned()));
            return Err(FramesError::Unknown { what: "proposal", name: name.to_owned(), help });
        };
        let mut told = Vec::new();
        for row in all.iter().filter(|row| text(row, "proposal") == proposal) {
            // Of other moments the tables name the proposer, who had no part in them.
            let who = match (text(row, "what"), text(row, "cohort")) {
                (_, "") => String::new(),
                ("proposed" | "changed" | "executed" | "vetoed", cohort) => format!(" by `{cohort}`"),
                _ => String::new(),
            };
            let change = match text(row, "path") {
                "" => String::new(),
                path => format!(": {path} from {} to {}", exact(number(row, "before")), exact(number(row, "after"))),
            };
            told.push(at(row, format!("It was {}{who}{change}.", spoken(text(row, "what")))));
        }
        let votes = self.rows(&format!("SELECT cohort, choice, COUNT(*) AS voters, SUM(weight) AS weight, MIN(step) AS step, MIN(time_ms) AS time_ms FROM votes WHERE {{}} AND proposal = {} GROUP BY cohort, choice ORDER BY weight DESC", literal(&proposal)))?;
        let all_weight: f64 = votes.iter().map(|row| number(row, "weight")).sum();
        for row in &votes {
            let text = format!(
                "{} of `{}` voted {} from here on, with {:.1} % of the weight cast.",
                counted(whole(row, "voters"), "agent"),
                text(row, "cohort"),
                text(row, "choice"),
                100.0 * number(row, "weight") / all_weight
            );
            told.push(at(row, text));
        }
        told.sort_by_key(|sentence| sentence.step);
        let changed = all
            .iter()
            .filter(|row| text(row, "proposal") == proposal && text(row, "what") == "changed")
            .map(|row| whole(row, "step"))
            .min();
        if let Some(step) = changed {
            let behind = self.rows(&format!("SELECT MIN(step) AS step, MIN(time_ms) AS time_ms, COUNT(*) AS n FROM liquidations WHERE {{}} AND step >= {step}"))?;
            if let Some(row) = behind.first().filter(|row| whole(row, "n") > 0) {
                told.push(said(format!(
                    "Behind it came {}, the first at step {} ({}).",
                    counted(whole(row, "n"), "liquidation"),
                    whole(row, "step"),
                    time(whole(row, "time_ms"))
                )));
            }
            let wallets = self.rows(&format!(
                "SELECT step, attacker_wallet AS w FROM world WHERE {{}} AND step >= {step} ORDER BY step"
            ))?;
            if let (Some(first), Some(last)) = (wallets.first(), wallets.last()) {
                let gain = number(last, "w") - number(first, "w");
                if gain.abs() >= 1.0 {
                    told.push(said(format!(
                        "From there to the end the attackers' wallets changed by {} {}.",
                        crate::words::signed(gain),
                        self.coin
                    )));
                }
            }
        }
        Ok((format!("Proposal {proposal}"), told))
    }
}
