//! `palisade hunt`: the parameters of an attacker's script searched for an attack that pays, judged on other seeds than those
//! of the search, with what it still needs, what would stop it, and a certificate that `verify` checks.

use std::path::{Path, PathBuf};

use clap::Args;
use palisade_lab::hunt::{
    self as lab, Capital, Certificate, Choice, Defence, DefenceVerdict, Hunt, Hunting, Judged, Scale, Scope, Way,
};
use palisade_lab::load::RunRequest;
use serde::Serialize;

use crate::args::{Display, Inputs};
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::{Align, table, wrapped};
use crate::trouble::Trouble;
use crate::watch::Onlooker;
use palisade_lab::words::{counted, exact, money, percent, signed};

#[derive(Args, Debug)]
#[command(
    after_help = "Example: the best thin-market push against the scenario as it is, and under one of its counterfactuals:\n  \
    palisade hunt thin_market\n  \
    palisade hunt thin_market --set protocol.markets.THIN-PERP.unrealized_weight=0\n\n\
    Exit codes: 0 done, whatever was found, 1 --fail-if-found and an attack that pays, 2 bad input or usage, 130 interrupted."
)]
pub(crate) struct HuntArgs {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// The attackers' script, or a strategy of the library by name [default: what the scenario's attackers play]
    #[arg(long, value_name = "FILE|NAME")]
    attacker: Option<PathBuf>,
    /// How many plans to look at, at most
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    budget: u32,
    /// On how many seeds plans are searched, counted up from --seed
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    seeds: u32,
    /// On how many seeds behind those the best plans are judged
    #[arg(long, value_name = "K", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    held_out: u32,
    /// Stop each world after this many steps
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Search these parameters only
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    params: Vec<String>,
    /// Keep a parameter at a value; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = fixed)]
    fix: Vec<(String, f64)>,
    /// Search a parameter between two values; may be repeated
    #[arg(long, value_name = "NAME=LOW..HIGH", value_parser = range)]
    range: Vec<(String, f64, f64)>,
    /// What capital costs, as a share of the most that attackers have put in, a year
    #[arg(long, value_name = "RATE", default_value_t = 0.1)]
    capital_cost: f64,
    /// A defence whose break-even is looked for, from where it is to its tightest value or between two values; may be
    /// repeated [default: the single numbers of the scenario's counterfactuals]
    #[arg(long, value_name = "PATH[=FROM..TO]", value_parser = defence)]
    defence: Vec<Way>,
    /// Look for the best plan alone: neither for the smallest capital nor for what would stop it
    #[arg(long, conflicts_with = "defence")]
    plan_only: bool,
    /// Where to write the certificate of the best plan, which must be a new file [default: a new hunt_NAME.json when it pays]
    #[arg(long, value_name = "FILE", conflicts_with = "no_certificate")]
    certificate: Option<PathBuf>,
    /// Write no certificate
    #[arg(long)]
    no_certificate: bool,
    /// Exit with 1 when an attack is found that pays
    #[arg(long)]
    fail_if_found: bool,
    #[command(flatten)]
    pub(crate) display: Display,
}

/// A hunt with the certificate that was written.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    hunt: &'a Hunt,
    certificate: Option<String>,
}

pub(crate) fn hunt(args: &HuntArgs) -> Result<Exit, Trouble> {
    let (request, hunting) = args.request()?;
    if let Some(taken) = args.certificate.as_ref().filter(|path| path.exists() || path.is_symlink()) {
        return Err(Trouble::Usage(format!("{}: exists already, and is not written over", taken.display())));
    }
    let onlooker = Onlooker::start(&args.display, None)?;
    let (hunt, certificate) = lab::hunt(&request, &hunting, &onlooker)?;
    drop(onlooker);
    let written = match certificate {
        Some(certificate) => args.write(&hunt, &certificate)?,
        None => None,
    };
    let certificate = written.map(|path| path.display().to_string());
    let paint = Paint::stdout(args.display.color);
    match (args.display.json, args.display.quiet) {
        (true, _) => print_json(&Told { hunt: &hunt, certificate })?,
        (false, true) => print(&format!("{}{}", wrapped("", &verdict(&hunt)), ending(&hunt, certificate.as_deref())))?,
        (false, false) => print(&full(&hunt, certificate.as_deref(), paint))?,
    }
    Ok(match (hunt.interrupted, hunt.found && args.fail_if_found) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    })
}

