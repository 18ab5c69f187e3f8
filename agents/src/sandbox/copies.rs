//! Which variables a program copies. Rhai hands every value on by copying it, an array of a thousand maps for the same one
//! operation as a number, so that a loop of copies does a thousand times the work that its operations say. The walk here
//! finds the names whose values are copied somewhere; the engine's watch over variables then charges for them.

use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{ASTFlags, Engine, Expr, FlowControl, FnCallExpr, ImmutableString, Stmt};

use crate::sandbox::meter::Meter;
use crate::sandbox::weight;

/// Methods that leave what they are called on where it is, or move values out of it.
const IN_PLACE: [&str; 14] = [
    "append", "call", "clear", "contains", "insert", "is_empty", "len", "pop", "push", "remove", "set", "shift",
    "truncate", "type_of",
];
/// Natives that make an array of something else.
const ARRAY_MAKERS: [&str; 4] = ["chars", "split", "split_rev", "to_chars"];

/// What a walk over functions found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copies {
    /// By name, after how many indexes or fields a copy is made at the earliest.
    depths: BTreeMap<ImmutableString, u8>,
    /// Whether there can be an array or a map at all.
    has_containers: bool,
    /// The functions that are called by name.
    pub(crate) calls: Vec<ImmutableString>,
}

impl Copies {
    /// Adds what the statements of a function copy.
    pub(crate) fn walk(&mut self, body: &[Stmt]) {
        body.iter().for_each(|statement| self.statement(statement));
    }

    /// Adds what another walk found.
    pub(crate) fn join(&mut self, other: &Self) {
        for (name, depth) in &other.depths {
            self.note(name, *depth);
        }
        self.has_containers |= other.has_containers;
        self.calls.extend_from_slice(&other.calls);
    }

    /// The same, of functions that are given arrays.
    pub(crate) fn given_arrays(mut self) -> Self {
        self.has_containers = true;
        self
    }

    /// Has `engine` charge for the copies, unless there is nothing that could be large.
    #[allow(deprecated)] // not deprecated but "volatile", as all that is pinned with rhai
    pub(crate) fn watch(self, engine: &mut Engine, meter: &Rc<Meter>) {
        if !self.has_containers {
            return;
        }
        let (depths, meter) = (self.depths, Rc::clone(meter));
        engine.on_var(move |name, offset, context| {
            let value = offset.checked_sub(1).and_then(|offset| context.scope().iter_raw().nth(offset));
            if let Some((_, _, value)) =
                value.filter(|(_, _, value)| value.is_array() || value.is_map() || value.is_string())
                && let Some(depth) = depths.get(name)
            {
                meter.charge(weight::below(value, *depth));
            }
            Ok(None)
        });
    }

