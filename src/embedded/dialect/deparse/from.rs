//! FROM: tables, functions and their joins.

use sqlparser::ast::{
    Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins,
};

use crate::embedded::dialect::deparse::query::{JOIN, STEP};
use crate::embedded::dialect::deparse::trace::Named;
use crate::embedded::dialect::deparse::{Printer, Unknown, Written, address};
use crate::embedded::dialect::identifier;
use crate::embedded::dialect::scope::{fold, object};

impl<'t> Printer<'t> {
    pub(super) fn joined(&mut self, item: &'t TableWithJoins) -> Written {
        // Each join stands in parentheses with what is before it.
        let apart = if self.pretty { 0 } else { item.joins.len() };
        self.put(&"(".repeat(apart));
        self.factor(&item.relation)?;
        for join in &item.joins {
            self.join(join)?;
            self.close();
        }
        Ok(())
    }

    fn join(&mut self, join: &'t Join) -> Written {
        use JoinOperator as J;
        let (word, constraint) = match &join.join_operator {
            J::Join(c) | J::Inner(c) => ("JOIN ", c),
            J::Left(c) | J::LeftOuter(c) => ("LEFT JOIN ", c),
            J::Right(c) | J::RightOuter(c) => ("RIGHT JOIN ", c),
            J::FullOuter(c) => ("FULL JOIN ", c),
            J::CrossJoin(c) => ("CROSS JOIN ", c),
            _ => return Err(Unknown),
        };
        let trace = self.trace;
        let pairs = trace.joins.get(&address(join)).map(Vec::as_slice);
        let none =
            matches!(constraint, JoinConstraint::Natural) && pairs.is_none_or(<[_]>::is_empty);
        self.line(self.indent.saturating_sub(STEP).saturating_add(JOIN + 1));
        self.put(if none { "CROSS JOIN " } else { word });
        let nested = self.pretty && matches!(join.relation, TableFactor::NestedJoin { .. });
        self.put(if nested { "(" } else { "" });
        self.factor(&join.relation)?;
        self.put(if nested { ")" } else { "" });
        match constraint {
            JoinConstraint::None => {}
            JoinConstraint::On(expr) => {
                self.put(" ON ");
                self.open();
                self.expr(expr)?;
                self.close();
            }
            JoinConstraint::Using(names) if self.pretty => {
                let names: Result<Vec<String>, Unknown> = names
                    .iter()
                    .map(|name| Ok(identifier(&object(name).map_err(|_| Unknown)?.1)))
                    .collect();
                self.put(&format!(" USING ({})", names?.join(", ")));
            }
            JoinConstraint::Using(_) | JoinConstraint::Natural => {
                let pairs = pairs.unwrap_or_default();
                if pairs.is_empty() {
                    return Ok(());
                }
                let moved = |n: &Named| self.new_name(n).is_some();
                if pairs.iter().any(|(l, r)| moved(l) || moved(r)) {
                    let mut tests = Vec::new();
                    for (left, right) in pairs {
                        let (left, _) = self.column_text(left)?;
                        let (right, _) = self.column_text(right)?;
                        tests.push(format!("({left} = {right})"));
                    }
                    let all = tests.join(" AND ");
                    self.put(&match tests.len() {
                        1 => format!(" ON ({all})"),
                        _ => format!(" ON (({all}))"),
                    });
                    return Ok(());
                }
                let names: Vec<String> = pairs.iter().map(|(l, _)| identifier(&l.name)).collect();
                self.put(&format!(" USING ({})", names.join(", ")));
            }
            JoinConstraint::UsingAlias(..) => return Err(Unknown),
        }
        Ok(())
    }