impl HuntArgs {
    fn request(&self) -> Result<(RunRequest, Hunting), Trouble> {
        let mut request = RunRequest { seeds: self.seeds, steps: self.steps, ..self.inputs.request()? };
        let attacker = match &self.attacker {
            Some(file) if file.extension().is_some_and(|extension| extension == "rhai") => {
                if !file.is_file() {
                    return Err(Trouble::Usage(format!("--attacker {}: no such file", file.display())));
                }
                if !request.scripts.iter().any(|folder| file.starts_with(folder)) {
                    request.scripts.push(file.clone());
                }
                file.file_stem().map(|stem| stem.to_string_lossy().into_owned())
            }
            name => name.as_ref().map(|name| name.display().to_string()),
        };
        let choice =
            Choice { attacker, params: self.params.clone(), fixed: self.fix.clone(), ranges: self.range.clone() };
        let hunting = Hunting {
            choice,
            budget: self.budget,
            held_out: self.held_out,
            capital_cost: self.capital_cost,
            defences: self.defence.clone(),
            scope: if self.plan_only { Scope::Plan } else { Scope::Whole },
        };
        Ok((request, hunting))
    }

    /// Writes the certificate where it was asked for; of a plan that pays, into a new file unless it was refused.
    fn write(&self, hunt: &Hunt, certificate: &Certificate) -> Result<Option<PathBuf>, Trouble> {
        let path = match &self.certificate {
            Some(path) => path.clone(),
            None if hunt.found && !self.no_certificate => free(&hunt.scenario),
            None => return Ok(None),
        };
        certificate.write(&path).map_err(|error| Trouble::Usage(error.to_string()))?;
        Ok(Some(path))
    }
}

/// The first name for a certificate that is free.
fn free(scenario: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let stem: String = scenario.chars().map(plain).collect();
    let name =
        |number: u32| if number == 1 { format!("hunt_{stem}.json") } else { format!("hunt_{stem}_{number}.json") };
    let taken = |name: &String| Path::new(name).exists() || Path::new(name).is_symlink();
    (1..).map(name).find(|name| !taken(name)).map_or_else(PathBuf::new, PathBuf::from)
}

fn fixed(text: &str) -> Result<(String, f64), String> {
    let wrong = || "expected NAME=VALUE".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    Ok((name.to_owned(), number(value).ok_or_else(wrong)?))
}

fn range(text: &str) -> Result<(String, f64, f64), String> {
    let wrong = || "expected NAME=LOW..HIGH".to_owned();
    let (name, ends) = text.split_once('=').ok_or_else(wrong)?;
    let (low, high) = two(ends).ok_or_else(wrong)?;
    Ok((name.to_owned(), low, high))
}

fn defence(text: &str) -> Result<Way, String> {
    match text.split_once('=') {
        None => Ok(Way { path: text.to_owned(), ends: None }),
        Some((path, ends)) => {
            let ends = two(ends).ok_or_else(|| "expected PATH or PATH=FROM..TO".to_owned())?;
            Ok(Way { path: path.to_owned(), ends: Some(ends) })
        }
    }
}

