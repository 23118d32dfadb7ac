//! EXPLAIN: SQLite's plan in PostgreSQL's shape. Costs there are none.

use postgres_types::Type;
use sqlparser::ast::{Statement, UtilityOption};

use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::fold;
use crate::embedded::dialect::{Fault, Output, literal};
use crate::error_response::SqlState;

/// A row of EXPLAIN QUERY PLAN: its number, that of the one it belongs to, and what it says.
pub(in crate::embedded) type Row = (i64, i64, String);

#[derive(Clone, Copy, Eq, PartialEq)]
enum Format {
    Text,
    Json,
}

/// A step of a plan.
#[derive(Debug, Default)]
struct Node {
    kind: String,
    /// Such as `Alias`, and its value.
    facts: Vec<(&'static str, String)>,
    plans: Vec<Self>,
}

impl Translator<'_> {
    pub(super) fn explain(
        &mut self,
        statement: &Statement,
        analyze: bool,
        format: Option<String>,
        options: &[UtilityOption],
    ) -> Result<Plan, Fault> {
        let mut wanted = format;
        let mut analyze = analyze;
        for option in options {
            let value = option.arg.as_ref().map(|v| v.to_string().to_lowercase());
            match (fold(&option.name).as_str(), value) {
                ("format", value) => wanted = value,
                ("analyze", value) => {
                    analyze = !matches!(value.as_deref(), Some("false" | "off" | "0"));
                }
                (
                    "verbose" | "costs" | "settings" | "buffers" | "wal" | "timing" | "summary",
                    _,
                ) => {}
                (other, _) => {
                    return Err(Fault::new(
                        SqlState::SYNTAX_ERROR,
                        format!("unrecognized EXPLAIN option \"{other}\""),
                    )
                    .at_name(&option.name));
                }
            }
        }
        let wanted = wanted.map(|w| w.trim_matches('\'').to_lowercase());
        let format = match wanted.as_deref() {
            None | Some("text") => Format::Text,
            Some("json") => Format::Json,
            Some(other) => return Err(Fault::unsupported(format!("EXPLAIN with FORMAT {other}"))),
        };
        if analyze {
            return Err(Fault::unsupported("EXPLAIN with ANALYZE"));
        }
        let (Plan::Query { sql, .. } | Plan::Change { sql, .. }) = self.statement(statement)?
        else {
            return Err(Fault::unsupported("EXPLAIN of this"));
        };
        let root = tree(&self.schema.plan_of(&sql)?);
        let (lines, ty) = match format {
            Format::Text => (text(&root), Type::TEXT),
            Format::Json => (vec![format!("[\n{}\n]", whole(&root))], Type::JSON),
        };
        let rows: Vec<String> = lines.iter().map(|l| format!("({})", literal(l))).collect();
        Ok(Plan::Query {
            sql: format!("VALUES {}", rows.join(",")),
            columns: vec![Output::new("QUERY PLAN", ty)],
            locks: false,
        })
    }
}

/// The rows as a tree of steps.
fn tree(rows: &[Row]) -> Node {
    joined(children(rows, 0))
}

fn children(rows: &[Row], parent: i64) -> Vec<Node> {
    let own = rows
        .iter()
        .filter(|(id, p, _)| *p == parent && *id != parent);
    own.map(|(id, _, detail)| {
        let mut node = step(detail);
        node.plans = match children(rows, *id) {
            plans if node.kind == "Append" => plans,
            plans if plans.is_empty() => plans,
            plans => vec![joined(plans)],
        };
        node
    })
    .collect()
}

/// Steps side by side are loops in each other; what sorts stands around them.
fn joined(steps: Vec<Node>) -> Node {
    let sorts = |n: &Node| matches!(n.kind.as_str(), "Sort" | "Unique" | "GroupAggregate");
    let (around, mut inner): (Vec<Node>, Vec<Node>) = steps.into_iter().partition(sorts);
    let mut node = match inner.len() {
        0 => Node {
            kind: "Result".into(),
            ..Node::default()
        },
        1 => inner.pop().unwrap_or_default(),
        _ => Node {
            kind: "Nested Loop".into(),
            facts: Vec::new(),
            plans: inner,
        },
    };
    for mut outer in around {
        outer.plans.push(node);
        node = outer;
    }
    node
}

