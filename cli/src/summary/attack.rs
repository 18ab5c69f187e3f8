//! What the attack cost, brought and caused, and what became of the protocol's solvency. Over several worlds these
//! figures stand in the table of outcomes instead.

use palisade_lab::report::{Report, Solvency};

use super::pairs;
use palisade_lab::words::{NEGLIGIBLE, money, signed};

pub(crate) fn attack(report: &Report) -> Option<(String, String)> {
    let attack = report.first.attack.as_ref().filter(|_| report.worlds == 1)?;
    let harm = match attack.loss_caused > -NEGLIGIBLE {
        true => ("loss caused to others", money(attack.loss_caused)),
        false => ("gain caused to others", money(-attack.loss_caused)),
    };
    let lines = [
        ("put in at most", money(attack.outlay)),
        ("carried out after that", money(attack.gross)),
        ("net carried out", signed(attack.net)),
        ("withdrawn from margin", money(attack.withdrawn)),
        harm,
        ("peak profit on paper", money(attack.peak_paper_profit)),
    ];
    Some((format!("Attack ({})", report.settlement), labeled(&lines)))
}

pub(crate) fn solvency(report: &Report) -> Option<(String, String)> {
    if report.worlds != 1 {
        return None;
    }
    let Solvency {
        assets_minus_claims,
        insolvent,
        deficits,
        insurance_paid,
        stake_paid,
        deleveraged,
        socialized,
        written_off,
    } = report.first.solvency;
    let verdict = if insolvent { "insolvent" } else { "claims covered" };
    let lines = [
        ("assets minus claims", signed(assets_minus_claims)),
        ("losses beyond margin", money(deficits)),
        ("paid by insurance", money(insurance_paid)),
        ("raised by cutting stake", money(stake_paid)),
        ("given up by winners (ADL)", money(deleveraged)),
        ("socialized", money(socialized)),
        ("covered by nobody", money(written_off)),
    ];
    let title = format!("Solvency: {verdict} at the end ({})", report.settlement);
    Some((title, labeled(&lines)))
}

fn labeled(lines: &[(&str, String)]) -> String {
    let lines: Vec<(String, String)> =
        lines.iter().map(|(label, value)| ((*label).to_owned(), value.clone())).collect();
    pairs(&lines)
}

#[cfg(test)]
mod tests {
    use palisade_lab::report::Attack;

    use crate::summary::sample;

    #[test]
    fn the_attack_in_six_figures() {
        let (title, text) = super::attack(&sample::one_world()).unwrap_or_default();
        let expected = "
  put in at most           14.00 M     carried out after that  116.00 M
  net carried out        +102.00 M     withdrawn from margin   116.00 M
  loss caused to others    98.10 M     peak profit on paper    410.00 M
";
        assert_eq!(title, "Attack (USD)");
        assert_eq!(format!("\n{text}"), expected);
        let mut gift = sample::one_world();
        gift.first.attack = gift.first.attack.map(|attack| Attack { loss_caused: -5.0, ..attack });
        let (_, text) = super::attack(&gift).unwrap_or_default();
        assert!(text.contains("gain caused to others       5.00"), "{text}");
        assert_eq!(super::attack(&sample::without_attackers()), None);
    }

    #[test]
    fn solvency_names_the_layers() {
        let (title, text) = super::solvency(&sample::one_world()).unwrap_or_default();
        assert_eq!(title, "Solvency: insolvent at the end (USD)");
        assert!(text.contains("assets minus claims") && text.contains("-98.10 M"), "{text}");
        assert_eq!(super::solvency(&sample::many_worlds()), None);
    }
}
