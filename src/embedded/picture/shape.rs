//! What the pattern of a number says (NUMDesc).

use crate::embedded::dialect::Fault;
use crate::embedded::picture::Node;
use crate::error_response::SqlState;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Key {
    Comma,
    Dot,
    Zero,
    Nine,
    Blank,
    Currency,
    Point,
    Exponent,
    Fill,
    Group,
    Minus,
    Plus,
    Bracket,
    /// Whether it is in lower case.
    Roman(bool),
    PlusMinus,
    Spelled,
    Sign,
    Ordinal(bool),
    Shift,
    /// `C`, which means nothing.
    Nothing,
}

const KEYS: &[(&str, Key)] = &[
    (",", Key::Comma),
    (".", Key::Dot),
    ("0", Key::Zero),
    ("9", Key::Nine),
    ("B", Key::Blank),
    ("C", Key::Nothing),
    ("D", Key::Point),
    ("EEEE", Key::Exponent),
    ("FM", Key::Fill),
    ("G", Key::Group),
    ("L", Key::Currency),
    ("MI", Key::Minus),
    ("PL", Key::Plus),
    ("PR", Key::Bracket),
    ("RN", Key::Roman(false)),
    ("SG", Key::PlusMinus),
    ("SP", Key::Spelled),
    ("S", Key::Sign),
    ("TH", Key::Ordinal(false)),
    ("V", Key::Shift),
];

/// A key is written in one case: all of its letters are small, or none.
pub(super) fn key(text: &str) -> (usize, Option<(Key, usize)>) {
    let found = KEYS.iter().find_map(|(name, key)| {
        let head = text.get(..name.len())?;
        if head == *name {
            return Some((*key, name.len()));
        }
        (head == name.to_ascii_lowercase()).then(|| {
            let key = match key {
                Key::Roman(_) => Key::Roman(true),
                Key::Ordinal(_) => Key::Ordinal(true),
                other => *other,
            };
            (key, name.len())
        })
    });
    (0, found)
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Side {
    #[default]
    None,
    Before,
    Behind,
}

/// What a pattern says as a whole (NUMDesc).
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    /// Digits before and behind the point, and those that `V` shifts by.
    pub(super) pre: usize,
    pub(super) post: usize,
    pub(super) multi: usize,
    pub(super) sign: Side,
    pub(super) digits_before_sign: usize,
    pub(super) zero_start: usize,
    pub(super) zero_end: usize,
    pub(super) decimal: bool,
    pub(super) zero: bool,
    pub(super) blank: bool,
    pub(super) fill: bool,
    pub(super) signed: bool,
    pub(super) bracket: bool,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) roman: bool,
    pub(super) shift: bool,
    pub(super) exponent: bool,
}

fn wrong(message: &'static str) -> Fault {
    Fault::new(SqlState::SYNTAX_ERROR, message)
}

impl Shape {
    pub(super) fn of(nodes: &[Node<Key>]) -> Result<Self, Fault> {
        let mut shape = Self::default();
        for node in nodes {
            if let Node::Key(key) = node {
                shape.add(*key)?;
            }
        }
        // Counted from 0 in what follows.
        shape.zero_start = shape.zero_start.saturating_sub(1);
        Ok(shape)
    }

    fn add(&mut self, key: Key) -> Result<(), Fault> {
        if self.exponent && key != Key::Exponent {
            return Err(wrong("\"EEEE\" must be the last pattern used"));
        }
        match key {
            Key::Nine => {
                if self.bracket {
                    return Err(wrong("\"9\" must be ahead of \"PR\""));
                }
                if self.shift {
                    self.multi += 1;
                } else if self.decimal {
                    self.post += 1;
                } else {
                    self.pre += 1;
                }
            }
            Key::Zero => {
                if self.bracket {
                    return Err(wrong("\"0\" must be ahead of \"PR\""));
                }
                if !self.zero && !self.decimal {
                    self.zero = true;
                    self.zero_start = self.pre + 1;
                }
                if self.decimal {
                    self.post += 1;
                } else {
                    self.pre += 1;
                }
                self.zero_end = self.pre + self.post;
            }
            Key::Blank => {
                if self.pre == 0 && self.post == 0 && !self.zero {
                    self.blank = true;
                }
            }
            Key::Point | Key::Dot => {
                if self.decimal {
                    return Err(wrong("multiple decimal points"));
                }
                if self.shift {
                    return Err(wrong("cannot use \"V\" and decimal point together"));
                }
                self.decimal = true;
            }
            Key::Fill => self.fill = true,
            Key::Sign => {
                if self.signed {
                    return Err(wrong("cannot use \"S\" twice"));
                }
                if self.plus || self.minus || self.bracket {
                    return Err(wrong(
                        "cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together",
                    ));
                }
                self.signed = true;
                if self.decimal {
                    self.sign = Side::Behind;
                } else {
                    self.sign = Side::Before;
                    self.digits_before_sign = self.pre;
                }
            }
            Key::Minus => {
                if self.signed {
                    return Err(wrong("cannot use \"S\" and \"MI\" together"));
                }
                self.minus = true;
            }
            Key::Plus => {
                if self.signed {
                    return Err(wrong("cannot use \"S\" and \"PL\" together"));
                }
                self.plus = true;
            }
            Key::PlusMinus => {
                if self.signed {
                    return Err(wrong("cannot use \"S\" and \"SG\" together"));
                }
                (self.minus, self.plus) = (true, true);
            }
            Key::Bracket => {
                if self.signed || self.plus || self.minus {
                    return Err(wrong(
                        "cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together",
                    ));
                }
                self.bracket = true;
            }
            Key::Roman(_) => self.roman = true,
            Key::Shift => {
                if self.decimal {
                    return Err(wrong("cannot use \"V\" and decimal point together"));
                }
                self.shift = true;
            }
            Key::Exponent => {
                if self.exponent {
                    return Err(wrong("cannot use \"EEEE\" twice"));
                }
                let others = self.blank
                    || self.fill
                    || self.signed
                    || self.bracket
                    || self.minus
                    || self.plus
                    || self.roman
                    || self.shift;
                if others {
                    return Err(wrong("\"EEEE\" is incompatible with other formats"));
                }
                self.exponent = true;
            }
            Key::Comma
            | Key::Group
            | Key::Currency
            | Key::Spelled
            | Key::Ordinal(_)
            | Key::Nothing => {}
        }
        Ok(())
    }
}
