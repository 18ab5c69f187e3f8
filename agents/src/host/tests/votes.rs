//! Votes, and things that come into being while the world runs: with a small mechanism that puts proposals to a vote.

use bevy_ecs::prelude::{ResMut, Resource, World};
use palisade_engine::domain::{Change, Proposal};
use palisade_engine::inquiry::{Answers, Inquiries, Inquiry};
use palisade_engine::mechanism::{Mechanism, Setup};
use palisade_engine::phase::{Half, Phase};
use palisade_engine::registry::{Registry, part};
use palisade_engine::view::{FieldKind, OwnField, OwnScope, PublicField};

use super::*;

const PATH: &str = "protocol.markets.TOK-PERP.imr";

/// Two proposals of two changes and of one, the second of which is put to the traders' vote; a third comes up in the
/// first step.
struct Ballot;

/// What was answered, with its subject and agent.
#[derive(Resource, Default)]
struct Cast(Vec<(Option<Handle>, u32, f64)>);

fn number(of: Kind, name: &'static str, read: fn(&World, usize) -> f64) -> PublicField {
    PublicField::new(of, name, FieldKind::Number, "", "Of the test.", read)
}

fn proposal(world: &World, place: usize) -> &Proposal {
    part::<Proposal>(world, Kind::Proposal, place).unwrap()
}

fn motion(first_change: usize, changes: usize) -> Proposal {
    Proposal { proposer: AgentId(0), first_change, changes, snapshot: None }
}

impl Mechanism for Ballot {
    fn name(&self) -> &'static str {
        "ballot"
    }

    #[allow(clippy::cast_precision_loss)]
    fn declare(&self, registry: &mut Registry) {
        registry.public.extend([
            number(Kind::Protocol, "proposals", |world, _| world.resource::<Directory>().count(Kind::Proposal) as f64),
            number(Kind::Proposal, "first_change", |world, place| proposal(world, place).first_change as f64),
            number(Kind::Proposal, "changes", |world, place| proposal(world, place).changes as f64),
            number(Kind::Change, "target", |world, place| part::<Change>(world, Kind::Change, place).unwrap().after),
            number(Kind::Vault, "size", |_, place| 10.0 + place as f64),
        ]);
        registry.public.push(PublicField {
            kind: FieldKind::Handle(Kind::Parameter),
            ..number(Kind::Change, "parameter", |_, _| 0.0)
        });
        let own = |scope, name, gather| OwnField { scope, name, unit: "", doc: "Of the test.", gather };
        registry.own.extend([
            own(OwnScope::Change, "estimate", |_, rows, out| {
                out.extend(rows.agents.iter().map(|agent| f64::from(agent.0) + 10.0 * rows.first as f64));
            }),
            own(OwnScope::Vault, "staked", |_, rows, out| {
                out.extend(rows.agents.iter().map(|agent| f64::from(agent.0) + 100.0 * rows.first as f64));
            }),
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        setup.spawn(Kind::Vault, "major", ());
        setup.spawn(Kind::Vault, "side", ());
        setup.spawn(Kind::Parameter, PATH, ());
        for (place, after) in [0.1, 0.2, 0.3].into_iter().enumerate() {
            setup.spawn(Kind::Change, &format!("c{place}"), Change { parameter: 0, before: 0.0, after });
        }
        setup.spawn(Kind::Proposal, "one", motion(0, 2));
        setup.spawn(Kind::Proposal, "two", motion(2, 1));
        setup.world.insert_resource(Cast::default());
        setup.system(Phase::Decide, Half::Prepare, put_to_vote);
        setup.system(Phase::Decide, Half::Settle, count);
        setup.system(Phase::Govern, Half::Settle, propose);
        Ok(())
    }
}

fn put_to_vote(mut inquiries: ResMut<'_, Inquiries>) {
    let agents = (0..3).map(AgentId).collect();
    inquiries.push(Inquiry { hook: Hook::Vote, cohort: CohortId(0), agents, subject: TWO });
}

fn count(mut answers: ResMut<'_, Answers>, mut cast: ResMut<'_, Cast>) {
    cast.0.extend(answers.take().into_iter().map(|((subject, agent), value)| (subject, agent.0, value)));
}

fn propose(world: &mut World) {
    if world.resource::<Directory>().count(Kind::Proposal) == 2 {
        let entity = world.spawn(motion(3, 0)).id();
        world.resource_mut::<Directory>().add(Kind::Proposal, "three", entity);
    }
}

pub(super) const ONE: Option<Handle> = Some(Handle { kind: Kind::Proposal, index: 0 });
pub(super) const TWO: Option<Handle> = Some(Handle { kind: Kind::Proposal, index: 1 });

/// All mechanisms, and the ballot.
pub(super) fn ballot() -> Vec<&'static dyn Mechanism> {
    mechanisms::ALL.into_iter().chain([&Ballot as &dyn Mechanism]).collect()
}

