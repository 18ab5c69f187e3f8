//! `palisade stress`: shocks to a state of a scenario, and who would bear them.

use clap::Args;
use palisade_lab::load;
use palisade_lab::stress::{self as lab, Grid, Stressed, Stressing};

use crate::args::{Display, Inputs};
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::{Align, table, wrapped};
use crate::trouble::Trouble;
use crate::watch::Onlooker;
use palisade_lab::words::{amount, counted, percent, time};

#[derive(Args, Debug)]
pub(crate) struct StressArgs {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// Look at the state behind this many steps [default: all of the run]
    #[arg(long, value_name = "STEPS")]
    at: Option<u64>,
    /// Moves of all marks, as ratios: -0.3 is a fall by 30 %
    #[arg(long, value_name = "MOVES", value_delimiter = ',', allow_hyphen_values = true, default_values_t = [-0.5, -0.3, -0.1, 0.1, 0.3, 0.5])]
    price: Vec<f64>,
    /// Depth of the venues on which stake is sold, as a factor
    #[arg(long, value_name = "FACTORS", value_delimiter = ',', default_values_t = [1.0, 0.25])]
    depth: Vec<f64>,
    /// Moves of the prices of staked assets before any is sold, as ratios
    #[arg(long, value_name = "MOVES", value_delimiter = ',', allow_hyphen_values = true, default_values_t = [0.0, -0.5])]
    stake_price: Vec<f64>,
    #[command(flatten)]
    pub(crate) display: Display,
}

pub(crate) fn stress(args: &StressArgs) -> Result<Exit, Trouble> {
    let request = args.inputs.request()?;
    let moved = |name: &str, moves: &[f64]| -> Result<Vec<f64>, Trouble> {
        let factor = |ratio: &f64| {
            let wrong = || Trouble::Usage(format!("--{name} {ratio}: expected a ratio above -1, such as -0.3"));
            (ratio.is_finite() && *ratio > -1.0).then_some(1.0 + ratio).ok_or_else(wrong)
        };
        moves.iter().map(factor).collect()
    };
    if let Some(wrong) = args.depth.iter().find(|depth| !(depth.is_finite() && **depth > 0.0)) {
        return Err(Trouble::Usage(format!("--depth {wrong}: expected a factor above 0, such as 0.25")));
    }
    let grid = Grid {
        prices: moved("price", &args.price)?,
        depths: args.depth.clone(),
        stake_prices: moved("stake-price", &args.stake_price)?,
    };
    let loaded = load::load(&request)?;
    let onlooker = Onlooker::start(&args.display, args.at.or(Some(loaded.steps(&request))))?;
    let stressed = lab::stress(&loaded, &request, (args.at, &grid), &onlooker)?;
    drop(onlooker);
    let paint = Paint::stdout(args.display.color);
    match (args.display.json, args.display.quiet) {
        (true, _) => print_json(&stressed)?,
        (false, true) => print(&wrapped("", &verdict(&stressed)))?,
        (false, false) => print(&full(&stressed, paint))?,
    }
    Ok(Exit::Done)
}

fn verdict(stressed: &Stressed) -> String {
    let Stressed { scenario, settlement, at, time_ms, cells, .. } = stressed;
    let state = format!("{scenario} behind {} ({})", counted(*at, "step"), time(*time_ms));
    let uncovered = cells.iter().filter(|cell| cell.uncovered > 0.0).count();
    let Some(worst) = cells.iter().max_by(|a, b| {
        (a.uncovered, a.deficit).partial_cmp(&(b.uncovered, b.deficit)).unwrap_or(std::cmp::Ordering::Equal)
    }) else {
        return format!("{state}: no shocks");
    };
    if worst.deficit == 0.0 {
        return format!(
            "{state}: no account would owe more than it has under any of {}.",
            counted(cells.len() as u64, "shock")
        );
    }
    format!(
        "{state}: {uncovered} of {} leave losses that no layer covers. The worst of them, marks {} with stake {} and depth × {}, makes {} bankrupt for {} {settlement}, of which {} is covered by nobody.",
        counted(cells.len() as u64, "shock"),
        moved(worst.price),
        moved(worst.stake_price),
        worst.depth,
        counted(u64::from(worst.bankrupt), "account"),
        amount(worst.deficit),
        amount(worst.uncovered),
    )
}

fn moved(factor: f64) -> String {
    let ratio = factor - 1.0;
    if ratio > 0.0 { format!("+{}", percent(ratio)) } else { percent(ratio) }
}

fn full(stressed: &Stressed, paint: Paint) -> String {
    let layers: Vec<String> = stressed
        .cells
        .first()
        .map(|cell| cell.layers.iter().map(|borne| borne.layer.clone()).collect())
        .unwrap_or_default();
    let names: Vec<String> = layers.iter().map(|layer| layer.replace('_', " ")).collect();
    let mut columns = vec![
        ("marks", Align::Right),
        ("depth", Align::Right),
        ("stake", Align::Right),
        ("accounts", Align::Right),
        ("deficit", Align::Right),
    ];
    columns.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
    columns.extend([("uncovered", Align::Right), ("cover 1", Align::Right), ("cover 2", Align::Right)]);
    let row = |cell: &Stressing| {
        let cover = |cover: f64| if cover.is_finite() { format!("{cover:.2}") } else { String::new() };
        let coins = |coins: f64| if coins == 0.0 { "0".to_owned() } else { amount(coins) };
        let mut row = vec![
            moved(cell.price),
            format!("× {}", cell.depth),
            moved(cell.stake_price),
            cell.bankrupt.to_string(),
            coins(cell.deficit),
        ];
        row.extend(cell.layers.iter().map(|borne| coins(borne.amount)));
        row.extend([coins(cell.uncovered), cover(cell.cover_1), cover(cell.cover_2)]);
        row
    };
    let said: String = wrapped("", &verdict(stressed)).lines().map(|line| paint.bold(line) + "\n").collect();
    let (rows, idle) = telling(&stressed.cells);
    let note = "Shocks to the state as it stands: nobody acts on them. Layers in the protocol's order, each with what it would \
                bear; cover 1 and 2 are the insurance fund and what stake would raise, over the largest and the two largest \
                deficits of one agent (CPMI-IOSCO principle 4).";
    let idle = if idle.is_empty() {
        String::new()
    } else {
        wrapped("", &format!("What is the same under every {} is shown once.", idle.join(" and every ")))
    };
    format!("{said}\n{}\n{idle}{}", table(&columns, rows.into_iter().map(row).collect()), wrapped("", note))
}

/// The cells without those that differ from another by a factor that changes nothing, and the names of such factors.
fn telling(cells: &[Stressing]) -> (Vec<&Stressing>, Vec<&'static str>) {
    let Some(first) = cells.first() else { return (Vec::new(), Vec::new()) };
    let (mut kept, mut idle): (Vec<&Stressing>, Vec<&str>) = (cells.iter().collect(), Vec::new());
    for name in ["depth", "price of stake"] {
        let factor = |cell: &Stressing| if name == "depth" { cell.depth } else { cell.stake_price };
        let without = |cell: &Stressing| {
            let mut cell = cell.clone();
            *(if name == "depth" { &mut cell.depth } else { &mut cell.stake_price }) = 1.0;
            format!("{cell:?}")
        };
        let base: Vec<String> =
            kept.iter().filter(|cell| factor(cell) == factor(first)).map(|cell| without(cell)).collect();
        if base.len() < kept.len() && kept.iter().all(|cell| base.contains(&without(cell))) {
            kept.retain(|cell| factor(cell) == factor(first));
            idle.push(name);
        }
    }
    (kept, idle)
}
