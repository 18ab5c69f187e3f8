//! Everything that is looked at before a strategy runs: names, hooks, types, and what it declares. All problems of a
//! strategy come back together.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use palisade_engine::host::Hook;
use palisade_engine::registry::{Kind, Registry};
use palisade_engine::rule::{Answers, RuleKind};
use palisade_engine::view::Reads;
use rhai::{Expr, Position, Stmt};

use crate::cases;
use crate::catalog::Catalog;
use crate::constants;
use crate::declare::{self, Declarations};
use crate::draft::{Draft, When};
use crate::infer::{Finding, Inference, Layout};
use crate::library::{Library, Shelf, Strategy};
use crate::measure;
use crate::natives;
use crate::problem::{ScriptProblem, nearest};
use crate::sandbox::{HostOptions, Packages, Sandbox};
use crate::types::Type;

/// A strategy without problems.
pub(crate) struct Checked {
    pub(crate) draft: Rc<Draft>,
    pub(crate) terms: Terms,
}

/// What a strategy without problems declares, reads in its hooks, and requires: the same in every world.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) declarations: Declarations,
    pub(crate) reads: BTreeMap<Hook, Reads>,
    pub(crate) requires: Vec<String>,
}

/// A function that the host calls.
struct Root {
    name: &'static str,
    hook: Option<Hook>,
    args: Vec<Type>,
    usage: String,
}

/// The functions of a script that the host calls.
fn roots(strategy: &Strategy) -> Vec<Root> {
    match (strategy.shelf, strategy.card.decides) {
        (Shelf::Strategy, _) => strategy_roots(),
        (Shelf::Rule, Some(kind)) => vec![rule_root(kind)],
        (Shelf::Measure, _) => {
            let usage = format!("fn {}(world)", measure::ENTRY);
            vec![Root { name: measure::ENTRY, hook: None, args: vec![Type::Thing(Kind::Protocol)], usage }]
        }
        (Shelf::Lib | Shelf::Rule, _) => Vec::new(),
    }
}

fn rule_root(kind: RuleKind) -> Root {
    let each = match kind.answers() {
        Answers::Once => Type::Array,
        Answers::PerRow => Type::Float,
    };
    let usage = format!("fn {}({})", kind.word(), kind.columns().join(", "));
    Root { name: kind.word(), hook: None, args: vec![each; kind.columns().len()], usage }
}

fn strategy_roots() -> Vec<Root> {
    let hooks = Hook::ALL.into_iter().map(|hook| {
        let (_, kind) = subject(hook);
        let usage = format!("fn {}", usage(hook));
        Root { name: hook.name(), hook: Some(hook), args: vec![Type::Me, Type::Thing(kind)], usage }
    });
    let declarations = ["params", "memory", "wake", cases::CASES];
    hooks
        .chain(declarations.map(|name| Root { name, hook: None, args: Vec::new(), usage: format!("fn {name}()") }))
        .collect()
}

/// A hook as strategies write it.
pub(crate) fn usage(hook: Hook) -> String {
    format!("{}(me, {})", hook.name(), subject(hook).0)
}

/// What a hook is asked about: its parameter's usual name and its kind.
pub(crate) const fn subject(hook: Hook) -> (&'static str, Kind) {
    match hook {
        Hook::Report => ("feed", Kind::Feed),
        Hook::Liquidate => ("account", Kind::Account),
        Hook::Decide => ("world", Kind::Protocol),
        Hook::Vote => ("proposal", Kind::Proposal),
        Hook::Bid => ("auction", Kind::Auction),
        Hook::Order => ("pool", Kind::Pending),
    }
}

/// What a hook returns, in words, when it is certain that it returns something else.
fn misfit(hook: Hook, returns: Type) -> Option<&'static str> {
    let (fits, words) = match hook {
        Hook::Report | Hook::Bid => (returns.is_number(), "a price, or nothing"),
        Hook::Vote => (matches!(returns, Type::Int | Type::Number), "FOR, AGAINST, ABSTAIN, or nothing yet"),
        Hook::Order => (returns.is_number(), "a rank, or nothing to leave the action out"),
        Hook::Liquidate | Hook::Decide => return None,
    };
    (!fits && !returns.is_silent() && returns != Type::Unit).then_some(words)
}

/// Checks one strategy against everything the mechanisms declared; an empty list means that it can run.
#[must_use]
pub fn check(library: &Library, strategy: &Strategy, registry: &Registry) -> Vec<ScriptProblem> {
    let catalog = Catalog::of(registry);
    checked(library, strategy, &catalog, (&Packages::new(), library.containment())).err().unwrap_or_default()
}

pub(crate) fn loading_sandbox(packages: &Packages, options: HostOptions) -> Sandbox {
    let mut sandbox = Sandbox::new(packages, options);
    declare::register(&mut sandbox.engine);
    cases::register(&mut sandbox.engine);
    sandbox
}

