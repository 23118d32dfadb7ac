//! Functions by name and arguments.

use postgres_types::Type;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, Value, WindowFrame, WindowFrameBound, WindowSpec, WindowType,
};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::scope::{Scope, fold, object};
use crate::embedded::dialect::types::{self, is_integer, is_number};
use crate::embedded::dialect::{Fault, quote};
use crate::error_response::SqlState;

/// Name, arguments, result, and SQLite's name where it differs. A letter is a type:
/// `t` text, `i` int4, `l` int8, `f` float8, `n` numeric, `b` bool, `y` bytea, `d` date,
/// `s` timestamp, `z` timestamptz, `v` interval, `j` jsonb, `o` oid, `m` name, `u` uuid, `0` void,
/// `c` regclass, `T` text[], `M` name[]; `a` is anything. A `*` repeats the last.
const FUNCTIONS: &[(&str, &str, char, &str)] = &[
    ("ascii", "t", 'i', "pg_ascii"),
    ("btrim", "t", 't', "trim"),
    ("btrim", "tt", 't', "trim"),
    ("char_length", "t", 'i', "length"),
    ("character_length", "t", 'i', "length"),
    ("chr", "i", 't', "pg_chr"),
    ("clock_timestamp", "", 'z', ""),
    ("concat", "a*", 't', "pg_concat"),
    ("concat_ws", "ta*", 't', "pg_concat_ws"),
    ("current_catalog", "", 'm', "current_database"),
    ("current_database", "", 'm', ""),
    ("current_date", "", 'd', "pg_current_date"),
    ("current_query", "", 't', "pg_null"),
    ("current_role", "", 'm', "pg_current_user"),
    ("current_schema", "", 'm', "pg_current_schema"),
    ("current_schemas", "b", 'M', ""),
    ("current_setting", "t", 't', ""),
    ("current_setting", "tb", 't', ""),
    ("current_timestamp", "", 'z', "now"),
    ("current_user", "", 'm', "pg_current_user"),
    ("decode", "tt", 'y', "pg_decode"),
    ("encode", "yt", 't', "pg_encode"),
    ("format_type", "oi", 't', ""),
    ("gen_random_uuid", "", 'u', ""),
    ("get_byte", "yi", 'i', "pg_get_byte"),
    ("has_any_column_privilege", "at", 'b', "pg_true"),
    ("has_any_column_privilege", "aat", 'b', "pg_true"),
    ("has_column_privilege", "aat", 'b', "pg_true"),
    ("has_database_privilege", "at", 'b', "pg_true"),
    ("has_database_privilege", "aat", 'b', "pg_true"),
    ("has_function_privilege", "at", 'b', "pg_true"),
    ("has_function_privilege", "aat", 'b', "pg_true"),
    ("has_schema_privilege", "at", 'b', "pg_true"),
    ("has_schema_privilege", "aat", 'b', "pg_true"),
    ("has_sequence_privilege", "at", 'b', "pg_true"),
    ("has_table_privilege", "at", 'b', "pg_true"),
    ("has_table_privilege", "aat", 'b', "pg_true"),
    ("initcap", "t", 't', "pg_initcap"),
    ("inet_server_addr", "", 't', "pg_null"),
    ("inet_server_port", "", 'i', "pg_null"),
    ("inet_client_addr", "", 't', "pg_null"),
    ("inet_client_port", "", 'i', "pg_null"),
    ("json_typeof", "j", 't', "pg_json_typeof"),
    ("jsonb_typeof", "j", 't', "pg_json_typeof"),
    ("json_array_length", "j", 'i', ""),
    ("jsonb_array_length", "j", 'i', "json_array_length"),
    ("currval", "t", 'l', "pg_currval"),
    ("lastval", "", 'l', "pg_lastval"),
    ("left", "ti", 't', "pg_left"),
    ("length", "y", 'i', ""),
    ("length", "t", 'i', ""),
    ("localtimestamp", "", 's', "pg_localtimestamp"),
    ("localtime", "", 'h', "pg_localtime"),
    ("lower", "t", 't', "pg_lower"),
    ("lpad", "ti", 't', "pg_lpad"),
    ("lpad", "tit", 't', "pg_lpad"),
    ("ltrim", "t", 't', ""),
    ("ltrim", "tt", 't', ""),
    ("make_date", "iii", 'd', "pg_make_date"),
    ("now", "", 'z', ""),
    ("octet_length", "y", 'i', "octet_length"),
    ("octet_length", "t", 'i', "octet_length"),
    ("overlay", "tti", 't', "pg_overlay"),
    ("overlay", "ttii", 't', "pg_overlay"),
    ("pg_advisory_unlock_all", "", '0', "pg_void"),
    ("pg_backend_pid", "", 'i', ""),
    ("pg_client_encoding", "", 'm', ""),
    ("pg_collation_is_visible", "o", 'b', "pg_true"),
    ("pg_conf_load_time", "", 'z', "pg_postmaster_start_time"),
    ("pg_encoding_to_char", "i", 'm', ""),
    ("pg_function_is_visible", "o", 'b', "pg_true"),
    ("pg_get_expr", "to", 't', ""),
    ("pg_get_expr", "tob", 't', ""),
    ("pg_get_function_arguments", "o", 't', "pg_null"),
    ("pg_get_function_identity_arguments", "o", 't', "pg_null"),
    ("pg_get_function_result", "o", 't', "pg_null"),
    ("pg_get_partkeydef", "o", 't', "pg_null"),
    ("pg_get_statisticsobjdef_columns", "o", 't', "pg_null"),
    ("pg_get_triggerdef", "o", 't', "pg_null"),
    ("pg_get_triggerdef", "ob", 't', "pg_null"),
    ("pg_get_userbyid", "o", 'm', ""),
    ("pg_has_role", "at", 'b', "pg_true"),
    ("pg_has_role", "aat", 'b', "pg_true"),
    ("pg_indexes_size", "c", 'l', "pg_null"),
    ("pg_is_in_recovery", "", 'b', "pg_false"),
    ("pg_is_other_temp_schema", "o", 'b', "pg_false"),
    ("pg_my_temp_schema", "", 'o', "pg_zero"),
    ("pg_notify", "tt", '0', ""),
    ("pg_opclass_is_visible", "o", 'b', "pg_true"),
    ("pg_postmaster_start_time", "", 'z', ""),
    ("pg_relation_is_publishable", "c", 'b', "pg_false"),
    ("pg_relation_size", "c", 'l', "pg_null"),
    ("pg_size_pretty", "l", 't', ""),
    ("pg_sleep", "f", '0', ""),
    ("pg_statistics_obj_is_visible", "o", 'b', "pg_true"),
    ("pg_table_is_visible", "o", 'b', "pg_true"),
    ("pg_table_size", "c", 'l', "pg_null"),
    ("pg_tablespace_location", "o", 't', "pg_empty"),
    ("pg_total_relation_size", "c", 'l', "pg_null"),
    ("pg_type_is_visible", "o", 'b', "pg_true"),
    ("pi", "", 'f', "pg_pi"),
    ("quote_ident", "t", 't', ""),
    ("quote_literal", "t", 't', ""),
    ("random", "", 'f', "pg_random"),
    ("regexp_replace", "ttt", 't', "pg_regexp_replace"),
    ("regexp_replace", "tttt", 't', "pg_regexp_replace"),
    ("repeat", "ti", 't', "pg_repeat"),
    ("replace", "ttt", 't', "pg_replace"),
    ("reverse", "t", 't', "pg_reverse"),
    ("right", "ti", 't', "pg_right"),
    ("rpad", "ti", 't', "pg_rpad"),
    ("rpad", "tit", 't', "pg_rpad"),
    ("rtrim", "t", 't', ""),
    ("rtrim", "tt", 't', ""),
    ("session_user", "", 'm', "pg_session_user"),
    ("set_config", "ttb", 't', ""),
    ("shobj_description", "om", 't', "pg_null"),
    ("split_part", "tti", 't', "pg_split_part"),
    ("starts_with", "tt", 'b', "pg_starts_with"),
    ("statement_timestamp", "", 'z', ""),
    ("strpos", "tt", 'i', "instr"),
    ("substr", "ti", 't', "pg_substr"),
    ("substr", "tii", 't', "pg_substr"),
    ("substring", "ti", 't', "pg_substr"),
    ("substring", "tii", 't', "pg_substr"),
    ("substring", "tt", 't', "pg_regexp_substring"),
    ("timeofday", "", 't', ""),
    ("to_char", "zt", 't', "pg_to_char_z"),
    ("to_char", "st", 't', "pg_to_char_s"),
    ("to_hex", "l", 't', "pg_to_hex"),
    ("to_timestamp", "f", 'z', "pg_to_timestamp"),
    ("transaction_timestamp", "", 'z', "now"),
    ("translate", "ttt", 't', "pg_translate"),
    ("upper", "t", 't', "pg_upper"),
    ("user", "", 'm', "pg_current_user"),
    ("version", "", 't', ""),
];

