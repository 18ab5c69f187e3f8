//! What can be said of a strategy without running it, for lists and descriptions: its hooks and its declarations.

use std::collections::BTreeSet;

use palisade_engine::host::{Hook, Wake};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;
use rhai::{ASTNode, Expr, Stmt};

use crate::catalog::{Access, Catalog};
use crate::check::{declarations, loading_sandbox, usage};
use crate::declare::{Cell, StrategyParam};
use crate::draft::Draft;
use crate::library::{Library, Strategy};
use crate::problem::ScriptProblem;
use crate::sandbox::Packages;

/// A strategy's functions and declarations.
#[derive(Clone, PartialEq, Debug)]
pub struct Outline {
    /// Its hooks as they are written, such as `decide(me, world)`.
    pub hooks: Vec<String>,
    /// Its parameters, by name.
    pub params: Vec<StrategyParam>,
    /// The fields of its memory with their first values, by name.
    pub memory: Vec<(String, Cell)>,
    /// When it wants to be asked to decide.
    pub wake: Wake,
    /// The facts that it can come to know, by their names, such as `mark` and `equity`; `rng` when it draws.
    pub facts: BTreeSet<String>,
}

/// The outline of a strategy.
///
/// # Errors
/// All problems of its text that keep it from being read.
pub fn outline(library: &Library, strategy: &Strategy) -> Result<Outline, Vec<ScriptProblem>> {
    let packages = Packages::new();
    let mut sandbox = loading_sandbox(&packages, library.containment());
    let draft = Draft::parse(library, strategy, &mut sandbox.engine)?;
    let declared = declarations(&draft, &mut sandbox).map_err(|problem| vec![problem])?;
    let hooks = Hook::ALL.into_iter().filter(|hook| draft.defines(hook.name())).map(usage).collect();
    let facts = facts(&draft);
    Ok(Outline { hooks, params: declared.params, memory: declared.memory, wake: declared.wake, facts })
}

/// What a strategy itself declares.
const DECLARED: [&str; 2] = ["params", "memory"];

/// The names of facts that hooks, and what they call, read. A field of its own memory that is called like a fact counts.
fn facts(draft: &Draft) -> BTreeSet<String> {
    let mut waiting: Vec<String> = Hook::ALL.iter().map(|hook| hook.name().to_owned()).collect();
    let (mut seen, mut facts) = (BTreeSet::new(), BTreeSet::new());
    while let Some(name) = waiting.pop() {
        for function in draft.functions.iter().filter(|function| function.name() == name) {
            for statement in &function.body {
                statement.walk(&mut Vec::new(), &mut |path| {
                    match path.last() {
                        Some(ASTNode::Expr(Expr::Property(property, _))) => {
                            facts.insert(property.2.to_string());
                        }
                        Some(ASTNode::Expr(Expr::MethodCall(call, _))) => {
                            facts.insert(call.name.to_string());
                        }
                        Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                            waiting.extend(seen.insert(call.name.to_string()).then(|| call.name.to_string()));
                        }
                        _ => {}
                    }
                    true
                });
            }
        }
    }
    let catalog = Catalog::of(&Registry::of(&ALL));
    let is_fact = |name: &str| {
        catalog.records().any(|(_, members)| {
            let looked_up = members.methods.get(name).is_some_and(|method| matches!(method.access, Access::Own(_)));
            members.properties.contains_key(name) || looked_up
        })
    };
    facts.retain(|fact| !DECLARED.contains(&fact.as_str()) && is_fact(fact));
    facts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use palisade_engine::units::Span;

    use super::*;

    #[test]
    fn hooks_and_declarations_are_told() {
        let text = "//! name: x\n//! role: trader\n//! summary: s\nfn params() { #{ b: param(1.0, 0.0, 2.0, \"b\"), a: market_param(\"first\") } }\nfn memory() { #{ n: 1, x: 0.5, f: true } }\nfn wake() { #{ every: \"1m\", own: true } }\nfn vote(me, proposal) { FOR }\nfn decide(me, world) {}\nfn other() {}";
        let library = Library::of_texts(&[("x.rhai", text)]).unwrap();
        let outline = outline(&library, library.get("x").unwrap()).unwrap();
        assert_eq!(outline.hooks, ["decide(me, world)", "vote(me, proposal)"]);
        assert_eq!(outline.params.iter().map(|param| param.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let memory = [("f", Cell::Flag(true)), ("n", Cell::Int(1)), ("x", Cell::Float(0.5))];
        assert_eq!(outline.memory, memory.map(|(name, cell)| (name.to_owned(), cell)));
        assert_eq!(outline.wake, Wake { every: Some(Span(60_000)), moves: None, own: true });
    }

    #[test]
    fn a_text_that_cannot_be_read_has_no_outline() {
        let text = "//! name: x\n//! role: trader\n//! summary: s\nfn decide(me, world) {";
        let library = Library::of_texts(&[("x.rhai", text)]).unwrap();
        let problems = outline(&library, library.get("x").unwrap()).unwrap_err();
        assert_eq!((problems.len(), problems[0].line), (1, 4), "{problems:?}");
    }
}
