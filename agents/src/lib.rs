//! Strategies in Rhai: the sandbox that contains them, the library they come from, the checks before they run, and the
//! host that asks them for a simulation. See `docs` of the workspace for the script contract.

mod backend;
mod bind;
mod card;
mod cases;
mod catalog;
mod check;
mod cohort;
mod columnar;
mod constants;
mod context;
mod declare;
mod definitions;
mod draft;
mod expression;
mod fault;
mod flow;
mod host;
mod infer;
mod interpreter;
mod library;
mod measure;
mod natives;
mod needs;
mod operators;
mod outline;
mod portion;
mod problem;
mod profile;
mod pure;
mod records;
mod rules;
mod sandbox;
#[cfg(feature = "signatures")]
mod signatures;
mod source;
mod state;
mod trace;
mod types;

pub use backend::{Backend, Way, ways};
pub use card::Card;
pub use cases::{Case, Verdict, cases};
pub use check::check;
pub use declare::{Cell as MemoryCell, ParamKind, StrategyParam};
pub use definitions::definitions;
pub use expression::{evaluate, evaluate_flag};
pub use host::{ScriptHost, Sound};
pub use library::{Library, Opened, Shelf, Strategy, UnknownStrategy};
pub use needs::{NOT_APPLICABLE, words as needs};
pub use outline::{Outline, outline};
pub use problem::{LoadError, ScriptProblem, nearest};
pub use profile::{HookCost, LineCost};
pub use rules::{begin as begin_rules, rules};
pub use sandbox::HostOptions;
#[cfg(feature = "signatures")]
pub use signatures::signatures;
pub use trace::{Fact, Kept, Shown, TracedCall};