/// Functions of one float8 that SQLite's own do not do as PostgreSQL does.
const FLOATS: &[&str] = &[
    "acos", "asin", "atan", "cbrt", "cos", "degrees", "exp", "ln", "log", "log10", "radians",
    "sin", "sqrt", "tan",
];

/// Functions that are written without parentheses.
const BARE: &[&str] = &[
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "user",
];

pub(super) fn is_bare(name: &str) -> bool {
    BARE.contains(&name)
}

fn letter(letter: char) -> Type {
    match letter {
        'i' => Type::INT4,
        'l' => Type::INT8,
        'f' => Type::FLOAT8,
        'n' => Type::NUMERIC,
        'b' => Type::BOOL,
        'y' => Type::BYTEA,
        'd' => Type::DATE,
        'h' => Type::TIME,
        's' => Type::TIMESTAMP,
        'z' => Type::TIMESTAMPTZ,
        'v' => Type::INTERVAL,
        'j' => Type::JSONB,
        'o' => Type::OID,
        'c' => Type::REGCLASS,
        'm' => Type::NAME,
        'u' => Type::UUID,
        'T' => Type::TEXT_ARRAY,
        'M' => Type::NAME_ARRAY,
        '0' => Type::VOID,
        _ => Type::TEXT,
    }
}

