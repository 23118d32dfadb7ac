//! Numbers by a pattern: `to_char` (NUM_processor). The decimal point is `.` and groups are parted by
//! `,`: that is the locale "C".

use bigdecimal::{BigDecimal, Zero};
use postgres_types::Type;

use crate::embedded::dialect::Fault;
use crate::embedded::number::{self, first_group};
use crate::embedded::picture::roman::roman;
use crate::embedded::picture::shape::{Key, Shape, Side, key};
use crate::embedded::picture::{Node, ordinal, parse};
use crate::error_response::SqlState;

/// What is shown, as the type it has.
#[derive(Clone, Debug)]
pub(in crate::embedded) enum Number {
    Int4(i64),
    Int8(i64),
    Numeric(BigDecimal),
    Float(f64),
    Single(f32),
}

impl Number {
    pub(in crate::embedded) fn float(x: f64, kind: &Type) -> Self {
        if *kind == Type::FLOAT4 {
            Self::Single(x as f32)
        } else {
            Self::Float(x)
        }
    }

    /// Rounded to an integer of 32 bits.
    fn to_int4(&self) -> Result<i32, Fault> {
        let n = match self {
            Self::Int4(n) | Self::Int8(n) => Some(*n),
            Self::Numeric(n) => number::to_i64(n),
            // What is too large for it is no Roman number either.
            Self::Float(x) => return Ok(x.round_ties_even() as i32),
            Self::Single(x) => return Ok(x.round_ties_even() as i32),
        };
        n.and_then(|n| i32::try_from(n).ok())
            .ok_or_else(|| number::out_of_range("integer"))
    }

    /// With one digit before the point.
    fn scientific(&self, places: usize) -> String {
        let text = match self {
            Self::Numeric(n) => exact_scientific(n, places),
            Self::Int8(n) => exact_scientific(&BigDecimal::from(*n), places),
            Self::Int4(n) => float_scientific(*n as f64, places),
            Self::Float(x) => float_scientific(*x, places),
            Self::Single(x) => float_scientific((*x).into(), places),
        };
        if text.starts_with('-') {
            text
        } else {
            format!(" {text}")
        }
    }

    /// In digits, with so many behind the point; what a float does not have of them is left out.
    fn digits(&self, shape: &mut Shape) -> Result<String, Fault> {
        let multi = u32::try_from(shape.multi).unwrap_or(u32::MAX);
        if shape.shift {
            shape.pre += shape.multi;
            if shape.multi > 300 {
                return Err(number::out_of_range("value"));
            }
        }
        let whole = |n: i64, post: usize| {
            if post > 0 {
                format!("{n}.{}", "0".repeat(post))
            } else {
                n.to_string()
            }
        };
        Ok(match self {
            Self::Int4(n) => {
                // Not looked at in PostgreSQL either: all digits are `#` then.
                let shifted = 10_i32
                    .checked_pow(multi)
                    .map(|p| (*n as i32).wrapping_mul(p))
                    .ok_or_else(|| number::out_of_range("integer"))?;
                whole(shifted.into(), shape.post)
            }
            Self::Int8(n) => {
                let shifted = 10_i64
                    .checked_pow(multi)
                    .and_then(|p| n.checked_mul(p))
                    .ok_or_else(|| number::out_of_range("bigint"))?;
                whole(shifted, shape.post)
            }
            Self::Numeric(n) => {
                let power = BigDecimal::new(1.into(), -i64::from(multi));
                let post = i64::try_from(shape.post).unwrap_or(0);
                number::show(&number::round(&(n * power), post))
            }
            Self::Float(x) => float_digits(x * 10_f64.powi(multi.cast_signed()), 15, shape),
            Self::Single(x) => {
                let shifted = (f64::from(*x) * 10_f64.powi(multi.cast_signed())) as f32;
                float_digits(shifted.into(), 6, shape)
            }
        })
    }
}

fn float_digits(x: f64, most: usize, shape: &mut Shape) -> String {
    let whole = format!("{:.0}", x.abs()).len();
    if whole >= most {
        shape.post = 0;
    } else if whole + shape.post > most {
        shape.post = most - whole;
    }
    format!("{x:.*}", shape.post)
}

fn float_scientific(x: f64, places: usize) -> String {
    let text = format!("{x:.places$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}", signed(exponent.into()))
}

/// A sign and two digits at least.
fn signed(exponent: i64) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{:02}", exponent.unsigned_abs())
}

