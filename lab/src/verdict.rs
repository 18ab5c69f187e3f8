//! The headline: what came out, in one or two sentences. An attack that was not found is never called safety.

use crate::report::{Attack, Proportion, Report, Solvency, Stats};

use crate::words::{NEGLIGIBLE, counted, money, percent, signed};

/// One line; parts that need no saying are left out.
#[must_use]
pub fn headline(report: &Report) -> String {
    let mut sentences = Vec::new();
    if report.interrupted {
        sentences.push(format!("Interrupted after {}.", counted(u64::from(report.worlds), "finished world")));
    }
    sentences.push(match report.worlds {
        0 | 1 => one(report),
        _ => many(report),
    });
    sentences.extend(fail_if(report));
    sentences.join(" ")
}

fn one(report: &Report) -> String {
    let (asset, solvency) = (&report.settlement, solvency(&report.first.solvency, &report.settlement));
    match &report.first.attack {
        Some(attack) => format!("{}; {solvency}.", attacked(attack, asset)),
        None => format!("No attackers: {solvency}{}.", deficits(&report.first.solvency, asset)),
    }
}

fn attacked(attack: &Attack, asset: &str) -> String {
    let verdict = if attack.net >= NEGLIGIBLE { "Attack succeeded" } else { "Attack failed" };
    let put_in = if attack.outlay < NEGLIGIBLE { "nothing".to_owned() } else { coins(attack.outlay, asset) };
    let (gross, net) = (money(attack.gross), signed(attack.net));
    let harm = match attack.net < NEGLIGIBLE && attack.loss_caused >= NEGLIGIBLE {
        true => format!(", yet others lost {} by it", coins(attack.loss_caused, asset)),
        false => String::new(),
    };
    format!("{verdict}: attackers put in {put_in}, carried out {gross}, net {net}{harm}")
}

fn solvency(solvency: &Solvency, asset: &str) -> String {
    let gap = solvency.assets_minus_claims;
    match solvency.insolvent {
        true => format!("the protocol is insolvent by {}", coins(-gap, asset)),
        false => format!("the protocol's assets exceed its claims by {}", coins(gap, asset)),
    }
}

fn deficits(solvency: &Solvency, asset: &str) -> String {
    match solvency.deficits >= NEGLIGIBLE {
        true => format!("; bankrupt accounts left deficits of {}", coins(solvency.deficits, asset)),
        false => String::new(),
    }
}

fn many(report: &Report) -> String {
    let insolvent = probability(report, "insolvent").map(|(share, n)| insolvent(share, n));
    if report.first.attack.is_none() {
        return format!("No attackers: {}.", insolvent.unwrap_or_else(|| one(report)));
    }
    let (Some((paid, n)), Some(net)) = (probability(report, "attack_profitable"), stats(report, "attacker_net")) else {
        return format!("First world: {}", one(report));
    };
    let verdict = match paid.events {
        0 => format!("Attack failed in all {n} worlds (a chance up to {} is not ruled out)", percent(paid.high)),
        events => format!("Attack succeeded in {events} of {n} worlds ({})", interval(paid)),
    };
    let (mean, median) = (signed(net.mean), signed(net.p50));
    let figures = format!("attackers' net {mean} {} on average, {median} in the median world", report.settlement);
    let tail = insolvent.map(|text| format!("; {text}")).unwrap_or_default();
    format!("{verdict}: {figures}{tail}.")
}

fn insolvent(share: &Proportion, n: u32) -> String {
    match share.events {
        0 => format!(
            "the protocol ends insolvent in none of {n} worlds (a chance up to {} is not ruled out)",
            percent(share.high)
        ),
        events => format!("the protocol ends insolvent in {events} of {n} worlds ({})", interval(share)),
    }
}

fn interval(share: &Proportion) -> String {
    format!("{}, 95 % interval {} to {}", percent(share.p), percent(share.low), percent(share.high))
}

fn stats<'a>(report: &'a Report, name: &str) -> Option<&'a Stats> {
    report.outcomes.iter().find(|outcome| outcome.name == name)?.stats.as_ref()
}

fn probability<'a>(report: &'a Report, name: &str) -> Option<(&'a Proportion, u32)> {
    let stats = stats(report, name)?;
    stats.probability.as_ref().map(|share| (share, stats.n))
}

fn fail_if(report: &Report) -> Option<String> {
    let condition = report.fail_if.as_ref()?;
    let expression = &condition.expression;
    Some(match (condition.hits, condition.first_seed) {
        (0, _) => format!("--fail-if \"{expression}\" did not hit."),
        (hits, seed) => {
            let seed = seed.map(|seed| format!(", first with seed {seed}")).unwrap_or_default();
            format!("--fail-if \"{expression}\" hit in {hits} of {}{seed}.", counted(u64::from(report.worlds), "world"))
        }
    })
}

fn coins(value: f64, asset: &str) -> String {
    format!("{} {asset}", money(value))
}