/// How well arguments fit: the fewer conversions the better, `None` if they do not.
fn distance(arguments: &[Sql], wanted: &str) -> Option<usize> {
    let letters: Vec<char> = wanted.chars().filter(|c| *c != '*').collect();
    let repeats = wanted.ends_with('*');
    if arguments.len() < letters.len() || arguments.len() > letters.len() && !repeats {
        return None;
    }
    let mut sum = 0_usize;
    for (i, argument) in arguments.iter().enumerate() {
        let letter_ = letters.get(i).or_else(|| letters.last())?;
        let (from, to) = (argument.kind(), letter(*letter_));
        let up = types::rank(from)
            .zip(types::rank(&to))
            .is_some_and(|(f, t)| f <= t);
        let cost = match (from, letter_) {
            (_, 'a') => 0,
            (&Type::UNKNOWN, 't') => 0,
            (&Type::UNKNOWN, _) => 1,
            (from, _) if *from == to => 0,
            (from, _) if types::is_text(from) && types::is_text(&to) => 1,
            (&Type::JSON, 'j') => 1,
            (&Type::PG_NODE_TREE, 't') => 1,
            (from, 'o' | 'c') if types::is_oid(from) || is_integer(from) => 1,
            (_, _) if up => 2,
            (&Type::DATE, 's' | 'z') => 2,
            (&Type::TIMESTAMP, 'z') => 3,
            _ => return None,
        };
        sum = sum.saturating_add(cost);
    }
    Some(sum)
}

pub(super) fn undefined(name: &str, arguments: &[Sql]) -> Fault {
    let kinds: Vec<String> = arguments
        .iter()
        .map(|a| types::show(a.kind(), -1))
        .collect();
    Fault::new(
        SqlState::UNDEFINED_FUNCTION,
        format!("function {name}({}) does not exist", kinds.join(", ")),
    )
    .with_hint(
        "No function matches the given name and argument types. You might need to add explicit type casts.",
    )
}

