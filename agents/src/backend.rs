//! Which of its two ways a strategy runs.

use palisade_engine::host::Hook;
use palisade_engine::registry::Registry;

use crate::catalog::Catalog;
use crate::check;
use crate::columnar::{Columnar, Given, Root, Unsupported};
use crate::draft::Draft;
use crate::library::{Library, Strategy};
use crate::problem::ScriptProblem;
use crate::sandbox::Packages;

/// How strategies and rules are run. Results are the same bits whichever way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Backend {
    /// Over columns where a function can be lowered, and by the interpreter where not.
    #[default]
    Auto,
    /// All by the interpreter.
    Rhai,
    /// All over columns; a function that cannot be lowered is an error.
    Columnar,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Rhai, Self::Columnar];

    /// Its name on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Rhai => "rhai",
            Self::Columnar => "columnar",
        }
    }

    /// The program of a hook or rule, where it is to run over columns.
    ///
    /// # Errors
    /// What cannot be lowered, where it has to be.
    pub(crate) fn lowered(self, given: Given<'_>, root: Root) -> Result<Option<Columnar>, ScriptProblem> {
        if self == Self::Rhai {
            return Ok(None);
        }
        match Columnar::new(given, root) {
            Ok(columnar) => Ok(Some(columnar)),
            Err(unsupported) if self == Self::Columnar => {
                let hint = "leave out `--backend columnar`, and the interpreter runs it";
                Err(ScriptProblem { hint: Some(hint.into()), ..problem(given.draft, &unsupported) })
            }
            Err(_) => Ok(None),
        }
    }
}

fn problem(draft: &Draft, Unsupported { source, at, what }: &Unsupported) -> ScriptProblem {
    draft.sources[*source].problem(*at, format!("kept off the columns by {what}"), None)
}

/// How one function that the host calls is run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way {
    /// The function.
    pub name: &'static str,
    /// What keeps it off the columns, if anything does: the interpreter runs it then.
    pub kept: Option<ScriptProblem>,
}

impl Way {
    /// The backend that runs it.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        if self.kept.is_some() { Backend::Rhai } else { Backend::Columnar }
    }
}

/// How the hooks of a strategy are run, or the function of a rule.
///
/// # Errors
/// All problems of the script.
pub fn ways(library: &Library, strategy: &Strategy, registry: &Registry) -> Result<Vec<Way>, Vec<ScriptProblem>> {
    let catalog = Catalog::of(registry);
    let checked = check::checked(library, strategy, &catalog, (&Packages::new(), library.containment()))?;
    let (draft, declarations) = (&checked.draft, &checked.terms.declarations);
    // With as many accounts as an agent may have: how many it has, a scenario says.
    let given = Given { draft, catalog: &catalog, declarations, accounts: u8::MAX, directory: None };
    let hooks = Hook::ALL.into_iter().filter(|hook| checked.terms.reads.contains_key(hook));
    let roots = hooks.map(|hook| (hook.name(), Root::Hook(hook)));
    let rule = strategy.card.decides.map(|kind| (kind.word(), Root::Rule(kind)));
    let way = |(name, root)| Way {
        name,
        kept: Columnar::new(given, root).err().map(|unsupported| problem(draft, &unsupported)),
    };
    Ok(roots.chain(rule).map(way).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_kept_off_says_where_and_why() {
        let card = "//! name: x\n//! role: trader\n//! summary: s\n";
        let check = |body: &str, expected: &[&str]| {
            let library = Library::of_texts(&[("x.rhai", &format!("{card}{body}"))]).unwrap();
            let registry = Registry::of(&palisade_engine::mechanisms::ALL);
            let ways = ways(&library, library.get("x").unwrap(), &registry).unwrap();
            let found: Vec<String> = ways.into_iter().filter_map(|way| way.kept).map(|kept| kept.to_string()).collect();
            assert_eq!(found, expected, "{body}");
        };
        check("fn decide(me, world) { me.account(0).deposit(1.0); }", &[]);
        check("fn decide(me, world) {\n let list = [1.0];\n}", &["x.rhai:5:13: kept off the columns by an array"]);
        check(
            "fn f(x) { if x > 1.0 { f(x / 2.0) } else { x } }\nfn decide(me, world) { f(me.cash); }",
            &["x.rhai:4:24: kept off the columns by a function that calls itself, `f`"],
        );
        check(
            "fn decide(me, world) {\n for i in 0..me.cash.to_int() { me.account(0).deposit(1.0); }\n}",
            &["x.rhai:5:12: kept off the columns by a loop whose rounds differ from agent to agent"],
        );
        check(
            "fn decide(me, world) { let x = 1.0 ** me.cash; }",
            &["x.rhai:4:4: kept off the columns by `**` (write `pow(x, y)`)"],
        );
        check(
            "fn decide(me, world) {\n let x = 1.0;\n if me.cash > 1.0 { x = true; }\n if x { me.account(0).deposit(all); }\n}",
            &["x.rhai:7:5: kept off the columns by a value whose type differs between the branches before"],
        );
    }
}
