//! Aggregates of statistics, and of bits (numeric.c, float.c).

use std::collections::{BTreeMap, VecDeque};

use bigdecimal::{BigDecimal, Signed, Zero};
use rusqlite::functions::{Aggregate, Context, WindowAggregate};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use crate::embedded::convert;
use crate::embedded::dialect::Fault;
use crate::embedded::functions::{PURE, fail};
use crate::embedded::{number, transcendental};
use crate::error_response::SqlState;

pub(super) fn register(connection: &Connection) -> Result<()> {
    for (name, sample, root) in [
        ("stddev_samp", true, true),
        ("stddev_pop", false, true),
        ("var_samp", true, false),
        ("var_pop", false, false),
    ] {
        let exact = Exactly { sample, root };
        connection.create_window_function(format!("pg_exact_{name}").as_str(), 1, PURE, exact)?;
        let floats = Folded {
            read: one,
            result: match (sample, root) {
                (true, true) => |s: &Spread| s.variance(1.0, f64::sqrt),
                (false, true) => |s: &Spread| s.variance(0.0, f64::sqrt),
                (true, false) => |s: &Spread| s.variance(1.0, |v| v),
                (false, false) => |s: &Spread| s.variance(0.0, |v| v),
            },
        };
        connection.create_window_function(format!("pg_float_{name}").as_str(), 1, PURE, floats)?;
    }
    for (name, result) in PAIRS {
        let pairs = Folded {
            read: two,
            result: *result,
        };
        connection.create_window_function(format!("pg_{name}").as_str(), 2, PURE, pairs)?;
    }
    for (name, result) in BITS {
        let bits = Folded {
            read: |context| {
                Ok(match context.get_raw(0) {
                    ValueRef::Integer(n) => Some(n),
                    _ => None,
                })
            },
            result: *result,
        };
        connection.create_window_function(format!("pg_{name}").as_str(), 1, PURE, bits)?;
    }
    Ok(())
}

/// What is computed of items one after the other, and cannot be undone.
trait Fold: Clone + Default + 'static {
    type Item: Copy + 'static;

    fn add(&mut self, item: Self::Item) -> std::result::Result<(), Fault>;
}

struct Folded<F: Fold> {
    /// The item of a row, if it counts.
    read: fn(&Context<'_>) -> Result<Option<F::Item>>,
    result: fn(&F) -> std::result::Result<Value, Fault>,
}

/// What a window's frame begins with may leave it: then all is computed anew.
struct State<F: Fold> {
    items: VecDeque<Option<F::Item>>,
    fold: F,
    stale: bool,
}

impl<F: Fold> State<F> {
    fn refresh(&mut self) -> std::result::Result<(), Fault> {
        if std::mem::take(&mut self.stale) {
            self.fold = F::default();
            for item in self.items.iter().flatten() {
                self.fold.add(*item)?;
            }
        }
        Ok(())
    }
}

impl<F: Fold> Aggregate<State<F>, Value> for Folded<F>
where
    F: std::panic::UnwindSafe + std::panic::RefUnwindSafe,
    F::Item: std::panic::UnwindSafe + std::panic::RefUnwindSafe,
{
    fn init(&self, _: &mut Context<'_>) -> Result<State<F>> {
        Ok(State {
            items: VecDeque::new(),
            fold: F::default(),
            stale: false,
        })
    }

    fn step(&self, context: &mut Context<'_>, state: &mut State<F>) -> Result<()> {
        let item = (self.read)(context)?;
        state.items.push_back(item);
        match item {
            Some(item) if !state.stale => state.fold.add(item).map_err(fail),
            _ => Ok(()),
        }
    }

    fn finalize(&self, _: &mut Context<'_>, state: Option<State<F>>) -> Result<Value> {
        match state {
            Some(mut state) => self.value(Some(&mut state)),
            None => self.value(None),
        }
    }
}

impl<F: Fold> WindowAggregate<State<F>, Value> for Folded<F>
where
    F: std::panic::UnwindSafe + std::panic::RefUnwindSafe,
    F::Item: std::panic::UnwindSafe + std::panic::RefUnwindSafe,
{
    fn value(&self, state: Option<&mut State<F>>) -> Result<Value> {
        let Some(state) = state else {
            return (self.result)(&F::default()).map_err(fail);
        };
        state.refresh().map_err(fail)?;
        (self.result)(&state.fold).map_err(fail)
    }

    fn inverse(&self, _: &mut Context<'_>, state: &mut State<F>) -> Result<()> {
        if state.items.pop_front().flatten().is_some() {
            state.stale = true;
        }
        Ok(())
    }
}

fn one(context: &Context<'_>) -> Result<Option<f64>> {
    match context.get_raw(0) {
        ValueRef::Null => Ok(None),
        value => convert::real(value).map(Some).map_err(fail),
    }
}

/// Y and X; a pair with a NULL does not count.
fn two(context: &Context<'_>) -> Result<Option<(f64, f64)>> {
    match (context.get_raw(0), context.get_raw(1)) {
        (ValueRef::Null, _) | (_, ValueRef::Null) => Ok(None),
        (y, x) => convert::real(y)
            .and_then(|y| Ok(Some((y, convert::real(x)?))))
            .map_err(fail),
    }
}

fn overflow() -> Fault {
    Fault::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        "value out of range: overflow",
    )
}