fn with_ballot(body: &str, adjust: impl FnOnce(&mut Cohort)) -> Result<Stage, LoadError> {
    Stage::among(&ballot(), body, adjust)
}

fn stage(body: &str) -> Stage {
    with_ballot(body, |_| {}).unwrap()
}

/// What the first agent answers, or how it fails.
#[track_caller]
fn check_vote(body: &str, expected: Result<Option<f64>, &str>) {
    let replies = stage(&format!("fn vote(me, proposal) {{ {body} }}")).ask(Hook::Vote, TWO);
    let fault = replies.faults.first().map(|fault| fault.message.to_string());
    match expected {
        Ok(value) => assert_eq!((replies.values.first().map(|(_, value)| *value), fault), (value, None), "{body}"),
        Err(message) => assert_eq!((replies.values.len(), fault.as_deref()), (0, Some(message)), "{body}"),
    }
}

/// The value of an expression in `decide`, or how it fails.
#[track_caller]
fn check(expression: &str, expected: Result<f64, &str>) {
    let replies =
        stage(&format!("fn decide(me, world) {{ let x = {expression}; me.account(0).deposit(x); }}")).decide();
    match expected {
        Ok(value) => assert_eq!(deposits(&replies)[0], value, "{expression}"),
        Err(message) => assert_eq!(&*replies.faults.first().expect(expression).message, message, "{expression}"),
    }
}

#[test]
fn votes_are_one_of_three_or_nothing_yet() {
    check_vote("FOR", Ok(Some(1.0)));
    check_vote("return AGAINST;", Ok(Some(0.0)));
    check_vote("if me.cash > 0.0 { ABSTAIN } else { FOR }", Ok(Some(2.0)));
    check_vote("", Ok(None));
    check_vote("if me.cash < 0.0 { FOR }", Ok(None));
    check_vote("3", Err("`vote` returned 3, not FOR, AGAINST or ABSTAIN"));
    check_vote("FOR - 2", Err("`vote` returned -1, not FOR, AGAINST or ABSTAIN"));
    check_vote("[1.0][0]", Err("`vote` returned f64, not FOR, AGAINST or ABSTAIN"));
    check_vote("[true][0]", Err("`vote` returned bool, not FOR, AGAINST or ABSTAIN"));
}

#[test]
fn votes_reach_the_mechanism_and_actions_go_along() {
    let mut stage = stage(
        "fn memory() { #{ asked: 0 } }\n\
         fn vote(me, proposal) {\n\
         me.memory.asked += 1;\n\
         if me.memory.asked < 2 { return; }\n\
         me.account(1).deposit(5.0);\n\
         if me.estimate(proposal.change(0)) > 21.5 { throw \"no\" }\n\
         if me.estimate(proposal.change(0)) > 20.5 { FOR } else { AGAINST }\n\
         }",
    );
    let simulation = &mut stage.simulation;
    let cash = |simulation: &Simulation, agent: u32| {
        let own = simulation.registry().own.iter().find(|field| field.name == "cash" && field.scope == OwnScope::Agent);
        let mut out = Vec::new();
        let rows = palisade_engine::view::Rows { agents: &[AgentId(agent)], first: 0, second: 0 };
        (own.unwrap().gather)(simulation.world(), rows, &mut out);
        out[0]
    };
    simulation.step(&mut stage.host);
    assert_eq!(simulation.world().resource::<Cast>().0, [], "nothing yet");
    simulation.step(&mut stage.host);
    assert_eq!(simulation.world().resource::<Cast>().0, [(TWO, 0, 0.0), (TWO, 1, 1.0)]);
    assert_eq!(simulation.fault_count(), 1, "the third agent's alone");
    assert_eq!([0, 1, 2].map(|agent| cash(simulation, agent)), [995.0, 995.0, 1_000.0]);
}

