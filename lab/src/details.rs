//! The details of one world for the report: groups with their paired change, flows, refusals, faults, the attack and
//! the protocol's solvency.

use std::collections::BTreeMap;

use palisade_engine::Simulation;
use palisade_engine::domain::Cohorts;
use palisade_engine::frame::Frame;
use palisade_engine::mechanism::Assets;
use palisade_engine::scenario::Role;
use palisade_engine::valuation::{DEPOSITS, ESCROW, INSURANCE, POOL, vault_group};

use crate::assemble::{LIQUIDITY, OUTSIDE};
use crate::report::{Attack, FaultPlace, Faults, FlowRow, GroupRow, RefusalRow, Solvency};
use crate::session::Played;
use crate::track::{count, number, text};

/// The most places of faults that a report lists.
const MAX_PLACES: usize = 20;
/// The most places that are told apart while a world runs.
const MAX_SEEN: usize = 4096;

/// Every group with what it was worth; `paired` is the same world without attackers.
pub(crate) fn groups(played: &Played, paired: Option<&Played>) -> Vec<GroupRow> {
    let change_without = |name: &str| {
        let find = |worth: &[(String, f64)]| worth.iter().find(|(known, _)| known == name).map(|(_, worth)| *worth);
        paired.and_then(|paired| Some(find(&paired.end)? - find(&paired.start)?))
    };
    let row = |((group, start), (_, end)): (&(String, f64), &(String, f64))| {
        let (change, without_attack) = (end - start, change_without(group));
        GroupRow {
            group: group.clone(),
            role: role(&played.simulation, group),
            start: *start,
            end: *end,
            change,
            without_attack,
            caused: without_attack.map(|without| change - without),
        }
    };
    played.start.iter().zip(&played.end).map(row).collect()
}

fn role(simulation: &Simulation, group: &str) -> String {
    let cohorts = &simulation.world().resource::<Cohorts>().0;
    let cohort = cohorts.iter().find(|cohort| cohort.name == group);
    let party = match group {
        POOL | INSURANCE | OUTSIDE | ESCROW => group,
        DEPOSITS => DEPOSITS,
        _ if group.starts_with(LIQUIDITY) => LIQUIDITY.trim_end(),
        _ if group.starts_with(&vault_group("")) => "vault",
        _ => "",
    };
    cohort.map_or(party, |cohort| cohort.role.name()).to_owned()
}

/// What everyone but the attackers lost beyond the paired world: 0 when nothing was paired.
pub(crate) fn loss_caused(groups: &[GroupRow]) -> f64 {
    let others = groups.iter().filter(|group| group.role != Role::Attacker.name());
    // Subtracted from 0 so that no loss is 0 and not −0.
    0.0 - others.filter_map(|group| group.caused).sum::<f64>()
}

/// The rows of the closing `flows` table between different groups, in coins.
pub(crate) fn flows(simulation: &Simulation, frame: &Frame) -> Vec<FlowRow> {
    let assets = simulation.world().resource::<Assets>();
    let row = |row: usize| {
        let asset = text(frame, "asset", row);
        let scale = assets.find(asset).map_or(1.0, |asset| assets.scale(asset));
        FlowRow {
            from: text(frame, "from", row).to_owned(),
            to: text(frame, "to", row).to_owned(),
            reason: text(frame, "reason", row).to_owned(),
            asset: asset.to_owned(),
            amount: number(frame, "amount", row) / scale,
        }
    };
    (0..frame.rows()).map(row).filter(|flow| flow.from != flow.to).collect()
}

/// The rows of the closing `refusals` table, most frequent first.
pub(crate) fn refusals(frame: &Frame) -> Vec<RefusalRow> {
    let row = |row: usize| RefusalRow {
        cohort: text(frame, "cohort", row).to_owned(),
        action: text(frame, "action", row).to_owned(),
        reason: text(frame, "reason", row).to_owned(),
        count: count(frame, "count", row),
    };
    let mut rows: Vec<RefusalRow> = (0..frame.rows()).map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows
}

