//! `palisade verify`: a scenario against its own expectations and counterfactuals. Inputs and fitted figures are shown
//! but do not score: only what was predicted can be missed. A hunt's certificate is played again and compared to the unit.

use palisade_lab::hunt::{Certificate, Checked, Compared};
use palisade_lab::load::RunRequest;
use palisade_lab::verify::{self as lab, Counterfactual, Expected, Kind, Verification};

use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::{Align, table, wrapped};
use crate::trouble::Trouble;
use crate::watch::Onlooker;
use palisade_lab::words::{counted, figure};

/// How much of a path fits a line of the counterfactuals.
const PATH_WIDTH: usize = 28;

pub(crate) fn verify(args: &VerifyArgs) -> Result<Exit, Trouble> {
    let request = args.inputs.request()?;
    let certificate = Certificate::open(&request.scenario).map_err(|error| Trouble::Usage(error.to_string()))?;
    if let Some(certificate) = certificate {
        return check(&certificate, &request, args);
    }
    let onlooker = Onlooker::start(&args.display, None)?;
    let verification = lab::verify(&request, &onlooker)?;
    drop(onlooker);
    let paint = Paint::stdout(args.display.color);
    match (args.display.json, args.display.quiet) {
        (true, _) => print_json(&verification)?,
        (false, true) => print(&format!("{}\n", paint.bold(&verdict(&verification))))?,
        (false, false) => print(&full(&verification, paint))?,
    }
    Ok(exit(&verification))
}

/// Plays the worlds of a certificate again.
fn check(certificate: &Certificate, request: &RunRequest, args: &VerifyArgs) -> Result<Exit, Trouble> {
    if !request.sets.is_empty() {
        return Err(Trouble::Usage("--set: a certificate names every change itself".into()));
    }
    let onlooker = Onlooker::start(&args.display, None)?;
    let checked = certificate.check(request, &onlooker)?;
    drop(onlooker);
    let paint = Paint::stdout(args.display.color);
    match (args.display.json, args.display.quiet) {
        (true, _) => print_json(&checked)?,
        (false, true) => print(&wrapped("", &held(&checked)))?,
        (false, false) => print(&compared(&checked, &certificate.command, paint))?,
    }
    Ok(match (checked.interrupted, checked.ok) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Done,
        (false, false) => Exit::Failed,
    })
}

/// Whether a certificate holds, in a sentence or two.
fn held(checked: &Checked) -> String {
    let Checked { scenario, settlement, expected_profit, .. } = checked;
    if checked.interrupted {
        return format!("Interrupted: the certificate of {scenario} was not checked.");
    }
    if !checked.changed.is_empty() {
        let by = if checked.written_by == env!("CARGO_PKG_VERSION") {
            String::new()
        } else {
            format!(" It was written by version {}.", checked.written_by)
        };
        return format!("The certificate of {scenario} was not checked: {}.{by}", checked.changed.join("; "));
    }
    let worlds = counted(checked.worlds.len() as u64, "world");
    let differ: Vec<&Compared> = checked.worlds.iter().filter(|world| !world.ok).collect();
    match (differ.first(), checked.found_profit) {
        (None, _) => format!(
            "The certificate of {scenario} holds: {worlds}, each to the unit; the expected profit is {} {settlement}.",
            in_coins(*expected_profit, checked.unit)
        ),
        (Some(_), None) => format!("The certificate of {scenario} does not hold: the plan cannot be played."),
        (Some(first), Some(found)) => format!(
            "The certificate of {scenario} does not hold: {} of {worlds} differ, seed {} by {} units of profit first; the expected \
             profit is {} {settlement} and not {}.",
            differ.len(),
            first.expected.seed,
            first.found.map_or(0, |world| world.profit - first.expected.profit),
            in_coins(found, checked.unit),
            in_coins(*expected_profit, checked.unit)
        ),
    }
}

/// Units as coins, every one of them.
fn in_coins(units: i64, unit: f64) -> String {
    let decimals = format!("{unit}").len() - 1;
    let (sign, digits) = (if units < 0 { "-" } else { "" }, units.unsigned_abs().to_string());
    let digits = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{dot}{fraction}")
}

