//! Functions that give rows: in FROM, and in the list of a SELECT (PostgreSQL docs, "Set Returning
//! Functions", "SQL Functions Returning Sets").

use postgres_types::Type;
use sqlparser::ast::{Function, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::function::undefined;
use crate::embedded::dialect::scope::{Relation, RelationColumn, Scope, object};
use crate::embedded::dialect::{Fault, quote, types};
use crate::error_response::SqlState;

/// Those of JSON and text: the function of ours, and what the rows are.
const OVER_JSON: &[(&str, &str, Rows)] = &[
    ("json_array_elements", "pg_json_elements", Rows::Json),
    ("json_array_elements_text", "pg_json_elements", Rows::Text),
    ("json_each", "pg_json_pairs", Rows::JsonPairs),
    ("json_each_text", "pg_json_pairs", Rows::TextPairs),
    ("json_object_keys", "pg_json_pairs", Rows::Keys),
    ("regexp_matches", "pg_regexp_matches_json", Rows::Arrays),
    ("regexp_split_to_table", "pg_regexp_split_json", Rows::Parts),
    ("string_to_table", "pg_string_to_json", Rows::Parts),
];

#[derive(Clone, Copy, Eq, PartialEq)]
enum Rows {
    Json,
    Text,
    JsonPairs,
    TextPairs,
    Keys,
    Parts,
    /// Arrays of texts.
    Arrays,
}

/// Whether it is a function that gives rows.
pub(super) fn gives_rows(call: &Function) -> bool {
    object(&call.name).is_ok_and(|(namespace, name)| match namespace.as_deref() {
        Some("information_schema") => name == "_pg_expandarray",
        None | Some("pg_catalog") => {
            matches!(
                name.as_str(),
                "generate_series" | "generate_subscripts" | "unnest"
            ) || name == SETTINGS
                || NONE.iter().any(|f| f.0 == name)
                || over_json(&name).is_some()
        }
        Some(_) => false,
    })
}

/// What `pg_settings` shows.
const SETTINGS: &str = "pg_show_all_settings";

/// Functions that have nothing to tell here, and their columns: no table is a partition, and
/// nothing has options or granted privileges.
const NONE: &[(&str, &[(&str, Type)])] = &[
    (
        "aclexplode",
        &[
            ("grantor", Type::OID),
            ("grantee", Type::OID),
            ("privilege_type", Type::TEXT),
            ("is_grantable", Type::BOOL),
        ],
    ),
    (
        "pg_options_to_table",
        &[("option_name", Type::TEXT), ("option_value", Type::TEXT)],
    ),
    (
        "pg_partition_ancestors",
        &[("relid", Type::REGCLASS), ("ordinality", Type::INT8)],
    ),
    (
        "pg_partition_tree",
        &[
            ("relid", Type::REGCLASS),
            ("parentrelid", Type::REGCLASS),
            ("isleaf", Type::BOOL),
            ("level", Type::INT4),
        ],
    ),
];

fn over_json(name: &str) -> Option<&'static (&'static str, &'static str, Rows)> {
    let plain = match name.strip_prefix("jsonb_") {
        Some(rest) => format!("json_{rest}"),
        None => name.to_owned(),
    };
    OVER_JSON.iter().find(|f| f.0 == plain)
}

/// The functions of the list at hand that give rows.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// What joins FROM, and the value of a row.
    calls: Vec<(String, Sql)>,
    /// There are several: they go in step.
    together: bool,
}

/// Where those that go in step are.
const TOGETHER: &str = "rows#";

