//! A strategy together with the library files it uses, parsed but not yet checked: its functions, its constants, and
//! the rules for what may stand at the top of a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_engine::host::Hook;
use rhai::{
    AST, ASTFlags, ASTNode, Dynamic, Engine, Expr, ImmutableString, Module, OptimizationLevel, Position, Scope,
    ScriptFuncDef, Shared, Stmt,
};

use crate::constants;
use crate::fault::printable;
use crate::library::{Library, Strategy};
use crate::problem::{ScriptProblem, did_you_mean};
use crate::profile;
use crate::sandbox::constants::{Constants, MAX_CONSTANT};
use crate::sandbox::copies::Copies;
use crate::sandbox::{DISABLED, REMOVED};

/// One file of a draft.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: Arc<str>,
}

impl Source {
    pub(crate) fn problem(&self, at: Position, message: impl Into<String>, hint: Option<String>) -> ScriptProblem {
        ScriptProblem {
            file: self.file.clone(),
            line: at.line().unwrap_or(0),
            column: at.position().unwrap_or(0),
            // A script's own words, as those of a key or a throw, may be in it.
            message: printable(&message.into()),
            hint: hint.map(|hint| printable(&hint)),
            text: Arc::clone(&self.text),
        }
    }

    /// Where the name of a function stands whose body begins at `body`.
    fn place_of(&self, name: &str, body: Position) -> Position {
        let line = body.line().unwrap_or(1);
        for (index, text) in
            self.text.lines().enumerate().take(line).skip(line.saturating_sub(20)).collect::<Vec<_>>().into_iter().rev()
        {
            let found = text.match_indices(name).find(|(at, _)| {
                let before = text[..*at].trim_end();
                let after = text[at + name.len()..].trim_start();
                (before.ends_with("fn") || before.is_empty()) && after.starts_with('(')
            });
            if let Some((at, _)) = found {
                let column = text[..at].chars().count() + 1;
                if let (Ok(row), Ok(column)) = (u16::try_from(index + 1), u16::try_from(column)) {
                    return Position::new(row, column);
                }
            }
        }
        body
    }
}

/// A place in one of some files as `file:line:column`.
pub(crate) fn place(sources: &[Source], source: usize, at: Position) -> Arc<str> {
    let file = sources.get(source).map_or("", |source| &source.file);
    format!("{file}:{}:{}", at.line().unwrap_or(0), at.position().unwrap_or(0)).into()
}

/// The source of every function, by name, and where it begins there.
pub(crate) type Places = BTreeMap<String, (usize, Position)>;

/// One function of a draft.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) source: usize,
    pub(crate) at: Position,
    pub(crate) def: Shared<ScriptFuncDef>,
    pub(crate) body: Vec<Stmt>,
}

impl Function {
    pub(crate) fn name(&self) -> &str {
        &self.def.name
    }

    pub(crate) fn is_anonymous(&self) -> bool {
        self.def.name.starts_with("anon$")
    }

    fn copies(&self) -> Copies {
        let mut copies = Copies::default();
        copies.walk(&self.body);
        copies
    }
}

/// When functions run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    /// Once, before the world.
    Loaded,
    /// Each time the strategy is asked.
    Asked,
}

/// Functions that run once at load.
const LOADED: [&str; 4] = ["params", "memory", "wake", "cases"];

/// A parsed strategy.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) sources: Vec<Source>,
    pub(crate) functions: Vec<Function>,
    pub(crate) constants: Vec<(ImmutableString, Dynamic)>,
    pub(crate) has_power: bool,
}

impl Draft {
    /// Parses `strategy` and what it uses with an engine that is lenient about names: the checks know better hints.
    pub(crate) fn parse(
        library: &Library,
        strategy: &Strategy,
        engine: &mut Engine,
    ) -> Result<Self, Vec<ScriptProblem>> {
        let mut problems = Vec::new();
        let mut draft = Self { sources: Vec::new(), functions: Vec::new(), constants: Vec::new(), has_power: false };
        engine.set_optimization_level(OptimizationLevel::None);
        engine.set_strict_variables(false);
        draft.add(strategy, engine, &mut problems);
        for used in &strategy.card.uses {
            if let Some(part) = library.part(used) {
                draft.add(part, engine, &mut problems);
            } else {
                let hint = did_you_mean(used, library.part_names());
                let at = draft.sources[0].card_line("uses");
                problems.push(draft.sources[0].problem(at, format!("there is no lib/{used}.rhai"), hint));
            }
        }
        draft.functions.sort_by_key(|function| (function.source, function.at.line(), function.at.position()));
        problems.extend(draft.heavy_constants());
        if problems.is_empty() { Ok(draft) } else { Err(problems) }
    }

    fn add(&mut self, strategy: &Strategy, engine: &Engine, problems: &mut Vec<ScriptProblem>) {
        let place = self.sources.len();
        let source = Source { file: strategy.file.clone(), text: Arc::clone(&strategy.text) };
        self.sources.push(source.clone());
        match engine.compile(&*strategy.text) {
            Err(error) => problems.push(parse_problem(&source, &error)),
            Ok(ast) => {
                self.has_power |= uses_power(&ast);
                self.take_constants(place, &ast, problems);
                self.take_functions(place, &ast, problems);
            }
        }
    }