fn compared(checked: &Checked, command: &str, paint: Paint) -> String {
    let columns = [
        ("seed", Align::Right),
        ("profit", Align::Right),
        ("put in", Align::Right),
        ("others lost", Align::Right),
        ("found profit", Align::Right),
        ("", Align::Left),
    ];
    let coins = |units: i64| in_coins(units, checked.unit);
    let row = |world: &Compared| {
        let Compared { expected, found, ok } = world;
        let by = match found {
            Some(found) if found.profit != expected.profit => format!("{} units off", found.profit - expected.profit),
            Some(found) if found.outlay != expected.outlay => "put in another sum".to_owned(),
            Some(found) if found.loss_caused != expected.loss_caused => "others lost another sum".to_owned(),
            Some(_) => String::new(),
            None => "cannot be played".to_owned(),
        };
        vec![
            expected.seed.to_string(),
            coins(expected.profit),
            coins(expected.outlay),
            coins(expected.loss_caused),
            found.map_or_else(String::new, |found| coins(found.profit)),
            if *ok { "ok".to_owned() } else { format!("DIFFERS {by}").trim_end().to_owned() },
        ]
    };
    let said: String = wrapped("", &held(checked)).lines().map(|line| paint.bold(line) + "\n").collect();
    format!("{said}\n{}\nreproduce: {command}\n", table(&columns, checked.worlds.iter().map(row).collect()))
}

fn exit(verification: &Verification) -> Exit {
    let claims_hold = verification.counterfactuals.iter().all(|row| row.ok);
    match (verification.interrupted, verification.predicted_ok == verification.predicted && claims_hold) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Done,
        (false, false) => Exit::Failed,
    }
}

fn verdict(verification: &Verification) -> String {
    let Verification { scenario, predicted_ok, predicted, fitted, counterfactuals, .. } = verification;
    let held = counterfactuals.iter().filter(|row| row.ok).count();
    let score = format!(
        "{scenario}: predicted {predicted_ok}/{predicted} met \u{b7} {} \u{b7} counterfactuals {held}/{}",
        counted(u64::from(*fitted), "fitted knob"),
        counterfactuals.len()
    );
    match (verification.interrupted, *predicted == 0 && counterfactuals.is_empty()) {
        (true, _) => format!("Interrupted. {score}"),
        (false, true) => score + " (nothing was predicted, so nothing could be missed)",
        (false, false) => score,
    }
}

fn full(verification: &Verification, paint: Paint) -> String {
    let expectations = table(
        &[
            ("outcome", Align::Left),
            ("kind", Align::Left),
            ("expected", Align::Right),
            ("tolerance", Align::Left),
            ("found", Align::Right),
            ("", Align::Left),
        ],
        verification.expectations.iter().map(expectation).collect(),
    );
    let counterfactuals = table(
        &[
            ("change", Align::Left),
            ("outcome", Align::Left),
            ("claim", Align::Left),
            ("base", Align::Right),
            ("found", Align::Right),
            ("", Align::Left),
        ],
        verification.counterfactuals.iter().map(counterfactual).collect(),
    );
    let mut text: String = wrapped("", &verdict(verification)).lines().map(|line| paint.bold(line) + "\n").collect();
    for (title, lines) in
        [("Expectations", expectations), ("Counterfactuals", counterfactuals), ("Missed", missed(verification))]
    {
        if !lines.is_empty() {
            text += &format!("\n{}\n{lines}", paint.bold(title));
        }
    }
    text
}

fn expectation(row: &Expected) -> Vec<String> {
    let score = match (row.kind, row.ok) {
        (Kind::Predicted, ok) => met(ok),
        (Kind::Input | Kind::Fitted, true) => "agrees",
        (Kind::Input | Kind::Fitted, false) => "differs",
    };
    let tolerance = readable(&row.tolerance);
    vec![
        place(&row.outcome, row.at.as_deref()),
        row.kind.to_string(),
        number(row.expected),
        tolerance,
        number(row.found),
        score.to_owned(),
    ]
}

fn counterfactual(row: &Counterfactual) -> Vec<String> {
    let outcome = place(&row.outcome, row.at.as_deref());
    vec![
        row.set.iter().map(|set| narrow(set)).collect::<Vec<_>>().join("\n"),
        outcome,
        readable(&row.claim),
        number(row.base),
        number(row.found),
        met(row.ok).to_owned(),
    ]
}

/// A change in lines that leave the other columns their room; the path breaks behind a dot, the value nowhere.
pub(crate) fn narrow(set: &str) -> String {
    let path = set.split_once('=').map_or(set, |(path, _)| path);
    let last = path.rfind('.').map_or(0, |dot| dot + 1);
    let (mut text, mut used) = (String::new(), 0);
    for segment in set[..last].split_inclusive('.').chain([&set[last..]]) {
        let length = segment.chars().count();
        if used > 0 && used + length > PATH_WIDTH {
            text.push('\n');
            used = 0;
        }
        text.push_str(segment);
        used += length;
    }
    text
}

/// The reasons behind what did not come out.
fn missed(verification: &Verification) -> String {
    let expectations = verification
        .expectations
        .iter()
        .filter(|row| row.kind == Kind::Predicted && !row.ok)
        .map(|row| (place(&row.outcome, row.at.as_deref()), &row.why));
    let counterfactuals = verification
        .counterfactuals
        .iter()
        .filter(|row| !row.ok)
        .map(|row| (format!("{} with {}", place(&row.outcome, row.at.as_deref()), row.set.join(" ")), &row.why));
    let because = |(what, why): (String, &String)| wrapped("  ", &format!("{what}: {why}"));
    expectations.chain(counterfactuals).filter(|(_, why)| !why.is_empty()).map(because).collect()
}