fn two(text: &str) -> Option<(f64, f64)> {
    let (low, high) = text.split_once("..")?;
    Some((number(low)?, number(high)?))
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

fn verdict(hunt: &Hunt) -> String {
    let settlement = &hunt.settlement;
    let looked =
        format!("{} on {}", counted(u64::from(hunt.evaluations), "plan"), counted(hunt.seeds.len() as u64, "seed"));
    let Hunt { best, .. } = hunt;
    let Some(mean) = best.mean else {
        let found = best.found_at.map_or_else(
            || "none could be played".to_owned(),
            |profit| format!("the best made {} {settlement} a world there", signed(profit)),
        );
        let early = if hunt.interrupted { "Interrupted" } else { "Nothing could be judged" };
        return format!("{early} after {looked}: {found}, and was not judged on held-out seeds.");
    };
    let interval = best
        .interval
        .map_or_else(String::new, |(low, high)| format!(" (95 % interval {} to {})", signed(low), signed(high)));
    let held_out = counted(hunt.held_out.len() as u64, "held-out seed");
    let mut text = if hunt.found {
        let outlay = best.outlay.map_or_else(String::new, |outlay| format!(", with {} put in", money(outlay)));
        format!(
            "An attack that pays: {} {settlement} a world on {held_out}{interval}{outlay}, found among {looked}.",
            signed(mean)
        )
    } else {
        format!(
            "None found within {looked}: the best plan makes {} {settlement} a world on {held_out}{interval}. That is no proof that there is none.",
            signed(mean)
        )
    };
    if hunt.interrupted {
        text += " Interrupted before all was looked at.";
    }
    text
}

fn full(hunt: &Hunt, certificate: Option<&str>, paint: Paint) -> String {
    let mut text: String = wrapped("", &verdict(hunt)).lines().map(|line| paint.bold(line) + "\n").collect();
    for (title, lines) in [
        ("The plan", plan(hunt)),
        (&format!("Profit a world ({}), with all that is left sold at depth", hunt.settlement), profits(hunt)),
        (
            "The smallest capital that still pays",
            hunt.capital.as_ref().map_or_else(String::new, |found| capital(hunt, found)),
        ),
        ("What would stop this plan", defences(hunt)),
    ] {
        if !lines.is_empty() {
            text += &format!("\n{}\n{lines}", paint.bold(title));
        }
    }
    format!("{text}\n{}", ending(hunt, certificate))
}

fn ending(hunt: &Hunt, certificate: Option<&str>) -> String {
    let certificate = certificate.map_or_else(String::new, |path| {
        format!("certificate: {path}\ncheck: palisade verify {}\n", palisade_lab::shell_word(path))
    });
    format!("{certificate}reproduce: {}\n", hunt.command)
}

fn plan(hunt: &Hunt) -> String {
    let columns = [
        ("parameter", Align::Name),
        ("searched", Align::Right),
        ("by", Align::Name),
        ("began with", Align::Right),
        ("best", Align::Right),
        ("", Align::Left),
    ];
    let row = |(place, variable): (usize, &lab::Variable)| {
        let scale = match variable.scale {
            Scale::Linear => "differences",
            Scale::Log => "ratios",
        };
        let best = hunt.best.plan.get(place).map_or_else(String::new, |value| exact(*value));
        vec![
            variable.name.clone(),
            format!("{} to {}", short(variable.low), short(variable.high)),
            scale.to_owned(),
            exact(variable.start),
            best,
            variable.doc.clone(),
        ]
    };
    let attackers = hunt
        .attackers
        .iter()
        .map(|attacker| format!("{} plays {} ({})", attacker.cohort, attacker.strategy, attacker.file));
    let mut text = wrapped("  ", &attackers.collect::<Vec<_>>().join("; "));
    text += &table(&columns, hunt.searched.iter().enumerate().map(row).collect());
    if !hunt.still.is_empty() {
        let still = hunt.still.iter().map(|still| format!("{} = {} ({})", still.name, exact(still.value), still.why));
        text += &wrapped("  Not searched: ", &still.collect::<Vec<_>>().join(", "));
    }
    text
}

/// A bound of a search, which need not be told to the last digit.
fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 1e6 || (size > 0.0 && size < 1e-3) { format!("{value:.2e}") } else { exact((value * 1e3).round() / 1e3) }
}

