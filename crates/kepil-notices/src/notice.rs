//! A notice: to whom, about what, and how it gets there.

use crate::delivery::{Channel, Delivery, Proof, State};
use crate::id::NoticeId;

/// Longest path of the own space, bytes.
const PATH: usize = 200;

/// What a notice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A complaint was taken in.
    ComplaintFiled,
    /// A complaint was decided.
    ComplaintDecided,
    /// A person has reviewed a decision of a machine.
    ReviewDecided,
    /// A use of the person's data was recorded.
    UseRecorded,
    /// What was kept back is shown now.
    DeferralEnded,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ComplaintFiled,
        Self::ComplaintDecided,
        Self::ReviewDecided,
        Self::UseRecorded,
        Self::DeferralEnded,
    ];

    /// Its word in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ComplaintFiled => "complaint_filed",
            Self::ComplaintDecided => "complaint_decided",
            Self::ReviewDecided => "review_decided",
            Self::UseRecorded => "use_recorded",
            Self::DeferralEnded => "deferral_ended",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A path that does not lead into the own space.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "queueing a notice: its path must begin with /my/, be plain ASCII of at most 200 characters, and hold no `//`, `..` or backslash"
)]
pub struct PathError;

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    kind: Kind,
    path: String,
}

impl About {
    /// A kind, and where in the own space the matter itself stands, such as `/my/complaints/7`.
    ///
    /// # Errors
    /// When the path does not lead into the own space.
    pub fn new(kind: Kind, path: &str) -> Result<Self, PathError> {
        let is_own = path.starts_with("/my/")
            && path.len() <= PATH
            && path.bytes().all(|b| b.is_ascii_graphic())
            && !["//", "..", "\\"].iter().any(|bad| path.contains(bad));
        if !is_own {
            return Err(PathError);
        }
        Ok(Self {
            kind,
            path: path.to_owned(),
        })
    }

    /// What it tells.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The address of the matter, behind the language.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// The person, by register reference.
    pub person: String,
    /// What it is about.
    pub about: About,
    /// When it was made.
    pub created_ms: u64,
    /// Its ways to the person; the own space is one of them.
    pub deliveries: Vec<Delivery>,
}

/// The first proven delivery of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered<'a> {
    /// When; legal time runs from here.
    pub at_ms: u64,
    /// By which way.
    pub channel: Channel,
    /// What shows it.
    pub proof: &'a Proof,
}

/// The first proven delivery of any channel; none as long as there is no proof.
#[must_use]
pub fn delivered(notice: &Notice) -> Option<Delivered<'_>> {
    let proven = notice.deliveries.iter().filter_map(|delivery| {
        let State::Delivered { at_ms, proof } = &delivery.state else {
            return None;
        };
        Some(Delivered {
            at_ms: *at_ms,
            channel: delivery.channel,
            proof,
        })
    });
    proven.min_by_key(|found| (found.at_ms, found.channel))
}