pub(crate) fn declarations(draft: &Draft, sandbox: &mut Sandbox) -> Result<Declarations, ScriptProblem> {
    let ast = draft.compile(&mut sandbox.engine)?;
    sandbox.watch(&draft.copies(When::Loaded));
    declare::evaluate(draft, sandbox, &ast)
}

/// Parses, checks and evaluates what is declared.
pub(crate) fn checked(
    library: &Library,
    strategy: &Strategy,
    catalog: &Catalog,
    (packages, options): (&Packages, HostOptions),
) -> Result<Checked, Vec<ScriptProblem>> {
    let mut sandbox = loading_sandbox(packages, options);
    let draft = Draft::parse(library, strategy, &mut sandbox.engine)?;
    let (reads, findings) = judged(&draft, strategy, catalog);
    if !findings.is_empty() {
        return Err(problems(&draft, findings));
    }
    let declarations = declarations(&draft, &mut sandbox).map_err(|problem| vec![problem])?;
    Ok(Checked {
        draft: Rc::new(draft),
        terms: Terms { declarations, reads, requires: strategy.card.requires.clone() },
    })
}

/// What is certainly wrong with a script, and what its hooks read.
fn judged(draft: &Draft, strategy: &Strategy, catalog: &Catalog) -> (BTreeMap<Hook, Reads>, BTreeSet<Finding>) {
    let mut findings = BTreeSet::new();
    let layout = layout(draft, &mut findings);
    let roots = roots(strategy);
    names((draft, &roots), catalog, &mut findings);
    purpose((draft, &roots), &mut findings);
    let reads = infer((draft, &roots), catalog, &layout, &mut findings);
    (reads, findings)
}

/// What is certainly wrong with a script that declares nothing.
pub(crate) fn findings(draft: &Draft, strategy: &Strategy, catalog: &Catalog) -> Vec<ScriptProblem> {
    problems(draft, judged(draft, strategy, catalog).1)
}

/// The first so many problems of a script are told one by one.
const MAX_TOLD: usize = 50;

fn problems(draft: &Draft, findings: BTreeSet<Finding>) -> Vec<ScriptProblem> {
    let more = findings.len().saturating_sub(MAX_TOLD);
    let mut told: Vec<ScriptProblem> =
        findings.into_iter().take(MAX_TOLD).map(|finding| problem(draft, finding)).collect();
    if let Some(last) = told.last_mut().filter(|_| more > 0) {
        last.message.push_str(&format!(" — and {more} more problems"));
    }
    told
}

fn problem(draft: &Draft, finding: Finding) -> ScriptProblem {
    let source = &draft.sources[finding.source];
    ScriptProblem {
        line: finding.line,
        column: finding.column,
        ..source.problem(Position::NONE, finding.message, finding.hint)
    }
}

fn finding(source: usize, at: Position, message: String, hint: Option<String>) -> Finding {
    Finding { source, line: at.line().unwrap_or(0), column: at.position().unwrap_or(0), message, hint }
}

/// Names of functions and of their parameters.
fn names((draft, roots): (&Draft, &[Root]), catalog: &Catalog, findings: &mut BTreeSet<Finding>) {
    for function in draft.functions.iter().filter(|function| !function.is_anonymous()) {
        let name = function.name();
        let wants = roots.iter().find(|root| root.name == name);
        if wants.is_none() && (natives::is_native(name) || catalog.any_method(name).is_some()) {
            let hint = format!("it would silently replace the built-in one: call it `own_{name}`");
            findings.insert(finding(
                function.source,
                function.at,
                format!("`{name}` is a built-in function"),
                Some(hint),
            ));
        }
        for param in function.def.params.iter().filter(|param| constants::find(param).is_some()) {
            let message = format!("`{param}` is a constant of the host");
            findings.insert(finding(function.source, function.at, message, Some("choose another name".into())));
        }
        if let Some(Root { args, usage, .. }) = wants.filter(|root| root.args.len() != function.def.params.len()) {
            let message = format!("`{name}` takes {} arguments, not {}", args.len(), function.def.params.len());
            findings.insert(finding(function.source, function.at, message, Some(format!("write `{usage}`"))));
        }
    }
}

/// A strategy has one hook at least, and a rule its function.
fn purpose((draft, roots): (&Draft, &[Root]), findings: &mut BTreeSet<Finding>) {
    let is_optional = |root: &&Root| root.hook.is_some() || !root.args.is_empty();
    let wanted: Vec<&Root> = roots.iter().filter(is_optional).collect();
    if wanted.is_empty() || wanted.iter().any(|root| draft.defines(root.name)) {
        return;
    }
    let usages: Vec<String> = wanted.iter().map(|root| format!("`{}`", root.usage)).collect();
    let (message, hint) = match &*usages {
        [usage] => ("the rule has no function".to_owned(), format!("write {usage}")),
        _ => ("the strategy has no hook".to_owned(), format!("write one of {}", usages.join(", "))),
    };
    findings.insert(Finding { source: 0, line: 1, column: 1, message, hint: Some(hint) });
}

