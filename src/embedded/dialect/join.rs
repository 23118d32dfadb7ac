//! JOIN: conditions, and the columns that USING and NATURAL merge (PostgreSQL docs, "Joined
//! Tables").

use sqlparser::ast::{Join, JoinConstraint, JoinOperator, TableFactor};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::scope::{Place, Relation, Scope, object};
use crate::embedded::dialect::{Fault, quote};
use crate::error_response::SqlState;

/// Which side's rows are all there.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Cross,
    Inner,
    Left,
    Right,
    Full,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Cross => "CROSS JOIN",
            Self::Inner => "JOIN",
            Self::Left => "LEFT JOIN",
            Self::Right => "RIGHT JOIN",
            Self::Full => "FULL JOIN",
        }
    }
}

/// A column of a scope: its relation and its place there.
type Index = (usize, usize);

impl Translator<'_> {
    /// Joins the relations from `start` on with one more.
    pub(super) fn join(
        &mut self,
        left: String,
        join: &Join,
        scope: &mut Scope<'_>,
        start: usize,
    ) -> Result<String, Fault> {
        use JoinOperator as J;
        let (kind, constraint) = match &join.join_operator {
            J::Join(c) | J::Inner(c) => (Kind::Inner, c),
            J::Left(c) | J::LeftOuter(c) => (Kind::Left, c),
            J::Right(c) | J::RightOuter(c) => (Kind::Right, c),
            J::FullOuter(c) => (Kind::Full, c),
            J::CrossJoin(c) => (Kind::Cross, c),
            _ => return Err(Fault::unsupported("this kind of join").at(join)),
        };
        let word = kind.words();
        let middle = scope.relations.len();
        if matches!(kind, Kind::Right | Kind::Full)
            && matches!(&join.relation, TableFactor::Derived { lateral: true, .. })
        {
            return Err(Fault::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                "invalid reference to FROM-clause entry for the left side of this join",
            )
            .with_detail(
                "The combining JOIN type must be INNER or LEFT for a LATERAL reference.".into(),
            )
            .at(join));
        }
        let right = self.factor(&join.relation, scope)?;
        let nullable = match kind {
            Kind::Cross | Kind::Inner => 0..0,
            Kind::Left => middle..scope.relations.len(),
            Kind::Right => start..middle,
            Kind::Full => start..scope.relations.len(),
        };
        for relation in scope.relations.get_mut(nullable).into_iter().flatten() {
            for column in &mut relation.columns {
                column.not_null = false;
                if let (true, Some(value), Some(there)) =
                    (column.system, &column.computed, &column.inner)
                {
                    let place = format!("{}.{}", quote(&relation.name), quote(there));
                    column.computed = Some(format!("iif({place} IS NULL,NULL,{value})"));
                }
            }
        }
        let names = match constraint {
            JoinConstraint::None => return Ok(format!("{left} {word} {right}")),
            JoinConstraint::On(expr) => {
                let on = self.condition(expr, scope, "JOIN/ON")?;
                return Ok(format!("{left} {word} {right} ON {}", on.text));
            }
            JoinConstraint::Using(names) => names
                .iter()
                .map(|name| object(name).map(|(_, name)| name))
                .collect::<Result<Vec<_>, _>>()?,
            JoinConstraint::Natural => shared(scope, start, middle),
            JoinConstraint::UsingAlias(..) => {
                return Err(Fault::unsupported("an alias of USING").at(join));
            }
        };
        let mut tests = Vec::new();
        let mut merged = Vec::new();
        for name in &names {
            let left = find(scope, name, start..middle, "left").at(join)?;
            let right = find(scope, name, middle..usize::MAX, "right").at(join)?;
            tests.push(self.merge(scope, kind, left, right).at(join)?);
            merged.push((left, right));
        }
        if let Some(trace) = &mut self.trace {
            trace.joined(join, scope, &merged);
        }
        if merged.is_empty() {
            return Ok(format!("{left} CROSS JOIN {right}"));
        }
        // They come first, and once.
        let (before, mut ours): (Vec<Index>, Vec<Index>) =
            scope.visible.iter().partition(|(r, _)| *r < start);
        ours.retain(|index| !merged.iter().any(|(l, r)| index == l || index == r));
        scope.visible = before;
        scope.visible.extend(merged.iter().map(|(left, _)| left));
        scope.visible.append(&mut ours);
        Ok(format!("{left} {word} {right} ON {}", tests.join(" AND ")))
    }

    /// Makes one column of two, and gives the condition that they are the same.
    fn merge(
        &mut self,
        scope: &mut Scope<'_>,
        kind: Kind,
        left: Index,
        right: Index,
    ) -> Result<String, Fault> {
        let sql = |(r, c): Index| {
            let relation = scope.relations.get(r)?;
            let column = relation.columns.get(c)?;
            Some(Sql {
                not_null: column.not_null,
                ..Sql::new(relation.bare_sql(column), column.ty.clone())
            })
        };
        let (Some(l), Some(r)) = (sql(left), sql(right)) else {
            return Err(Fault::unsupported("this USING"));
        };
        let test = self.compare("=", "=", l.clone(), r.clone())?;
        let same = l.ty == r.ty;
        let (both, common) = self.common(vec![l.clone(), r], "JOIN/USING")?;
        let [l_cast, r_cast] = both.as_slice() else {
            return Err(Fault::unsupported("this USING"));
        };
        let one = match kind {
            Kind::Cross | Kind::Inner | Kind::Left => l_cast.clone(),
            Kind::Right => r_cast.clone(),
            Kind::Full => Sql::new(
                format!("coalesce({},{})", l_cast.text, r_cast.text),
                common.clone(),
            ),
        };
        let column = |scope: &mut Scope<'_>, (r, c): Index, work: &dyn Fn(&mut _)| {
            if let Some(column) = scope
                .relations
                .get_mut(r)
                .and_then(|t| t.columns.get_mut(c))
            {
                work(column);
            }
        };
        column(
            scope,
            right,
            &|column: &mut super::scope::RelationColumn| {
                column.hidden = true;
            },
        );
        column(scope, left, &|column: &mut super::scope::RelationColumn| {
            let ty = if same {
                l.ty.clone()
            } else {
                common.clone().into()
            };
            column.merged = Some((one.text.clone(), ty));
        });
        Ok(test.text)
    }
}

