//! What stood between the protocol and an attack: the backing of vaults, the margin of each known route, and who holds the
//! stake.

use serde_json::json;

use super::super::chart::{Chart, Lines};
use super::super::{Section, Source, Table, numbers, words};
use super::distinct;
use crate::frames::{FramesError, number, text};
use crate::words::{figure, percent};

pub(super) fn backing(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Run(source) = source else { return Ok(None) };
    let all = source.run.rows_of("SELECT vault, time_ms, cap_ratio, stake_ratio, cover, open_interest, realizable, stressed_deficit FROM vaults WHERE run = 0 ORDER BY step",
    )?;
    let mut charts = Vec::new();
    for (place, vault) in distinct(&all, "vault").into_iter().enumerate() {
        let own: Vec<_> = all.iter().filter(|row| text(row, "vault") == vault).cloned().collect();
        let lines = Lines {
            id: &format!("backing-{}", place),
            title: &format!("Backing of vault {vault}"),
            caption: "Market value of the staked asset and stake over the open interest they guarantee, and what stake would raise over the loss of a stressed move; below 1 it is not enough.",
            unit: "ratio",
            fields: &[
                ("cap_ratio", "market value ÷ open interest"),
                ("stake_ratio", "stake ÷ open interest"),
                ("cover", "stressed cover"),
            ],
            rule: Some((1.0, "1")),
            log: false,
        };
        charts.extend(lines.of(&own));
    }
    let lead = vec!["Of the first world, measured after every step.".to_owned()];
    Ok((!charts.is_empty()).then(|| Section {
        id: "backing",
        title: "Backing".into(),
        lead,
        charts,
        ..Section::default()
    }))
}

pub(super) fn margin(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Run(source) = source else { return Ok(None) };
    let world = source.run.rows_of("SELECT time_ms, value_at_risk, oracle_majority_cost, oracle_bribe_cost, quorum_cost, venue_push_cost FROM world WHERE run = 0 ORDER BY step",
    )?;
    let lines = Lines {
        id: "margin",
        title: "Cost of the known routes and the value at risk",
        caption: "What an attack by each route would lose on the way, beside what it could take. Where a line lies below the value at risk, that route would pay if nothing else stopped it.",
        unit: "coins",
        fields: &[
            ("value_at_risk", "value at risk"),
            ("oracle_majority_cost", "buy half of the oracle's stake"),
            ("oracle_bribe_cost", "bribe half of it"),
            ("quorum_cost", "buy a quorum of votes"),
            ("venue_push_cost", "push the venues"),
        ],
        rule: None,
        log: false,
    };
    let Some(chart) = lines.of(&world) else { return Ok(None) };
    let mut rows_of = Vec::new();
    if let Some(first) = world.first() {
        for (name, label) in &lines.fields[1..] {
            let (cost, risk) = (number(first, name), number(first, "value_at_risk"));
            if cost.is_finite() {
                rows_of.push(vec![
                    (*label).to_owned(),
                    figure(cost, "coins"),
                    figure(risk, "coins"),
                    figure(cost - risk, "coins"),
                ]);
            }
        }
    }
    let heads = vec![words("route"), numbers("lost on the way"), numbers("value at risk"), numbers("security margin")];
    let tables = vec![Table {
        caption: "Security margin behind the first step: negative means the route would pay".into(),
        heads,
        rows: rows_of,
    }];
    let lead = vec!["Bounds for these routes alone, from the depth there was; other routes are not priced, and none of this rules an attack out.".to_owned()];
    Ok(Some(Section {
        id: "margin",
        title: "Security margin by route".into(),
        lead,
        charts: vec![chart],
        tables,
        ..Section::default()
    }))
}

/// Shares of stake from the largest holder down.
struct Shares {
    vault: String,
    shares: Vec<f64>,
}

impl Shares {
    /// 0 when all hold alike, towards 1 when one holds all.
    #[allow(clippy::cast_precision_loss)]
    fn gini(&self) -> f64 {
        let n = self.shares.len() as f64;
        // From the largest down, the k-th of n weighs n + 1 − 2k.
        let weighted: f64 = self.shares.iter().enumerate().map(|(k, share)| (n - 1.0 - 2.0 * k as f64) * share).sum();
        weighted / n
    }

