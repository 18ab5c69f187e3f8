//! A scenario as people choose it: what it shows, and on a closer look who plays in which markets and what it claims. No
//! world is built for that, so scripts and data need not be there.

use palisade_engine::clock::Segment;
use palisade_engine::registry::Registry;
use palisade_engine::scenario::Cohort;
use serde::Serialize;

use crate::assemble::{self, Found};
use crate::expect::{self, Expectations, Kind, Names};
use crate::figure;
use crate::source::{BuiltIn, Document, Problem};

/// A scenario in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ScenarioRow {
    /// The name that `run` takes.
    pub name: String,
    /// What it shows.
    pub summary: String,
    /// Its file below the folder `scenarios`.
    pub path: String,
}

impl ScenarioRow {
    pub(super) fn of(scenario: BuiltIn) -> Result<Self, Problem> {
        let summary = assemble::optional(&Document::load_built_in(scenario)?, "summary")?;
        Ok(Self { name: scenario.name().to_owned(), summary, path: scenario.path().to_owned() })
    }
}

impl ScenarioRow {
    pub(super) fn tournament(file: BuiltIn, summary: String) -> Self {
        Self { name: file.name().to_owned(), summary, path: file.path().to_owned() }
    }
}

/// A scenario described.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub summary: String,
    /// Where its facts come from.
    pub sources: Vec<String>,
    /// Its file.
    pub file: String,
    /// How long it runs.
    pub length: String,
    /// The stretches of its clock, such as `1h in steps of 5s`.
    pub clock: Vec<String>,
    /// In how many steps.
    pub steps: u64,
    /// Its markets.
    pub markets: Vec<MarketRow>,
    /// Who plays.
    pub cohorts: Vec<CohortRow>,
    /// Figures that must come out.
    pub expectations: Vec<Figure>,
    /// What must become of figures when parameters change.
    pub counterfactuals: Vec<Claim>,
    /// Its text, with every part in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A market of a scenario.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct MarketRow {
    /// Its name.
    pub name: String,
    /// The feed of its index.
    pub feed: String,
    /// Initial margin ratio.
    pub imr: f64,
    /// Maintenance margin ratio.
    pub mmr: f64,
}

/// Agents of one kind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CohortRow {
    /// Their name.
    pub name: String,
    /// What they are.
    pub role: String,
    /// What they follow.
    pub strategy: String,
    /// How many.
    pub count: u32,
}

/// An expected figure.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figure {
    /// The outcome, or the column of the `world` table.
    pub outcome: String,
    /// When the column is read.
    pub at: Option<String>,
    /// What the figure rests on.
    pub rests_on: Kind,
    /// The expected value, unless a range or limit stands for it.
    pub value: Option<f64>,
    /// How near it must come.
    pub tolerance: String,
    /// Where it comes from.
    pub why: String,
}

/// What becomes of a figure when parameters change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Claim {
    /// The changes, as `--set` takes them.
    pub set: Vec<String>,
    /// The outcome, or the column of the `world` table.
    pub outcome: String,
    /// When the column is read.
    pub at: Option<String>,
    /// What is claimed of it.
    pub claim: String,
    /// Why.
    pub why: String,
}

impl Scenario {
    /// The scenario of a document.
    ///
    /// # Errors
    /// Everything that is wrong with it, as far as no world is needed to see it.
    pub(super) fn of(document: &Document, registry: &Registry) -> Result<Self, Vec<Problem>> {
        let mut found = Found::default();
        assemble::check_top(document, &mut found);
        let clock = assemble::clock(document).map_err(|problem| vec![problem])?;
        let segments: Vec<Segment> = found.keep(document.parse("clock"));
        let measures = assemble::measures(document, &mut found);
        let figures = figure::figures(registry, &measures);
        let claims = expect::read(document, &Names::of(&figures, (registry, &measures), clock.length()));
        let claims = claims.unwrap_or_else(|mut problems| {
            found.0.append(&mut problems);
            Expectations::default()
        });
        let cohorts = assemble::cohorts(document, document.keys("protocol.assets").len(), &mut found);
        let scenario = Self {
            name: found.keep(assemble::name(document)),
            summary: found.keep(assemble::optional(document, "summary")),
            sources: found.keep(assemble::optional(document, "sources")),
            file: document.place("").file,
            length: clock.length().to_string(),
            clock: segments.iter().map(|part| format!("{} in steps of {}", part.length, part.dt)).collect(),
            steps: clock.steps(),
            markets: found.keep(markets(document, registry)),
            cohorts: cohorts.into_iter().map(CohortRow::of).collect(),
            expectations: claims.figures.into_iter().map(Figure::of).collect(),
            counterfactuals: claims.variations.into_iter().map(Claim::of).collect(),
            text: Some(document.text().to_owned()),
        };
        if found.0.is_empty() { Ok(scenario) } else { Err(found.0) }
    }
}