    fn take_constants(&mut self, place: usize, ast: &AST, problems: &mut Vec<ScriptProblem>) {
        let source = self.sources[place].clone();
        for statement in ast.statements() {
            let at = statement.position();
            let Stmt::Var(parts, flags, _) = statement else {
                if !statement.is_noop() {
                    let hint =
                        "put it into a function: only `fn` and `const NAME = literal` stand at the top of a file";
                    problems.push(source.problem(at, "a statement outside of any function", Some(hint.into())));
                }
                continue;
            };
            let (ident, value) = (&parts.0, &parts.1);
            let name = ident.name.as_str();
            if !flags.contains(ASTFlags::CONSTANT) {
                let hint = format!("write `const {name} = …`, or keep what changes in `memory()`");
                problems.push(source.problem(at, format!("`let {name}` outside of any function"), Some(hint)));
            } else if constants::find(name).is_some() {
                problems.push(source.problem(ident.pos, format!("`{name}` is a constant of the host"), None));
            } else if self.constants.iter().any(|(known, _)| known == name) {
                problems.push(source.problem(ident.pos, format!("the constant `{name}` is defined twice"), None));
            } else if let Some(value) = literal(value) {
                self.constants.push((ident.name.clone(), value));
            } else {
                let hint = "a constant is a number, a flag or a text; what must be computed goes into a function";
                problems.push(source.problem(ident.pos, format!("`{name}` is not a literal"), Some(hint.into())));
            }
        }
    }

    fn take_functions(&mut self, place: usize, ast: &AST, problems: &mut Vec<ScriptProblem>) {
        let source = self.sources[place].clone();
        let mut found: Vec<Function> = ast
            .iter_fn_def()
            .map(|def| {
                let at = source.place_of(&def.name, def.body.start_position());
                Function { source: place, at, def: def.clone(), body: statements(ast, def) }
            })
            .collect();
        found.sort_by_key(|function| (function.at.line(), function.at.position()));
        for function in found {
            if let Some(ty) = &function.def.this_type {
                let message = format!("`{}` is a method of one type, {ty}", function.name());
                problems.push(source.problem(function.at, message, Some("write a function of its own".into())));
            }
            let elsewhere =
                self.functions.iter().find(|known| known.source != place && known.def.name == function.def.name);
            if let Some(other) = elsewhere.filter(|_| !function.is_anonymous()) {
                let message = format!("`{}` is defined in {} too", function.name(), self.sources[other.source].file);
                problems.push(source.problem(function.at, message, Some("rename one of the two".into())));
            }
            self.functions.push(function);
        }
    }

    /// Problems with constants that must never be put together.
    fn heavy_constants(&self) -> impl Iterator<Item = ScriptProblem> {
        self.functions.iter().filter_map(|function| {
            let at = Constants::of(&self.constants).heavy(&function.body)?;
            let message = format!("a constant of more than {MAX_CONSTANT} bytes");
            Some(self.sources[function.source].problem(at, message, Some("fill it in a loop".into())))
        })
    }

    /// The named function with so many parameters.
    pub(crate) fn function(&self, name: &str, arity: usize) -> Option<usize> {
        self.functions.iter().position(|function| function.def.name == name && function.def.params.len() == arity)
    }

    /// Whether any function has this name.
    pub(crate) fn defines(&self, name: &str) -> bool {
        self.functions.iter().any(|function| function.def.name == name)
    }

    /// The file of the function called `name` without parameters.
    pub(crate) fn source_of(&self, name: &str) -> usize {
        self.function(name, 0).map_or(0, |place| self.functions[place].source)
    }

    /// A problem with the function called `name` without parameters.
    pub(crate) fn problem(&self, name: &str, message: impl Into<String>, hint: Option<String>) -> ScriptProblem {
        let at = self.function(name, 0).map_or(Position::NONE, |place| self.functions[place].at);
        self.sources[self.source_of(name)].problem(at, message, hint)
    }

    /// What is copied when functions run.
    pub(crate) fn copies(&self, when: When) -> Copies {
        let is_asked = |function: &&Function| when == When::Loaded || !LOADED.contains(&function.name());
        let (running, others): (Vec<&Function>, Vec<&Function>) = self.functions.iter().partition(is_asked);
        let mut copies = Copies::default();
        running.into_iter().for_each(|function| copies.join(&function.copies()));
        // What is asked may call what is loaded.
        for function in others {
            if copies.calls.iter().any(|name| name == function.name()) {
                copies.join(&function.copies());
            }
        }
        copies
    }

    /// Where every function stands, by name, for the places of faults.
    pub(crate) fn places(&self) -> Places {
        let place = |function: &Function| (function.def.name.to_string(), (function.source, function.at));
        self.functions.iter().map(place).collect()
    }

