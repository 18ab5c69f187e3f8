//! The attack over time: money of the attackers, solvency, and the key moments.

use super::super::chart::Lines;
use super::super::{Section, Source, Table, numbers, words};
use crate::frames::FramesError;
use crate::words::{money, signed, time};

pub(super) fn timeline(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Run(source) = source else { return Ok(None) };
    let report = &source.report;
    let mut charts = Vec::new();
    if report.first.attack.is_some() {
        let world = source.run.rows_of(
            "SELECT time_ms, attacker_wallet, attacker_paper_profit, solvency FROM world WHERE run = 0 ORDER BY step",
        )?;
        let lines = Lines {
            id: "attack-money",
            title: "The attackers' money and the protocol's",
            caption: "Settlement coins in the attackers' wallets, unrealized profit of their positions, and assets of the protocol minus all claims on it.",
            unit: "coins",
            fields: &[
                ("attacker_wallet", "attackers' wallets"),
                ("attacker_paper_profit", "attackers' paper profit"),
                ("solvency", "protocol: assets minus claims"),
            ],
            rule: Some((0.0, "")),
            log: false,
        };
        charts.extend(lines.of(&world));
    }
    let moments = report.first.story.iter().map(|line| vec![time(line.time_ms), line.text.clone()]).collect::<Vec<_>>();
    let mut tables = Vec::new();
    if !moments.is_empty() {
        let heads = vec![numbers("time"), words("what happened")];
        tables.push(Table { caption: "Key moments of the first world".into(), heads, rows: moments });
    }
    let lead = report.first.attack.iter().map(|attack| {
        format!(
            "In the first world attackers had put in {} {asset} at most, {} came back, and they kept {} net; everyone else lost {} beyond what the same world without them costs.",
            money(attack.outlay),
            money(attack.gross),
            signed(attack.net),
            money(attack.loss_caused),
            asset = report.settlement,
        )
    });
    let title = if report.first.attack.is_some() { "The attack over time" } else { "What happened" };
    let lead = lead.collect();
    let is_empty = charts.is_empty() && tables.is_empty();
    Ok((!is_empty).then(|| Section { id: "timeline", title: title.into(), lead, charts, tables, ..Section::default() }))
}
