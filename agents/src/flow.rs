//! The statements' half of the inference: variables, assignments, branches and loops.

use rhai::{ASTFlags, ASTNode, Expr, FlowControl, OpAssignment, Position, Stmt};

use crate::constants;
use crate::infer::{Frame, Inference};
use crate::problem::did_you_mean;
use crate::types::Type;

impl Inference<'_> {
    /// A block's value is that of its last statement.
    pub(crate) fn block(&mut self, frame: &mut Frame, statements: &[Stmt]) -> Type {
        let depth = frame.variables.len();
        let (mut value, mut ends) = (Type::Unit, false);
        for statement in statements {
            value = self.statement(frame, statement);
            ends |= value == Type::Never;
        }
        frame.variables.truncate(depth);
        if ends { Type::Never } else { value }
    }

    fn statement(&mut self, frame: &mut Frame, statement: &Stmt) -> Type {
        match statement {
            Stmt::Expr(expression) => self.infer(frame, expression),
            Stmt::FnCall(call, at) => self.infer(frame, &Expr::FnCall(call.clone(), *at)),
            Stmt::Block(block) => self.block(frame, block.statements()),
            Stmt::If(parts, _) => self.branch(frame, parts),
            Stmt::Switch(parts, _) => {
                self.infer(frame, &parts.0);
                let mut value = if parts.1.def_case.is_some() { Type::Never } else { Type::Unit };
                for case in &parts.1.expressions {
                    self.condition(frame, &case.lhs);
                    value = self.infer(frame, &case.rhs).join(value);
                }
                value
            }
            Stmt::While(parts, _) => {
                forget_assigned(frame, parts);
                if !matches!(parts.expr, Expr::Unit(..)) {
                    self.condition(frame, &parts.expr);
                }
                self.block(frame, parts.body.statements());
                Type::Unknown
            }
            Stmt::Do(parts, ..) => {
                forget_assigned(frame, parts);
                self.block(frame, parts.body.statements());
                self.condition(frame, &parts.expr);
                Type::Unknown
            }
            Stmt::For(parts, _) => {
                let (item, counter, flow) = &**parts;
                self.infer(frame, &flow.expr);
                let over = item_type(&flow.expr);
                frame.variables.push((item.name.clone(), over));
                if let Some(counter) = counter {
                    frame.variables.push((counter.name.clone(), Type::Int));
                }
                forget_assigned(frame, flow);
                self.block(frame, flow.body.statements());
                frame.variables.truncate(frame.variables.len() - 1 - usize::from(counter.is_some()));
                Type::Unknown
            }
            Stmt::Var(parts, _, at) => {
                let (name, value) = (&parts.0.name, self.infer(frame, &parts.1));
                if constants::find(name).is_some() {
                    self.find(
                        frame,
                        *at,
                        format!("`{name}` is a constant of the host"),
                        Some("choose another name".into()),
                    );
                }
                frame.variables.push((name.clone(), value));
                Type::Unit
            }
            Stmt::Assignment(parts) => {
                let value = self.infer(frame, &parts.1.rhs);
                self.assign(frame, &parts.0, &parts.1.lhs, value);
                Type::Unit
            }
            Stmt::Return(value, flags, _) => {
                let ty = value.as_ref().map_or(Type::Unit, |value| self.infer(frame, value));
                if !flags.contains(ASTFlags::BREAK) {
                    frame.returns = frame.returns.join(ty);
                }
                Type::Never
            }
            Stmt::BreakLoop(value, ..) => {
                if let Some(value) = value {
                    self.infer(frame, value);
                }
                Type::Never
            }
            Stmt::Noop(_) => Type::Unit,
            _ => Type::Unknown,
        }
    }

    fn branch(&mut self, frame: &mut Frame, parts: &FlowControl) -> Type {
        self.condition(frame, &parts.expr);
        let one = self.block(frame, parts.body.statements());
        let two = self.block(frame, parts.branch.statements());
        one.join(two)
    }

    fn assign(&mut self, frame: &mut Frame, operator: &OpAssignment, target: &Expr, value: Type) {
        let operator = operator.get_op_assignment_info().map(|(.., syntax)| (syntax, operator.position()));
        let combined = |this: &mut Self, frame: &Frame, old: Type| match operator {
            Some((syntax, at)) => this.operator(frame, syntax, &[old, value], at),
            None => value,
        };
        match target {
            Expr::Variable(variable, _, _) => {
                let old = self.infer(frame, target);
                let new = combined(self, frame, old);
                if let Some(ty) = frame.variable(&variable.1) {
                    *ty = old.join(new);
                }
            }
            Expr::Dot(chain, flags, _) | Expr::Index(chain, flags, _) => {
                let is_dot = matches!(target, Expr::Dot(..));
                let new = if operator.is_some() {
                    let old = self.infer(frame, target);
                    combined(self, frame, old)
                } else {
                    value
                };
                let receiver = self.infer(frame, &chain.lhs);
                self.chain(frame, receiver, (&chain.rhs, *flags, is_dot), Some(new));
            }
            _ => {
                self.infer(frame, target);
            }
        }
    }

    /// An assignment to a field of a record.
    pub(crate) fn write(&mut self, frame: &Frame, record: Type, (name, at): (&str, Position), value: Type) {
        if record != Type::Memory {
            if record.is_record() {
                let hint = "the view shows what is: keep what changes in `me.memory`, and act through actions";
                self.find(frame, at, format!("`{name}` of {} is read-only", record.words()), Some(hint.into()));
            }
            return;
        }
        let Some(fields) = &self.layout.memory else { return };
        let Some(kept) = fields.get(name) else {
            let hint = did_you_mean(name, fields.keys().map(String::as_str))
                .or_else(|| Some(format!("declare it in `memory()`: `#{{ {name}: 0.0 }}`")));
            self.find(frame, at, format!("`me.memory` has no field `{name}`"), hint);
            return;
        };
        let fits = value.is_silent()
            || match kept {
                Type::Float => value.is_number(),
                Type::Int => matches!(value, Type::Int | Type::Number),
                Type::Flag => value == Type::Flag,
                _ => true,
            };
        if !fits {
            let hint = (*kept == Type::Int && value.is_number())
                .then(|| format!("declare `{name}: 0.0` in `memory()`, or assign `x.to_int()`"));
            self.find(
                frame,
                at,
                format!("`me.memory.{name}` is {} and cannot become {}", kept.words(), value.words()),
                hint,
            );
        }
    }
}

/// What a loop assigns may have any type by its second round.
fn forget_assigned(frame: &mut Frame, parts: &FlowControl) {
    let mut forget = |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = path.last()
            && let Expr::Variable(variable, ..) = &assignment.1.lhs
            && let Some(ty) = frame.variable(&variable.1)
        {
            *ty = Type::Unknown;
        }
        true
    };
    for statement in parts.body.statements() {
        statement.walk(&mut Vec::new(), &mut forget);
    }
    // A condition may be a block that assigns.
    parts.expr.walk(&mut Vec::new(), &mut forget);
}

/// What a loop hands out, where that is plain.
fn item_type(over: &Expr) -> Type {
    match over {
        Expr::FnCall(call, _) if matches!(call.name.as_str(), ".." | "..=") => {
            let ints = call.args.iter().all(|arg| matches!(arg, Expr::IntegerConstant(..)));
            if ints { Type::Int } else { Type::Unknown }
        }
        _ => Type::Unknown,
    }
}
