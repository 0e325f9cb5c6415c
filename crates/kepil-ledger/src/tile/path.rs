//! Paths of tiles and bundles.

use std::fmt;
use std::str::FromStr;

use super::{TILE_HEIGHT, TILE_WIDTH};
use crate::encoding::decimal;

/// Highest level C2SP `tlog-tiles` allows in a path.
const MAX_LEVEL: u8 = 63;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// A bundle of entries: `tile/entries/<N>`.
    Entries,
    /// A tile of hashes at a tile level: `tile/<L>/<N>`.
    Hashes {
        /// Tile level; level 0 holds leaf hashes.
        level: u8,
    },
}

/// Names one tile or bundle: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
///
/// `N` is written in groups of three digits, all but the last prefixed by `x`:
/// 1234067 is `x001/x234/067`. The suffix stands only on partial tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    /// INVARIANT: 1 to 256.
    width: u16,
}

/// Why a text is not the path of a tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text is not a path of `tlog-tiles`, or not its one spelling.
    #[error("reading a tile path: `{path}` is not one")]
    Malformed {
        /// The text.
        path: String,
    },
    /// A width outside 1 to 256, or a level above 63.
    #[error("naming a tile: level {level} and width {width} do not exist")]
    OutOfRange {
        /// Level asked for.
        level: u8,
        /// Width asked for.
        width: u16,
    },
}

impl TilePath {
    /// Names a tile of hashes.
    ///
    /// # Errors
    ///
    /// When the level is above 63 or the width not within 1 to 256.
    pub const fn hashes(level: u8, index: u64, width: u16) -> Result<Self, PathError> {
        if level > MAX_LEVEL || width == 0 || width > TILE_WIDTH {
            return Err(PathError::OutOfRange { level, width });
        }
        Ok(Self {
            kind: TileKind::Hashes { level },
            index,
            width,
        })
    }

    /// Names a bundle of entries.
    ///
    /// # Errors
    ///
    /// When the width is not within 1 to 256.
    pub const fn entries(index: u64, width: u16) -> Result<Self, PathError> {
        if width == 0 || width > TILE_WIDTH {
            return Err(PathError::OutOfRange { level: 0, width });
        }
        Ok(Self {
            kind: TileKind::Entries,
            index,
            width,
        })
    }

    /// The tile of hashes that a log of `size` entries has at this place, if any.
    #[must_use]
    pub fn hashes_in(level: u8, index: u64, size: u64) -> Option<Self> {
        let width = width_in(level, index, size)?;
        Self::hashes(level, index, width).ok()
    }

    /// The bundle that a log of `size` entries has at this place, if any.
    #[must_use]
    pub fn entries_in(index: u64, size: u64) -> Option<Self> {
        Self::entries(index, width_in(0, index, size)?).ok()
    }

    /// What the path leads to.
    #[must_use]
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// Index of the tile within its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Number of hashes or entries, 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// True when the tile has fewer than 256 hashes or entries.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.width < TILE_WIDTH
    }

    /// The full tile at the same place.
    #[must_use]
    pub const fn to_full(self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..self
        }
    }

    /// Reads a path strictly: exactly what [`fmt::Display`] writes.
    ///
    /// # Errors
    ///
    /// When the text is anything else.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        Self::parse_parts(path).ok_or_else(|| PathError::Malformed {
            path: path.to_owned(),
        })
    }

    fn parse_parts(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => {
                let level = u8::try_from(decimal(level)?).ok()?;
                TileKind::Hashes {
                    level: Some(level).filter(|level| *level <= MAX_LEVEL)?,
                }
            }
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((index, width)) => {
                let width = u16::try_from(decimal(width)?).ok()?;
                (
                    index,
                    Some(width).filter(|width| (1..TILE_WIDTH).contains(width))?,
                )
            }
        };
        let parsed = Self {
            kind,
            index: parse_index(index)?,
            width,
        };
        // Leading groups of zeros parse but are not how the index is written.
        (parsed.to_string() == path).then_some(parsed)
    }
}

fn parse_index(text: &str) -> Option<u64> {
    let groups: Vec<&str> = text.split('/').collect();
    let (last, first) = groups.split_last()?;
    let mut index: u64 = 0;
    for digits in first
        .iter()
        .map(|group| group.strip_prefix('x'))
        .chain([Some(*last)])
    {
        let digits = digits?;
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some(index)
}

/// Width of the tile at this place in a tree of `size` entries, `None` if it is empty.
fn width_in(level: u8, index: u64, size: u64) -> Option<u16> {
    let hashes = size
        .checked_shr(TILE_HEIGHT * u32::from(level))
        .unwrap_or(0);
    let start = index.checked_mul(u64::from(TILE_WIDTH))?;
    let left = hashes.checked_sub(start)?.min(u64::from(TILE_WIDTH));
    u16::try_from(left).ok().filter(|width| *width > 0)
}

impl FromStr for TilePath {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        Self::parse(path)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => f.write_str("tile/entries")?,
            TileKind::Hashes { level } => write!(f, "tile/{level}")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (place, group) in groups.iter().enumerate().rev() {
            let prefix = if place == 0 { "" } else { "x" };
            write!(f, "/{prefix}{group:03}")?;
        }
        if self.is_partial() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}
