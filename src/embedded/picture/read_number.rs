//! Numbers read by a pattern: `to_number` (NUM_processor).

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;

use crate::embedded::dialect::Fault;
use crate::embedded::number;
use crate::embedded::picture::shape::{Key, Shape, Side, key};
use crate::embedded::picture::{Node, parse};
use crate::error_response::SqlState;

/// `to_number`; `None` for an empty pattern.
pub(in crate::embedded) fn read(text: &str, pattern: &str) -> Result<Option<BigDecimal>, Fault> {
    if pattern.is_empty() {
        return Ok(None);
    }
    let nodes = parse(pattern, key);
    let shape = Shape::of(&nodes)?;
    if shape.exponent {
        return Err(Fault::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "\"EEEE\" not supported for input",
        ));
    }
    if shape.roman {
        return Err(Fault::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "\"RN\" not supported for input",
        ));
    }
    let mut reader = Reader {
        shape: &shape,
        text: text.as_bytes(),
        at: 0,
        sign: ' ',
        digits: String::new(),
        pre: 0,
        post: 0,
        point: false,
    };
    reader.all(&nodes);
    let Reader {
        sign,
        mut digits,
        post,
        ..
    } = reader;
    if digits.ends_with('.') {
        digits.pop();
    }
    let number = number::parse(&format!("{sign}{digits}"))?;
    let precision = shape.pre + shape.multi + post;
    let modifier = (i32::try_from(precision).unwrap_or(0) & 0xffff) << 16
        | i32::try_from(post).unwrap_or(0) & 0x7ff;
    let number = number::fit(number, modifier.saturating_add(4))?;
    if !shape.shift {
        return Ok(Some(number));
    }
    // Ten to the power of it has 16 digits behind the point at least, and they are kept.
    let multi = i64::try_from(shape.multi).unwrap_or(0);
    let scale = multi.max(16);
    let power = BigInt::from(10).pow(u32::try_from(scale - multi).unwrap_or(0));
    let (unscaled, behind) = number.into_bigint_and_scale();
    Ok(Some(BigDecimal::new(unscaled * power, behind + scale)))
}

/// Reads digits by a pattern (NUM_numpart_from_char).
struct Reader<'t> {
    shape: &'t Shape,
    text: &'t [u8],
    at: usize,
    sign: char,
    digits: String,
    pre: usize,
    post: usize,
    point: bool,
}

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn all(&mut self, nodes: &[Node<Key>]) {
        for node in nodes {
            let Some(byte) = self.byte() else {
                return;
            };
            match node {
                Node::Char(_) | Node::Quoted(_) => {
                    self.skip_character();
                    continue;
                }
                Node::Key(Key::Nine | Key::Zero | Key::Point | Key::Dot) => {
                    self.digit(matches!(node, Node::Key(Key::Nine | Key::Zero)));
                }
                Node::Key(Key::Comma | Key::Group) => {
                    // Nothing was written here, so FM skips none.
                    if self.shape.fill || byte != b',' {
                        continue;
                    }
                }
                Node::Key(Key::Currency) => {
                    self.eat(1);
                    continue;
                }
                Node::Key(Key::Ordinal(_)) => {
                    if self.sign != '-' && !self.shape.decimal {
                        self.eat(2);
                    }
                    continue;
                }
                Node::Key(key @ (Key::Minus | Key::Plus | Key::PlusMinus)) => {
                    let good = match key {
                        Key::Minus => byte == b'-',
                        Key::Plus => byte == b'+',
                        _ => matches!(byte, b'+' | b'-'),
                    };
                    if !good {
                        self.eat(1);
                        continue;
                    }
                    self.sign = char::from(byte);
                }
                Node::Key(_) => continue,
            }
            self.at += 1;
        }
    }

    /// One character, whatever it is.
    fn skip_character(&mut self) {
        self.at += 1;
        while self.byte().is_some_and(|b| b & 0xc0 == 0x80) {
            self.at += 1;
        }
    }

    fn eat(&mut self, count: usize) {
        for _ in 0..count {
            match self.byte() {
                None | Some(b'0'..=b'9' | b'.' | b',' | b'+' | b'-') => return,
                Some(_) => self.skip_character(),
            }
        }
    }

    fn digit(&mut self, place: bool) {
        let mut read = false;
        if self.byte() == Some(b' ') {
            self.at += 1;
        }
        if self.sign == ' ' && place && self.pre + self.post == 0 {
            let before = self.shape.signed && self.shape.sign == Side::Before;
            match self.byte() {
                None => return,
                Some(b'-') => (self.sign, self.at) = ('-', self.at + 1),
                Some(b'<') if self.shape.bracket && !before => {
                    (self.sign, self.at) = ('-', self.at + 1);
                }
                Some(b'+') => (self.sign, self.at) = ('+', self.at + 1),
                Some(_) => {}
            }
        }
        let Some(byte) = self.byte() else {
            return;
        };
        if byte.is_ascii_digit() {
            if self.point && self.post == self.shape.post {
                return;
            }
            self.digits.push(char::from(byte));
            if self.point {
                self.post += 1;
            } else {
                self.pre += 1;
            }
            read = true;
        } else if self.shape.decimal && !self.point && byte == b'.' {
            self.digits.push('.');
            self.point = true;
            read = true;
        }
        if self.sign != ' ' || self.pre + self.post == 0 {
            return;
        }
        let next = self.text.get(self.at + 1).copied();
        if self.shape.signed {
            if read && matches!(next, Some(b'-' | b'+')) {
                self.at += 1;
                self.sign = char::from(next.unwrap_or(b'+'));
            }
        } else if !read && (self.shape.plus || self.shape.minus) && matches!(byte, b'-' | b'+') {
            self.sign = char::from(byte);
        }
    }
}