/// Counts faults by place as rows go by.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultCount {
    places: BTreeMap<String, (String, u64)>,
}

impl FaultCount {
    pub(crate) fn see(&mut self, frame: &Frame) {
        if frame.table != "faults" {
            return;
        }
        for row in 0..frame.rows() {
            let place = text(frame, "place", row);
            if let Some((_, count)) = self.places.get_mut(place) {
                *count += 1;
            } else if self.places.len() < MAX_SEEN {
                self.places.insert(place.to_owned(), (text(frame, "message", row).to_owned(), 1));
            }
        }
    }

    /// All faults of a world that has ended.
    pub(crate) fn faults(&self, simulation: &Simulation) -> Faults {
        let place = |(place, (message, count)): (&String, &(String, u64))| FaultPlace {
            place: place.clone(),
            message: message.clone(),
            count: *count,
        };
        let mut places: Vec<FaultPlace> = self.places.iter().map(place).collect();
        places.sort_by_key(|place| std::cmp::Reverse(place.count));
        places.truncate(MAX_PLACES);
        Faults { count: simulation.fault_count(), places, benched: simulation.benched() }
    }
}

fn outcome(simulation: &Simulation, name: &str) -> f64 {
    simulation.outcome(name).unwrap_or(f64::NAN)
}

/// What attackers put in, got out and caused.
pub(crate) fn attack(simulation: &Simulation, loss_caused: f64) -> Attack {
    let read = |name| outcome(simulation, name);
    Attack {
        outlay: read("attacker_outlay"),
        gross: read("attacker_gross"),
        net: read("attacker_net"),
        withdrawn: read("withdrawn"),
        peak_paper_profit: read("peak_paper_profit"),
        loss_caused,
    }
}

/// Whether claims are covered at the end, and who bore losses.
pub(crate) fn solvency(simulation: &Simulation) -> Solvency {
    let read = |name| outcome(simulation, name);
    Solvency {
        assets_minus_claims: read("solvency"),
        insolvent: read("insolvent") != 0.0,
        deficits: read("deficits"),
        insurance_paid: read("insurance_paid"),
        stake_paid: read("stake_paid"),
        deleveraged: read("deleveraged"),
        socialized: read("socialized"),
        written_off: read("written_off"),
    }
}

#[cfg(test)]
mod tests {
    use palisade_engine::frame::{Data, Item};

    use super::*;

    fn group(role: &str, caused: Option<f64>) -> GroupRow {
        let (start, end, change) = (0.0, 0.0, 0.0);
        GroupRow { group: role.into(), role: role.into(), start, end, change, without_attack: None, caused }
    }

    #[test]
    fn what_attackers_gain_is_no_loss_caused() {
        let groups = [group("trader", Some(-5.0)), group("pool", Some(2.0)), group("attacker", Some(9.0))];
        assert_eq!(loss_caused(&groups), 3.0);
        assert_eq!(loss_caused(&[group("trader", None)]).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn refusals_are_sorted_by_their_number() {
        let mut frame = Frame::new("refusals", "")
            .with("cohort", "", "", Data::Text(Vec::new()))
            .with("action", "", "", Data::Text(Vec::new()))
            .with("reason", "", "", Data::Text(Vec::new()))
            .with("count", "", "", Data::Int(Vec::new()));
        for (cohort, count) in [("a", 1), ("b", 3)] {
            let word = |text: &str| Item::Text(text.into());
            frame.push(&[word(cohort), word("open"), word("overflow"), Item::Int(count)]);
        }
        let counts: Vec<_> = refusals(&frame).iter().map(|row| (row.cohort.clone(), row.count)).collect();
        assert_eq!(counts, [("b".to_owned(), 3), ("a".to_owned(), 1)]);
    }
}