    fn factor(&mut self, factor: &'t TableFactor) -> Written {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_ordinality: false,
                sample: None,
                version: None,
                ..
            } => self.table(name, alias.as_ref()),
            TableFactor::Table {
                name,
                alias,
                args: Some(args),
                with_ordinality,
                ..
            } => {
                let (_, bare) = object(name).map_err(|_| Unknown)?;
                self.call_of(&bare, &args.args)?;
                self.ordinality(*with_ordinality);
                self.function_alias(&bare, alias.as_ref(), *with_ordinality);
                Ok(())
            }
            TableFactor::Function {
                lateral,
                name,
                args,
                with_ordinality,
                alias,
            } => {
                let (_, bare) = object(name).map_err(|_| Unknown)?;
                self.put(if *lateral { "LATERAL " } else { "" });
                self.call_of(&bare, args)?;
                self.ordinality(*with_ordinality);
                self.function_alias(&bare, alias.as_ref(), *with_ordinality);
                Ok(())
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_ordinality,
                ..
            } => {
                self.put("unnest(");
                for (at, array) in array_exprs.iter().enumerate() {
                    if at > 0 {
                        self.put(", ");
                    }
                    self.expr(array)?;
                }
                self.put(")");
                self.ordinality(*with_ordinality);
                self.function_alias(
                    "unnest",
                    alias.as_ref(),
                    *with_ordinality || array_exprs.len() > 1,
                );
                Ok(())
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias: Some(alias),
                ..
            } => {
                self.put(if *lateral { "LATERAL (" } else { "(" });
                self.query(subquery, None)?;
                self.put(&format!(") {}", identifier(&fold(&alias.name))));
                self.alias_columns(alias);
                Ok(())
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => self.joined(table_with_joins),
            _ => Err(Unknown),
        }
    }

    fn ordinality(&mut self, numbered: bool) {
        if numbered {
            self.put(" WITH ORDINALITY");
        }
    }

    fn function_alias(&mut self, name: &str, alias: Option<&TableAlias>, numbered: bool) {
        let single = matches!(name, "generate_series" | "unnest" | "generate_subscripts");
        let name = alias.map_or_else(|| name.to_owned(), |a| fold(&a.name));
        self.put(&format!(" {}", identifier(&name)));
        match alias {
            Some(alias) if alias.columns.is_empty() && single && !numbered => {
                self.put(&format!("({})", identifier(&name)));
            }
            Some(alias) => self.alias_columns(alias),
            None => {}
        }
    }

    pub(super) fn alias_columns(&mut self, alias: &TableAlias) {
        if !alias.columns.is_empty() {
            let names = alias.columns.iter().map(|c| identifier(&fold(&c.name)));
            let names: Vec<String> = names.collect();
            self.put(&format!("({})", names.join(", ")));
        }
    }

    fn table(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Written {
        let (namespace, bare) = object(name).map_err(|_| Unknown)?;
        let oid = self.trace.tables.get(&address(name)).copied();
        // A query of WITH, a table, or one of the system's.
        let text = match (oid, namespace.as_deref()) {
            (None, Some(namespace)) if self.pretty => {
                format!("{}.{}", identifier(namespace), identifier(&bare))
            }
            (None, _) => identifier(&bare),
            (Some(0), Some("information_schema")) => {
                format!("information_schema.{}", identifier(&bare))
            }
            (Some(0), _) => identifier(&bare),
            (Some(oid), _) if i64::from(oid) >= crate::embedded::catalog::FIRST_TEMP_OID => {
                format!("pg_temp.{}", identifier(&bare))
            }
            (Some(oid), _) => {
                let new = self.new_table(oid).unwrap_or(&bare);
                format!("public.{}", identifier(new))
            }
        };
        self.put(&text);
        let shown = alias.map_or_else(|| bare.clone(), |a| fold(&a.name));
        let renamed = oid.is_some_and(|oid| self.new_table(oid).is_some());
        let alone = shown == bare && (alias.is_none() || renamed) && !(renamed && self.taken());
        if !alone {
            self.put(&format!(" {}", identifier(&shown)));
        }
        if let Some(alias) = alias {
            if alone && !alias.columns.is_empty() {
                return Err(Unknown);
            }
            self.alias_columns(alias);
        }
        Ok(())
    }
}
