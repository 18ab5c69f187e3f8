//! Governance: whoever holds enough of the token proposes changes of risk parameters; votes weigh by tokens held and
//! staked, as they were before voting opened or as they are now; what passes waits out its timelock and is then executed
//! by anyone. A guardian may veto it before that.

mod ballots;
mod course;
mod propose;
mod view;

use bevy_ecs::prelude::{Component, World};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::{ActionSpec, ArgKind, ArgSpec, Receiver, Who};
use crate::domain::Votable;
use crate::ledger::AssetId;
use crate::math::tally::QuorumCounts;
use crate::mechanism::{Assets, Mechanism, Setup};
use crate::params;
use crate::phase::{Half, Phase};
use crate::registry::{BlockSpec, Kind, Registry, part};
use crate::rule::{Rule, RuleKind};
use crate::scenario::{Role, SetupError};
use crate::units::Span;

const GOVERNANCE: &str = "protocol.governance";

/// Governance.
pub(super) struct Governance;

/// Which balances a vote weighs by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Weighing {
    /// Those at the end of the step before voting opened.
    #[default]
    Snapshot,
    /// Those that voters have when the tally is read.
    Current,
}

/// The block `protocol.governance`.
#[derive(Component, Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["token"]))]
pub(super) struct GovernanceTerms {
    /// The asset that votes.
    pub(super) token: String,
    /// Which balances count.
    pub(super) weight: Weighing,
    /// The name of the rule that says how many votes they are. Under another one than `tokens`, a share of the supply is a
    /// share of what the votes of all agents weigh together.
    pub(super) weight_rule: String,
    /// Share of the supply that a proposer must exceed.
    pub(super) threshold: f64,
    /// Share of the supply that must vote.
    pub(super) quorum: f64,
    /// Which votes count toward the quorum.
    pub(super) quorum_counts: QuorumCounts,
    /// Share of for and against that for must exceed.
    pub(super) majority: f64,
    /// Share of the supply whose votes for a proposal pass it before its time is over; above 1 there is no such way.
    pub(super) super_quorum: f64,
    /// Time between a proposal and the opening of its vote.
    pub(super) review: Span,
    /// How long the vote is open.
    pub(super) period: Span,
    /// Time that a vote stays open once it has reached its quorum.
    pub(super) extension: Span,
    /// Time between passing and execution.
    pub(super) timelock: Span,
    /// Time after which a passed proposal can no longer be executed.
    pub(super) grace: Span,
    /// Paths that cannot be voted on; the path of a block or of a thing stands for all of it.
    pub(super) immutable: Vec<String>,
}

impl Default for GovernanceTerms {
    fn default() -> Self {
        let day = 86_400_000;
        Self {
            token: String::new(),
            weight: Weighing::Snapshot,
            weight_rule: TOKENS.into(),
            threshold: 0.01,
            quorum: 0.04,
            quorum_counts: QuorumCounts::For,
            majority: 0.5,
            super_quorum: NEVER,
            review: Span(0),
            period: Span(3 * day),
            extension: Span(0),
            timelock: Span(2 * day),
            grace: Span(14 * day),
            immutable: Vec::new(),
        }
    }
}

/// The built-in rule of weights: a vote for each token.
const TOKENS: &str = "tokens";
/// A super quorum that no supply reaches.
const NEVER: f64 = 2.0;

/// The voting asset, resolved.
#[derive(Component, Clone, Copy, Debug)]
pub(super) struct Token(pub(super) AssetId);

const PARAMETER: ArgSpec =
    ArgSpec { name: "parameter", kind: ArgKind::Handle(Kind::Parameter), unit: "", doc: "The parameter to change." };
const VALUE: ArgSpec = ArgSpec { name: "value", kind: ArgKind::Number, unit: "", doc: "Its new value." };
const PROPOSAL: ArgSpec =
    ArgSpec { name: "proposal", kind: ArgKind::Handle(Kind::Proposal), unit: "", doc: "The proposal." };
const CHOICE: ArgSpec = ArgSpec { name: "choice", kind: ArgKind::Number, unit: "", doc: "FOR, AGAINST or ABSTAIN." };

