//! Who decides in the reference workload: the strategy in Rust, or the same in Rhai.

use std::path::Path;

use palisade_agents::{HostOptions, Library, ScriptHost};
use palisade_engine::action::{ActionId, Actor, Intent, Value};
use palisade_engine::domain::CohortId;
use palisade_engine::host::{Ask, Batch, BatchArg, BatchRows, Hook, Host, Replies, Wake};
use palisade_engine::registry::{Kind, Registry};
use palisade_engine::view::Reads;
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::own_field;

use crate::market::decide;
use crate::mechanism::{Reference, scenario};

/// What a host in Rust answers with.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Form {
    /// An intent of each agent.
    Intents,
    /// One batch of all of them.
    Batch,
}

/// Decides in Rust: columns in, intents out.
#[derive(Clone, Copy)]
pub(crate) struct NativeHost {
    form: Form,
    own: [usize; 3],
    public: [usize; 2],
    trade: ActionId,
}

impl NativeHost {
    /// The host for worlds with this registry.
    pub(crate) fn new(registry: &Registry, form: Form) -> Self {
        let public = |name| {
            let named = |field: &palisade_engine::view::PublicField| field.of == Kind::Protocol && field.name == name;
            registry.public.iter().position(named).expect("a declared field")
        };
        Self {
            form,
            own: ["margin", "pos", "thr"].map(|name| own_field(registry, name)),
            public: ["price", "ret"].map(public),
            trade: registry.action("trade").expect("the mechanism declares it"),
        }
    }
}

impl Host for NativeHost {
    fn wake(&mut self, _: CohortId) -> Wake {
        Wake::default()
    }

    fn reads(&mut self, _: CohortId, hook: Hook) -> Option<Reads> {
        (hook == Hook::Decide).then(|| Reads::of_own(self.own.to_vec()))
    }

    fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        let [price, ret] = self.public.map(|field| ask.public.value(field, 0));
        let [Some(margin), Some(pos), Some(thr)] = self.own.map(|field| ask.own.column(field, 0, 0)) else { return };
        let rows = margin.iter().zip(pos).zip(thr);
        let sizes = rows.map(|((margin, pos), thr)| decide(price, ret, (*margin, *pos, *thr)));
        let action = self.trade;
        if self.form == Form::Batch {
            let args = [Some(BatchArg::Numbers(sizes.collect())), None, None, None];
            replies.batches.push(Batch { action, account: 0, rows: BatchRows::All, args });
            return;
        }
        replies.intents.extend(ask.agents.iter().zip(sizes).map(|(agent, size)| {
            let actor = Actor { agent: *agent, account: 0 };
            Intent { actor, action, args: [Some(Value::Number(size)), None, None, None] }
        }));
    }
}

/// A world of the engine with `traders` and nothing but the workload.
#[must_use]
pub(crate) fn simulation(traders: u32) -> Simulation {
    Simulation::new(&scenario(traders), &[&Reference], Options::default()).expect("a legal scenario")
}

/// The strategy in Rhai, for `traders`.
#[must_use]
pub(crate) fn scripted(traders: u32) -> ScriptHost {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scripts");
    let library = Library::load(&[folder]).expect("checked strategies");
    let host = ScriptHost::new(&library, &scenario(traders), &simulation(traders), HostOptions::default());
    host.expect("a checked strategy")
}