fn float(x: f64) -> std::result::Result<Value, Fault> {
    if x.is_nan() {
        return Err(Fault::unsupported("NaN"));
    }
    Ok(Value::Real(x))
}

/// The sum of squares of differences, by the method of Youngs and Cramer.
#[derive(Clone, Copy, Default)]
struct Spread {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Fold for Spread {
    type Item = f64;

    fn add(&mut self, x: f64) -> std::result::Result<(), Fault> {
        let before = self.count;
        self.count += 1.0;
        self.sum += x;
        if before > 0.0 {
            let off = x * self.count - self.sum;
            self.squares += off * off / (self.count * before);
            if self.sum.is_infinite() || self.squares.is_infinite() {
                if x.is_finite() && self.sum.is_finite() {
                    return Err(overflow());
                }
                self.squares = f64::NAN;
            }
        } else if !x.is_finite() {
            self.squares = f64::NAN;
        }
        Ok(())
    }
}

impl Spread {
    fn variance(&self, less: f64, then: fn(f64) -> f64) -> std::result::Result<Value, Fault> {
        if self.count <= less {
            return Ok(Value::Null);
        }
        float(then(self.squares / (self.count - less)))
    }
}

/// The same for pairs.
#[derive(Clone, Copy, Default)]
struct Pairs {
    count: f64,
    x: f64,
    xx: f64,
    y: f64,
    yy: f64,
    xy: f64,
}

impl Fold for Pairs {
    type Item = (f64, f64);

    fn add(&mut self, (y, x): (f64, f64)) -> std::result::Result<(), Fault> {
        let before = self.count;
        self.count += 1.0;
        self.x += x;
        self.y += y;
        if before > 0.0 {
            let (off_x, off_y) = (x * self.count - self.x, y * self.count - self.y);
            let scale = 1.0 / (self.count * before);
            self.xx += off_x * off_x * scale;
            self.yy += off_y * off_y * scale;
            self.xy += off_x * off_y * scale;
            let all = [self.x, self.xx, self.y, self.yy, self.xy];
            if all.iter().any(|v| v.is_infinite()) {
                if x.is_finite() && y.is_finite() {
                    return Err(overflow());
                }
                (self.xx, self.yy, self.xy) = (f64::NAN, f64::NAN, f64::NAN);
            }
        } else if !x.is_finite() || !y.is_finite() {
            (self.xx, self.yy, self.xy) = (f64::NAN, f64::NAN, f64::NAN);
        }
        Ok(())
    }
}

type PairResult = fn(&Pairs) -> std::result::Result<Value, Fault>;

fn counted(pairs: &Pairs, least: f64, good: bool, value: f64) -> std::result::Result<Value, Fault> {
    if pairs.count < least || !good {
        return Ok(Value::Null);
    }
    float(value)
}

const PAIRS: &[(&str, PairResult)] = &[
    ("corr", |p| {
        let good = p.xx != 0.0 && p.yy != 0.0;
        counted(p, 1.0, good, p.xy / (p.xx * p.yy).sqrt())
    }),
    ("covar_pop", |p| counted(p, 1.0, true, p.xy / p.count)),
    ("covar_samp", |p| {
        counted(p, 2.0, true, p.xy / (p.count - 1.0))
    }),
    ("regr_count", |p| Ok(Value::Integer(p.count as i64))),
    ("regr_sxx", |p| counted(p, 1.0, true, p.xx)),
    ("regr_syy", |p| counted(p, 1.0, true, p.yy)),
    ("regr_sxy", |p| counted(p, 1.0, true, p.xy)),
    ("regr_avgx", |p| counted(p, 1.0, true, p.x / p.count)),
    ("regr_avgy", |p| counted(p, 1.0, true, p.y / p.count)),
    ("regr_r2", |p| {
        if p.count >= 1.0 && p.xx != 0.0 && p.yy == 0.0 {
            return Ok(Value::Real(1.0));
        }
        counted(p, 1.0, p.xx != 0.0, p.xy * p.xy / (p.xx * p.yy))
    }),
    ("regr_slope", |p| counted(p, 1.0, p.xx != 0.0, p.xy / p.xx)),
    ("regr_intercept", |p| {
        counted(p, 1.0, p.xx != 0.0, (p.y - p.x * p.xy / p.xx) / p.count)
    }),
];

/// AND, OR and XOR of all numbers.
#[derive(Clone, Copy, Default)]
struct Bits(Option<(i64, i64, i64)>);

impl Fold for Bits {
    type Item = i64;

