//! The smallest world on the engine's seam: the state of the workload, asked about through [`Host::ask`] with gathered
//! columns and a frozen view. No queue, transactions, ledger or records.

use bevy_ecs::prelude::World;
use palisade_engine::action::{ActionId, Args, Intent};
use palisade_engine::clock::Now;
use palisade_engine::domain::{AgentId, CohortId};
use palisade_engine::host::{Ask, BatchArg, BatchRows, Hook, Host, Replies};
use palisade_engine::registry::{Directory, Kind, Registry};
use palisade_engine::rng::Streams;
use palisade_engine::view::{Asked, Columns, Public, Reads};

use crate::mechanism::{self, Crowd};
use crate::workload::{Digest, Workload};

/// The only cohort.
const CROWD: CohortId = CohortId(0);

/// A world of one component.
pub(crate) struct Lean {
    world: World,
    reads: Reads,
    trade: ActionId,
    agents: Vec<AgentId>,
    keys: Vec<u64>,
    replies: Replies,
    chunk: usize,
}

impl Lean {
    /// A world of `traders` that a host is asked about `chunk` at a time.
    pub(crate) fn new(traders: u32, registry: &Registry, host: &mut dyn Host, chunk: usize) -> Self {
        let mut world = World::new();
        let mut directory = Directory::default();
        directory.add(Kind::Protocol, "", world.spawn(Crowd(Workload::new(traders))).id());
        world.insert_resource(directory);
        world.insert_resource(registry.clone());
        Self {
            world,
            reads: host.reads(CROWD, Hook::Decide).expect("a host that decides"),
            trade: registry.action("trade").expect("the mechanism declares it"),
            agents: (0..traders).map(AgentId).collect(),
            keys: (0..u64::from(traders)).collect(),
            replies: Replies::default(),
            chunk,
        }
    }

    /// One step: each chunk of traders settles, is asked, and trades.
    pub(crate) fn step(&mut self, step: u64, host: &mut dyn Host) {
        self.change(|all| all.advance(step));
        let public = Public::of(&self.world);
        let mut first = 0;
        while first < self.agents.len() {
            let last = self.agents.len().min(first.saturating_add(self.chunk));
            self.change(|all| all.settle(first..last, step));
            self.ask(host, (first, last), (&public, step));
            self.trade();
            self.trade_batches(first);
            first = last;
        }
        self.change(|all| all.vote(step));
    }

    fn ask(&mut self, host: &mut dyn Host, (first, last): (usize, usize), (public, step): (&Public, u64)) {
        let agents = &self.agents[first..last];
        let own = Columns::gather(&self.world, &self.reads, Asked { agents, accounts: 1, subject: None });
        let ask = Ask {
            hook: Hook::Decide,
            now: Now { step, ..Now::default() },
            cohort: CROWD,
            agents,
            keys: &self.keys[first..last],
            subject: None,
            subject_values: &[],
            own: &own,
            public,
            streams: Streams::new(0),
            directory: self.world.resource::<Directory>(),
        };
        self.replies.intents.clear();
        host.ask(&ask, &mut self.replies);
    }

    fn trade(&mut self) {
        let (intents, trade) = (std::mem::take(&mut self.replies.intents), self.trade);
        self.change(|all| {
            for Intent { actor, action, args } in &intents {
                if let (true, Ok(size)) = (*action == trade, Args(args).number(0)) {
                    all.trade(actor.agent.0 as usize, size);
                }
            }
        });
        self.replies.intents = intents;
    }

    /// Batches are taken column by column where all agents have a number, which is what they are for.
    fn trade_batches(&mut self, first: usize) {
        let (batches, trade) = (std::mem::take(&mut self.replies.batches), self.trade);
        self.change(|all| {
            for batch in batches.iter().filter(|batch| batch.action == trade) {
                let Some(BatchArg::Numbers(sizes)) = &batch.args[0] else { continue };
                match &batch.rows {
                    BatchRows::All => all.trade_all(first, sizes),
                    BatchRows::Some(rows) => {
                        rows.iter().zip(sizes).for_each(|(row, size)| all.trade(first + *row as usize, *size));
                    }
                }
            }
        });
    }

    fn change(&mut self, system: impl FnOnce(&mut Workload)) {
        let protocol = mechanism::protocol(&self.world).expect("it was added first");
        system(&mut self.world.get_mut::<Crowd>(protocol).expect("it was spawned with it").0);
    }

    /// What the run came to.
    pub(crate) fn digest(&self) -> Digest {
        mechanism::digest(&self.world).expect("it was spawned with it")
    }
}
