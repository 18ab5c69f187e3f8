//! A tournament: who wins against what, how entrants stand, and what would become of them.

use super::super::games::{At, Estimated, Field, curves, estimates, heat};
use super::super::{Section, Source, Table, TournamentSource, numbers, words};
use crate::frames::FramesError;
use crate::tournament::{Counts, PairingRow, Ranking, TournamentReport};
use crate::words::{amount, compact, count, interval, percent};

fn of(source: &Source) -> Option<&TournamentSource> {
    match source {
        Source::Tournament(source) => Some(source),
        _ => None,
    }
}

pub(super) fn verdict(source: &Source) -> Result<Option<Section>, FramesError> {
    let Some(TournamentSource { report, .. }) = of(source) else { return Ok(None) };
    let Counts { all, done, not_applicable, failed, engine_fault } = report.matches;
    let mut lead = vec![report.verdict.clone()];
    lead.push(format!(
        "{} matches from scenario {}: {} were played to their end, {not_applicable} pairings make no sense, {} failed. All entrants meet the same seeds.",
        count(all),
        report.scenario,
        count(done),
        failed + engine_fault
    ));
    let heads = vec![
        words(""),
        numbers(&format!("mean, {}", report.settlement)),
        numbers("95 % interval"),
        numbers("best pairing"),
        numbers("gained in"),
        numbers("worlds"),
    ];
    let rows = report.standings.iter().map(|standing| {
        vec![
            standing.name.clone(),
            amount(standing.mean),
            interval(standing.interval),
            amount(standing.best),
            if standing.worlds == 0 { "n/a".to_owned() } else { percent(standing.gained) },
            standing.worlds.to_string(),
        ]
    });
    let mut tables = vec![Table { caption: "How entrants stand".into(), heads, rows: rows.collect() }];
    if !report.troubles.is_empty() {
        let heads = vec![words("what"), numbers("matches"), words("message")];
        let rows = report.troubles.iter();
        let rows = rows.map(|t| vec![t.status.word().to_owned(), t.count.to_string(), t.message.clone()]).collect();
        tables.push(Table { caption: "What went wrong".into(), heads, rows });
    }
    Ok(Some(Section { id: "verdict", title: "What came out".into(), lead, tables, ..Section::default() }))
}

/// A heat map for every environment.
pub(super) fn payoffs(source: &Source) -> Result<Option<Section>, FramesError> {
    let Some(TournamentSource { report, .. }) = of(source) else { return Ok(None) };
    if report.format == "population" {
        return Ok(None);
    }
    let is_attack = report.format == "attack";
    let (row, column) = if is_attack { (3, 0) } else { (3, 4) };
    let environment = |pairing: &PairingRow| {
        let axes = (0..pairing.labels.len()).filter(|axis| *axis != row && *axis != column);
        report.place(&pairing.labels, &axes.collect::<Vec<_>>())
    };
    let mut environments: Vec<String> = Vec::new();
    for pairing in &report.pairings {
        if !environments.contains(&environment(pairing)) {
            environments.push(environment(pairing));
        }
    }
    let (rows, columns) = if is_attack { ("attacker", "protocol") } else { ("first", "second") };
    let charts = environments.iter().enumerate().map(|(place, name)| {
        let inside = report.pairings.iter().filter(|pairing| environment(pairing) == *name);
        let fields: Vec<Field> = inside.map(|pairing| field(pairing, (row, column))).collect();
        let title = format!("Mean payoff, {}: {name}", report.settlement);
        let caption = if is_attack {
            "Orange pays the attacker, blue costs it. * leaves out 0; n/a: the protocol lacks what the strategy needs."
        } else {
            "What the first of two gains per agent: orange is gain, blue is loss. * leaves out 0."
        };
        heat(&format!("payoffs-{place}"), (&title, caption), (rows, columns), &fields)
    });
    Ok(Some(Section {
        id: "payoffs",
        title: "Payoffs".into(),
        lead: report.payoffs.iter().map(|(_, doc)| doc.clone()).collect(),
        charts: charts.collect(),
        ..Section::default()
    }))
}