impl Translator<'_> {
    /// The list of a SELECT. What gives rows of its own joins FROM.
    pub(super) fn projection(
        &mut self,
        items: &[SelectItem],
        scope: &Scope<'_>,
        from: &mut String,
    ) -> Result<Vec<(String, Sql)>, Fault> {
        let grouping = self.grouping.clone();
        let outer = self.sets.take();
        let read = |this: &mut Self, together: bool| {
            this.sets = Some(Sets {
                calls: Vec::new(),
                together,
            });
            let mut found = Vec::new();
            for item in items {
                this.item(item, scope, &mut found)?;
            }
            let sets = this.sets.take().unwrap_or_default();
            Ok::<_, Fault>((found, sets.calls))
        };
        let (mut found, mut calls) = read(self, false)?;
        if calls.len() > 1 {
            self.grouping = grouping;
            (found, calls) = read(self, true)?;
        }
        self.sets = outer;
        self.grouping.rows = !calls.is_empty();
        let joined = match calls.as_slice() {
            [] => return Ok(found),
            [(text, _)] => text.clone(),
            // Those that end first go on with NULL. Each is made an array.
            all => {
                let arrays: Vec<String> = all
                    .iter()
                    .map(|(text, value)| {
                        format!("(SELECT json_group_array({}) FROM {text})", value.text)
                    })
                    .collect();
                format!(
                    "json_each(pg_in_step({})) AS {}",
                    arrays.join(","),
                    quote(TOGETHER)
                )
            }
        };
        if !from.is_empty() {
            from.push_str(" CROSS JOIN ");
        }
        from.push_str(&joined);
        Ok(found)
    }

    /// A call within the list.
    pub(super) fn set_call(&mut self, call: &Function, scope: &Scope<'_>) -> Result<Sql, Fault> {
        let Some(mut sets) = self.sets.take() else {
            return Err(Fault::unsupported(format!("{} here", call.name)));
        };
        let number = sets.calls.len();
        let alias = format!("set{number}#");
        let made = self.table_function(call, scope, &alias);
        let value = made.and_then(|(text, relation)| {
            let value = record(&relation).ok_or_else(|| {
                Fault::unsupported(format!("{} in the list of a SELECT", call.name))
            })?;
            Ok((text, value))
        });
        let (text, value) = match value {
            Ok(made) => made,
            Err(fault) => {
                self.sets = Some(sets);
                return Err(fault);
            }
        };
        let shown = if sets.together {
            if types::storage(&value.ty.kind) == types::Storage::Blob {
                return Err(Fault::unsupported("a function that gives bytea"));
            }
            let text = format!("({}.\"value\"->>{number})", quote(TOGETHER));
            Sql::new(text, value.ty.clone())
        } else {
            value.clone()
        };
        sets.calls.push((text, value));
        self.sets = Some(sets);
        Ok(shown)
    }

    /// A function as a table. A single column is called as the table is.
    pub(super) fn table_function(
        &mut self,
        call: &Function,
        scope: &Scope<'_>,
        alias: &str,
    ) -> Result<(String, Relation), Fault> {
        let (_, name) = object(&call.name)?;
        let mut arguments = Vec::new();
        if let FunctionArguments::List(list) = &call.args {
            for argument in &list.args {
                let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else {
                    return Err(Fault::unsupported(format!("this argument of {name}")));
                };
                arguments.push(self.expr(expr, scope)?);
            }
        }
        if let Some(function) = over_json(&name) {
            return self.rows_of_json(&name, function, arguments, alias);
        }
        if name == SETTINGS && arguments.is_empty() {
            let table = self.schema.table(Some("pg_catalog"), "pg_settings")?;
            let table = table.ok_or_else(|| undefined(&name, &[]))?;
            let text = format!("{} AS {}", table.sql, quote(alias));
            return Ok((text, super::from::relation_of(&table, alias.to_owned())));
        }
        if let Some((_, columns)) = NONE.iter().find(|f| f.0 == name) {
            let nulls = columns.iter().map(|c| format!("NULL AS {}", quote(c.0)));
            let nulls: Vec<String> = nulls.collect();
            let columns = columns
                .iter()
                .map(|c| RelationColumn::new(c.0, c.1.clone()));
            let relation = Relation {
                name: alias.to_owned(),
                qualified: true,
                columns: columns.collect(),
            };
            let text = format!("(SELECT {} WHERE 0) AS {}", nulls.join(","), quote(alias));
            return Ok((text, relation));
        }
        match (name.as_str(), arguments.as_slice()) {
            ("unnest", [array]) => self.unnest(array.clone(), alias),
            ("unnest", [_, ..]) => self.unnest_all(arguments, alias),
            ("_pg_expandarray", [array]) => {
                let (text, mut relation) = self.unnest(array.clone(), alias)?;
                if let Some(x) = relation.columns.first_mut() {
                    x.name = "x".into();
                }
                relation.columns.push(ordinality("n", Type::INT4, alias));
                Ok((text, relation))
            }
            ("generate_subscripts", [array, dimension] | [array, dimension, _]) => {
                types::element(array.kind()).ok_or_else(|| undefined(&name, &arguments))?;
                let oid = array.kind().oid();
                let dimension = self.implicit(dimension.clone(), &Type::INT4.into())?;
                let bound = |which: &str| {
                    let call = format!("pg_array_{which}({},{oid})", array.text);
                    match dimension.text.as_str() {
                        "1" => call,
                        other => format!("iif({other}=1,{call},NULL)"),
                    }
                };
                let (lower, upper) = (bound("lower"), bound("upper"));
                match arguments.get(2).cloned() {
                    None => Ok(series(&lower, &upper, "1", Type::INT4, alias)),
                    // Backwards.
                    Some(reverse) => {
                        let reverse = self.implicit(reverse, &Type::BOOL.into())?.text;
                        let pick = |a: &str, b: &str| format!("iif({reverse},{a},{b})");
                        Ok(series(
                            &pick(&upper, &lower),
                            &pick(&lower, &upper),
                            &pick("-1", "1"),
                            Type::INT4,
                            alias,
                        ))
                    }
                }
            }
            ("generate_series", [_, _] | [_, _, _]) => self.series(arguments, alias),
            _ => Err(undefined(&name, &arguments)),
        }
    }

    /// `generate_series` of numbers or times.
    fn series(
        &mut self,
        mut arguments: Vec<Sql>,
        alias: &str,
    ) -> Result<(String, Relation), Fault> {
        let step = if arguments.len() > 2 {
            arguments.pop()
        } else {
            None
        };
        let timed = arguments.iter().any(|a| types::is_time(a.kind()));
        match step {
            Some(step) if timed => return self.series_of_times(arguments, step, alias),
            None if timed => return Err(undefined("generate_series", &arguments)),
            step => arguments.push(step.unwrap_or_else(|| Sql::new("1", Type::INT4))),
        }
        let (arguments, kind) = self.common(arguments, "generate_series")?;
        let kind = match kind {
            Type::INT2 | Type::TEXT => Type::INT4,
            kind => kind,
        };
        let [start, stop, step] = arguments.as_slice() else {
            return Err(Fault::unsupported("generate_series"));
        };
        if !types::is_integer(&kind) {
            return Err(Fault::unsupported(format!(
                "generate_series of {}",
                types::show(&kind, -1)
            )));
        }
        Ok(series(&start.text, &stop.text, &step.text, kind, alias))
    }

    fn series_of_times(
        &mut self,
        arguments: Vec<Sql>,
        step: Sql,
        alias: &str,
    ) -> Result<(String, Relation), Fault> {
        let (arguments, kind) = self.common(arguments, "generate_series")?;
        let kind = if kind == Type::DATE {
            Type::TIMESTAMPTZ
        } else {
            kind
        };
        let [start, stop] = arguments.as_slice() else {
            return Err(Fault::unsupported("generate_series"));
        };
        let ty = kind.clone().into();
        let start = self.cast_now(start.clone(), &ty, false)?;
        let stop = self.cast_now(stop.clone(), &ty, false)?;
        let step = self.cast(step, &Type::INTERVAL.into())?;
        let value = Sql::new("\"v\"", kind.clone());
        let next = self.binary(&sqlparser::ast::BinaryOperator::Plus, value, step.clone())?;
        let name = quote(alias);
        let text = format!(
            "(WITH RECURSIVE \"s\"(\"v\",\"stop\",\"up\") AS (\
             SELECT {0},{1},pg_interval_sign({2}) WHERE iif(pg_interval_sign({2})>0,{0}<={1},{0}>={1}) \
             UNION ALL SELECT {3},\"stop\",\"up\" FROM \"s\" \
             WHERE iif(\"up\">0,{3}<=\"stop\",{3}>=\"stop\")) SELECT \"v\" AS {name} FROM \"s\") AS {name}",
            start.text, stop.text, step.text, next.text
        );
        Ok((text, single(alias, alias, kind)))
    }

    pub(super) fn unnest(&mut self, array: Sql, alias: &str) -> Result<(String, Relation), Fault> {
        let array = self.settle_as(array, &Type::TEXT_ARRAY)?;
        let element = element_of(&array)?;
        let text = format!(
            "json_each(pg_array_json({},{})) AS {}",
            array.text,
            element.oid(),
            quote(alias)
        );
        Ok((text, single(alias, "value", element)))
    }

    /// Several arrays go in step; the columns are all called as the function is.
    pub(super) fn unnest_all(
        &mut self,
        arrays: Vec<Sql>,
        alias: &str,
    ) -> Result<(String, Relation), Fault> {
        let mut texts = Vec::new();
        let mut columns = Vec::new();
        for (i, array) in arrays.into_iter().enumerate() {
            let array = self.settle_as(array, &Type::TEXT_ARRAY)?;
            let element = element_of(&array)?;
            if types::storage(&element) == types::Storage::Blob {
                return Err(Fault::unsupported("unnest of bytea arrays"));
            }
            texts.push(format!(
                "coalesce(pg_array_json({},{}),'[]')",
                array.text,
                element.oid()
            ));
            columns.push(RelationColumn {
                computed: Some(format!("({}.\"value\"->>{i})", quote(alias))),
                ..RelationColumn::new("unnest", element)
            });
        }
        let text = format!(
            "json_each(pg_in_step({})) AS {}",
            texts.join(","),
            quote(alias)
        );
        let relation = Relation {
            name: alias.to_owned(),
            qualified: true,
            columns,
        };
        Ok((text, relation))
    }

    fn rows_of_json(
        &mut self,
        name: &str,
        (_, function, rows): &(&str, &str, Rows),
        arguments: Vec<Sql>,
        alias: &str,
    ) -> Result<(String, Relation), Fault> {
        let json = if name.starts_with("jsonb_") {
            Type::JSONB
        } else {
            Type::JSON
        };
        let wanted: &[Type] = match rows {
            Rows::Parts | Rows::Arrays => &[Type::TEXT, Type::TEXT, Type::TEXT],
            _ => std::slice::from_ref(&json),
        };
        let enough = match rows {
            Rows::Parts | Rows::Arrays => (2..=wanted.len()).contains(&arguments.len()),
            _ => arguments.len() == 1,
        };
        if !enough {
            return Err(undefined(name, &arguments));
        }
        let mut texts = Vec::new();
        for (argument, kind) in arguments.iter().zip(wanted) {
            let sql = self.settle_as(argument.clone(), kind)?;
            let fits = sql.kind() == kind || types::is_text(kind) && types::is_text(sql.kind());
            if !fits {
                return Err(undefined(name, &arguments));
            }
            texts.push(sql.text);
        }
        match rows {
            Rows::JsonPairs | Rows::TextPairs | Rows::Keys => {
                texts.push(super::literal(name));
            }
            Rows::Parts | Rows::Arrays if texts.len() < wanted.len() => {
                let none = if name == "string_to_table" {
                    "NULL"
                } else {
                    "''"
                };
                texts.push(none.into());
            }
            _ => {}
        }
        let text = format!(
            "json_each({function}({})) AS {}",
            texts.join(","),
            quote(alias)
        );
        let value = format!("{}.\"value\"", quote(alias));
        // A text in its JSON form, without it.
        let bare = format!(
            "iif(substr({value},1,1)='\"',json_extract({value},'$'),nullif({value},'null'))"
        );
        let column = |name: &str, kind: Type, sql: Option<String>| RelationColumn {
            inner: Some("value".into()),
            computed: sql,
            ..RelationColumn::new(name, kind)
        };
        let key = RelationColumn::new("key", Type::TEXT);
        // `e` in `json_array_elements(x) AS e` is the value, too.
        let whole = |kind: Type, sql: Option<String>| RelationColumn {
            system: true,
            ..column(alias, kind, sql)
        };
        let columns = match rows {
            Rows::Json => vec![column("value", json.clone(), None), whole(json, None)],
            Rows::Text => vec![
                column("value", Type::TEXT, Some(bare.clone())),
                whole(Type::TEXT, Some(bare)),
            ],
            Rows::JsonPairs => vec![key, column("value", json, None)],
            Rows::TextPairs => vec![key, column("value", Type::TEXT, Some(bare))],
            Rows::Keys => vec![RelationColumn {
                inner: Some("key".into()),
                ..RelationColumn::new(alias, Type::TEXT)
            }],
            Rows::Parts => vec![column(alias, Type::TEXT, None)],
            Rows::Arrays => vec![column(alias, Type::TEXT_ARRAY, None)],
        };
        let relation = Relation {
            name: alias.to_owned(),
            qualified: true,
            columns,
        };
        Ok((text, relation))
    }

    /// `(value).field`; the only records there are are those of `_pg_expandarray`.
    pub(super) fn field(&self, record: &Sql, field: &str) -> Result<Sql, Fault> {
        let text = &record.text;
        let element = u32::try_from(record.ty.modifier)
            .ok()
            .and_then(Type::from_oid);
        match (field, element) {
            ("x", Some(element)) => {
                let inner = format!("substr({text},2,instr({text},',')-2)");
                self.cast_now(Sql::new(inner, Type::TEXT), &element.into(), true)
            }
            ("n", Some(_)) => {
                let inner = format!("rtrim(substr({text},instr({text},',')+1),')')");
                self.cast_now(Sql::new(inner, Type::TEXT), &Type::INT4.into(), true)
            }
            _ => Err(Fault::new(
                SqlState::UNDEFINED_COLUMN,
                format!("could not identify column \"{field}\" in record data type"),
            )),
        }
    }
}