fn profits(hunt: &Hunt) -> String {
    let columns = [
        ("plan", Align::Name),
        ("in the search", Align::Right),
        ("held out", Align::Right),
        ("95 % interval", Align::Right),
        ("lowest", Align::Right),
        ("highest", Align::Right),
        ("put in", Align::Right),
    ];
    let row = |name: &str, judged: &Judged| {
        let number = |value: Option<f64>| value.map_or_else(|| "n/a".to_owned(), signed);
        let interval = judged.interval.map(|(low, high)| format!("{} … {}", signed(low), signed(high)));
        vec![
            name.to_owned(),
            number(judged.found_at),
            number(judged.mean),
            interval.unwrap_or_default(),
            number(judged.lowest),
            number(judged.highest),
            judged.outlay.map_or_else(|| "n/a".to_owned(), money),
        ]
    };
    let mut text = table(&columns, vec![row("best", &hunt.best), row("began with", &hunt.start)]);
    if let Some(loss) = hunt.best.loss_caused {
        let caused = format!("Others lose {} {} a world by the best plan.", money(loss), hunt.settlement);
        text += &wrapped("  ", &caused);
    }
    let judged = match hunt.judged {
        0 => String::new(),
        judged => format!("; the intervals of all {judged} judged plans hold together in 95 % of cases"),
    };
    let note = format!(
        "Net of capital at {} a year on what is put in, and of what the attackers' holdings gain without an attack{judged}.",
        percent(hunt.capital_cost)
    );
    text += &wrapped("  ", &note);
    text
}

fn capital(hunt: &Hunt, found: &Capital) -> String {
    let settlement = &hunt.settlement;
    let mut text = format!(
        "{} {settlement}, {} of what attackers start with, still pays {} {settlement} a world",
        money(found.wallets),
        share(found.share),
        signed(found.profit)
    );
    text += &match found.fails_at {
        Some(share) => format!("; {} does not.", money(found.wallets / found.share * share)),
        None => ", and less was not looked at.".to_owned(),
    };
    if found.wavers {
        text += " Between that and all of it the plan pays here and not there.";
    }
    wrapped("  ", &(text + " Every amount of the plan shrinks along; an attacker who searched again could need less."))
}

/// A share with as many digits as small ones need.
fn share(share: f64) -> String {
    if share >= 0.01 { percent(share) } else { format!("{} %", exact((share * 1e5).round() / 1e3)) }
}

fn defences(hunt: &Hunt) -> String {
    // Where no defence was to be looked at, none was left out either.
    if hunt.capital.is_none() {
        return String::new();
    }
    let columns = [
        ("defence", Align::Left),
        ("now", Align::Right),
        ("up to", Align::Right),
        ("pays at", Align::Right),
        ("stops at", Align::Right),
        ("profit at end", Align::Right),
        ("", Align::Left),
    ];
    let row = |defence: &Defence| {
        let value = |value: Option<f64>| value.map(exact).unwrap_or_default();
        let word = match (defence.verdict, defence.wavers) {
            (DefenceVerdict::DoesNotReach, _) => "does not reach",
            (DefenceVerdict::NeverPays, _) => "stops it at once",
            (DefenceVerdict::BreaksEven, true) => "and pays again",
            (DefenceVerdict::BreaksEven, false) => "",
        };
        vec![
            crate::verify::narrow(&defence.path),
            exact(defence.from),
            exact(defence.to),
            value(defence.pays_at),
            value(defence.stops_at),
            defence.profit_at_end.map_or_else(|| "n/a".to_owned(), signed),
            word.to_owned(),
        ]
    };
    let mut text = table(&columns, hunt.defences.iter().map(row).collect());
    if !hunt.unsearched.is_empty() {
        text += &wrapped("  No single number: ", &hunt.unsearched.join("; "));
    }
    if !hunt.defences.is_empty() {
        let note = "The plan stays as it is while a defence moves: an attacker who searched again could do better.";
        text += &wrapped("  ", note);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_command_line_are_read() {
        assert_eq!(fixed("push=1e6"), Ok(("push".to_owned(), 1e6)));
        assert_eq!(range("push=0..2.5"), Ok(("push".to_owned(), 0.0, 2.5)));
        assert_eq!(defence("a.b"), Ok(Way { path: "a.b".to_owned(), ends: None }));
        assert_eq!(defence("a.b=0.1..0.5"), Ok(Way { path: "a.b".to_owned(), ends: Some((0.1, 0.5)) }));
        assert!(
            fixed("push").is_err() && range("push=1").is_err() && defence("a=b").is_err() && fixed("a=inf").is_err()
        );
    }

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        assert_eq!((share(0.5).as_str(), share(0.001).as_str()), ("50.0 %", "0.1 %"));
        assert_eq!((short(0.0).as_str(), short(4.83e10).as_str(), short(0.04).as_str()), ("0", "4.83e10", "0.04"));
    }
}