    /// The fewest holders with more than a share together (Nakamoto coefficient).
    fn fewest(&self, above: f64) -> usize {
        let mut sum = 0.0;
        self.shares
            .iter()
            .take_while(|share| {
                let more = sum <= above;
                sum += **share;
                more
            })
            .count()
    }
}

pub(super) fn concentration(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Run(source) = source else { return Ok(None) };
    let all = source
        .run
        .rows_of("SELECT vault, cohort, stake FROM holdings WHERE run = 0 AND stake > 0 ORDER BY vault, stake DESC")?;
    let mut vaults: Vec<Shares> = Vec::new();
    for vault in distinct(&all, "vault") {
        let stakes: Vec<f64> =
            all.iter().filter(|row| text(row, "vault") == vault).map(|row| number(row, "stake")).collect();
        let total: f64 = stakes.iter().sum();
        vaults.push(Shares { vault, shares: stakes.into_iter().map(|stake| stake / total).collect() });
    }
    if vaults.is_empty() {
        return Ok(None);
    }
    #[allow(clippy::cast_precision_loss)]
    let curve = |vault: &Shares| {
        let n = vault.shares.len() as f64;
        let mut sum = 0.0;
        let points = vault.shares.iter().enumerate().map(|(k, share)| {
            sum += share;
            json!({"h": (k + 1) as f64 / n, "s": sum, "v": vault.vault})
        });
        std::iter::once(json!({"h": 0.0, "s": 0.0, "v": vault.vault})).chain(points).collect::<Vec<_>>()
    };
    let points: Vec<_> = vaults.iter().flat_map(curve).collect();
    let axis = |title: &str| json!({"type": "quantitative", "title": title, "axis": {"format": "%"}, "scale": {"domain": [0, 1]}});
    let with = |mut axis: serde_json::Value, field: &str| {
        axis["field"] = json!(field);
        axis
    };
    let spec = json!({
        "height": 240,
        "layer": [
            {"data": {"values": points}, "mark": {"type": "line", "point": {"size": 30}},
             "encoding": {"x": with(axis("share of holders, the largest first"), "h"), "y": with(axis("share of stake"), "s"), "color": {"field": "v", "type": "nominal"}}},
            {"data": {"values": [{"y": 0.5}]}, "mark": {"type": "rule", "strokeDash": [2, 3]}, "encoding": {"y": {"field": "y", "type": "quantitative"}}},
        ],
    });
    let chart = Chart::new(
        "concentration-curve",
        "Concentration of stake",
        "How much of the stake the largest holders have together at the end of the first world; the dashed line is a half.",
        &spec,
    );
    let heads = vec![
        words("vault"),
        numbers("holders"),
        numbers("largest"),
        numbers("Gini"),
        numbers("fewest for > 1/3"),
        numbers("fewest for > 1/2"),
    ];
    let rows = vaults.iter().map(|vault| {
        vec![
            vault.vault.clone(),
            vault.shares.len().to_string(),
            percent(vault.shares.first().copied().unwrap_or(0.0)),
            format!("{:.3}", vault.gini().abs()),
            vault.fewest(1.0 / 3.0).to_string(),
            vault.fewest(0.5).to_string(),
        ]
    });
    let tables = vec![Table {
        caption:
            "Stake by vault: Gini coefficient, and the fewest holders with more than a share (Nakamoto coefficient)"
                .into(),
        heads,
        rows: rows.collect(),
    }];
    Ok(Some(Section {
        id: "concentration",
        title: "Who holds the stake".into(),
        charts: vec![chart],
        tables,
        ..Section::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shares: &[f64], gini: f64, fewest: (usize, usize)) {
        let shares = Shares { vault: String::new(), shares: shares.to_vec() };
        assert!((shares.gini() - gini).abs() < 1e-12, "{}", shares.gini());
        assert_eq!((shares.fewest(1.0 / 3.0), shares.fewest(0.5)), fewest);
    }

    /// By hand: the mean difference of 0.4, 0.3, 0.2 and 0.1 over twice their mean is 0.25.
    #[test]
    fn concentration_is_that_of_small_cases() {
        check(&[0.25; 4], 0.0, (2, 3));
        check(&[1.0, 0.0, 0.0, 0.0], 0.75, (1, 1));
        check(&[0.4, 0.3, 0.2, 0.1], 0.25, (1, 2));
    }
}
