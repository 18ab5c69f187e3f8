//! `palisade threshold`: where along one value of a scenario a condition begins to hold.

use clap::Args;
use palisade_lab::load::RunRequest;
use palisade_lab::threshold::{self as lab, Found, Search, Threshold, Verdict};

use crate::args::{Display, Inputs};
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::{Align, table, wrapped};
use crate::trouble::Trouble;
use crate::watch::Onlooker;
use palisade_lab::words::{counted, near};

#[derive(Args, Debug)]
#[command(after_help = "Example: the smallest quorum at which the attack stops paying:\n  \
    palisade threshold quorum_capture --vary protocol.governance.quorum --from 0.01 --to 0.5 --until \"attack_profitable == 0\"\n\n\
    Exit codes: 0 every seed has a threshold, 1 some have none between the ends, 2 bad input or usage, 130 interrupted.")]
pub(crate) struct ThresholdArgs {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// The value to move, by its dotted path
    #[arg(long, value_name = "PATH")]
    vary: String,
    /// Where to begin: the condition should not hold there
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    from: f64,
    /// Where to end; below --from to go down
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    to: f64,
    /// The condition on outcomes, such as "attack_profitable == 0"
    #[arg(long, value_name = "EXPR")]
    until: String,
    /// How many seeds, each with a threshold of its own, counted up from --seed
    #[arg(long, value_name = "K", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    seeds: u32,
    /// Stop after this many steps
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Pieces into which the way is cut before the piece with the threshold is halved
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pieces: u32,
    /// How near the two sides of a threshold must come, as a share of the way
    #[arg(long, value_name = "SHARE", default_value_t = 0.001)]
    precision: f64,
    #[command(flatten)]
    pub(crate) display: Display,
}

pub(crate) fn threshold(args: &ThresholdArgs) -> Result<Exit, Trouble> {
    if !(args.precision > 0.0 && args.precision < 1.0) {
        return Err(Trouble::Usage(format!("--precision {}: expected a share between 0 and 1", args.precision)));
    }
    let request = RunRequest { seeds: args.seeds, steps: args.steps, ..args.inputs.request()? };
    let search = Search {
        path: args.vary.clone(),
        from: args.from,
        to: args.to,
        until: args.until.clone(),
        pieces: args.pieces,
        precision: args.precision,
    };
    let onlooker = Onlooker::start(&args.display, None)?;
    let found = lab::threshold(&request, &search, &onlooker)?;
    drop(onlooker);
    let paint = Paint::stdout(args.display.color);
    match (args.display.json, args.display.quiet) {
        (true, _) => print_json(&found)?,
        (false, true) => print(&wrapped("", &verdict(&found)))?,
        (false, false) => print(&full(&found, paint))?,
    }
    let all = found.seeds.len() == found.crossed as usize;
    Ok(if found.interrupted {
        Exit::Interrupted
    } else if all {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn verdict(found: &Threshold) -> String {
    let Threshold { path, until, from, to, median, .. } = found;
    let with = |wanted: Verdict| found.seeds.iter().filter(|seed| seed.verdict == wanted).count();
    let (from_start, never) = (with(Verdict::HoldsFromTheStart), with(Verdict::NeverHolds));
    let seeds = counted(found.seeds.len() as u64, "seed");
    let place = |value: f64| match (value.is_finite(), (value > 0.0) == (to > from)) {
        (true, _) => near(value, found.resolution),
        (false, true) => format!("beyond {to}"),
        (false, false) => format!("before {from}"),
    };
    let mut text = match (never == found.seeds.len(), from_start == found.seeds.len()) {
        (true, _) => format!("`{until}` holds nowhere that was looked at between {from} and {to}, in any of {seeds}."),
        (_, true) => format!("`{until}` holds at {path} = {from} already, in all of {seeds}: begin where it does not."),
        _ => {
            let interval = found.interval.map_or_else(
                || " (too few seeds for an interval: 6 are needed)".to_owned(),
                |(low, high)| format!(" (95 % interval {} to {})", place(low), place(high)),
            );
            format!(
                "In the median seed `{until}` begins to hold at {path} = {}{interval}, to within {}; {} of {seeds} have a threshold between {from} and {to}.",
                place(*median),
                near(found.resolution, found.resolution / 10.0),
                found.crossed
            )
        }
    };
    if found.crossed > 0 {
        for (count, what) in [(from_start, "it holds from the start"), (never, "it holds nowhere that was looked at")] {
            if count > 0 {
                text += &format!(" In {count}, {what}.");
            }
        }
    }
    if found.wavering > 0 {
        text += &format!(
            " In {} it ceases to hold again along the way: a value beyond where it begins is not safe by itself.",
            counted(u64::from(found.wavering), "seed")
        );
    }
    text
}

fn full(found: &Threshold, paint: Paint) -> String {
    let columns = [
        ("seed", Align::Right),
        ("does not hold at", Align::Right),
        ("holds at", Align::Right),
        ("turns", Align::Right),
        ("", Align::Left),
    ];
    let resolution = found.resolution;
    let row = |Found { seed, verdict, below, above, turns, .. }: &Found| {
        let value = |value: &Option<f64>| value.map(|value| near(value, resolution / 10.0)).unwrap_or_default();
        let word = match verdict {
            Verdict::Begins => "",
            Verdict::HoldsFromTheStart => "holds from the start",
            Verdict::NeverHolds => "holds nowhere that was looked at",
        };
        vec![seed.to_string(), value(below), value(above), turns.to_string(), word.to_owned()]
    };
    let said: String = wrapped("", &verdict(found)).lines().map(|line| paint.bold(line) + "\n").collect();
    let worlds = counted(u64::from(found.worlds), "world");
    format!("{said}\n{}\n{worlds} run.\n", table(&columns, found.seeds.iter().map(row).collect()))
}