#[test]
fn proposals_and_their_changes_are_counted_from_0() {
    check("world.proposals", Ok(2.0));
    check("world.proposal(1).changes", Ok(1.0));
    check("world.proposal(0).change(1).target", Ok(0.2));
    check("world.proposal(1).change(0).target", Ok(0.3));
    check(
        "if world.proposal(0).change(1).parameter == world.parameter(\"protocol.markets.TOK-PERP.imr\") { 1.0 } else { 2.0 }",
        Ok(1.0),
    );
    check("world.proposal(2).changes", Err("there is no proposal(2): the world has 2, counted from 0"));
    check("world.proposal(-1).changes", Err("there is no proposal(-1): the world has 2, counted from 0"));
    check("world.proposal(1).change(1).target", Err("there is no change(1): the proposal has 1, counted from 0"));
    check("world.proposal(0).change(-1).target", Err("there is no change(-1): the proposal has 2, counted from 0"));
    check("[world.settlement][0].proposal(0).changes", Err("an asset has no method `proposal`"));
    check("[world][0].change(0).target", Err("the world has no method `change`"));
    check_vote("if proposal.change(0).target == 0.3 { FOR }", Ok(Some(1.0)));
}

#[test]
fn without_a_mechanism_there_are_no_proposals() {
    let fault = |body: &str| Stage::of(body).decide().faults[0].message.to_string();
    assert_eq!(
        fault("fn decide(me, world) { world.proposal(0); }"),
        "there is no proposal(0): the world has 0, counted from 0"
    );
    let subject = ONE;
    let replies = Stage::of("fn vote(me, proposal) { proposal.change(0); () }").ask(Hook::Vote, subject);
    assert_eq!(&*replies.faults[0].message, "this proposal is not in view yet");
}

#[test]
fn things_are_found_by_name() {
    // Behind the vault that every scenario has.
    check("world.vault(\"side\").size", Ok(12.0));
    check("world.find(\"side\").size", Ok(12.0));
    check("world.find(\"two\").changes", Ok(1.0));
    check(
        "if world.find(\"protocol.markets.TOK-PERP.imr\") == world.parameter(\"protocol.markets.TOK-PERP.imr\") { 1.0 } else { 2.0 }",
        Ok(1.0),
    );
    check("world.proposal(1).change(0).name.len() + world.proposal(0).name.len()", Ok(5.0));
    check("world.vault(\"sied\").size", Err("there is no vault called `sied` (did you mean `side`?)"));
    check("world.find(\"nothing-like-it\").size", Err("there is no thing called `nothing-like-it`"));
    check(
        "world.parameter(\"protocol.markets.TOK-PERP.imx\").name.len()",
        Err(
            "there is no risk parameter called `protocol.markets.TOK-PERP.imx` (did you mean `protocol.markets.TOK-PERP.imr`?)",
        ),
    );
    check("[world.settlement][0].find(\"side\").size", Err("an asset has no method `find`"));
}

#[test]
fn what_came_up_while_the_world_runs_has_a_name_too() {
    let mut stage = stage(
        "fn decide(me, world) { let last = world.proposal(world.proposals.to_int() - 1); \
         me.account(0).deposit(last.name.len()); if last == world.find(\"three\") { me.account(0).deposit(last.changes); } }",
    );
    for _ in 0..2 {
        stage.simulation.step(&mut stage.host);
    }
    assert_eq!(stage.simulation.world().resource::<Directory>().count(Kind::Proposal), 3);
    assert_eq!(deposits(&stage.decide()), [5.0, 0.0, 5.0, 0.0, 5.0, 0.0]);
}

#[test]
fn own_values_are_looked_up_by_vault_and_by_change() {
    check("me.staked(world.vault(\"side\"))", Ok(200.0));
    check("me.staked([world.settlement][0])", Err("`staked` takes a vault, not an asset"));
    check(
        "me.estimate(world.proposal(1).change(0))",
        Err("`estimate` of a change is known only while voting on its proposal"),
    );
    check_vote("if me.estimate(proposal.change(0)) == 20.0 { FOR }", Ok(Some(1.0)));
    check_vote("me.estimate([proposal][0]); ()", Err("`estimate` takes a change of a proposal, not a proposal"));
}

#[test]
fn the_changes_of_another_proposal_are_not_known() {
    // `staked` is gathered too: its columns lie right behind those of the changes.
    let body = "fn vote(me, proposal) { me.staked(proposal.at); me.estimate(proposal.change(0)); () }";
    let all: Vec<&dyn Mechanism> = mechanisms::ALL.into_iter().chain([&Ballot as &dyn Mechanism, &Pointer]).collect();
    let mut stage = Stage::among(&all, &body.replace("l.change", "l.other.change"), |_| {}).unwrap();
    let replies = stage.ask(Hook::Vote, ONE);
    assert_eq!(&*replies.faults[0].message, "`estimate` of a change is known only while voting on its proposal");
    let mut stage = Stage::among(&all, body, |_| {}).unwrap();
    assert_eq!(stage.ask(Hook::Vote, ONE).faults, []);
}