fn field(pairing: &PairingRow, (row, column): (usize, usize)) -> Field {
    let payoff = pairing.payoffs.first();
    let is_sure = payoff.is_some_and(crate::tournament::PayoffRow::is_sure);
    let mean = payoff.map(|payoff| payoff.mean).filter(|mean| mean.is_finite());
    Field {
        row: pairing.labels[row].clone(),
        column: pairing.labels[column].clone(),
        value: mean,
        text: match mean {
            _ if pairing.not_applicable => "n/a".to_owned(),
            None => "-".to_owned(),
            Some(mean) => format!("{}{}", compact(mean), if is_sure { "*" } else { "" }),
        },
        more: interval(payoff.and_then(|payoff| payoff.interval)),
    }
}

pub(super) fn ratings(source: &Source) -> Result<Option<Section>, FramesError> {
    let Some(TournamentSource { ranking: Some(ranking), .. }) = of(source) else { return Ok(None) };
    if ranking.contests == 0 {
        return Ok(None);
    }
    let order = ranking.order();
    let mut charts = Vec::new();
    if let Some(strengths) = &ranking.strengths.found {
        let row = |place: &usize| Estimated {
            name: ranking.entrants[*place].clone(),
            value: strengths.strengths[*place].value,
            interval: strengths.strengths[*place].interval,
        };
        let rows: Vec<Estimated> = order.iter().map(row).collect();
        let caption =
            "Bradley-Terry strengths, which do not depend on the order of matches: one more is odds of 2.7 to 1.";
        charts.push(estimates("strengths", ("Who beats whom", caption), "strength (log odds)", &rows));
    }
    let mut heads = vec![words("")];
    heads.extend(ranking.ratings.iter().map(|system| numbers(system.name)));
    let rows = order.iter().map(|place| {
        let rating = |system: &crate::tournament::SystemRow| {
            let rating = &system.ratings[*place];
            let within = rating.interval.map_or(String::new(), |(low, _)| format!(" ± {:.0}", rating.rating - low));
            format!("{:.0}{within}", rating.rating)
        };
        std::iter::once(ranking.entrants[*place].clone()).chain(ranking.ratings.iter().map(rating)).collect()
    });
    let caption = "Ratings, each on its own scale, ± three deviations".to_owned();
    let tables = vec![Table { caption, heads, rows: rows.collect() }];
    let lead = vec![match ranking.format.as_str() {
        "attack" => "A match is won by an attacker that gains, and by the protocol where none does.".to_owned(),
        _ => "A match is won by the strategy whose agents gain more.".to_owned(),
    }];
    Ok(Some(Section { id: "ratings", title: "Ratings".into(), lead, charts, tables, ..Section::default() }))
}

pub(super) fn equilibria(source: &Source) -> Result<Option<Section>, FramesError> {
    let Some(TournamentSource { ranking: Some(ranking), .. }) = of(source) else { return Ok(None) };
    let mut tables = Vec::new();
    let mut lead = Vec::new();
    if let Some(found) = &ranking.zero_sum.found {
        lead.push(format!(
            "Were the rows' payoff the columns' loss, best play on both sides would be worth {} {} to the rows.",
            amount(found.value),
            ranking.settlement
        ));
        let rows = mixed("rows", &ranking.players, &found.row).chain(mixed("columns", &ranking.others, &found.column));
        let heads = vec![words("side"), words("plays"), numbers("share")];
        tables.push(Table { caption: "Equilibrium of the zero-sum game".into(), heads, rows: rows.collect() });
    }
    if let Some(found) = &ranking.equilibria.found {
        let heads = vec![words("rows"), words("columns"), numbers("to rows"), numbers("to columns")];
        let mix = |names: &[String], shares: &[f64]| {
            mixed("", names, shares).map(|row| format!("{} {}", row[1], row[2])).collect::<Vec<_>>().join(", ")
        };
        let rows = found.profiles.iter().map(|profile| {
            vec![
                mix(&ranking.players, &profile.row),
                mix(&ranking.others, &profile.column),
                amount(profile.to_row),
                amount(profile.to_column),
            ]
        });
        tables.push(Table { caption: "Equilibria with payoffs of both sides".into(), heads, rows: rows.collect() });
    }
    let reasons = [&ranking.zero_sum.why_not, &ranking.equilibria.why_not];
    lead.extend(reasons.into_iter().flatten().map(|why| format!("Not told: {why}.")));
    lead.dedup();
    Ok(Some(Section { id: "equilibria", title: "Equilibria".into(), lead, tables, ..Section::default() }))
}

