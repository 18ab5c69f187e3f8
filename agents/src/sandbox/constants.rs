//! Constants that are too heavy. Rhai puts constants together before the program runs, whatever they grow to: `const b =
//! [a, a]` forty times over is as much memory as there is. And each time one is come by, it is copied whole for one
//! operation, unseen by any watch. What they weigh is reckoned here from the program as it is written.

use std::collections::BTreeMap;

use rhai::{ASTFlags, ASTNode, Dynamic, Expr, ImmutableString, Position, Stmt};

use crate::sandbox::weight;

/// The most that a constant may weigh: so much is copied in a microsecond or two.
pub(crate) const MAX_CONSTANT: usize = 8 << 10;

/// What the constants weigh that a function sees, by name; of two with one name, the heavier.
#[derive(Debug, Default)]
pub(crate) struct Constants(BTreeMap<ImmutableString, usize>);

impl Constants {
    /// Those of files.
    pub(crate) fn of(known: &[(ImmutableString, Dynamic)]) -> Self {
        Self(known.iter().map(|(name, value)| (name.clone(), weight::of(value))).collect())
    }

    /// Where the first one of a function is that is too heavy.
    pub(crate) fn heavy(mut self, body: &[Stmt]) -> Option<Position> {
        let mut heavy = None;
        let mut look = |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(parts, flags, _))) if flags.contains(ASTFlags::CONSTANT) => {
                    let weight = self.folded(&parts.1).unwrap_or(0);
                    let known = self.0.entry(parts.0.name.clone()).or_insert(0);
                    *known = weight.max(*known);
                }
                Some(ASTNode::Expr(value)) if self.weight(value) > MAX_CONSTANT => heavy = Some(value.start_position()),
                _ => {}
            }
            heavy.is_none()
        };
        body.iter().all(|statement| statement.walk(&mut Vec::new(), &mut look));
        heavy
    }

    /// What rhai makes of an expression before it runs: of a text or a map that is not constant, its constant parts.
    fn weight(&self, expression: &Expr) -> usize {
        self.folded(expression).unwrap_or_else(|| match expression {
            Expr::InterpolatedString(parts, _) => {
                parts.iter().filter_map(|part| self.folded(part)).fold(0, usize::saturating_add)
            }
            Expr::Map(map, _) => map.0.iter().map(|(key, _)| key.name.len()).sum(),
            _ => 0,
        })
    }

    /// The most that an expression weighs, if it is made of constants alone.
    fn folded(&self, expression: &Expr) -> Option<usize> {
        let mut sum = Some(0_usize);
        expression.walk(&mut Vec::new(), &mut |path| {
            sum = sum.zip(path.last().and_then(|node| self.part(node))).map(|(sum, part)| sum.saturating_add(part));
            sum.is_some()
        });
        sum
    }

    /// What one node adds, if it can be a part of a constant.
    fn part(&self, node: &ASTNode<'_>) -> Option<usize> {
        let ASTNode::Expr(expression) = node else { return Some(0) };
        match expression {
            Expr::StringConstant(text, _) => Some(text.len()),
            Expr::DynamicConstant(value, _) => Some(weight::of(value)),
            Expr::Array(items, _) => Some(weight::of_cells(items.len())),
            Expr::Map(map, _) => Some(weight::of_keys(map.0.iter().map(|(key, _)| key.name.len()))),
            Expr::Variable(variable, ..) => self.0.get(&variable.1).copied(),
            // Of calls, rhai only makes those of operators beforehand.
            Expr::FnCall(call, _) | Expr::MethodCall(call, _) => {
                (!call.name.starts_with(|c: char| c.is_alphabetic() || c == '_')).then_some(0)
            }
            Expr::ThisPtr(_) => None,
            _ => Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, is_heavy: bool) {
        let mut engine = rhai::Engine::new_raw();
        engine.set_optimization_level(rhai::OptimizationLevel::None);
        let ast = engine.compile(body).expect(body);
        let known = [("LONG".into(), "x".repeat(1_000).into())];
        assert_eq!(Constants::of(&known).heavy(ast.statements()).is_some(), is_heavy, "{body}");
    }

    #[test]
    fn constants_of_a_reasonable_size_are_fine() {
        let ones = ["1"; 400].join(", ");
        check(&format!("let a = [{ones}]; let b = [{ones}];"), false);
        check(&format!("const a = [{ones}]; f([a, f(a)]);"), false);
        check("const a = LONG; `${a}${x}${a}`", false);
        check(&format!("[f([{ones}]), f([{ones}])]"), false);
    }

    #[test]
    fn heavy_ones_are_found_wherever_they_hide() {
        let ones = ["1"; 400].join(", ");
        check(&format!("let a = [{ones}, {ones}];"), true);
        check(&format!("const a = [{ones}]; f([a, a])"), true);
        check(&format!("const a = [{ones}]; const b = if true {{ [a, a] }} else {{ 1 }};"), true);
        check(&format!("const a = [{ones}]; f({{ #{{ x: a, y: a }} }});"), true);
        check(&["LONG"; 9].join(" + "), true);
        check(&format!("`${{x}}{}`", "${LONG}".repeat(9)), true);
        let keys: String = ('a'..'j').map(|end| format!("{}{end}: x, ", "k".repeat(1_000))).collect();
        check(&format!("#{{ {keys} }}"), true);
        check(&format!("[{}]", ["[]"; 128].join(", ")), true);
    }

    #[test]
    fn what_grows_without_end_is_only_reckoned() {
        let more: String = (1..200).map(|n| format!("const a{n} = [a{0}, a{0}];", n - 1)).collect();
        check(&format!("const a0 = [1]; {more}"), true);
    }
}
