//! What a hunt found: the plan, what it brings in each world, and how to check it.

use super::super::chart::dots;
use super::super::{Section, Source, Table, numbers, words};
use crate::frames::FramesError;
use crate::hunt::Certificate;
use crate::words::{amount, counted, exact};

pub(super) fn finding(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Hunt(found) = source else { return Ok(None) };
    let Certificate { name, settlement, unit, evaluations, found_on, capital_cost, worlds, .. } = &**found;
    let coins = |units: i64| in_coins(units, *unit);
    let interval = found.interval.map(|(low, high)| format!(" (95 % interval {} to {})", amount(low), amount(high)));
    let mean = format!("{} {settlement}{}", amount(coins(found.expected_profit)), interval.unwrap_or_default());
    let looked = format!("{evaluations} plans on {}", counted(found_on.len() as u64, "seed"));
    let verdict = match found.found {
        true => {
            format!("An attack on {name} that pays: {mean} on average, found within {looked} and judged on others.")
        }
        false => {
            format!("None found within {looked}: the best plan makes {mean}. That is no proof that there is none.")
        }
    };
    let lead = vec![
        verdict,
        format!(
            "Profit is all that attackers hold at the end less all they held at the start, both sold at the depth of venues, less {capital_cost} a year on what was put in, against the same seed without them."
        ),
    ];
    let values: Vec<f64> = worlds.iter().map(|world| coins(world.profit)).collect();
    let groups = [("profit".to_owned(), values)];
    let caption = "Each line a world, the diamond their median.";
    let charts = vec![dots("hunt-worlds", ("Profit in every world", caption), settlement, &groups)];
    let plan = found.parameters.iter().map(|(name, value)| vec![name.clone(), exact(*value)]).collect();
    let per_world = worlds.iter().map(|world| {
        let of = |units: i64| amount(coins(units));
        vec![world.seed.to_string(), of(world.profit), of(world.outlay), of(world.loss_caused)]
    });
    let scripts = found.scripts.iter();
    let scripts = scripts.map(|script| vec![script.cohort.clone(), script.strategy.clone(), script.hash.clone()]);
    let tables = vec![
        Table { caption: "The plan".into(), heads: vec![words("parameter"), numbers("value")], rows: plan },
        Table {
            caption: format!("World by world, {settlement}"),
            heads: vec![numbers("seed"), numbers("profit"), numbers("put in"), numbers("others lost")],
            rows: per_world.collect(),
        },
        Table {
            caption: "What attackers play".into(),
            heads: vec![words("cohort"), words("strategy"), words("digest")],
            rows: scripts.collect(),
        },
    ];
    Ok(Some(Section { id: "finding", title: "What was found".into(), lead, charts, tables, ..Section::default() }))
}

#[allow(clippy::cast_precision_loss)]
fn in_coins(units: i64, unit: f64) -> f64 {
    units as f64 / unit
}