/// The type of what `unnest` gives.
fn element_of(array: &Sql) -> Result<Type, Fault> {
    types::element(array.kind()).ok_or_else(|| undefined("unnest", std::slice::from_ref(array)))
}

/// The value of a row of a function: the column, or a record of those there are.
fn record(relation: &Relation) -> Option<Sql> {
    let shown: Vec<&RelationColumn> = relation.columns.iter().filter(|c| !c.system).collect();
    match shown.as_slice() {
        [one] => Some(Sql::new(relation.sql(one), one.ty.clone())),
        [x, n] if n.name == "n" => Some(Sql::new(
            format!("('('||{}||','||{}||')')", relation.sql(x), relation.sql(n)),
            types::Ty {
                kind: Type::RECORD,
                modifier: i32::try_from(x.ty.kind.oid()).ok()?,
            },
        )),
        // `pg_partition_ancestors` gives its relations only.
        [one, _] if one.ty.kind == Type::REGCLASS => {
            Some(Sql::new(relation.sql(one), one.ty.clone()))
        }
        _ => None,
    }
}

/// The number of a row of `json_each`, from 1.
fn ordinality(name: &str, kind: Type, alias: &str) -> RelationColumn {
    RelationColumn {
        computed: Some(format!("({}.\"key\"+1)", quote(alias))),
        ..RelationColumn::new(name, kind)
    }
}