impl Translator<'_> {
    pub(super) fn function(&mut self, call: &Function, scope: &Scope<'_>) -> Result<Sql, Fault> {
        let (namespace, name) = object(&call.name)?;
        if super::sets::gives_rows(call) {
            return self.set_call(call, scope);
        }
        if let Some(sql) = self.sequence_call(&name, call)? {
            return Ok(sql);
        }
        if !matches!(namespace.as_deref(), None | Some("pg_catalog")) {
            return Err(undefined(&call.name.to_string(), &[]));
        }
        if !call.within_group.is_empty() || call.null_treatment.is_some() {
            return Err(Fault::unsupported(format!("this form of {name}")));
        }
        let list = match &call.args {
            FunctionArguments::List(list) => Some(list),
            FunctionArguments::None => None,
            FunctionArguments::Subquery(query) if name == "array" => {
                return self.array_query(query, scope);
            }
            FunctionArguments::Subquery(_) => {
                return Err(Fault::unsupported(format!("{name} of a query")));
            }
        };
        let aggregate = is_aggregate(&name);
        let outer = self.grouping.clone();
        let mut star = false;
        let mut arguments = Vec::new();
        for argument in list.map(|l| l.args.as_slice()).unwrap_or_default() {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                    arguments.push(self.expr(expr, scope)?);
                }
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if aggregate => star = true,
                _ => return Err(Fault::unsupported(format!("this argument of {name}"))),
            }
        }
        let windowed = call.over.is_some();
        if aggregate && !windowed && self.grouping.aggregates && !outer.aggregates {
            return Err(Fault::new(
                SqlState::GROUPING_ERROR,
                "aggregate function calls cannot be nested",
            ));
        }
        let sql = if aggregate {
            let distinct = matches!(
                list.and_then(|l| l.duplicate_treatment),
                Some(DuplicateTreatment::Distinct)
            );
            let mut order = String::new();
            for clause in list.map(|l| l.clauses.as_slice()).unwrap_or_default() {
                let FunctionArgumentClause::OrderBy(keys) = clause else {
                    return Err(Fault::unsupported(format!("this clause in {name}")));
                };
                order = format!(" ORDER BY {}", self.order_by(keys, scope)?);
            }
            self.aggregate(&name, arguments, star, distinct, &order)?
        } else if windowed {
            self.window_function(&name, arguments)?
        } else {
            self.call(&name, arguments)?
        };
        let Some(over) = &call.over else {
            if !aggregate {
                return Ok(sql);
            }
            let filter = match &call.filter {
                Some(filter) => {
                    format!(
                        " FILTER (WHERE {})",
                        self.condition(filter, scope, "FILTER")?.text
                    )
                }
                None => String::new(),
            };
            // What stands within the aggregate need not be grouped by.
            self.grouping = outer;
            self.grouping.aggregates = true;
            return Ok(Sql {
                text: format!("{}{filter}", sql.text),
                ..sql
            });
        };
        let filter = match &call.filter {
            Some(filter) => {
                format!(
                    " FILTER (WHERE {})",
                    self.condition(filter, scope, "FILTER")?.text
                )
            }
            None => String::new(),
        };
        self.grouping.windows = true;
        let window = match over {
            WindowType::NamedWindow(name) => quote(&fold(name)),
            WindowType::WindowSpec(spec) => format!("({})", self.window(spec, scope)?),
        };
        Ok(Sql {
            text: format!("{}{filter} OVER {window}", sql.text),
            ..sql
        })
    }

    /// What stands in the parentheses of OVER.
    pub(super) fn window(&mut self, spec: &WindowSpec, scope: &Scope<'_>) -> Result<String, Fault> {
        let mut parts = Vec::new();
        if let Some(name) = &spec.window_name {
            parts.push(quote(&fold(name)));
        }
        if !spec.partition_by.is_empty() {
            let mut keys = Vec::new();
            for expr in &spec.partition_by {
                keys.push(self.expr(expr, scope)?.ordered());
            }
            parts.push(format!("PARTITION BY {}", keys.join(",")));
        }
        if !spec.order_by.is_empty() {
            parts.push(format!(
                "ORDER BY {}",
                self.order_by(&spec.order_by, scope)?
            ));
        }
        if let Some(frame) = &spec.window_frame {
            parts.push(frame_text(frame)?);
        }
        Ok(parts.join(" "))
    }

    fn window_function(&self, name: &str, arguments: Vec<Sql>) -> Result<Sql, Fault> {
        let first = arguments.first().map(|a| a.ty.clone());
        let kind = match (name, arguments.len()) {
            ("row_number" | "rank" | "dense_rank", 0) => Type::INT8.into(),
            ("percent_rank" | "cume_dist", 0) => Type::FLOAT8.into(),
            ("ntile", 1) => Type::INT4.into(),
            ("lag" | "lead", 1..=3) | ("first_value" | "last_value", 1) | ("nth_value", 2) => {
                first.unwrap_or_else(|| Type::TEXT.into())
            }
            _ => return Err(undefined(name, &arguments)),
        };
        let arguments: Vec<String> = arguments.into_iter().map(|a| a.text).collect();
        Ok(Sql::new(format!("{name}({})", arguments.join(",")), kind))
    }

    fn aggregate(
        &mut self,
        name: &str,
        mut arguments: Vec<Sql>,
        star: bool,
        distinct: bool,
        order: &str,
    ) -> Result<Sql, Fault> {
        let word = if distinct { "DISTINCT " } else { "" };
        if star {
            return match name {
                "count" => Ok(Sql::new("count(*)", Type::INT8)),
                _ => Err(undefined(name, &[])),
            };
        }
        if name == "string_agg" {
            let [value, delimiter] = arguments.as_slice() else {
                return Err(undefined(name, &arguments));
            };
            let value = self.implicit(value.clone(), &Type::TEXT.into())?;
            let delimiter = self.implicit(delimiter.clone(), &Type::TEXT.into())?;
            if distinct {
                return Err(Fault::unsupported("string_agg(DISTINCT)"));
            }
            return Ok(Sql::new(
                format!("string_agg({},{}{order})", value.text, delimiter.text),
                Type::TEXT,
            ));
        }
        if name == "json_object_agg" {
            let [key, member] = arguments.as_slice() else {
                return Err(undefined(name, &arguments));
            };
            let key = self.settle_as(key.clone(), &Type::TEXT)?;
            let key = self.cast_now(key, &Type::TEXT.into(), false)?;
            let member = self.settle_as(member.clone(), &Type::TEXT)?;
            let oid = member.kind().oid();
            return Ok(Sql::new(
                format!(
                    "pg_json_object_agg({},pg_to_json({},{oid}){order})",
                    key.text, member.text
                ),
                Type::JSON,
            ));
        }
        let (Some(value), true) = (arguments.pop(), arguments.is_empty()) else {
            return Err(undefined(name, &arguments));
        };
        let value = self.settle_as(value, &Type::TEXT)?;
        let kind = value.kind().clone();
        let (function, result) = match name {
            "count" => ("count", Type::INT8),
            "sum" if matches!(kind, Type::INT2 | Type::INT4) => ("sum", Type::INT8),
            "sum" if matches!(kind, Type::INT8 | Type::NUMERIC) => ("pg_sum", Type::NUMERIC),
            "sum" if matches!(kind, Type::FLOAT4 | Type::FLOAT8) => ("sum", kind),
            "avg" if is_integer(&kind) || kind == Type::NUMERIC => ("pg_avg", Type::NUMERIC),
            "avg" if is_number(&kind) && !types::is_oid(&kind) => ("avg", Type::FLOAT8),
            "min" | "max"
                if !matches!(kind, Type::BOOL | Type::JSON | Type::JSONB | Type::UUID) =>
            {
                let kind = if kind == Type::VARCHAR {
                    Type::TEXT
                } else {
                    kind
                };
                (if name == "min" { "min" } else { "max" }, kind)
            }
            "bool_and" | "every" if kind == Type::BOOL => ("min", Type::BOOL),
            "bool_or" if kind == Type::BOOL => ("max", Type::BOOL),
            "array_agg" => {
                let array = types::array_of(&kind)
                    .ok_or_else(|| Fault::unsupported(format!("an array of {}", kind.name())))?;
                return Ok(Sql::new(
                    format!("pg_array_of({},{word}{}{order})", kind.oid(), value.text),
                    array,
                ));
            }
            "json_agg" | "jsonb_agg" => {
                let json = if name == "json_agg" {
                    Type::JSON
                } else {
                    Type::JSONB
                };
                // The parts of jsonb are in its form already, and so is what joins them.
                let part = format!("pg_to_json({},{})", value.text, kind.oid());
                let part = if json == Type::JSONB {
                    format!("pg_json({part},1)")
                } else {
                    part
                };
                return Ok(Sql::new(format!("pg_json_agg({word}{part}{order})"), json));
            }
            _ => return Err(undefined(name, &[value])),
        };
        let text = match function {
            "min" | "max" | "count" => value.ordered(),
            _ => value.text,
        };
        Ok(Sql::new(format!("{function}({word}{text}{order})"), result))
    }

    /// A plain function.
    pub(super) fn call(&mut self, name: &str, arguments: Vec<Sql>) -> Result<Sql, Fault> {
        if let Some(sql) = self.definition(name, &arguments)? {
            return Ok(sql);
        }
        if let Some(sql) = self.special(name, &arguments)? {
            return Ok(sql);
        }
        let best = FUNCTIONS
            .iter()
            .filter(|(n, ..)| *n == name)
            .filter_map(|f| distance(&arguments, f.1).map(|d| (d, f)))
            .min_by_key(|(d, _)| *d);
        let Some((_, (_, wanted, result, sqlite))) = best else {
            return Err(undefined(name, &arguments));
        };
        let letters: Vec<char> = wanted.chars().filter(|c| *c != '*').collect();
        let mut texts = Vec::new();
        for (i, argument) in arguments.into_iter().enumerate() {
            let letter_ = letters
                .get(i)
                .or_else(|| letters.last())
                .copied()
                .unwrap_or('t');
            let sql = if letter_ == 'a' {
                // What takes anything shows it as text.
                let sql = self.settle_as(argument, &Type::TEXT)?;
                if name.starts_with("concat") {
                    if *sql.kind() == Type::BOOL {
                        Sql::new(format!("pg_bool_letter({})", sql.text), Type::TEXT)
                    } else {
                        self.cast_now(sql, &Type::TEXT.into(), false)?
                    }
                } else {
                    sql
                }
            } else if *argument.kind() == Type::PG_NODE_TREE {
                argument
            } else {
                let kind = letter(letter_);
                let sql = self.settle_as(argument, &kind)?;
                self.cast_now(sql, &kind.into(), false)?
            };
            texts.push(sql.text);
        }
        let function = if sqlite.is_empty() { name } else { sqlite };
        Ok(Sql::new(
            format!("{function}({})", texts.join(",")),
            letter(*result),
        ))
    }

    /// Functions whose result has the type of an argument, and the like.
    fn special(&mut self, name: &str, arguments: &[Sql]) -> Result<Option<Sql>, Fault> {
        let all = || arguments.to_vec();
        let one = |i: usize| arguments.get(i).cloned();
        Ok(Some(match (name, arguments.len()) {
            ("coalesce", 1..) => {
                let (all, kind) = self.common(all(), "COALESCE")?;
                let not_null = all.iter().any(|a| a.not_null);
                let texts: Vec<String> = all.into_iter().map(|a| a.text).collect();
                let text = match texts.as_slice() {
                    [only] => only.clone(),
                    _ => format!("coalesce({})", texts.join(",")),
                };
                Sql {
                    not_null,
                    ..Sql::new(text, kind)
                }
            }
            ("greatest" | "least", 1..) => {
                let (all, kind) = self.common(all(), &name.to_uppercase())?;
                let texts: Vec<String> = all.into_iter().map(|a| a.text).collect();
                Sql::new(
                    format!("pg_{name}({},{})", kind.oid(), texts.join(",")),
                    kind,
                )
            }
            ("nullif", 2) => {
                let (all, kind) = self.common(all(), "NULLIF")?;
                let texts: Vec<String> = all.iter().map(Sql::ordered).collect();
                Sql::new(format!("nullif({})", texts.join(",")), kind)
            }
            ("abs" | "ceil" | "ceiling" | "floor" | "round" | "sign" | "trunc", 1) => {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = self.settle_as(value, &Type::FLOAT8)?;
                let kind = match value.kind() {
                    k if !is_number(k) || types::is_oid(k) => {
                        return Err(undefined(name, arguments));
                    }
                    k if name == "abs" || *k == Type::NUMERIC || *k == Type::FLOAT8 => k.clone(),
                    _ => Type::FLOAT8,
                };
                let value = self.cast_now(value, &kind.clone().into(), false)?;
                Sql::new(format!("pg_{name}({},{})", value.text, kind.oid()), kind)
            }
            ("round" | "trunc", 2) => {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let digits = one(1).ok_or_else(|| undefined(name, arguments))?;
                let value = self
                    .implicit(value, &Type::NUMERIC.into())
                    .map_err(|_| undefined(name, arguments))?;
                let digits = self.implicit(digits, &Type::INT4.into())?;
                Sql::new(
                    format!("pg_{name}_to({},{})", value.text, digits.text),
                    Type::NUMERIC,
                )
            }
            ("mod", 2) => {
                let (all, kind) = self.common(all(), "mod")?;
                let texts: Vec<String> = all.into_iter().map(|a| a.text).collect();
                if !is_integer(&kind) && kind != Type::NUMERIC {
                    return Err(undefined(name, arguments));
                }
                Sql::new(
                    format!(
                        "pg_arith({},{},{})",
                        u32::from('%'),
                        kind.oid(),
                        texts.join(",")
                    ),
                    kind,
                )
            }
            ("power" | "pow" | "atan2", 2) => {
                let mut texts = Vec::new();
                for argument in all() {
                    texts.push(
                        self.implicit(argument, &Type::FLOAT8.into())
                            .map_err(|_| undefined(name, arguments))?
                            .text,
                    );
                }
                let function = if name == "atan2" {
                    "pg_atan2"
                } else {
                    "pg_power"
                };
                Sql::new(format!("{function}({})", texts.join(",")), Type::FLOAT8)
            }
            (float, 1) if FLOATS.contains(&float) => {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = self
                    .implicit(value, &Type::FLOAT8.into())
                    .map_err(|_| undefined(name, arguments))?;
                Sql::new(format!("pg_{name}({})", value.text), Type::FLOAT8)
            }
            ("pg_typeof", 1) => {
                let kind = arguments
                    .first()
                    .map_or(Type::UNKNOWN, |a| a.kind().clone());
                Sql::new(kind.oid().to_string(), Type::REGTYPE)
            }
            ("date_trunc", 2) => {
                let unit = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = one(1).ok_or_else(|| undefined(name, arguments))?;
                let unit = self.implicit(unit, &Type::TEXT.into())?;
                let value = self.settle_as(value, &Type::TIMESTAMPTZ)?;
                let kind = match *value.kind() {
                    Type::TIMESTAMP => Type::TIMESTAMP,
                    Type::TIMESTAMPTZ | Type::DATE => Type::TIMESTAMPTZ,
                    _ => return Err(undefined(name, arguments)),
                };
                let value = self.cast_now(value, &kind.clone().into(), false)?;
                Sql::new(
                    format!(
                        "pg_date_trunc({},{},{})",
                        unit.text,
                        value.text,
                        u8::from(kind == Type::TIMESTAMPTZ)
                    ),
                    kind,
                )
            }
            ("extract" | "date_part", 2) => {
                let unit = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = one(1).ok_or_else(|| undefined(name, arguments))?;
                let unit = self.implicit(unit, &Type::TEXT.into())?;
                let value = self.settle_as(value, &Type::TIMESTAMP)?;
                if !types::is_time(value.kind())
                    && !matches!(*value.kind(), Type::TIME | Type::INTERVAL)
                {
                    return Err(undefined(name, arguments));
                }
                let extracted = Sql::new(
                    format!(
                        "pg_extract({},{},{})",
                        unit.text,
                        value.text,
                        value.kind().oid()
                    ),
                    Type::NUMERIC,
                );
                if name == "extract" {
                    extracted
                } else {
                    self.cast_now(extracted, &Type::FLOAT8.into(), false)?
                }
            }
            ("array_to_string", 2 | 3) => {
                let array = one(0).ok_or_else(|| undefined(name, arguments))?;
                let mut texts = vec![array.text.clone(), array.kind().oid().to_string()];
                if types::element(array.kind()).is_none() {
                    return Err(undefined(name, arguments));
                }
                for text in arguments.iter().skip(1) {
                    texts.push(self.implicit(text.clone(), &Type::TEXT.into())?.text);
                }
                Sql::new(
                    format!("pg_array_to_string({})", texts.join(",")),
                    Type::TEXT,
                )
            }
            ("array_length" | "array_upper" | "array_lower", 2) | ("cardinality", 1) => {
                let array = one(0).ok_or_else(|| undefined(name, arguments))?;
                if types::element(array.kind()).is_none() {
                    return Err(undefined(name, arguments));
                }
                let oid = array.kind().oid();
                let function = match name {
                    "array_lower" => "pg_array_lower",
                    "array_upper" => "pg_array_upper",
                    "array_length" => "pg_array_length",
                    _ => "pg_cardinality",
                };
                Sql::new(format!("{function}({},{oid})", array.text), Type::INT4)
            }
            ("array_position", 2) => {
                let array = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = one(1).ok_or_else(|| undefined(name, arguments))?;
                let element =
                    types::element(array.kind()).ok_or_else(|| undefined(name, arguments))?;
                let value = self.implicit(value, &element.into())?;
                let value = self.cast_now(value, &Type::TEXT.into(), false)?;
                Sql::new(
                    format!("pg_array_position({},{})", array.text, value.text),
                    Type::INT4,
                )
            }
            ("array_append", 2) => {
                let mut both = all().into_iter();
                match (both.next(), both.next()) {
                    (Some(a), Some(b)) => {
                        return self
                            .binary(&sqlparser::ast::BinaryOperator::StringConcat, a, b)
                            .map(Some);
                    }
                    _ => return Err(undefined(name, arguments)),
                }
            }
            ("to_json" | "to_jsonb", 1) => {
                let value = one(0).ok_or_else(|| undefined(name, arguments))?;
                let value = self.settle_as(value, &Type::TEXT)?;
                let kind = if name == "to_json" {
                    Type::JSON
                } else {
                    Type::JSONB
                };
                Sql::new(
                    format!("pg_to_json({},{})", value.text, value.kind().oid()),
                    kind,
                )
            }
            (
                "json_build_object" | "jsonb_build_object" | "json_build_array"
                | "jsonb_build_array",
                _,
            ) => {
                let object = name.ends_with("object");
                let mut texts = Vec::new();
                for (i, argument) in all().into_iter().enumerate() {
                    let sql = self.settle_as(argument, &Type::TEXT)?;
                    texts.push(if object && i % 2 == 0 {
                        self.cast_now(sql, &Type::TEXT.into(), false)?.text
                    } else {
                        format!("pg_to_json({},{})", sql.text, sql.kind().oid())
                    });
                }
                if object && texts.len() % 2 != 0 {
                    return Err(Fault::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        "argument list must have even number of elements",
                    ));
                }
                let function = if object {
                    "pg_json_object"
                } else {
                    "pg_json_array"
                };
                let text = format!("{function}({})", texts.join(","));
                if name.starts_with("jsonb") {
                    Sql::new(format!("pg_json({text},1)"), Type::JSONB)
                } else {
                    Sql::new(text, Type::JSON)
                }
            }
            ("jsonb_set", 3 | 4) => {
                let mut texts = Vec::new();
                for (argument, kind) in
                    all()
                        .into_iter()
                        .zip([Type::JSONB, Type::TEXT_ARRAY, Type::JSONB, Type::BOOL])
                {
                    let sql = self.settle_as(argument, &kind)?;
                    if *sql.kind() != kind {
                        return Err(undefined(name, arguments));
                    }
                    texts.push(sql.text);
                }
                if texts.len() == 3 {
                    texts.push("1".into());
                }
                Sql::new(format!("pg_jsonb_set({})", texts.join(",")), Type::JSONB)
            }
            ("timezone", 2) => return Err(Fault::unsupported("timezone(…); AT TIME ZONE is")),
            _ => return Ok(None),
        }))
    }
}

