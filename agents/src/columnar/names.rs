//! What has a name: variables, constants, parameters and the cells of the memory, read and assigned.

use rhai::{Expr, OpAssignment, Position};

use super::code::{Bank, Op};
use super::lower::{LIST_NODES, Lowered, Lowering};
use super::value::Val;
use crate::constants;
use crate::declare::{Cell, ParamKind};

impl Lowering<'_> {
    pub(super) fn assignment(&mut self, operator: &OpAssignment, target: &Expr, value: &Expr) -> Lowered<Val> {
        let value = self.expression(value)?;
        let operator = operator.get_op_assignment_info().map(|(.., syntax)| (syntax, operator.position()));
        match target {
            Expr::Variable(variable, _, at) => {
                let Some(place) = self.state.variables.iter().rposition(|known| known.name == variable.1) else {
                    return self.refuse(*at, "an assignment to a constant");
                };
                let before = self.state.variables[place].value;
                if self.state.variables[place].is_constant {
                    return self.refuse(*at, "an assignment to a constant");
                }
                let new = match operator {
                    Some((syntax, at)) => self.operator(syntax, &[before, value], at)?,
                    None => value,
                };
                self.state.variables[place].value =
                    if self.live == self.region { new } else { self.choose(self.live, new, before) };
                Ok(Val::Unit)
            }
            Expr::Dot(..) | Expr::Index(..) => {
                let (cell, at) = self.cell(target)?;
                let before = self.recall(cell);
                let new = match operator {
                    Some((syntax, at)) => self.operator(syntax, &[before, value], at)?,
                    None => value,
                };
                self.remember(cell, new, at)
            }
            _ => self.refuse(target.position(), "this assignment"),
        }
    }

    /// A cell of the agent's memory.
    pub(super) fn recall(&self, cell: usize) -> Val {
        let reg = self.state.memory[cell];
        match self.build.shape(reg).bank {
            Bank::Float => Val::Float(reg),
            Bank::Int => Val::Int(reg),
            Bank::Flag => Val::Flag(reg),
        }
    }

    fn remember(&mut self, cell: usize, value: Val, at: Position) -> Lowered<Val> {
        let kind = self.given.declarations.memory[cell].1;
        let new = match (kind, value) {
            (Cell::Float(_), Val::Float(_) | Val::Int(_)) => self.float_of(value),
            (Cell::Int(_), Val::Int(reg)) | (Cell::Flag(_), Val::Flag(reg)) => Some(reg),
            (_, Val::Mixed) => return self.refuse(at, value.words()),
            _ => None,
        };
        let Some(new) = new else {
            self.bail();
            return Ok(Val::Unit);
        };
        let before = self.state.memory[cell];
        self.state.memory[cell] =
            if self.live == self.region { new } else { self.build.emit(Op::Select(self.live, new, before)) };
        Ok(Val::Unit)
    }

    /// What a name stands for.
    pub(super) fn variable(&mut self, name: &str, at: Position) -> Lowered<Val> {
        if let Some(known) = self.state.variables.iter().rfind(|known| known.name == name) {
            return match known.value {
                Val::Mixed => self.refuse(at, Val::Mixed.words()),
                // The interpreter copies it, and charges for that.
                Val::List(list) => {
                    self.nodes += LIST_NODES;
                    Ok(Val::List(list))
                }
                value => Ok(value),
            };
        }
        let own = self.given.draft.constants.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let Some(value) = own.or_else(|| constants::find(name).map(|constant| (constant.value)())) else {
            return self.refuse(at, format!("`{name}`"));
        };
        if let Ok(number) = value.as_float() {
            Ok(Val::Float(self.build.float(number)))
        } else if let Ok(number) = value.as_int() {
            Ok(Val::Int(self.build.int(number)))
        } else if let Ok(flag) = value.as_bool() {
            Ok(Val::Flag(self.build.flag(flag)))
        } else if name == "all" {
            Ok(Val::All)
        } else {
            self.refuse(at, "a text")
        }
    }

    /// A bound parameter.
    pub(super) fn param(&mut self, name: &str, at: Position) -> Lowered<Val> {
        let params = &self.given.declarations.params;
        match params.iter().position(|param| param.name == name).map(|place| (place, &params[place].kind)) {
            Some((place, ParamKind::Number { .. })) => Ok(Val::Float(self.build.emit(Op::Param(place)))),
            Some((place, ParamKind::Thing { kind, .. })) => {
                Ok(Val::Thing(*kind, self.build.emit(Op::ThingParam(place))))
            }
            None => self.refuse(at, format!("`me.params.{name}`")),
        }
    }
}