    fn note(&mut self, name: &ImmutableString, depth: u8) {
        let known = self.depths.entry(name.clone()).or_insert(depth);
        *known = depth.min(*known);
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Expr(value) => self.value(value),
            Stmt::FnCall(call, _) => self.call(call),
            Stmt::Block(block) => self.walk(block.statements()),
            Stmt::If(parts, _) | Stmt::While(parts, _) | Stmt::Do(parts, ..) | Stmt::TryCatch(parts, _) => {
                self.flow(parts);
            }
            Stmt::For(parts, _) => self.flow(&parts.2),
            Stmt::Switch(parts, _) => {
                self.value(&parts.0);
                for case in &parts.1.expressions {
                    self.value(&case.lhs);
                    self.value(&case.rhs);
                }
            }
            Stmt::Var(parts, ..) => self.value(&parts.1),
            Stmt::Assignment(parts) => {
                self.value(&parts.1.rhs);
                if matches!(parts.1.lhs, Expr::Dot(..) | Expr::Index(..)) {
                    self.chain(&parts.1.lhs, false);
                }
            }
            Stmt::Return(Some(value), ..) | Stmt::BreakLoop(Some(value), ..) => self.value(value),
            _ => {}
        }
    }

    fn flow(&mut self, parts: &FlowControl) {
        self.value(&parts.expr);
        self.walk(parts.body.statements());
        self.walk(parts.branch.statements());
    }

    /// An expression whose value goes somewhere.
    fn value(&mut self, expression: &Expr) {
        match expression {
            Expr::Variable(variable, ..) => self.note(&variable.1, 0),
            Expr::Array(items, _) => {
                self.has_containers = true;
                items.iter().for_each(|item| self.value(item));
            }
            Expr::Map(map, _) => {
                self.has_containers = true;
                map.0.iter().for_each(|(_, item)| self.value(item));
            }
            Expr::InterpolatedString(parts, _) => parts.iter().for_each(|part| self.value(part)),
            Expr::And(terms, _) | Expr::Or(terms, _) | Expr::Coalesce(terms, _) => {
                terms.iter().for_each(|term| self.value(term));
            }
            Expr::Stmt(block) => self.walk(block.statements()),
            Expr::FnCall(call, _) => self.call(call),
            Expr::Dot(..) | Expr::Index(..) => self.chain(expression, true),
            _ => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr) {
        self.has_containers |= ARRAY_MAKERS.contains(&call.name.as_str());
        self.calls.push(call.name.clone());
        call.args.iter().for_each(|arg| self.value(arg));
    }

    /// Walks `root.a[b].c(d)`, which rhai nests to the right; `reads` says whether its value goes somewhere.
    fn chain(&mut self, expression: &Expr, reads: bool) {
        let (Expr::Dot(chain, flags, _) | Expr::Index(chain, flags, _)) = expression else { return };
        let (mut rest, mut flags, mut is_dot) = (&chain.rhs, *flags, matches!(expression, Expr::Dot(..)));
        let (mut depth, mut copied) = (0_u8, None);
        loop {
            let next = match rest {
                Expr::Dot(next, ..) | Expr::Index(next, ..) if !flags.contains(ASTFlags::BREAK) => Some(next),
                _ => None,
            };
            let part = next.map_or(rest, |next| &next.lhs);
            match part {
                Expr::MethodCall(call, _) if is_dot => {
                    self.call(call);
                    let name = call.name.as_str();
                    // What follows works on what the method returned.
                    let here = if name == "get" { depth.saturating_add(1) } else { depth };
                    copied = copied.or(Some((!IN_PLACE.contains(&name)).then_some(here)));
                }
                Expr::Property(..) if is_dot => depth = depth.saturating_add(1),
                index => {
                    self.value(index);
                    depth = depth.saturating_add(1);
                }
            }
            let Some(_) = next else { break };
            match rest {
                Expr::Dot(next, next_flags, _) => (rest, flags, is_dot) = (&next.rhs, *next_flags, true),
                Expr::Index(next, next_flags, _) => (rest, flags, is_dot) = (&next.rhs, *next_flags, false),
                _ => break,
            }
        }
        match &chain.lhs {
            Expr::Variable(variable, ..) => {
                if let Some(depth) = copied.unwrap_or(reads.then_some(depth)) {
                    self.note(&variable.1, depth);
                }
            }
            root => self.value(root),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::{Draft, When};
    use crate::library::Library;
    use crate::sandbox::{HostOptions, Packages, Sandbox};

    fn copies(text: &str) -> Copies {
        let card = "//! name: x\n//! role: trader\n//! summary: s\n";
        let library = Library::of_texts(&[("x.rhai", &format!("{card}{text}"))]).expect("a sound card");
        let mut sandbox = Sandbox::new(&Packages::new(), HostOptions::default());
        let strategy = library.get("x").expect("it is there");
        let draft = Draft::parse(&library, strategy, &mut sandbox.engine).unwrap_or_else(|found| panic!("{found:?}"));
        draft.copies(When::Asked)
    }

    /// After how many steps into `a` something is copied, if at all.
    #[track_caller]
    fn check(body: &str, expected: Option<u8>) {
        let found = copies(&format!("fn decide(a, b) {{ {body} }}"));
        assert_eq!(found.depths.get("a").copied(), expected, "{body}");
    }

    #[test]
    fn what_is_handed_on_is_copied() {
        check("let b = a;", Some(0));
        check("f(a);", Some(0));
        check("[a];", Some(0));
        check("#{ x: a };", Some(0));
        check("for x in a {}", Some(0));
        check("switch a { 1 => 2 }", Some(0));
        check("b.push(a);", Some(0));
        check("b[a.len()] = a;", Some(0));
        check("if b { return a; }", Some(0));
        check("`${a}`;", Some(0));
        check("a", Some(0));
    }

    #[test]
    fn of_what_is_looked_into_a_part_is_copied() {
        check("let b = a[0];", Some(1));
        check("let b = a.rows[b].size;", Some(3));
        check("let b = a.rows.filter(|x| true);", Some(1));
        check("let b = a.get(1);", Some(1));
        check("a.sort();", Some(0));
        check("a.index_of(|x| true);", Some(0));
        check("b + a[0] + a.x.y;", Some(1));
        check("b.push(a.x);", Some(1));
    }

    #[test]
    fn what_stays_where_it_is_costs_nothing() {
        check("a.len();", None);
        check("a.push(1);", None);
        check("a.rows[0].push(b);", None);
        check("a[0] = 1;", None);
        check("a.x.y += 1;", None);
        check("a = 5;", None);
    }

    #[test]
    fn programs_without_arrays_and_maps_are_left_alone() {
        assert!(!copies("fn decide(a, b) { a.buy(b, 1.0); }\nfn params() { #{ x: [1] } }").has_containers);
        assert!(copies("fn decide(a, b) { params(); }\nfn params() { #{} }").has_containers);
        assert!(copies("fn decide(a, b) { a.split(b); }").has_containers);
        assert!(copies("fn decide(a, b) { if a { [] } }").has_containers);
    }
}