/// A window's frame, whose bounds are numbers.
fn frame_text(frame: &WindowFrame) -> Result<String, Fault> {
    let bound = |bound: &WindowFrameBound| {
        let number = |expr: &Option<Box<Expr>>| match expr.as_deref() {
            None => Ok("UNBOUNDED".to_owned()),
            Some(Expr::Value(value)) => match &value.value {
                Value::Number(n, _) if n.bytes().all(|b| b.is_ascii_digit()) => Ok(n.clone()),
                _ => Err(Fault::unsupported("this window frame")),
            },
            Some(_) => Err(Fault::unsupported("this window frame")),
        };
        Ok::<_, Fault>(match bound {
            WindowFrameBound::CurrentRow => "CURRENT ROW".into(),
            WindowFrameBound::Preceding(n) => format!("{} PRECEDING", number(n)?),
            WindowFrameBound::Following(n) => format!("{} FOLLOWING", number(n)?),
        })
    };
    let start = bound(&frame.start_bound)?;
    Ok(match &frame.end_bound {
        Some(end) => format!("{} BETWEEN {start} AND {}", frame.units, bound(end)?),
        None => format!("{} {start}", frame.units),
    })
}

fn is_aggregate(name: &str) -> bool {
    matches!(
        name,
        "count"
            | "sum"
            | "avg"
            | "min"
            | "max"
            | "bool_and"
            | "bool_or"
            | "every"
            | "string_agg"
            | "array_agg"
            | "json_agg"
            | "json_object_agg"
            | "jsonb_agg"
    )
}