fn mixed<'a>(side: &'a str, names: &'a [String], shares: &'a [f64]) -> impl Iterator<Item = Vec<String>> + 'a {
    let used = names.iter().zip(shares).filter(|(_, share)| **share >= 5e-4);
    used.map(move |(name, share)| vec![side.to_owned(), name.clone(), percent(*share)])
}

pub(super) fn evolution(source: &Source) -> Result<Option<Section>, FramesError> {
    let Some(TournamentSource { ranking: Some(ranking), .. }) = of(source) else { return Ok(None) };
    let Some(found) = &ranking.alpha_rank.found else { return Ok(None) };
    let bars: Vec<(String, f64)> =
        found.ranking.iter().map(|place| (ranking.players[*place].clone(), found.shares[*place])).collect();
    let caption = "Share of time that a population of 50, which imitates what earns more, spends at each strategy.";
    let mut charts = vec![super::super::chart::bars("alpha-rank", ("Alpha-rank", caption), "share of time", &bars)];
    charts.extend(trajectory(ranking));
    let lead = vec![
        "Payoffs are taken in units of their range. Alpha-rank sees cycles that an equilibrium hides; replicator dynamics start from equal shares."
            .to_owned(),
    ];
    Ok(Some(Section { id: "evolution", title: "Evolution".into(), lead, charts, ..Section::default() }))
}

fn trajectory(ranking: &Ranking) -> Option<super::super::Chart> {
    let moments = ranking.replicator.found.as_ref()?;
    let points: Vec<At> = moments
        .iter()
        .flat_map(|moment| {
            ranking.players.iter().zip(&moment.shares[0]).map(|(name, share)| At {
                x: moment.time,
                value: *share,
                interval: None,
                series: name.clone(),
            })
        })
        .collect();
    let caption = "Shares of a large population in which strategies grow by what they earn over the mean.";
    Some(curves("replicator", ("Replicator dynamics", caption), ("time", "share"), &points))
}

/// The generations of a population that was played.
pub(super) fn generations(source: &Source) -> Result<Option<Section>, FramesError> {
    let Some(TournamentSource { report, .. }) = of(source) else { return Ok(None) };
    if report.shares.is_empty() {
        return Ok(None);
    }
    let charts = report.shares.iter().enumerate().map(|(place, (environment, generations))| {
        let title = format!("Shares by generation: {environment}");
        let caption =
            "Each generation plays worlds with these shares; what earns a higher return becomes more frequent.";
        curves(&format!("shares-{place}"), (&title, caption), ("generation", "share"), &shares(report, generations))
    });
    Ok(Some(Section { id: "generations", title: "Generations".into(), charts: charts.collect(), ..Section::default() }))
}

fn shares(report: &TournamentReport, generations: &[Vec<f64>]) -> Vec<At> {
    let of = |(generation, shares): (usize, &Vec<f64>)| -> Vec<At> {
        #[allow(clippy::cast_precision_loss)]
        let x = generation as f64;
        let at = |(name, share): (&String, &f64)| At { x, value: *share, interval: None, series: name.clone() };
        report.entrants.iter().zip(shares).map(at).collect()
    };
    generations.iter().enumerate().flat_map(of).collect()
}

/// Who met whom on a ladder.
pub(super) fn ladder(source: &Source) -> Result<Option<Section>, FramesError> {
    let Some(TournamentSource { report, .. }) = of(source) else { return Ok(None) };
    if report.meetings.is_empty() {
        return Ok(None);
    }
    let heads = vec![
        numbers("round"),
        words("above"),
        words("below"),
        numbers("below gained more"),
        numbers("95 % interval"),
        words(""),
    ];
    let rows = report.meetings.iter().map(|meeting| {
        vec![
            meeting.round.to_string(),
            report.entrants[meeting.above].clone(),
            report.entrants[meeting.below].clone(),
            amount(meeting.difference),
            interval(meeting.interval),
            if meeting.swapped { "moves up".to_owned() } else { String::new() },
        ]
    });
    let tables = vec![Table { caption: "Neighbors who met".into(), heads, rows: rows.collect() }];
    Ok(Some(Section { id: "ladder", title: "The ladder".into(), tables, ..Section::default() }))
}
