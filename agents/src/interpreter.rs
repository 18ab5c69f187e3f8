//! The interpreter of one cohort: an engine with the strategy in it, so that a panic in one cannot reach another. It is made
//! when somebody first needs it: where everything runs over columns, nobody does.

use std::cell::RefCell;
use std::rc::Rc;

use palisade_engine::host::Hook;
use palisade_engine::registry::Directory;
use rhai::{AST, Caches, Dynamic, EvalAltResult, Position};

use crate::catalog::Catalog;
use crate::columnar::Given;
use crate::context::Context;
use crate::declare::{Cell, Declarations};
use crate::draft::{CompiledHook, Draft, When};
use crate::problem::ScriptProblem;
use crate::profile::{self, Tally};
use crate::pure::number;
use crate::records::{self, Me, Thing};
use crate::sandbox::{CALL_FUEL, HostOptions, Outcome, Packages, Sandbox};
use crate::state;

/// What a strategy's engine is made from.
pub(crate) struct Plan {
    pub(crate) draft: Rc<Draft>,
    pub(crate) declarations: Declarations,
    pub(crate) params: Vec<(String, Dynamic)>,
    pub(crate) catalog: Catalog,
    pub(crate) accounts: u8,
    pub(crate) packages: Packages,
    pub(crate) options: HostOptions,
}

impl Plan {
    pub(crate) fn layout(&self) -> &[(String, Cell)] {
        &self.declarations.memory
    }

    pub(crate) fn given<'a>(&'a self, directory: Option<&'a Directory>) -> Given<'a> {
        let Self { draft, catalog, declarations, accounts, .. } = self;
        Given { draft, catalog, declarations, accounts: *accounts, directory }
    }

    /// The bound parameters as words.
    pub(crate) fn words(&self) -> Rc<[u64]> {
        let word = |(_, value): &(String, Dynamic)| match value.read_lock::<Thing>() {
            Some(thing) => u64::from(thing.0.index),
            None => number(value).unwrap_or(f64::NAN).to_bits(),
        };
        self.params.iter().map(word).collect()
    }
}

/// An engine with the strategy in it, and what its functions share.
pub(crate) struct Interpreter {
    pub(crate) sandbox: Sandbox,
    pub(crate) context: Rc<Context>,
    pub(crate) tally: Option<Rc<Tally>>,
    ast: AST,
    hooks: [Option<CompiledHook>; Hook::ALL.len()],
    /// What the engine has found out about functions so far.
    found: RefCell<Caches>,
}

impl Interpreter {
    pub(crate) fn new(plan: &Plan) -> Result<Self, ScriptProblem> {
        let mut sandbox = Sandbox::new(&plan.packages, plan.options);
        let context = Rc::new(Context::new(plan.catalog.clone(), plan.accounts));
        records::register(&mut sandbox.engine, &context);
        state::register_params(&mut sandbox.engine, plan.params.clone());
        state::register_memory(&mut sandbox.engine, &context, plan.layout());
        let tally = plan.options.profile.then(|| profile::register(&mut sandbox));
        let ast = match tally {
            Some(_) => plan.draft.compile_marked(&mut sandbox.engine)?,
            None => plan.draft.compile(&mut sandbox.engine)?,
        };
        sandbox.watch(&plan.draft.copies(When::Asked));
        let hooks = Hook::ALL.map(|hook| CompiledHook::of(&ast, hook));
        Ok(Self { sandbox, ast, hooks, context, tally, found: RefCell::default() })
    }

    /// Calls a hook of the strategy for the agent that the context has been turned to.
    pub(crate) fn call(&self, hook: Hook, subject: Thing) -> Outcome<Dynamic> {
        let Some(hook) = &self.hooks[hook as usize] else {
            return Err(EvalAltResult::ErrorFunctionNotFound(hook.name().into(), Position::NONE).into());
        };
        let args = [Dynamic::from(Me), Dynamic::from(subject)];
        self.sandbox.call_hook((&self.ast, hook), &self.found, args, CALL_FUEL)
    }
}
