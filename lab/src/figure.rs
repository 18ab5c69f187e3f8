//! The figures of a whole run, by name: those of the mechanisms, two that no mechanism can know, and the scenario's own.

use palisade_engine::registry::Registry;
use palisade_engine::scenario::Measures;

/// The name of a figure that no mechanism declares: what everyone but the attackers lost beyond the paired world without
/// them.
pub const LOSS_CAUSED: &str = "loss_caused";

/// The name of a figure that no mechanism declares: failures of strategies.
pub const FAULTS: &str = "faults";

/// One figure of a whole run, as results name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// Its unit; `flag` marks events (0 or 1).
    pub unit: String,
    /// One line.
    pub doc: String,
}

impl Figure {
    fn new(name: &str, unit: &str, doc: &str) -> Self {
        Self { name: name.to_owned(), unit: unit.to_owned(), doc: doc.to_owned() }
    }
}

/// The figures of a run: those of the mechanisms, those of the run itself, those of the scenario.
pub(crate) fn figures(registry: &Registry, measures: &Measures) -> Vec<Figure> {
    let mechanisms = registry.outcomes.iter();
    let mut figures: Vec<Figure> =
        mechanisms.map(|outcome| Figure::new(outcome.name, outcome.unit, outcome.doc)).collect();
    let loss = "What everyone but the attackers lost beyond the paired world without them.";
    figures.push(Figure::new(LOSS_CAUSED, "coins", loss));
    figures.push(Figure::new(FAULTS, "faults", "Failures of strategies."));
    let own = measures.outcomes.iter();
    figures.extend(own.map(|(name, measure)| Figure::new(name, &measure.unit, &measure.doc)));
    figures
}