/// WITH ORDINALITY, where the rows are numbered.
pub(super) fn number_rows(relation: &mut Relation, text: &str) -> Result<(), Fault> {
    if !text.starts_with("json_each(") {
        return Err(Fault::unsupported("WITH ORDINALITY of this function"));
    }
    let column = ordinality("ordinality", Type::INT8, &relation.name);
    // What stands for the whole row does so no more.
    relation.columns.retain(|c| !c.system);
    relation.columns.push(column);
    Ok(())
}

fn series(start: &str, stop: &str, step: &str, kind: Type, alias: &str) -> (String, Relation) {
    let mut relation = single(alias, "value", kind);
    if step.bytes().all(|b| b.is_ascii_digit()) && step != "0" {
        let text = format!("generate_series({start},{stop},{step}) AS {}", quote(alias));
        return (text, relation);
    }
    // SQLite's goes up only: it counts the steps.
    let text = format!(
        "generate_series(0,pg_steps({start},{stop},{step})) AS {}",
        quote(alias)
    );
    for column in &mut relation.columns {
        let value = format!("({start}+{}.\"value\"*{step})", quote(alias));
        column.computed = Some(value);
    }
    (text, relation)
}

/// The relation of a function with one column, which is called as the function is.
fn single(name: &str, column: &str, kind: Type) -> Relation {
    Relation {
        name: name.to_owned(),
        qualified: true,
        columns: vec![RelationColumn {
            inner: Some(column.to_owned()),
            ..RelationColumn::new(name, kind)
        }],
    }
}