fn exact_scientific(n: &BigDecimal, places: usize) -> String {
    let (weight, first) = first_group(n);
    let exponent = if n.is_zero() {
        0
    } else {
        weight * 4 + first.to_string().len() as i64 - 1
    };
    let significand = n * BigDecimal::new(1.into(), exponent);
    let places = i64::try_from(places).unwrap_or(0);
    let significand = number::round(&significand, places);
    format!("{}e{}", number::show(&significand), signed(exponent))
}

/// `to_char`.
pub(in crate::embedded) fn show(number: &Number, pattern: &str) -> Result<String, Fault> {
    let nodes = parse(pattern, key);
    let mut shape = Shape::of(&nodes)?;
    if shape.post > 16_000 || shape.pre > 16_000 {
        return Err(Fault::unsupported("a number of so many digits"));
    }
    if let Number::Float(x) = number
        && !x.is_finite()
    {
        return Err(Fault::unsupported("to_char of infinity"));
    }
    if let Number::Single(x) = number
        && !x.is_finite()
    {
        return Err(Fault::unsupported("to_char of infinity"));
    }
    if shape.roman {
        let text = roman(number.to_int4()?);
        return Ok(show_roman(&nodes, &text, shape.fill));
    }
    if shape.exponent {
        return Ok(number.scientific(shape.post));
    }
    let digits = number.digits(&mut shape)?;
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits.to_owned()),
        None => (false, digits),
    };
    let whole = digits.find('.').unwrap_or(digits.len());
    let spaces = shape.pre.saturating_sub(whole);
    let digits = if whole > shape.pre {
        format!("{}.{}", "#".repeat(shape.pre), "#".repeat(shape.post))
    } else {
        digits
    };
    Writer::new(shape, &digits, negative, spaces).write(&nodes)
}

fn show_roman(nodes: &[Node<Key>], roman: &str, fill: bool) -> String {
    let mut out = String::new();
    for node in nodes {
        match node {
            Node::Key(Key::Roman(lower)) => {
                let text = if *lower {
                    roman.to_ascii_lowercase()
                } else {
                    roman.to_owned()
                };
                out.push_str(&if fill { text } else { format!("{text:>15}") });
            }
            Node::Key(Key::Comma | Key::Group | Key::Currency | Key::Minus | Key::Plus)
                if !fill || *node == Node::Key(Key::Currency) =>
            {
                out.push(' ');
            }
            // The sign is nothing here, and ends the text.
            Node::Key(Key::PlusMinus) => break,
            Node::Key(_) => {}
            Node::Char(c) | Node::Quoted(c) => out.push(*c),
        }
    }
    out
}

/// Writes digits by a pattern (NUM_processor, NUM_numpart_to_char).
struct Writer<'d> {
    shape: Shape,
    digits: &'d [u8],
    /// Where the next digit is.
    at: usize,
    negative: bool,
    /// Places of the pattern before the first digit.
    spaces: usize,
    sign_written: bool,
    /// The last digit that FM leaves.
    last: Option<usize>,
    /// Places of the pattern so far.
    place: usize,
    count: i64,
    /// Whether digits were written since the last place.
    inside: bool,
    out: String,
}

impl<'d> Writer<'d> {
    fn new(mut shape: Shape, digits: &'d str, negative: bool, spaces: usize) -> Self {
        let sign_written = if shape.plus || shape.minus {
            shape.minus
        } else {
            if !negative && shape.fill {
                shape.bracket = false;
            }
            if shape.sign == Side::Before && shape.pre == shape.digits_before_sign {
                shape.sign = Side::Behind;
            }
            !negative && shape.fill && !shape.signed
        };
        let mut count = i64::try_from(shape.post + shape.pre).unwrap_or(0) - 1;
        let mut last = None;
        if shape.fill && shape.decimal {
            last = digits.find('.').map(|point| {
                let behind = digits.bytes().enumerate().skip(point + 1);
                behind
                    .filter(|(_, b)| *b != b'0')
                    .map(|(i, _)| i)
                    .next_back()
                    .unwrap_or(point)
            });
            if let Some(last) = &mut last
                && shape.zero_end > spaces
            {
                let zero = digits.len().saturating_sub(1).min(shape.zero_end - spaces);
                *last = (*last).max(zero);
            }
        }
        if !sign_written && spaces == 0 {
            count += 1;
        }
        Self {
            shape,
            digits: digits.as_bytes(),
            at: 0,
            negative,
            spaces,
            sign_written,
            last,
            place: 0,
            count,
            inside: false,
            out: String::new(),
        }
    }