/// What a row says.
fn step(detail: &str) -> Node {
    let node = |kind: &str, facts: Vec<(&'static str, String)>| Node {
        kind: kind.to_owned(),
        facts,
        plans: Vec::new(),
    };
    let (word, rest) = detail.split_once(' ').unwrap_or((detail, ""));
    match (word, rest) {
        ("SCAN", "CONSTANT ROW") => node("Result", Vec::new()),
        ("SCAN" | "SEARCH", rest) => {
            let (name, using) = rest.split_once(" USING ").unwrap_or((rest, ""));
            let name = name.split(' ').next().unwrap_or(name);
            let alias = ("Alias", name.to_owned());
            if using.is_empty() {
                return node("Seq Scan", vec![alias]);
            }
            let (index, condition) = match using.split_once(" (") {
                Some((index, tail)) => (index, Some(format!("({tail}"))),
                None => (using, None),
            };
            let only = index.contains("COVERING INDEX");
            let automatic = index.starts_with("AUTOMATIC");
            let index = index.rsplit(' ').next().unwrap_or(index);
            let index = match index {
                // The table itself is in the order of its key.
                "KEY" => format!("{name}_pkey"),
                "INDEX" => "automatic".into(),
                other => other.to_owned(),
            };
            let mut facts = vec![("Index Name", index), alias];
            facts.extend(condition.map(|c| ("Index Cond", c)));
            let kind = if only && !automatic {
                "Index Only Scan"
            } else {
                "Index Scan"
            };
            node(kind, facts)
        }
        ("USE", rest) if rest.contains("ORDER BY") => node("Sort", Vec::new()),
        ("USE", rest) if rest.contains("DISTINCT") => node("Unique", Vec::new()),
        ("USE", rest) if rest.contains("GROUP BY") => node("GroupAggregate", Vec::new()),
        ("COMPOUND", _) | ("UNION", _) | ("EXCEPT", _) | ("INTERSECT", _) | ("MERGE", _) => {
            node("Append", Vec::new())
        }
        ("CO-ROUTINE", name) => node("Subquery Scan", vec![("Alias", name.to_owned())]),
        ("MATERIALIZE", name) => node("Materialize", vec![("Subplan Name", name.to_owned())]),
        ("MULTI-INDEX", _) => node("BitmapOr", Vec::new()),
        // Whatever else it says, in its own words.
        _ => node(detail, Vec::new()),
    }
}

fn text(root: &Node) -> Vec<String> {
    let mut lines = Vec::new();
    write(root, 0, &mut lines);
    lines
}

fn write(node: &Node, depth: usize, lines: &mut Vec<String>) {
    let fact = |name: &str| node.facts.iter().find(|(n, _)| *n == name).map(|(_, v)| v);
    let mut line = node.kind.clone();
    if let Some(index) = fact("Index Name") {
        line.push_str(&format!(" using {index}"));
    }
    if let Some(alias) = fact("Alias").or_else(|| fact("Subplan Name")) {
        line.push_str(&format!(" on {alias}"));
    }
    let indent = " ".repeat(depth.saturating_mul(6));
    lines.push(match depth {
        0 => line,
        _ => format!(
            "{}->  {line}",
            " ".repeat(depth.saturating_mul(6).saturating_sub(4))
        ),
    });
    if let Some(condition) = fact("Index Cond") {
        lines.push(format!("{indent}  Index Cond: {condition}"));
    }
    for plan in &node.plans {
        write(plan, depth.saturating_add(1), lines);
    }
}

fn whole(root: &Node) -> String {
    format!("  {{\n    \"Plan\": {}\n  }}", json(root, 4))
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

fn json(node: &Node, depth: usize) -> String {
    let indent = " ".repeat(depth.saturating_add(2));
    let mut members = vec![format!("{indent}\"Node Type\": {}", quoted(&node.kind))];
    for (name, value) in &node.facts {
        members.push(format!("{indent}\"{name}\": {}", quoted(value)));
    }
    if !node.plans.is_empty() {
        let plans: Vec<String> = node
            .plans
            .iter()
            .map(|plan| format!("{indent}  {}", json(plan, depth.saturating_add(4))))
            .collect();
        members.push(format!(
            "{indent}\"Plans\": [\n{}\n{indent}]",
            plans.join(",\n")
        ));
    }
    format!("{{\n{}\n{}}}", members.join(",\n"), " ".repeat(depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_postgresqls_shape() {
        let rows = [
            (
                3,
                0,
                "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)".to_owned(),
            ),
            (7, 0, "SCAN d USING COVERING INDEX d_n".to_owned()),
            (9, 0, "CORRELATED SCALAR SUBQUERY 1".to_owned()),
            (11, 9, "SCAN x".to_owned()),
            (20, 0, "USE TEMP B-TREE FOR ORDER BY".to_owned()),
        ];
        assert_eq!(
            text(&tree(&rows)).join("\n"),
            "Sort\n  ->  Nested Loop\n        ->  Index Scan using e_pkey on e\n              Index Cond: (rowid=?)\n        \
             ->  Index Only Scan using d_n on d\n        ->  CORRELATED SCALAR SUBQUERY 1\n              ->  Seq Scan on x"
        );
        assert_eq!(
            whole(&tree(&rows[1..2])),
            "  {\n    \"Plan\": {\n      \"Node Type\": \"Index Only Scan\",\n      \"Index Name\": \"d_n\",\n      \"Alias\": \"d\"\n    }\n  }"
        );
    }
}
