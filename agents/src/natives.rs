//! The names that rhai 1.27 and the host give to functions, so that a script cannot shadow them unnoticed. A script
//! function of the same name silently wins in rhai, which has no way to list its own functions: hence this list.

use palisade_engine::registry::Kind;

use crate::pure;
use crate::types::Type;

/// Functions of the sandbox's packages.
const PACKAGES: &[&str] = &[
    "E",
    "PI",
    "acos",
    "acosh",
    "all",
    "append",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "bits",
    "bytes",
    "ceiling",
    "chars",
    "chop",
    "clear",
    "contains",
    "cos",
    "cosh",
    "crop",
    "dedup",
    "drain",
    "end",
    "ends_with",
    "extract",
    "fill_with",
    "filter",
    "find",
    "find_map",
    "for_each",
    "get",
    "index_of",
    "insert",
    "int",
    "is_empty",
    "is_even",
    "is_exclusive",
    "is_finite",
    "is_inclusive",
    "is_infinite",
    "is_nan",
    "is_odd",
    "is_zero",
    "keys",
    "len",
    "log",
    "make_lower",
    "make_upper",
    "map",
    "mixin",
    "order",
    "order_by",
    "order_desc",
    "pad",
    "parse_float",
    "parse_int",
    "pop",
    "push",
    "range",
    "reduce",
    "reduce_rev",
    "remove",
    "replace",
    "retain",
    "reverse",
    "round",
    "set",
    "shift",
    "sin",
    "sinh",
    "some",
    "sort",
    "sort_by",
    "sort_desc",
    "splice",
    "split",
    "split_rev",
    "start",
    "starts_with",
    "sub_string",
    "tan",
    "tanh",
    "to_binary",
    "to_chars",
    "to_degrees",
    "to_float",
    "to_hex",
    "to_int",
    "to_lower",
    "to_octal",
    "to_radians",
    "to_upper",
    "trim",
    "truncate",
    "values",
    "zip",
];

/// Functions of the language itself.
pub(crate) const LANGUAGE: &[&str] = &[
    "Fn",
    "call",
    "curry",
    "debug",
    "eval",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "print",
    "to_debug",
    "to_string",
    "type_of",
];

/// The function that `cases()` is written with.
pub(crate) const EXAMPLE: &str = "example";

/// Functions that only `params()` calls.
pub(crate) const DECLARATIONS: [(&str, Type); 8] = [
    ("param", Type::Float),
    ("market_param", Type::Thing(Kind::Market)),
    ("venue_param", Type::Thing(Kind::Venue)),
    ("feed_param", Type::Thing(Kind::Feed)),
    ("asset_param", Type::Thing(Kind::Asset)),
    ("vault_param", Type::Thing(Kind::Vault)),
    ("parameter_param", Type::Thing(Kind::Parameter)),
    ("action_param", Type::Thing(Kind::Action)),
];

/// Whether the name belongs to rhai or the host.
pub(crate) fn is_native(name: &str) -> bool {
    names().any(|known| known == name)
}

/// All such names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let pure = pure::FUNCTIONS.iter().chain(&pure::COLUMNS).map(|(name, _)| *name);
    let declarations = DECLARATIONS.iter().map(|(name, _)| *name);
    pure.chain(declarations).chain([EXAMPLE]).chain(PACKAGES.iter().copied()).chain(LANGUAGE.iter().copied())
}

/// What a native function returns, for arguments of the given types.
pub(crate) fn returns(name: &str, args: &[Type]) -> Type {
    if let Some((_, ty)) = DECLARATIONS.iter().find(|(known, _)| *known == name) {
        return *ty;
    }
    let all_of = |ty: Type| !args.is_empty() && args.iter().all(|arg| *arg == ty);
    match name {
        "fraction" => Type::Portion,
        "sum" | "weighted_quantile" => Type::Float,
        "sorted" => Type::Array,
        "sqrt" | "exp" | "ln" | "pow" | "hypot" | "to_float" | "floor" | "ceil"
            if args.iter().all(|arg| arg.is_number()) =>
        {
            Type::Float
        }
        "abs" | "sign" | "min" | "max" | "clamp" if all_of(Type::Float) => Type::Float,
        "abs" | "sign" | "min" | "max" | "clamp" if args.iter().all(|arg| arg.is_number()) => Type::Number,
        "to_int" if args.iter().all(|arg| arg.is_number()) => Type::Int,
        "is_nan" | "is_finite" | "is_infinite" | "is_empty" | "contains" => Type::Flag,
        "len" | "parse_int" => Type::Int,
        "to_string" | "to_debug" | "type_of" => Type::Text,
        _ => Type::Unknown,
    }
}
