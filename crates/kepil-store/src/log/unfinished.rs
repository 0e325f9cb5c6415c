//! Remembers which rows are being erased, so that a crash in between is noticed.
//!
//! Opening with a snapshot does not read old segments. A row that a crash left half erased
//! there would be met by chance only; the file `DIR/erasing` says where to look.
//!
//! | size | field |
//! |---:|---|
//! | 8 | magic `KEPILERA` |
//! | 4 | version = 1 |
//! | 8 | number of entries; for each u64 index |
//! | 4 | CRC-32 (IEEE) of all before it |

use std::fs;
use std::io;
use std::path::Path;

use kepil_ledger::fields::Fields;

use crate::disk::Disk;

const MAGIC: &[u8; 8] = b"KEPILERA";
const VERSION: u32 = 1;

/// Name of the file in the log's folder.
pub(crate) const NAME: &str = "erasing";

/// Notes which rows are about to be erased; durable when it returns.
pub(super) fn note(disk: &dyn Disk, path: &Path, indexes: &[u64]) -> io::Result<()> {
    disk.replace(path, &to_bytes(indexes))
}

/// Takes the note away.
pub(super) fn clear(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The rows that were being erased; `None` when the note is damaged.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u64>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(parse(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(Vec::new())),
        Err(error) => Err(error),
    }
}

fn to_bytes(indexes: &[u64]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    let count = u64::try_from(indexes.len()).unwrap_or(u64::MAX);
    bytes.extend_from_slice(&count.to_be_bytes());
    for index in indexes {
        bytes.extend_from_slice(&index.to_be_bytes());
    }
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    bytes
}

fn parse(bytes: &[u8]) -> Option<Vec<u64>> {
    let (covered, checksum) = bytes.split_last_chunk::<4>()?;
    let mut fields = Fields::new(covered);
    let is_known = fields.array::<8>()? == *MAGIC && fields.u32()? == VERSION;
    if !is_known || u32::from_be_bytes(*checksum) != crc32fast::hash(covered) {
        return None;
    }
    let mut indexes = Vec::new();
    for _ in 0..fields.u64()? {
        indexes.push(fields.u64()?);
    }
    fields.is_empty().then_some(indexes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_round_trips_and_no_flipped_bit_passes() {
        for indexes in [vec![], vec![0], vec![3, 77, u64::MAX]] {
            let bytes = to_bytes(&indexes);
            assert_eq!(parse(&bytes), Some(indexes));
            for bit in 0..bytes.len() * 8 {
                let mut bad = bytes.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(parse(&bad), None, "bit {bit}");
            }
        }
    }
}
