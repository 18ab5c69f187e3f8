//! Questions that a mechanism puts to agents in its phase, and the values they answered with.

use std::collections::{BTreeMap, BTreeSet};

use bevy_ecs::prelude::Resource;

use crate::domain::{AgentId, CohortId};
use crate::host::Hook;
use crate::registry::Handle;

/// One question to agents of one cohort.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// Which hook.
    pub hook: Hook,
    /// The cohort.
    pub cohort: CohortId,
    /// The agents asked.
    pub agents: Vec<AgentId>,
    /// What it is about.
    pub subject: Option<Handle>,
}

/// Questions of the phase under way; a mechanism's Prepare system adds them.
#[derive(Resource, Clone, Debug, Default)]
pub struct Inquiries(Vec<Inquiry>);

impl Inquiries {
    /// Adds a question.
    pub fn push(&mut self, inquiry: Inquiry) {
        self.0.push(inquiry);
    }

    pub(crate) fn take(&mut self) -> Vec<Inquiry> {
        std::mem::take(&mut self.0)
    }
}

/// Which cohorts have which hooks, as the host said before the first step.
#[derive(Resource, Clone, Debug, Default)]
pub struct Listeners(BTreeSet<(CohortId, Hook)>);

impl Listeners {
    pub(crate) fn add(&mut self, cohort: CohortId, hook: Hook) {
        self.0.insert((cohort, hook));
    }

    /// Forgets a cohort that is no longer asked.
    pub(crate) fn remove(&mut self, cohort: CohortId) {
        self.0.retain(|(known, _)| *known != cohort);
    }

    /// Whether agents of the cohort answer the hook.
    #[must_use]
    pub fn has(&self, cohort: CohortId, hook: Hook) -> bool {
        self.0.contains(&(cohort, hook))
    }
}

/// Values answered in the phase under way, by subject and agent; the mechanism's Settle system takes them.
#[derive(Resource, Clone, Debug, Default)]
pub struct Answers(BTreeMap<(Option<Handle>, AgentId), f64>);

impl Answers {
    pub(crate) fn add(&mut self, subject: Option<Handle>, values: impl Iterator<Item = (AgentId, f64)>) {
        self.0.extend(values.map(|(agent, value)| ((subject, agent), value)));
    }

    /// Takes all values.
    pub fn take(&mut self) -> BTreeMap<(Option<Handle>, AgentId), f64> {
        std::mem::take(&mut self.0)
    }
}
