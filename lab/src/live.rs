//! A world to look at while it is played: what a step left behind, in short.

use palisade_engine::Simulation;
use palisade_engine::frame::Frame;

use crate::load::{Loaded, RunRequest};
use crate::run::{RunError, Watch};
use crate::session::{Cast, Session, on_large_stack};
use crate::track::{number, text};
use crate::words::spoken;

/// What a step left behind.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    /// Steps done.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Simulated time in milliseconds.
    pub time_ms: u64,
    /// Every market.
    pub markets: Vec<MarketGlance>,
    /// Every vault that guarantees one.
    pub vaults: Vec<VaultGlance>,
    /// Settlement asset in the attackers' wallets.
    pub attacker_wallet: f64,
    /// Positive unrealized profit of their positions.
    pub attacker_paper_profit: f64,
    /// Assets of the protocol minus all claims on it.
    pub solvency: f64,
    /// What the protocol holds for others than attackers.
    pub value_at_risk: f64,
    /// What the cheapest known route of attack would lose on the way; NaN when none is priced.
    pub cheapest_route: f64,
    /// What happened in the step, in words.
    pub events: Vec<String>,
}

/// A market after a step.
#[derive(Clone, Debug, Default)]
pub struct MarketGlance {
    /// Its name.
    pub name: String,
    /// What the sources of its feed say.
    pub index: f64,
    /// The price last published.
    pub oracle: f64,
    /// The mark.
    pub mark: f64,
    /// Notional of the fuller side.
    pub open_interest: f64,
}

/// A vault after a step.
#[derive(Clone, Debug, Default)]
pub struct VaultGlance {
    /// Its name.
    pub name: String,
    /// Market value of its asset over the open interest it guarantees.
    pub cap_ratio: f64,
    /// Its stake over that open interest.
    pub stake_ratio: f64,
    /// Stressed cover.
    pub cover: f64,
}

/// Shows steps to somebody; `false` asks for no more.
pub trait Screen {
    /// A step is done.
    fn show(&mut self, glance: &Glance) -> bool;
}

/// Plays the world of the request's seed before a screen. Returns whether it was played to its end.
///
/// # Errors
/// As for running.
pub fn play(
    loaded: &Loaded,
    request: &RunRequest,
    screen: &mut (dyn Screen + Send),
    watch: &dyn Watch,
) -> Result<bool, RunError> {
    let session = Session { loaded, request, watch };
    on_large_stack(|| {
        let (mut simulation, mut host) = session.build(request.seed, Cast::Full)?;
        let steps = loaded.steps(request);
        for step in 0..steps {
            session.step((&mut simulation, &mut host), (request.seed, step))?;
            let glance = Glance { step: step + 1, steps, time_ms: simulation.time(), ..glance(&mut simulation) };
            if watch.interrupted() || !screen.show(&glance) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

fn glance(simulation: &mut Simulation) -> Glance {
    let mut glance = Glance { cheapest_route: f64::NAN, ..Glance::default() };
    for frame in simulation.take_frames() {
        for row in 0..frame.rows() {
            glance.see(&frame, row);
        }
    }
    glance
}

impl Glance {
    fn see(&mut self, frame: &Frame, row: usize) {
        let value = |name: &str| number(frame, name, row);
        match frame.table {
            "world" => {
                self.attacker_wallet = value("attacker_wallet");
                self.attacker_paper_profit = value("attacker_paper_profit");
                self.solvency = value("solvency");
                self.value_at_risk = value("value_at_risk");
                let routes = ["oracle_majority_cost", "oracle_bribe_cost", "quorum_cost", "venue_push_cost"].map(value);
                self.cheapest_route = routes.into_iter().filter(|cost| cost.is_finite()).fold(f64::NAN, f64::min);
            }
            "markets" => self.markets.push(MarketGlance {
                name: text(frame, "market", row).to_owned(),
                index: value("index"),
                oracle: value("oracle"),
                mark: value("mark"),
                open_interest: value("oi_notional"),
            }),
            "vaults" if value("open_interest") > 0.0 => self.vaults.push(VaultGlance {
                name: text(frame, "vault", row).to_owned(),
                cap_ratio: value("cap_ratio"),
                stake_ratio: value("stake_ratio"),
                cover: value("cover"),
            }),
            "liquidations" => {
                let (what, whose, market) =
                    (text(frame, "what", row), text(frame, "cohort", row), text(frame, "market", row));
                self.events.push(format!("{} {whose} in {market}", spoken(what)));
            }
            "governance" => {
                let what = spoken(text(frame, "what", row));
                let words =
                    [what.as_str(), text(frame, "proposal", row), text(frame, "cohort", row), text(frame, "path", row)];
                self.events.push(words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "));
            }
            "slashes" | "events" => {
                self.events.push(format!("{} {}", spoken(text(frame, "what", row)), text(frame, "cohort", row)));
            }
            "faults" => self.events.push(format!(
                "script failed: {} {}",
                text(frame, "place", row),
                text(frame, "message", row)
            )),
            _ => {}
        }
    }
}
