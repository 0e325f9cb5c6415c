//! Bookings: in whose map an entry counts, readable as long as the month's key stands.
//!
//! | offset | size | field |
//! |---:|---:|---|
//! | 0 | 4 | period |
//! | 4 | 8 | number of the row, which says which key seals it |
//! | 12 | 32·n | the tags, masked with `HMAC(booking key, "booking/v1" ‖ u64(row) ‖ u32(place))` |
//!
//! The booking key of a month is the key of its row 0, which seals nothing else. So a
//! booking outlives its row, as the count in the map does, and ends with the month. So do the
//! book's own files: their key is `HMAC(booking key, "month/v1")`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kepil_keys::store::KeyStore;
use kepil_ledger::fields::Fields;
use kepil_ledger::hash::{self, HASH_BYTES, Hash};
use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;
use kepil_store::draft::Booker;
use kepil_store::monthkey::MonthKey;

use crate::error::ChronicleError;

/// The row whose key masks a month's bookings.
pub(crate) const BOOKING_ROW: u64 = 0;

/// Reads and writes bookings with the keys of the store.
#[derive(Debug)]
pub struct KeyBooker {
    keys: Arc<KeyStore>,
    /// Booking keys that are in use; a month that was erased is not among them.
    known: Mutex<HashMap<Period, [u8; 32]>>,
}

/// What a booking says in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowPlace {
    pub(crate) period: Period,
    pub(crate) row: u64,
}

impl RowPlace {
    pub(crate) fn parse(booking: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(booking);
        Some(Self {
            period: Period::new(fields.u32()?)?,
            row: fields.u64()?,
        })
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.period.number().to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.row.to_be_bytes());
        bytes
    }
}

impl KeyBooker {
    /// A booker with the keys of a store.
    #[must_use]
    pub fn new(keys: Arc<KeyStore>) -> Self {
        Self {
            keys,
            known: Mutex::default(),
        }
    }

    /// Makes the booking of a row for persons; for none it only says which key seals the row.
    pub(crate) fn book(&self, place: RowPlace, tags: &[Tag]) -> Result<Vec<u8>, ChronicleError> {
        let mut bytes = place.to_bytes();
        if tags.is_empty() {
            return Ok(bytes);
        }
        let key = self.key(place.period).ok_or(ChronicleError::Erased)?;
        for (at, tag) in (0..).zip(tags) {
            bytes.extend(masked(&key, place.row, at, tag.as_bytes()));
        }
        Ok(bytes)
    }

    /// Forgets the booking key of a month that was erased.
    pub(crate) fn forget(&self, period: Period) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&period);
    }

    fn key(&self, period: Period) -> Option<[u8; 32]> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(&period) {
            return Some(*key);
        }
        let key = *self
            .keys
            .row_key(period.number(), BOOKING_ROW)
            .ok()??
            .as_bytes();
        known.insert(period, key);
        Some(key)
    }

    fn tags(&self, booking: &[u8]) -> Option<(Period, Vec<Tag>)> {
        let place = RowPlace::parse(booking)?;
        let key = self.key(place.period)?;
        let (tags, []) = booking.get(12..)?.as_chunks::<HASH_BYTES>() else {
            return None;
        };
        let tags = (0..).zip(tags).map(|(at, tag)| {
            let mut bytes = [0; HASH_BYTES];
            let clear = masked(&key, place.row, at, tag);
            bytes
                .iter_mut()
                .zip(clear)
                .for_each(|(to, from)| *to = from);
            Tag::new(Hash::new(bytes))
        });
        Some((place.period, tags.collect()))
    }
}

fn masked<'a>(
    key: &[u8; 32],
    row: u64,
    at: u32,
    tag: &'a [u8; 32],
) -> impl Iterator<Item = u8> + use<'a> {
    let mut message = b"booking/v1".to_vec();
    message.extend_from_slice(&row.to_be_bytes());
    message.extend_from_slice(&at.to_be_bytes());
    let mask = hash::mac(key, &message);
    let mask = *mask.as_bytes();
    tag.iter().zip(mask).map(|(byte, mask)| byte ^ mask)
}

impl Booker for KeyBooker {
    fn booked(&self, booking: &[u8]) -> Option<(Period, Tag)> {
        let (period, tags) = self.tags(booking)?;
        match tags.as_slice() {
            [tag] => Some((period, *tag)),
            _ => None,
        }
    }

    fn enrolled(&self, booking: &[u8]) -> Option<(Period, Vec<Tag>)> {
        self.tags(booking).filter(|(_, tags)| !tags.is_empty())
    }

    fn period(&self, booking: &[u8]) -> Option<Period> {
        RowPlace::parse(booking).map(|place| place.period)
    }

    fn month_key(&self, period: Period) -> Option<MonthKey> {
        let key = hash::mac(&self.key(period)?, b"month/v1");
        Some(MonthKey::new(*key.as_bytes()))
    }
}