impl Mechanism for Governance {
    fn name(&self) -> &'static str {
        "governance"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.blocks.push(BlockSpec::of::<GovernanceTerms>(
            GOVERNANCE,
            "Votes on risk parameters: token, weight, thresholds, times and what cannot be voted on. Without this block nothing can be voted on.",
        ));
        registry.params.extend(params![GovernanceTerms, Kind::Protocol, "protocol.governance";
            threshold: "ratio", 0.0, 1.0, Lower, "Share of the supply that a proposer must exceed.";
            quorum: "ratio", 0.0, 1.0, Lower, "Share of the supply that must vote.";
            majority: "ratio", 0.0, 1.0, Lower, "Share of for and against that for must exceed.";
            super_quorum: "ratio", 0.0, 2.0, Lower, "Share of the supply whose votes pass a proposal at once; above 1 there is no such way.";
        ]);
        let rule = |name, doc, eval| Rule::native(RuleKind::Weight, name, doc, eval);
        registry.rules.extend([
            rule(TOKENS, "A vote for each token, in the wallet or at stake.", |columns, out| {
                out.extend(columns[0].iter().zip(columns[1]).map(|(held, staked)| held + staked));
            }),
            rule(
                "square_root",
                "The square root of tokens held and staked, as in quadratic voting.",
                |columns, out| {
                    out.extend(columns[0].iter().zip(columns[1]).map(|(held, staked)| libm::sqrt(held + staked)));
                },
            ),
            rule("staked", "A vote for each token at stake; those in wallets do not vote.", |columns, out| {
                out.extend_from_slice(columns[1]);
            }),
        ]);
        view::declare(registry);
        let action = |name, who, args, doc, run| ActionSpec { name, receiver: Receiver::Me, who, args, doc, run };
        registry.actions.extend([
            action(
                "draft",
                Who::Everyone,
                &[PARAMETER, VALUE],
                "Adds a change to the agent's next proposal.",
                propose::draft,
            ),
            action("propose", Who::Everyone, &[], "Proposes the changes drafted.", propose::propose),
            action(
                "cast",
                Who::Everyone,
                &[PROPOSAL, CHOICE],
                "Casts the agent's vote, once a proposal.",
                ballots::cast,
            ),
            action(
                "execute",
                Who::Everyone,
                &[PROPOSAL],
                "Puts a passed proposal into force once its timelock is over.",
                course::execute,
            ),
            action(
                "veto",
                Who::Appointed(&[Role::Guardian]),
                &[PROPOSAL],
                "Ends a proposal that is not in force yet.",
                course::veto,
            ),
        ]);
    }

    fn build(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let Some(terms) = setup.block::<GovernanceTerms>(GOVERNANCE)? else { return Ok(()) };
        let token = setup.asset(&terms.token, &format!("{GOVERNANCE}.token"))?;
        if terms.period.0 == 0 {
            return Err(SetupError::value(format!("{GOVERNANCE}.period"), "expected a time above zero"));
        }
        let path = format!("{GOVERNANCE}.weight_rule");
        let rule = setup.rule_instead((RuleKind::Weight, TOKENS), "weight rule", &terms.weight_rule, &path)?;
        setup.protocol((terms, Token(token), ballots::WeightRule(rule)));
        setup.world.init_resource::<Votable>();
        propose::give_drafts(setup.world);
        ballots::begin(setup.world);
        setup.state::<GovernanceTerms>();
        setup.state::<crate::domain::Proposal>();
        setup.state::<crate::domain::Change>();
        setup.state::<course::Course>();
        setup.state::<ballots::Ballots>();
        setup.state::<propose::Draft>();
        setup.system(Phase::Decide, Half::Prepare, ballots::ask_voters);
        setup.system(Phase::Decide, Half::Settle, ballots::hear_voters);
        setup.system(Phase::Govern, Half::Settle, course::move_proposals);
        Ok(())
    }
}

/// The voting asset, and the coins of it that make a quorum in one hand; `None` where no number of them does.
#[allow(clippy::cast_precision_loss)]
pub(super) fn quorum(world: &World) -> Option<(AssetId, f64)> {
    let token = token(world)?;
    let votes = ballots::thresholds(world)?.quorum as f64 / world.resource::<Assets>().scale(token);
    Some((token, ballots::tokens_for(world, (token, terms(world)?.quorum), votes)?))
}

fn terms(world: &World) -> Option<&GovernanceTerms> {
    part::<GovernanceTerms>(world, Kind::Protocol, 0)
}

fn token(world: &World) -> Option<AssetId> {
    part::<Token>(world, Kind::Protocol, 0).map(|token| token.0)
}