    fn sign(&self) -> char {
        if self.negative { '-' } else { '+' }
    }

    fn write(mut self, nodes: &[Node<Key>]) -> Result<String, Fault> {
        for node in nodes {
            match node {
                Node::Char(c) | Node::Quoted(c) => self.out.push(*c),
                Node::Key(Key::Nine | Key::Zero | Key::Point | Key::Dot) => {
                    self.digit(*node == Node::Key(Key::Zero));
                }
                Node::Key(Key::Comma | Key::Group) => {
                    if self.inside {
                        self.out.push(',');
                    } else if !self.shape.fill {
                        self.out.push(' ');
                    }
                }
                Node::Key(Key::Currency) => self.out.push(' '),
                Node::Key(Key::Ordinal(lower)) => {
                    let hidden = self.digits.first() == Some(&b'#');
                    if !hidden && !self.negative && !self.shape.decimal {
                        let digits = std::str::from_utf8(self.digits).unwrap_or_default();
                        if !digits.ends_with(|c: char| c.is_ascii_digit()) {
                            return Err(Fault::new(
                                SqlState::INVALID_TEXT_REPRESENTATION,
                                format!("\"{digits}\" is not a number"),
                            ));
                        }
                        self.out.push_str(ordinal(digits, *lower));
                    }
                }
                Node::Key(Key::Minus) => {
                    if self.negative {
                        self.out.push('-');
                    } else if !self.shape.fill {
                        self.out.push(' ');
                    }
                }
                Node::Key(Key::Plus) => {
                    if !self.negative {
                        self.out.push('+');
                    } else if !self.shape.fill {
                        self.out.push(' ');
                    }
                }
                Node::Key(Key::PlusMinus) => self.out.push(self.sign()),
                Node::Key(_) => {}
            }
        }
        // The C string ends here.
        let end = self.out.find('\0').unwrap_or(self.out.len());
        self.out.truncate(end);
        Ok(self.out)
    }

    /// Whether it is the 0 before the point that is not shown.
    fn hidden_zero(&self) -> bool {
        !self.shape.zero
            && self.at == 0
            && self.digits.first() == Some(&b'0')
            && self.shape.post != 0
    }

    fn last_is_point(&self) -> bool {
        self.last.and_then(|l| self.digits.get(l)) == Some(&b'.')
    }

    fn digit(&mut self, zero: bool) {
        let shape = self.shape.clone();
        self.inside = false;
        let begun = self.place >= self.spaces || shape.zero && shape.zero_start == self.place;
        if !self.sign_written && begun && (!self.hidden_zero() || self.last_is_point()) {
            if shape.signed {
                if shape.sign == Side::Before {
                    self.out.push(self.sign());
                    self.sign_written = true;
                }
            } else {
                if shape.bracket {
                    self.out.push(if self.negative { '<' } else { ' ' });
                } else if self.negative {
                    self.out.push('-');
                } else if !shape.fill {
                    self.out.push(' ');
                }
                self.sign_written = true;
            }
        }
        if self.place < self.spaces && (shape.zero_start > self.place || !shape.zero) {
            if !shape.fill {
                self.out.push(' ');
            }
        } else if shape.zero && self.place < self.spaces && shape.zero_start <= self.place {
            self.out.push('0');
            self.inside = true;
        } else {
            let digit = self.digits.get(self.at).copied();
            if digit == Some(b'.') {
                if !self.last_is_point() || shape.fill {
                    self.out.push('.');
                }
            } else if self.last.is_some_and(|last| self.at > last) && !zero {
                // FM leaves it out.
            } else if self.hidden_zero() {
                if !shape.fill {
                    self.out.push(' ');
                } else if self.last_is_point() {
                    self.out.push('0');
                }
            } else {
                self.out.push(char::from(digit.unwrap_or(0)));
                self.inside = true;
            }
            if digit.is_some() {
                self.at += 1;
            }
        }
        let place = i64::try_from(self.place).unwrap_or(0);
        let mut end = self.count + i64::from(self.spaces > 0) + i64::from(shape.decimal);
        if self.last == Some(self.at) {
            end = place;
        }
        if place + 1 == end {
            if self.sign_written && shape.bracket {
                self.out.push(if self.negative { '>' } else { ' ' });
            } else if shape.signed && shape.sign == Side::Behind {
                self.out.push(self.sign());
            }
        }
        self.place += 1;
    }
}
