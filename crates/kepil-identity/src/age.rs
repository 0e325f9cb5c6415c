//! What a person's age means for the ways open to that person.

use kepil_terms::Day;

/// Who acts for a person of this age (DC 60(4); Civil Code, secondary).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Under 14: a parent acts.
    Parent,
    /// 14 and 15: the parent with the child; no path may ask for a certificate.
    Together,
    /// 16 and 17: alone, with an own certificate if wanted; consents go to a person.
    Youth,
    /// 18 and older: alone.
    Adult,
}

/// The lane of somebody born on a day, on another day; a birth to come is a parent's.
#[must_use]
pub fn lane(born: Day, today: Day) -> Lane {
    // The birthday itself counts: whoever turns 14 today is 14 today.
    let is = |years: i64| today >= born.plus_months(12 * years);
    match (is(14), is(16), is(18)) {
        (false, ..) => Lane::Parent,
        (true, false, _) => Lane::Together,
        (true, true, false) => Lane::Youth,
        (true, true, true) => Lane::Adult,
    }
}

impl Lane {
    /// True when a path may ask for an electronic-signature certificate (DC 60(4)).
    #[must_use]
    pub const fn may_hold_certificate(self) -> bool {
        matches!(self, Self::Youth | Self::Adult)
    }

    /// True when the person may act without anybody else.
    #[must_use]
    pub const fn acts_alone(self) -> bool {
        matches!(self, Self::Youth | Self::Adult)
    }
}
