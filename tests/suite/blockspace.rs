//! Blockspace: what fits, what it pays, who proposes, and what a proposer can do to the actions of others.

use palisade_engine::action::{Intent, Value};
use palisade_engine::frame::{Data, Frame};
use palisade_engine::host::{Ask, Hook, Replies};
use palisade_engine::ledger::Ledger;
use palisade_engine::mechanisms::ALL;
use palisade_engine::queue::Refusals;
use palisade_engine::registry::{Directory, Kind};
use palisade_engine::scenario::{Amounts, Cohort, Role, Scenario};
use palisade_engine::units::Span;
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{Native, handle, honest_nodes, intent, own, seen};
use palisade_tests::worlds::{cohort, small, wallet};

const TRADERS: [u32; 4] = [3, 4, 5, 6];
const VALIDATORS: [u32; 2] = [9, 10];
const VENUE: Value = handle(Kind::Venue, 0);

/// The small world with blockspace, two validators with a quarter and three quarters of the stake, and blocks of a second.
fn scenario(terms: &str) -> Scenario {
    let block = format!(r#"(block: "1s", vault: "validators", {terms})"#);
    let mut scenario =
        small(&[("protocol.vaults", r#"{"nodes": (), "validators": ()}"#), ("protocol.blockspace", &block)]);
    scenario.clock[0].length = Span(10_000_000);
    for (place, stake) in [1_000.0, 3_000.0].into_iter().enumerate() {
        let mut validator = Cohort { stake: Some(Amounts::Fixed(stake)), ..cohort(Role::Validator, 1) };
        validator.bind.insert("vault".into(), "validators".into());
        scenario.cohorts.insert(3 + place, (format!("population.validators {place}"), validator));
    }
    scenario
}

struct World {
    simulation: Simulation,
}

impl World {
    fn of(scenario: &Scenario, seed: u64) -> Self {
        let options = Options { seed, ..Options::default() };
        Self { simulation: Simulation::new(scenario, &ALL, options).expect("a legal scenario") }
    }

    fn new(terms: &str) -> Self {
        Self::of(&scenario(terms), 1)
    }

    fn intent(&self, agent: u32, action: &str, args: &[Value]) -> Intent {
        intent(self.simulation.registry(), agent, 0, action, args)
    }

    /// One step in which agents decide on `intents`, and the proposer answers with `order`.
    fn step(&mut self, intents: &[Intent], mut order: impl FnMut(&Ask<'_>, &mut Replies)) {
        let honest = honest_nodes(self.simulation.registry());
        let mut host = Native::new(&self.simulation, |ask, replies| {
            honest(ask, replies);
            match ask.hook {
                Hook::Decide => {
                    replies.intents.extend(intents.iter().filter(|intent| ask.agents.contains(&intent.actor.agent)));
                }
                Hook::Order => order(ask, replies),
                Hook::Vote => replies.values.extend((0..ask.agents.len()).map(|row| (row, 1.0))),
                _ => {}
            }
        });
        self.simulation.step(&mut host);
    }

    /// One step in which as many actions are asked for, and all that fits goes in.
    fn crowd(&mut self, count: usize) {
        let deposit = |place: usize| self.intent(TRADERS[place % 4], "deposit", &[Value::Number(0.001)]);
        let intents: Vec<Intent> = (0..count).map(deposit).collect();
        self.step(&intents, |_, _| {});
    }

    fn outcome(&self, name: &str) -> f64 {
        self.simulation.outcome(name).expect("an outcome")
    }

    fn base_fee(&self) -> f64 {
        seen(&self.simulation, Kind::Protocol, "base_fee", 0)
    }

    fn cash(&self, agent: u32) -> f64 {
        own(&self.simulation, "cash", agent, 0)
    }
}

/// A column of the table `world`.
fn column(frames: &[Frame], name: &str) -> Vec<i64> {
    let world = frames.iter().find(|frame| frame.table == "world").expect("the table");
    let column = world.columns.iter().find(|column| column.name == name).expect("the column");
    let Data::Int(values) = &column.data else { panic!("{name} holds no integers") };
    values.clone()
}

/// Room for 4, so that the fee stands still at 2: it rises by 1/8 when full, and falls by 1/8 when empty. By hand, in
/// millionths of a coin: 1,000,000 → 1,125,000 → 1,265,625 → −⌊158,203.125⌋ = 1,107,422 → +⌊69,213.875⌋ = 1,176,635.
/// Kills: rounding up, a fee that moves before it is paid, a target of the whole room.
#[test]
fn the_base_fee_follows_fullness_as_by_hand() {
    let mut world = World::new("capacity: 4.0, base_fee: 1.0");
    let mut paid = 0.0;
    for (actions, expected) in [(4, 1.125), (4, 1.265_625), (0, 1.107_422), (3, 1.176_635), (2, 1.176_635)] {
        paid += actions as f64 * world.base_fee();
        world.crowd(actions);
        assert_eq!(world.base_fee(), expected, "after {actions} actions");
        assert!((world.outcome("base_fees") - paid).abs() < 1e-9, "{paid}");
    }
    let spent: f64 = TRADERS.iter().map(|agent| 1000.0 - world.cash(*agent)).sum();
    assert!((spent - paid - 0.013).abs() < 1e-9, "{spent} from wallets, {paid} of fees and 13 deposits");
}

/// Four steps to a block, and four blocks to a step: the same demand moves the fee alike.
#[test]
fn the_base_fee_moves_once_a_block_however_long_a_step_is() {
    let after = |dt: u64, actions: usize| {
        let mut scenario = scenario("capacity: 4.0, base_fee: 1.0");
        let terms = scenario.blocks["protocol.blockspace"].replace(r#"block: "1s""#, r#"block: "4s""#);
        scenario.blocks.insert("protocol.blockspace".into(), terms);
        scenario.clock[0].dt = Span(dt);
        let mut world = World::of(&scenario, 1);
        (0..16_000 / dt).for_each(|_| world.crowd(actions));
        world.base_fee()
    };
    // Full blocks of 16: 1 → 1.125 → 1.265625 → 1.423828 → 1.601806, each step rounded down.
    assert_eq!([after(1_000, 4), after(4_000, 16), after(16_000, 64)], [1.601_806; 3]);
}

/// Kills: one more than fits, a refused action that stays for the next step, a tip that needs a place.
#[test]
fn what_does_not_fit_is_refused() {
    let mut world = World::new("capacity: 4.0");
    world.crowd(10);
    assert_eq!((world.outcome("executed_actions"), world.outcome("not_included")), (4.0, 6.0));
    let refused: Vec<(&str, u64)> = world
        .simulation
        .world()
        .resource::<Refusals>()
        .counts
        .iter()
        .map(|((_, _, rejected), count)| (rejected.reason, *count))
        .collect();
    assert_eq!(refused, [("not_included", 6)]);
    world.crowd(0);
    assert_eq!(world.outcome("executed_actions"), 4.0);
    // Half an action a second is one every other second.
    let mut world = World::new("capacity: 0.5");
    (0..8).for_each(|_| world.crowd(3));
    assert_eq!(world.outcome("executed_actions"), 4.0);
}

#[test]
fn who_cannot_pay_is_not_included() {
    let mut world = World::new("capacity: 4.0, base_fee: 600.0");
    // The first deposit leaves too little for a second fee; whoever pays does so before anything runs.
    let twice = [world.intent(3, "deposit", &[Value::Number(1.0)]), world.intent(3, "deposit", &[Value::Number(2.0)])];
    world.step(&twice, |_, _| {});
    assert_eq!((world.cash(3), world.outcome("not_included")), (399.0, 1.0));
    let poor = world.intent(7, "withdraw", &[Value::Number(1.0)]);
    world.step(&[poor], |_, _| {});
    assert_eq!((world.cash(7), world.outcome("not_included")), (0.0, 2.0));
}

/// Kills: the lowest first, a tip of what was asked before, tips that are burned.
#[test]
fn the_highest_tip_goes_first_and_is_the_proposers() {
    let mut world = World::new(r#"capacity: 2.0, priority: "fee""#);
    let deposit = |agent| world.intent(agent, "deposit", &[Value::Number(1.0)]);
    let tip = |agent, coins| world.intent(agent, "tip", &[Value::Number(coins)]);
    let intents = [
        deposit(3),
        tip(3, 9.0),
        tip(4, 2.0),
        deposit(4),
        tip(5, 3.0),
        deposit(5),
        tip(6, 1.0),
        tip(6, 2.5),
        deposit(6),
    ];
    world.step(&intents, |_, _| {});
    let cash = TRADERS.map(|agent| world.cash(agent));
    assert_eq!(cash, [1000.0, 1000.0, 996.0, 996.5], "the tip of 9 came after what was asked for");
    assert_eq!(world.outcome("tips"), 5.5);
    assert_eq!(VALIDATORS.map(|agent| world.cash(agent)).iter().sum::<f64>(), 5.5);
    // A tip stands until it is changed.
    let deposit = world.intent(3, "deposit", &[Value::Number(1.0)]);
    world.step(&[deposit], |_, _| {});
    assert_eq!(world.cash(3), 989.999_999, "a base fee of 0 rose by one unit after a full block");
    for wrong in [-1.0, 1e300] {
        let tip = world.intent(3, "tip", &[Value::Number(wrong)]);
        assert!(world.simulation.act(&tip).is_err(), "{wrong}");
    }
}

#[test]
fn base_fees_go_where_the_terms_say() {
    let taken = |to: &str| {
        let mut world = World::new(&format!("capacity: 4.0, base_fee: 1.0, base_fee_to: {to}"));
        world.crowd(4);
        let ledger = world.simulation.world().resource::<Ledger>();
        let burned = ledger.in_buckets(&[palisade_engine::ledger::Bucket::Burned], world.simulation.settlement());
        let proposers: f64 = VALIDATORS.map(|agent| world.cash(agent)).iter().sum();
        let insurance = palisade_engine::valuation::fund(world.simulation.world(), |funds| funds.insurance);
        (burned, proposers, insurance)
    };
    assert_eq!(taken("burn"), (4_000_000, 0.0, 100.0));
    assert_eq!(taken("insurance"), (0, 0.0, 104.0));
    assert_eq!(taken("proposer"), (0, 4.0, 100.0));
}

/// Kills: every validator alike, one draw for all steps.
#[test]
fn proposers_are_drawn_by_stake_the_same_way_twice() {
    let proposers = |seed| {
        let mut world = World::of(&scenario("capacity: 4.0"), seed);
        (0..2_000).for_each(|_| world.crowd(0));
        column(&world.simulation.take_frames(), "proposer")
    };
    let one = proposers(1);
    let of_first = one.iter().filter(|agent| **agent == i64::from(VALIDATORS[0])).count() as f64;
    assert!(one.iter().all(|agent| VALIDATORS.map(i64::from).contains(agent)));
    // A quarter of 2,000 with a deviation of √(2,000 · ¼ · ¾) = 19.4.
    assert!((of_first - 500.0).abs() < 4.0 * 19.4, "{of_first}");
    assert!(one == proposers(1) && one != proposers(2));
}

/// What the proposer answers about a pending action: its rank, and what goes right before it.
type Verdict = (Option<f64>, Option<f64>);

/// Traders 3, 3, 4, 5, 6 buy for 100, 200, 300, 400 and 500 coins; the proposer answers by size, and may buy itself.
fn ordered(terms: &str, answer: impl Fn(f64) -> Verdict) -> (World, u32, Vec<f64>) {
    let mut scenario = scenario(&format!(r#"priority: "proposer", {terms}"#));
    scenario.cohorts[3..5].iter_mut().for_each(|(_, cohort)| cohort.wallet = wallet(&[("USD", 1000.0)]));
    let mut world = World::of(&scenario, 1);
    let buy = |agent, coins| world.intent(agent, "buy", &[VENUE, Value::Number(coins)]);
    let intents = [buy(3, 100.0), buy(3, 200.0), buy(4, 300.0), buy(5, 400.0), buy(6, 500.0)];
    let own = VALIDATORS.map(|agent| move |coins| (agent, coins)).map(|of| buy(of(0.0).0, 0.0));
    let fields = &world.simulation.registry().public;
    let size = fields.iter().position(|field| field.of == Kind::Pending && field.name == "size").expect("a field");
    let (mut asked, mut proposer) = (Vec::new(), 0);
    world.step(&intents, |ask, replies| {
        proposer = ask.agents[0].0;
        asked.push(ask.subject_values[size]);
        let (rank, before) = answer(ask.subject_values[size]);
        replies.values.extend(rank.map(|rank| (0, rank)));
        let mine = own.iter().find(|intent| intent.actor.agent.0 == proposer).expect("a validator");
        replies.intents.extend(before.map(|coins| {
            let mut args = mine.args;
            args[1] = Some(Value::Number(coins));
            Intent { args, ..*mine }
        }));
    });
    asked.sort_by(f64::total_cmp);
    (world, proposer, asked)
}

/// Coins that an agent spent, and what it got for each.
fn bought(world: &World, agent: u32, tokens: f64) -> (f64, f64) {
    let spent = 1000.0 - world.cash(agent);
    (spent, (own(&world.simulation, "balance", agent, 1) - tokens) / spent)
}

/// Kills: the smallest first, left out at the end instead of altogether, ranks that reorder one agent's own actions, what
/// the proposer adds behind its target.
#[test]
fn a_proposer_ranks_leaves_out_and_runs_before() {
    let (world, proposer, asked) = ordered("capacity: 3.0", |size| match size {
        100.0 => (Some(1.0), None),
        200.0 => (Some(9.0), None),
        300.0 => (Some(5.0), Some(50.0)),
        400.0 => (None, None),
        _ => (Some(-1.0), None),
    });
    assert_eq!(asked, [100.0, 200.0, 300.0, 400.0, 500.0], "about each once");
    assert!(VALIDATORS.contains(&proposer));
    assert_eq!((world.outcome("censored"), world.outcome("not_included")), (1.0, 3.0));
    // The place of 200 is filled by 100, which was asked for first; then comes the proposer before 300, and no more fits.
    assert_eq!(TRADERS.map(|agent| 1000.0 - world.cash(agent)), [100.0, 300.0, 0.0, 0.0]);
    let (spent, before) = bought(&world, proposer, 0.0);
    assert_eq!(spent, 50.0);
    assert!(before > bought(&world, 4, 1000.0).1, "it bought cheaper than what it ran before");
}

#[test]
fn a_proposer_may_take_the_place_of_what_it_leaves_out() {
    let (world, proposer, _) =
        ordered("capacity: 2.0", |size| if size == 500.0 { (None, Some(500.0)) } else { (Some(size), None) });
    assert_eq!(world.outcome("censored"), 1.0);
    let (spent, got) = bought(&world, proposer, 0.0);
    assert_eq!(spent, 500.0);
    // 500 into 10,000 at 1, first of all, with the venue's fee of 0.3 %.
    assert!((got * 500.0 - 10_000.0 * 498.5 / 10_498.5).abs() < 1e-5, "{got}");
    assert_eq!(TRADERS.map(|agent| 1000.0 - world.cash(agent)), [0.0, 0.0, 400.0, 0.0]);
}

/// What the proposer is shown of a purchase of 300 coins, by field.
fn shown(visibility: &str) -> Vec<(&'static str, f64)> {
    let terms = format!(r#"priority: "proposer", visibility: {visibility}"#);
    let mut world = World::new(&terms);
    let fields = world.simulation.registry().public.clone();
    let intents = [
        world.intent(3, "tip", &[Value::Number(2.0)]),
        world.intent(3, "buy", &[VENUE, Value::Number(300.0)]),
        world.intent(9, "sell", &[VENUE, Value::All]),
        world.intent(10, "sell", &[VENUE, Value::All]),
    ];
    let mut seen = Vec::new();
    world.step(&intents, |ask, _| {
        let values = fields.iter().zip(ask.subject_values).filter(|(field, _)| field.of == Kind::Pending);
        seen.push(values.map(|(field, value)| (field.name, *value)).collect::<Vec<_>>());
    });
    assert_eq!(seen.len(), 3);
    let own = |seen: &[(&str, f64)]| seen.contains(&("own", 1.0));
    assert_eq!(seen.iter().filter(|seen| own(seen)).count(), usize::from(visibility == "public"));
    seen.into_iter().find(|seen| seen.contains(&("fee", 2.0))).expect("the one with a tip")
}

#[test]
fn sealed_actions_show_their_tip_and_how_long_they_waited() {
    let buy = f64::from(intent(World::new("").simulation.registry(), 0, 0, "buy", &[]).action.0);
    let public = shown("public");
    for expected in
        [("waited", 1.0), ("sealed", 0.0), ("action", buy), ("market", -1.0), ("venue", 0.0), ("size", 300.0)]
    {
        assert!(public.contains(&expected), "{expected:?} in {public:?}");
    }
    let sealed = shown("sealed");
    let blank = [("action", -1.0), ("market", -1.0), ("venue", -1.0), ("size", 0.0), ("share", 0.0), ("own", 0.0)];
    assert_eq!(sealed[..3], [("fee", 2.0), ("waited", 1.0), ("sealed", 1.0)]);
    assert_eq!(sealed[3..], blank);
}

/// A rule that says nothing, one that ranks all alike, and a proposer who says nothing about it leave the shuffle alone.
#[test]
fn equals_stand_in_the_seeded_order() {
    let first = |terms: &str| {
        let mut world = World::new(&format!("capacity: 1.0, {terms}"));
        let intents = TRADERS.map(|agent| world.intent(agent, "deposit", &[Value::Number(1.0)]));
        world.step(&intents, |ask, replies| replies.values.extend((0..ask.agents.len()).map(|row| (row, 0.0))));
        TRADERS.map(|agent| world.cash(agent))
    };
    let shuffled = first(r#"priority: "shuffle""#);
    for other in ["fee", "first_come", "stake", "proposer"] {
        assert_eq!(first(&format!(r#"priority: "{other}""#)), shuffled, "{other}");
    }
}

/// Kills: a voter who is not asked again once its vote was left out.
#[test]
fn votes_that_are_left_out_are_asked_for_again() {
    let mut scenario = scenario(r#"priority: "proposer""#);
    let governance = r#"(token: "TOK", threshold: 0.001, quorum: 0.01, period: "1h")"#;
    scenario.blocks.insert("protocol.governance".into(), governance.into());
    let mut world = World::of(&scenario, 1);
    let imr = world.simulation.world().resource::<Directory>().find(Kind::Parameter, "protocol.markets.TOK-PERP.imr");
    let imr = handle(Kind::Parameter, u32::try_from(imr.expect("a parameter")).expect("few"));
    for (action, args) in [("draft", vec![imr, Value::Number(0.2)]), ("propose", vec![])] {
        let intent = world.intent(3, action, &args);
        world.simulation.act(&intent).expect(action);
    }
    let mut votes = Vec::new();
    for step in 0..6 {
        world.step(&[], |_, replies| replies.values.extend((step >= 3).then_some((0, 1.0))));
        votes.push(seen(&world.simulation, Kind::Proposal, "for_votes", 0));
    }
    // Four traders with 1,000 each, from the step in which their votes were let in.
    assert_eq!(votes, [0.0, 0.0, 0.0, 4000.0, 4000.0, 4000.0]);
    assert!(world.outcome("censored") >= 8.0, "{}", world.outcome("censored"));
}

#[test]
fn what_cannot_be_is_refused_at_the_start() {
    let refused = |terms: &str, validators: bool| {
        let mut scenario = scenario(terms);
        scenario.cohorts.retain(|(_, cohort)| validators || cohort.role != Role::Validator);
        Simulation::new(&scenario, &ALL, Options::default()).err().expect(terms).to_string()
    };
    assert!(refused(r#"priority: "proposer""#, false).contains("no cohort of role `validator`"));
    assert!(refused("base_fee_to: proposer", false).contains("no cohort of role `validator`"));
    assert!(refused(r#"priority: "fees""#, true).contains("there is no priority rule called `fees`"));
    assert!(refused("capacity: 0.0", true).contains("protocol.blockspace.capacity"));
    assert!(refused("base_fee: -1.0", true).contains("protocol.blockspace.base_fee"));
}