/// Runs the inference from every function that the host calls, then over what none of them reaches.
fn infer(
    (draft, roots): (&Draft, &[Root]),
    catalog: &Catalog,
    layout: &Layout,
    findings: &mut BTreeSet<Finding>,
) -> BTreeMap<Hook, Reads> {
    let mut reads = BTreeMap::new();
    let (mut reached, mut work) = (BTreeSet::new(), 0);
    for Root { name, hook, args, .. } in roots {
        let Some(function) = draft.function(name, args.len()) else { continue };
        let mut inference = Inference::new(catalog, draft, layout);
        inference.work = work;
        inference.declares = *name == "params";
        let result = inference.call(function, args.clone());
        if let Some(expected) = hook.and_then(|hook| misfit(hook, result)) {
            let at = draft.functions[function].at;
            let message = format!("`{name}` returns {}: it returns {expected}", result.words());
            findings.insert(finding(draft.functions[function].source, at, message, None));
        }
        work = inference.work;
        reached.append(&mut inference.reached);
        findings.append(&mut inference.findings);
        if let Some(hook) = hook {
            let places = |fields: BTreeSet<usize>| fields.into_iter().collect();
            let public = catalog.changes_fields().into_iter().flatten().chain(inference.public).collect();
            let fields = if inference.gave_up {
                Reads::of_own(places(catalog.all_own()))
            } else {
                Reads { own: places(inference.reads), public: Some(places(public)) }
            };
            reads.insert(*hook, fields);
        }
    }
    for (place, function) in draft.functions.iter().enumerate() {
        if reached.contains(&place) {
            continue;
        }
        let misspelt = misspelt_root((draft, roots), function.name()).filter(|_| !natives::is_native(function.name()));
        if let Some(meant) = misspelt {
            let message = format!("nothing calls `{}`", function.name());
            findings.insert(finding(function.source, function.at, message, Some(format!("did you mean `{meant}`?"))));
        }
        let mut inference = Inference::new(catalog, draft, layout);
        inference.work = work;
        inference.call(place, vec![Type::Unknown; function.def.params.len()]);
        work = inference.work;
        findings.append(&mut inference.findings);
    }
    reads
}

fn misspelt_root((draft, roots): (&Draft, &[Root]), name: &str) -> Option<&'static str> {
    let known = roots.iter().map(|root| root.name);
    nearest(name, known.filter(|root| *root != name && !draft.defines(root)))
}

/// The types of parameters and memory, as far as their functions plainly return a map.
fn layout(draft: &Draft, findings: &mut BTreeSet<Finding>) -> Layout {
    let params = returned_map(draft, "params").map(|(_, fields)| {
        let declared = fields.iter().map(|(name, _, value)| (name.clone(), declared_type(value)));
        declared.collect()
    });
    let memory = returned_map(draft, "memory").map(|(source, fields)| {
        let mut types = BTreeMap::new();
        for (name, at, value) in &fields {
            let ty = match value {
                Expr::IntegerConstant(..) => Type::Int,
                Expr::FloatConstant(..) => Type::Float,
                Expr::BoolConstant(..) => Type::Flag,
                Expr::StringConstant(..) | Expr::Array(..) | Expr::Map(..) | Expr::Unit(..) => {
                    let message = format!("`{name}` of `memory()` is neither a number nor a flag");
                    findings.insert(finding(source, *at, message, Some("memory holds numbers and flags".into())));
                    Type::Unknown
                }
                _ => Type::Unknown,
            };
            types.insert(name.clone(), ty);
        }
        types
    });
    // Without the function there are no fields at all.
    let none = |name: &str| draft.function(name, 0).is_none().then(BTreeMap::new);
    Layout { params: params.or_else(|| none("params")), memory: memory.or_else(|| none("memory")) }
}

fn declared_type(value: &Expr) -> Type {
    let Expr::FnCall(call, _) = value else { return Type::Unknown };
    natives::DECLARATIONS.iter().find(|(name, _)| call.name == *name).map_or(Type::Unknown, |(_, ty)| *ty)
}

type Fields<'a> = Vec<(String, Position, &'a Expr)>;

fn returned_map<'a>(draft: &'a Draft, name: &str) -> Option<(usize, Fields<'a>)> {
    let function = &draft.functions[draft.function(name, 0)?];
    let [statement] = function.body.as_slice() else { return None };
    let value = match statement {
        Stmt::Expr(value) => value,
        Stmt::Return(Some(value), ..) => value,
        _ => return None,
    };
    let Expr::Map(map, _) = &**value else { return None };
    Some((function.source, map.0.iter().map(|(ident, value)| (ident.name.to_string(), ident.pos, value)).collect()))
}

#[cfg(test)]
mod tests;
