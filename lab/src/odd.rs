//! The model in the ODD protocol (Overview, Design concepts, Details), the standard description of agent-based models. What
//! people wrote is the frame; lists in it follow from what the mechanisms declare.

use std::fmt::Write;

use palisade_engine::event_columns;
use palisade_engine::host::Hook;
use palisade_engine::phase::{LiquidationTiming, Phase};
use palisade_engine::probe::STEP_TABLES;
use palisade_engine::registry::{Kind, Registry};
use palisade_engine::scenario::Role;
use palisade_engine::view::OwnScope;

const FRAME: &str = include_str!("odd/frame.md");
const GENERATED: &str = "<!-- generated from lab/src/odd/frame.md and the registry; rewrite with PALISADE_BLESS=1 cargo test -p palisade-tests odd -->\n";

/// The page for the mechanisms of a registry.
#[must_use]
pub fn page(registry: &Registry) -> String {
    let lists = [
        ("entities", entities(registry)),
        ("roles", roles()),
        ("phases", phases()),
        ("late_phases", late_phases()),
        ("hooks", hooks()),
        ("own", own(registry)),
        ("actions", actions(registry)),
        ("tables", tables(registry)),
        ("blocks", blocks(registry)),
        ("rules", rules(registry)),
        ("parameters", registry.params.len().to_string()),
        ("outcomes", registry.outcomes.len().to_string()),
    ];
    let filled =
        lists.iter().fold(FRAME.to_owned(), |text, (name, list)| text.replace(&format!("{{{{{name}}}}}"), list));
    format!("{GENERATED}{filled}")
}

/// A table of rows of cells.
fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", header.join(" | "), "---|".repeat(header.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text.trim_end().to_owned()
}

fn code<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

const fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Protocol => "the protocol (`world`)",
        Kind::Market => "market",
        Kind::Feed => "feed",
        Kind::Venue => "venue",
        Kind::Asset => "asset",
        Kind::Account => "margin account, when it is underwater",
        Kind::Vault => "vault",
        Kind::Proposal => "proposal",
        Kind::Change => "change of a proposal",
        Kind::Parameter => "risk parameter",
        Kind::Action => "kind of action, where actions compete for blockspace",
        Kind::Auction => "auction of an underwater account's position",
        Kind::Pending => "pending action, to the proposer of its block",
    }
}

/// Things with the state that everyone sees, and how many risk parameters each carries.
fn entities(registry: &Registry) -> String {
    let row = |kind: Kind| {
        let state = code(registry.public.iter().filter(|field| field.of == kind).map(|field| field.name));
        let terms = registry.params.iter().filter(|param| param.kind == kind).count();
        let none = || "only its name".to_owned();
        vec![noun(kind).to_owned(), if state.is_empty() { none() } else { state }, terms.to_string()]
    };
    table(&["entity", "public state", "risk parameters"], Kind::ALL.into_iter().map(row))
}

const fn role_words(role: Role) -> &'static str {
    match role {
        Role::Trader => "holds positions",
        Role::Oracle => "observes sources and reports prices",
        Role::Keeper => "liquidates underwater accounts",
        Role::Arbitrageur => "trades price differences away",
        Role::Staker => "puts tokens behind markets for a share of their fees",
        Role::Voter => "votes on risk parameters",
        Role::Validator => "stakes to propose blocks, and orders the actions in them",
        Role::Guardian => "may veto proposals and stop markets",
        Role::Attacker => "tries to take from the others; may do what the public may",
    }
}

fn roles() -> String {
    let row = |(role, name): (Role, &str)| vec![format!("`{name}`"), role_words(role).to_owned()];
    table(&["role", "what it does"], Role::ALL.map(row))
}

const fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Environment => "prices made outside the world move",
        Phase::Oracle => {
            "nodes observe and report, feeds publish, bribes are paid, offences are noted, markets are marked"
        }
        Phase::Margin => "volatility, and the factor that it puts on requirements",
        Phase::Liquidate => {
            "underwater accounts are offered to keepers, or sold by auction; the waterfall bears what is lost beyond margin"
        }
        Phase::Observe => "the public view is frozen",
        Phase::Decide => "awake agents decide, cohort by cohort; those with votes are asked about every open proposal",
        Phase::Order => {
            "what is due after its agent's latency is put in a seeded order; where there is blockspace, what fits and pays gets in, as a rule or the proposer has it"
        }
        Phase::Execute => "actions run one at a time, each whole or not at all",
        Phase::Fund => "funding is paid",
        Phase::Slash => "offences are adjudicated: stake is cut, victims are paid",
        Phase::Govern => "proposals move on, and changes that passed come into force",
        Phase::Record => "invariants are checked, then rows are written",
    }
}