    /// Compiles for running: constants folded in, every name known.
    ///
    /// # Errors
    /// What the engine refuses.
    pub(crate) fn compile(&self, engine: &mut Engine) -> Result<AST, ScriptProblem> {
        self.compile_as(engine, |_, source| source.text.to_string())
    }

    /// Compiles with a mark before every statement, where that can be done without changing what is said.
    pub(crate) fn compile_marked(&self, engine: &mut Engine) -> Result<AST, ScriptProblem> {
        let marked = self.compile_as(engine, |engine, source| {
            let file = self.sources.iter().position(|known| known.file == source.file).unwrap_or(0);
            profile::marked(engine, file, &source.text)
        });
        marked.or_else(|_| self.compile(engine))
    }

    fn compile_as(&self, engine: &mut Engine, text: impl Fn(&Engine, &Source) -> String) -> Result<AST, ScriptProblem> {
        engine.set_strict_variables(true);
        engine.set_optimization_level(OptimizationLevel::Simple);
        // With fast operators `**` would bypass the pinned `libm`.
        engine.set_fast_operators(engine.fast_operators() && !self.has_power);
        let mut scope = Scope::new();
        for constant in constants::all() {
            scope.push_constant_dynamic(constant.name, (constant.value)());
        }
        for (name, value) in &self.constants {
            scope.push_constant_dynamic(name.clone(), value.clone());
        }
        let mut functions = Vec::new();
        for source in &self.sources {
            let text = text(engine, source);
            let part = engine.compile_with_scope(&scope, &text).map_err(|error| parse_problem(source, &error))?;
            functions.extend(part.iter_fn_def().map(|def| match hook_of(&def.name, def.params.len()) {
                Some(hook) => Shared::new(ScriptFuncDef { name: entry(hook).into(), ..(**def).clone() }),
                None => def.clone(),
            }));
        }
        Ok(AST::new_from_module(Module::from(functions)))
    }
}

impl Source {
    /// Where the card's line of `key` begins.
    fn card_line(&self, key: &str) -> Position {
        let row = self.text.lines().position(|line| line.trim_start_matches("//!").trim_start().starts_with(key));
        row.and_then(|row| u16::try_from(row + 1).ok()).map_or(Position::NONE, |row| Position::new(row, 1))
    }
}

fn parse_problem(source: &Source, error: &rhai::ParseError) -> ScriptProblem {
    let message = error.err_type().to_string();
    let mut refused = DISABLED.iter().chain(&REMOVED);
    let hint = refused.find(|word| message.contains(&format!("'{word}'")));
    let hint = hint.map(|word| format!("scripts do without `{word}`"));
    source.problem(error.position(), message, hint)
}

/// The name under which a hook is compiled. `me.liquidate(account, share)` in `fn liquidate(me, account)` would call that
/// function again otherwise: to rhai every script function is a method too, and goes before the host's own.
fn entry(hook: Hook) -> String {
    format!("hook${}", hook.name())
}

/// A hook as it was compiled.
pub(crate) struct CompiledHook {
    pub(crate) params: Vec<ImmutableString>,
    pub(crate) statements: Vec<Stmt>,
}

impl CompiledHook {
    /// The hook of a program, if it has it.
    pub(crate) fn of(ast: &AST, hook: Hook) -> Option<Self> {
        let def = ast.shared_lib().get_script_fn(entry(hook), 2)?;
        Some(Self { params: def.params.iter().cloned().collect(), statements: statements(ast, def) })
    }
}

/// The hook that a function of this name and so many parameters is: scripts cannot call it.
pub(crate) fn hook_of(name: &str, parameters: usize) -> Option<Hook> {
    Hook::ALL.into_iter().find(|hook| name == hook.name() && parameters == 2)
}

/// The statements of one function, which rhai only shows to a walk over the whole tree.
fn statements(ast: &AST, def: &ScriptFuncDef) -> Vec<Stmt> {
    // Not `clone_functions_only_filtered`: rhai 1.27 does not apply the filter of a clone into an empty module.
    let mut only = ast.clone_functions_only();
    only.retain_functions(|_, _, name, arity| name == def.name && arity == def.params.len());
    let mut body = Vec::new();
    only.walk(&mut |path| {
        if let [ASTNode::Stmt(statement)] = path {
            body.push((*statement).clone());
        }
        true
    });
    body
}

fn literal(expression: &Expr) -> Option<Dynamic> {
    match expression {
        Expr::IntegerConstant(..)
        | Expr::FloatConstant(..)
        | Expr::BoolConstant(..)
        | Expr::StringConstant(..)
        | Expr::CharConstant(..) => expression.get_literal_value(None),
        _ => None,
    }
}

fn uses_power(ast: &AST) -> bool {
    let mut found = false;
    ast.walk(&mut |path| {
        found |= match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _))) => call.name == "**",
            Some(ASTNode::Stmt(Stmt::FnCall(call, _))) => call.name == "**",
            Some(ASTNode::Stmt(Stmt::Assignment(parts))) => {
                parts.0.get_op_assignment_info().is_some_and(|(.., syntax)| syntax == "**")
            }
            _ => false,
        };
        !found
    });
    found
}