fn markets(document: &Document, registry: &Registry) -> Result<Vec<MarketRow>, Problem> {
    const BLOCK: &str = "protocol.markets";
    let term = |market: &str, name: &str| -> Result<f64, Problem> {
        let path = format!("{BLOCK}.{market}.{name}");
        let spec = registry.params.iter().find(|spec| spec.block == BLOCK && spec.name == name);
        match spec {
            Some(spec) if document.raw(&path).is_none() => Ok((spec.default)()),
            _ => document.parse(&path),
        }
    };
    let market = |name: String| {
        let feed = document.parse(&format!("{BLOCK}.{name}.feed"))?;
        let (imr, mmr) = (term(&name, "imr")?, term(&name, "mmr")?);
        Ok(MarketRow { name, feed, imr, mmr })
    };
    document.keys(BLOCK).into_iter().map(market).collect()
}

impl CohortRow {
    fn of((path, cohort): (String, Cohort)) -> Self {
        Self {
            name: path.split_once('.').map_or(path.as_str(), |(_, name)| name).to_owned(),
            role: cohort.role.name().to_owned(),
            strategy: cohort.strategy,
            count: cohort.count,
        }
    }
}

impl Figure {
    fn of(figure: expect::Expectation) -> Self {
        Self {
            outcome: figure.outcome,
            at: figure.at.map(|at| at.to_string()),
            rests_on: figure.kind,
            value: figure.value,
            tolerance: figure.tolerance.to_string(),
            why: figure.why,
        }
    }
}

impl Claim {
    fn of(variation: expect::Variation) -> Self {
        Self {
            set: variation.set,
            outcome: variation.outcome,
            at: variation.at.map(|at| at.to_string()),
            claim: variation.claim.to_string(),
            why: variation.why,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use palisade_engine::mechanisms::ALL;

    use super::*;
    use crate::source::built_in;

    #[test]
    fn every_built_in_scenario_can_be_described() {
        for scenario in built_in() {
            let document = Document::load_built_in(scenario).unwrap();
            let described = Scenario::of(&document, &Registry::of(&ALL)).unwrap();
            assert_eq!(described.name, scenario.name(), "the name that `run` takes is the name in the file");
            assert!(!described.summary.is_empty() && !described.markets.is_empty(), "{}", scenario.path());
        }
    }

    #[test]
    fn mango_is_told_with_its_claims() {
        let document = Document::load(std::path::Path::new("mango_2022"), &[]).unwrap();
        let mango = Scenario::of(&document, &Registry::of(&ALL)).unwrap();
        assert_eq!((mango.length.as_str(), mango.steps), ("1h", 720));
        assert_eq!(mango.clock, ["1h in steps of 5s"]);
        assert_eq!(mango.file, "scenarios/incidents/mango_2022.ron");
        let market = MarketRow { name: "MNGO-PERP".into(), feed: "MNGO".into(), imr: 0.2, mmr: 0.1 };
        assert_eq!(mango.markets, [market]);
        let attacker = mango.cohorts.last().unwrap();
        assert_eq!(
            (attacker.role.as_str(), attacker.strategy.as_str(), attacker.count),
            ("attacker", "thin_market_push", 1)
        );
        assert_eq!((mango.expectations.len(), mango.counterfactuals.len()), (5, 4));
        assert_eq!(mango.expectations[0].tolerance, "±0.5 %");
    }
}