/// Lets a proposal point at things that the hook is not asked about.
struct Pointer;

impl Mechanism for Pointer {
    fn name(&self) -> &'static str {
        "pointer"
    }

    fn declare(&self, registry: &mut Registry) {
        let handle =
            |name, kind| PublicField { kind: FieldKind::Handle(kind), ..number(Kind::Proposal, name, |_, _| 1.0) };
        registry.public.extend([handle("other", Kind::Proposal), handle("at", Kind::Vault)]);
    }

    fn build(&self, _: &mut Setup<'_>) -> Result<(), SetupError> {
        Ok(())
    }
}

#[test]
fn draws_in_a_vote_are_its_own() {
    let mut stage = stage(
        "fn vote(me, proposal) { me.account(0).deposit(me.rng.uniform()); }\n\
         fn decide(me, world) { me.account(0).deposit(me.rng.uniform()); }",
    );
    let mut draw = |hook, subject| {
        stage.step = 0;
        deposits(&stage.ask(hook, subject))[0]
    };
    let one = draw(Hook::Vote, ONE);
    assert_eq!(one, draw(Hook::Vote, ONE));
    assert_ne!(one, draw(Hook::Vote, TWO), "proposals share no draws");
    assert_ne!(one, draw(Hook::Decide, None), "hooks share no draws");
}

/// Which vault or parameter a parameter binds to, by place, or why it does not.
#[track_caller]
fn check_bound(declared: &str, bind: Option<&str>, expected: Result<u32, &str>) {
    let body = format!(
        "fn params() {{ #{{ what: {declared} }} }}\n\
         fn decide(me, world) {{ me.account(0).deposit(me.params.what.name.len()); }}"
    );
    let binding = bind.map(|name| ("what".to_owned(), name.to_owned())).into_iter().collect();
    match (with_ballot(&body, |cohort| cohort.bind = binding), expected) {
        (Ok(mut stage), Ok(length)) => assert_eq!(deposits(&stage.decide())[0], f64::from(length), "{declared}"),
        (Err(error), Err(message)) => assert_eq!(error.to_string(), message, "{declared}"),
        (found, _) => panic!("{declared}: {:?}", found.err()),
    }
}

#[test]
fn vaults_and_parameters_are_bound() {
    let long = u32::try_from(PATH.len()).unwrap();
    check_bound("vault_param(\"first\", \"v\")", None, Ok(5));
    check_bound("vault_param(\"first\")", Some("side"), Ok(4));
    check_bound("vault_param(\"other\")", None, Err("population.traders.strategy: there is no vault called `other`"));
    check_bound(&format!("parameter_param(\"{PATH}\", \"p\")"), None, Ok(long));
    check_bound("parameter_param(\"\")", Some(PATH), Ok(long));
    for open in ["parameter_param(\"\")", "parameter_param(\"first\", \"p\")"] {
        check_bound(
            open,
            None,
            Err(
                "population.traders.strategy: the strategy leaves open which risk parameter it means: bind one by its path, such as `protocol.markets.TOK-PERP.imr`",
            ),
        );
    }
    check_bound(
        "parameter_param(\"protocol.markets.TOK-PERP.mmr\")",
        None,
        Err("population.traders.strategy: there is no risk parameter called `protocol.markets.TOK-PERP.mmr`"),
    );
    check_bound(
        "parameter_param(\"\")",
        Some("imr"),
        Err("population.traders.bind.what: there is no risk parameter called `imr`"),
    );
    let bind = |name: &str| BTreeMap::from([("vault".to_owned(), name.to_owned())]);
    assert!(with_ballot("fn decide(me, world) {}", |cohort| cohort.bind = bind("side")).is_ok());
    assert_eq!(
        with_ballot("fn decide(me, world) {}", |cohort| cohort.bind = bind("sied")).err().unwrap().to_string(),
        "population.traders.bind.vault: there is no vault called `sied`"
    );
}

#[test]
fn a_scenario_may_lack_what_a_strategy_needs() {
    let load = |declared: &str| {
        let body = format!("fn params() {{ #{{ what: {declared} }} }}\nfn decide(me, world) {{}}");
        Stage::with(&body, |_| {}).err().unwrap().to_string()
    };
    let lacks =
        |what: &str| format!("population.traders.strategy: the strategy needs a {what}, and the scenario has none");
    assert_eq!(load("parameter_param(\"\")"), lacks("risk parameter"));
    assert_eq!(load(&format!("parameter_param(\"{PATH}\")")), lacks("risk parameter"));
}