/// The names that both sides have, in the order of the left one.
fn shared(scope: &Scope<'_>, start: usize, middle: usize) -> Vec<String> {
    let name = |(r, c): &Index| Some(&scope.relations.get(*r)?.columns.get(*c)?.name);
    let (left, right): (Vec<Index>, Vec<Index>) = scope
        .visible
        .iter()
        .filter(|(r, _)| *r >= start)
        .partition(|(r, _)| *r < middle);
    left.iter()
        .filter_map(name)
        .filter(|l| right.iter().filter_map(name).any(|r| r == *l))
        .cloned()
        .collect()
}

/// The one column of that name on a side.
fn find(
    scope: &Scope<'_>,
    name: &str,
    side: std::ops::Range<usize>,
    word: &str,
) -> Result<Index, Fault> {
    let within = |r: &&Relation| r.columns.iter().any(|c| c.name == name && !c.hidden);
    let last = side.end.min(scope.relations.len());
    let relations = scope.relations.get(side.start..last).unwrap_or_default();
    if relations.iter().filter(within).count() > 1 {
        return Err(Fault::new(
            SqlState::AMBIGUOUS_COLUMN,
            format!("common column name \"{name}\" appears more than once in {word} table"),
        ));
    }
    relations
        .iter()
        .enumerate()
        .find_map(|(i, r)| {
            let column = r.columns.iter().position(|c| c.name == name && !c.hidden)?;
            Some((side.start.saturating_add(i), column))
        })
        .ok_or_else(|| {
            Fault::new(
                SqlState::UNDEFINED_COLUMN,
                format!(
                    "column \"{name}\" specified in USING clause does not exist in {word} table"
                ),
            )
        })
}