fn phases() -> String {
    let order = Phase::order(LiquidationTiming::default());
    let line = |(place, phase): (usize, Phase)| format!("{}. **{phase:?}**: {}.", place + 1, phase_words(phase));
    order.into_iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn late_phases() -> String {
    let order = Phase::order(LiquidationTiming::AfterExecute);
    order.map(|phase| format!("{phase:?}")).join(", ")
}

const fn hook_words(hook: Hook) -> (&'static str, Phase) {
    match hook {
        Hook::Report => ("a price for a feed, or nothing", Phase::Oracle),
        Hook::Liquidate => ("actions on an underwater account", Phase::Liquidate),
        Hook::Decide => ("actions", Phase::Decide),
        Hook::Vote => ("for, against, abstain, or not yet", Phase::Decide),
        Hook::Bid => ("a price in an auction, or nothing", Phase::Liquidate),
        Hook::Order => {
            ("a rank for a pending action, or nothing to leave it out; actions to put before it", Phase::Order)
        }
    }
}

fn hooks() -> String {
    let row = |hook: Hook| {
        let (answer, phase) = hook_words(hook);
        vec![format!("`{}`", hook.name()), format!("{phase:?}"), answer.to_owned()]
    };
    table(&["hook", "phase", "answers with"], Hook::ALL.map(row))
}

/// What an agent knows of itself, by what it hangs on.
fn own(registry: &Registry) -> String {
    let scopes = [
        (OwnScope::Agent, "of itself"),
        (OwnScope::Account, "of each of its margin accounts"),
        (OwnScope::Position, "of each position"),
        (OwnScope::Asset, "for each asset"),
        (OwnScope::Vault, "for each vault"),
        (OwnScope::Feed, "for each feed"),
        (OwnScope::Change, "for each change of the proposal asked about"),
    ];
    let line = |(scope, words): (OwnScope, &str)| {
        let names = code(registry.own.iter().filter(|field| field.scope == scope).map(|field| field.name));
        (!names.is_empty()).then(|| format!("- {words}: {names}"))
    };
    scopes.into_iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

fn actions(registry: &Registry) -> String {
    code(registry.actions.iter().map(|action| action.name))
}

fn tables(registry: &Registry) -> String {
    let steps = STEP_TABLES.iter().map(|(kind, name, ..)| {
        let columns = registry.probes.iter().filter(|probe| probe.kind == *kind).count();
        (*name, if *kind == Kind::Protocol { "a row per step" } else { "a row per step and thing" }, columns)
    });
    let mut events: Vec<(&str, &str, usize)> = Vec::new();
    for (table, ..) in event_columns() {
        match events.last_mut() {
            Some((known, _, columns)) if *known == table => *columns += 1,
            _ => events.push((table, "a row per event", 1)),
        }
    }
    let rows = steps.chain(events).filter(|(.., columns)| *columns > 0);
    let row =
        |(name, rows, columns): (&str, &str, usize)| vec![format!("`{name}`"), rows.to_owned(), columns.to_string()];
    table(&["table", "rows", "columns beside the keys"], rows.map(row))
}

fn blocks(registry: &Registry) -> String {
    let row = |block: &palisade_engine::registry::BlockSpec| {
        let terms = registry.params.iter().filter(|param| param.block == block.path).count();
        vec![format!("`{}`", block.path), block.doc.to_owned(), terms.to_string()]
    };
    table(&["block of the scenario", "submodel", "risk parameters"], registry.blocks.iter().map(row))
}

fn rules(registry: &Registry) -> String {
    let line =
        |rule: &palisade_engine::rule::Rule| format!("- `{}` decides `{}`. {}", rule.name, rule.kind.word(), rule.doc);
    registry.rules.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use palisade_engine::mechanisms::ALL;

    use super::*;

    #[test]
    fn every_list_finds_its_place() {
        let page = page(&Registry::of(&ALL));
        assert!(!page.contains("{{") && !page.contains("}}"), "{page}");
        for found in ["| market | `mark`, `index`", "12. **Record**", "| `vote` | Decide |", "`buy_outside`, "] {
            assert!(page.contains(found), "no `{found}` in\n{page}");
        }
    }
}
