//! Where a cursor goes that gives its rows once, one after the other (PostgreSQL's
//! DoPortalRunFetch for NO SCROLL).

use crate::embedded::cursor::forward_only;
use crate::embedded::dialect::Direction;
use crate::error_response::ErrorResponse;

/// Where it stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Place {
    /// How many rows it has given.
    pub(super) rows: u64,
    /// It has looked for a row behind the last.
    pub(super) ended: bool,
}

/// Rows to pass over, and then to give.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Way {
    pub(super) skip: u64,
    pub(super) give: u64,
}

/// How it goes there.
///
/// # Errors
/// 55000, if it has been there before.
pub(super) fn way(direction: Direction, place: Place) -> Result<Way, ErrorResponse> {
    use Direction as D;
    let way = |skip, give| Ok(Way { skip, give });
    let begun = place.rows > 0 || place.ended;
    match direction {
        D::Forward(Some(0)) | D::Backward(Some(0)) | D::Relative(0) => match on_row(place) {
            true => Err(forward_only()),
            false => way(0, 0),
        },
        D::Forward(count) => way(0, count.unwrap_or(u64::MAX)),
        D::Relative(count @ 1..) => way(count.unsigned_abs().saturating_sub(1), 1),
        D::Absolute(0) if !begun => way(0, 0),
        D::Absolute(count @ 1..) => {
            let (wanted, here) = (count.unsigned_abs(), place.rows);
            let before = wanted.saturating_sub(1);
            if before <= here >> 1 {
                // It would begin anew.
                return match begun {
                    true => Err(forward_only()),
                    false => way(before, 1),
                };
            }
            let here = here.saturating_add(u64::from(place.ended));
            match before.checked_sub(here) {
                Some(skip) => way(skip, 1),
                None => Err(forward_only()),
            }
        }
        D::Absolute(_) | D::Relative(_) | D::Backward(_) => Err(forward_only()),
    }
}

/// Whether it stands on a row, which MOVE 0 tells.
pub(super) fn on_row(place: Place) -> bool {
    place.rows > 0 && !place.ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_ahead_only() {
        use Direction as D;
        let at = |rows, ended| Place { rows, ended };
        for (place, direction, expected) in [
            (at(0, false), D::Absolute(1), Some((0, 1))),
            (at(0, false), D::Absolute(3), Some((2, 1))),
            (at(0, false), D::Absolute(0), Some((0, 0))),
            (at(0, false), D::Absolute(-1), None),
            (at(2, false), D::Absolute(1), None),
            (at(2, false), D::Absolute(2), None),
            (at(2, false), D::Absolute(3), Some((0, 1))),
            (at(2, true), D::Absolute(3), None),
            (at(2, true), D::Absolute(4), Some((0, 1))),
            (at(1, false), D::Relative(2), Some((1, 1))),
            (at(1, false), D::Relative(0), None),
            (at(0, false), D::Relative(0), Some((0, 0))),
            (at(1, true), D::Relative(0), Some((0, 0))),
            (at(1, false), D::Relative(-1), None),
            (at(0, false), D::Backward(None), None),
            (at(0, false), D::Forward(None), Some((0, u64::MAX))),
            (at(5, false), D::Forward(Some(2)), Some((0, 2))),
        ] {
            let got = way(direction, place).ok().map(|w| (w.skip, w.give));
            assert_eq!(got, expected, "{place:?} {direction:?}");
        }
    }
}