    fn add(&mut self, n: i64) -> std::result::Result<(), Fault> {
        self.0 = Some(match self.0 {
            None => (n, n, n),
            Some((and, or, xor)) => (and & n, or | n, xor ^ n),
        });
        Ok(())
    }
}

type BitResult = fn(&Bits) -> std::result::Result<Value, Fault>;

const BITS: &[(&str, BitResult)] = &[
    ("bit_and", |b| {
        Ok(b.0.map_or(Value::Null, |(n, ..)| Value::Integer(n)))
    }),
    ("bit_or", |b| {
        Ok(b.0.map_or(Value::Null, |(_, n, _)| Value::Integer(n)))
    }),
    ("bit_xor", |b| {
        Ok(b.0.map_or(Value::Null, |(.., n)| Value::Integer(n)))
    }),
];

/// Variances of integers and `numeric`, which are exact and can be undone.
struct Exactly {
    sample: bool,
    root: bool,
}

#[derive(Clone, Default)]
struct Exact {
    count: i64,
    sum: BigDecimal,
    squares: BigDecimal,
    /// How many have that many digits behind the point: the most of them show.
    scales: BTreeMap<i64, i64>,
}

impl Exact {
    fn change(&mut self, context: &Context<'_>, sign: i64) -> Result<()> {
        let value = context.get_raw(0);
        if value == ValueRef::Null {
            return Ok(());
        }
        let value = convert::numeric(value).map_err(fail)?;
        let square = &value * &value;
        self.count += sign;
        let scale = self
            .scales
            .entry(value.fractional_digit_count())
            .or_default();
        *scale += sign;
        if sign > 0 {
            self.sum += value;
            self.squares += square;
        } else {
            self.sum -= value;
            self.squares -= square;
        }
        Ok(())
    }
}

impl Exactly {
    fn result(&self, exact: Option<&Exact>) -> Result<Value> {
        let Some(exact) = exact.filter(|e| e.count > i64::from(self.sample)) else {
            return Ok(Value::Null);
        };
        let scale = exact
            .scales
            .iter()
            .rfind(|(_, n)| **n > 0)
            .map_or(0, |(scale, _)| *scale);
        let sum = exact.sum.with_scale(scale);
        let count = BigDecimal::from(exact.count);
        let above = (&count * exact.squares.with_scale(scale * 2)) - (&sum * &sum);
        if !above.is_positive() {
            return Ok(Value::Text(number::show(&BigDecimal::zero())));
        }
        let below = &count * (&count - i64::from(self.sample));
        let variance = number::compute('/', &above, &below).map_err(fail)?;
        Ok(Value::Text(number::show(&if self.root {
            transcendental::sqrt_to(&variance, variance.fractional_digit_count())
        } else {
            variance
        })))
    }
}

impl Aggregate<Exact, Value> for Exactly {
    fn init(&self, _: &mut Context<'_>) -> Result<Exact> {
        Ok(Exact::default())
    }

    fn step(&self, context: &mut Context<'_>, exact: &mut Exact) -> Result<()> {
        exact.change(context, 1)
    }

    fn finalize(&self, _: &mut Context<'_>, exact: Option<Exact>) -> Result<Value> {
        self.result(exact.as_ref())
    }
}

impl WindowAggregate<Exact, Value> for Exactly {
    fn value(&self, exact: Option<&mut Exact>) -> Result<Value> {
        self.result(exact.as_deref())
    }

    fn inverse(&self, context: &mut Context<'_>, exact: &mut Exact) -> Result<()> {
        exact.change(context, -1)
    }
}