pub(crate) fn place(outcome: &str, at: Option<&str>) -> String {
    at.map_or_else(|| outcome.to_owned(), |at| format!("{outcome} at {at}"))
}

/// A figure whose unit is not known here; none where a range or a limit stands for it.
fn number(value: f64) -> String {
    if value.is_nan() { "-".to_owned() } else { figure(value, "") }
}

/// Large numbers among words, written like all others.
pub(crate) fn readable(text: &str) -> String {
    let word = |word: &str| match word.parse::<f64>() {
        Ok(value) if value.abs() >= 1_000.0 => number(value),
        Ok(_) | Err(_) => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn met(ok: bool) -> &'static str {
    if ok { "ok" } else { "MISSED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(outcome: &str, kind: Kind, found: f64, ok: bool) -> Expected {
        let (tolerance, why) = ("\u{b1}5 %".to_owned(), "the court's figure".to_owned());
        let (outcome, at) = (outcome.to_owned(), (kind == Kind::Input).then(|| "10m".to_owned()));
        Expected { outcome, at, kind, expected: 116e6, tolerance, found, ok, why }
    }

    fn sample(predicted_ok: bool, claim_ok: bool) -> Verification {
        let set = vec!["protocol.markets.MNGO-PERP.unrealized_weight=0".to_owned()];
        let (claim, why) = ("below 10000000".to_owned(), "paper profit is no collateral".to_owned());
        let claim = Counterfactual {
            set,
            outcome: "withdrawn".to_owned(),
            at: None,
            claim,
            base: 116.2e6,
            found: if claim_ok { 0.0 } else { 50e6 },
            ok: claim_ok,
            why,
        };
        Verification {
            scenario: "mango_2022".to_owned(),
            seed: 1,
            expectations: vec![
                expected("price", Kind::Input, 0.0312, false),
                Expected { expected: f64::NAN, ..expected("peak_paper_profit", Kind::Fitted, 423e6, true) },
                expected("withdrawn", Kind::Predicted, if predicted_ok { 116.2e6 } else { 90e6 }, predicted_ok),
            ],
            counterfactuals: vec![claim],
            predicted_ok: u32::from(predicted_ok),
            predicted: 1,
            fitted: 2,
            interrupted: false,
        }
    }

    #[track_caller]
    fn check_exit(verification: &Verification, expected: u8) {
        assert_eq!(exit(verification).code(), expected, "{verification:?}");
    }

    #[test]
    fn units_are_told_to_the_last() {
        assert_eq!(in_coins(1_234_567, 1e6), "1.234567");
        assert_eq!(in_coins(-5, 1e6), "-0.000005");
        assert_eq!((in_coins(7, 1.0), in_coins(0, 10.0)), ("7".to_owned(), "0.0".to_owned()));
    }

    #[test]
    fn only_predictions_and_counterfactuals_score() {
        check_exit(&sample(true, true), 0);
        check_exit(&sample(false, true), 1);
        check_exit(&sample(true, false), 1);
        check_exit(&Verification { interrupted: true, ..sample(false, false) }, 130);
    }

    #[test]
    fn the_verdict_counts() {
        let score = "mango_2022: predicted 1/1 met \u{b7} 2 fitted knobs \u{b7} counterfactuals 1/1";
        assert_eq!(verdict(&sample(true, true)), score);
        let interrupted = Verification { interrupted: true, ..sample(true, true) };
        assert_eq!(verdict(&interrupted), format!("Interrupted. {score}"));
        let idle = Verification { predicted: 0, predicted_ok: 0, counterfactuals: Vec::new(), ..sample(true, true) };
        assert!(verdict(&idle).ends_with("0/0 (nothing was predicted, so nothing could be missed)"));
    }

    #[test]
    fn claims_and_changes_are_readable() {
        assert_eq!(readable("below 10000000"), "below 10.00 M");
        assert_eq!(readable("0.4 to 1500"), "0.4 to 1,500");
        assert_eq!(narrow("protocol.feeds.MNGO.collar_per_minute=0.1"), "protocol.feeds.MNGO.\ncollar_per_minute=0.1");
        assert_eq!(narrow("a.b=0.5"), "a.b=0.5");
    }

    #[test]
    fn both_tables_and_the_reasons_of_what_was_missed_are_shown() {
        assert_eq!(full(&sample(false, false), Paint::Plain), include_str!("verify_sample.txt"));
        assert!(!full(&sample(true, true), Paint::Plain).contains("Missed"));
    }
}
