//! The chronicle itself: opening, recording, reading.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kepil_keys::random::Random;
use kepil_keys::store::{KeyStore, ReserveError};
use kepil_ledger::anchor::Anchor;
use kepil_ledger::entry::Leaf;
use kepil_ledger::payload::{self, Payload};
use kepil_ledger::period::Period;
use kepil_ledger::person::{PersonKeys, Tag};
use kepil_ledger::record::{GateSigner, RecordKind};
use kepil_ledger::row::{Outline, Row, RowSecrets, SECRET_BYTES};
use kepil_store::draft::{Booker as _, Draft};
use kepil_store::log::{
    AppendError, Appender, BookReader, CloseError, Entry, Head, Health, Log, Options, PublishError,
    Reader, Ticket,
};
use kepil_store::source::DirSource;
use tokio::sync::watch;

use crate::booking::{BOOKING_ROW, KeyBooker, RowPlace};
use crate::error::ChronicleError;
use crate::event::Event;
use crate::notice::{NoticeRow, Notices};

/// Whose keys seal entries that a court ordered to be shown later.
const COURT: &str = "court";

/// Persons whose keys are kept in memory.
const MAX_KNOWN: usize = 200_000;

/// A row key seals one row and nothing else, so its nonce need not differ.
const ROW_NONCE: [u8; 24] = [0; 24];

/// Tags in one enrolment leaf, so that it fits a frame.
const ENROL_AT_ONCE: usize = 50_000;

/// How a chronicle is opened.
#[derive(Debug)]
pub struct Settings {
    /// The folder of the log.
    pub folder: PathBuf,
    /// How the log is opened; its booker is put in here.
    pub log: Options,
    /// The keys.
    pub keys: Arc<KeyStore>,
    /// Signs records.
    pub gate: GateSigner,
    /// Fresh random bytes.
    pub random: Random,
}

/// A log whose entries are sealed for the persons they are about.
#[derive(Debug)]
pub struct Chronicle {
    pub(crate) folder: PathBuf,
    log: Mutex<Option<Log>>,
    pub(crate) appender: Appender,
    pub(crate) reader: Reader,
    published: watch::Receiver<u64>,
    pub(crate) book: BookReader,
    pub(crate) keys: Arc<KeyStore>,
    pub(crate) booker: Arc<KeyBooker>,
    gate: GateSigner,
    random: Random,
    notices: RwLock<Notices>,
    known: Mutex<HashMap<String, Arc<PersonKeys>>>,
}

/// A row that was opened with its own key.
#[derive(Debug, Clone)]
pub struct OpenRow {
    /// Index of the entry.
    pub index: u64,
    /// The public leaf.
    pub leaf: Leaf,
    /// Whom the payload is sealed for.
    pub subject: String,
    /// Record and sealed payload.
    pub row: Row,
}

impl Chronicle {
    /// Opens the log with its book, and reads what it says of its own entries.
    ///
    /// An erasure that a crash interrupted is finished.
    ///
    /// # Errors
    ///
    /// When the log or a row of a notice cannot be read.
    pub fn open(settings: Settings) -> Result<Self, ChronicleError> {
        let booker = Arc::new(KeyBooker::new(settings.keys.clone()));
        let options = Options {
            booker: Some(booker.clone()),
            ..settings.log
        };
        // Row numbers are set aside before the log fills the disk with segments to come.
        let period = Period::of_ms((options.clock)());
        for period in [period, Period::LAST] {
            settings.keys.reserve_rows(period.number(), 1)?;
        }
        let log = Log::open(&settings.folder, options)?;
        let book = log.book().ok_or(ChronicleError::NotPublished)?;
        let chronicle = Self {
            folder: settings.folder,
            appender: log.appender(),
            reader: log.reader(),
            book,
            published: log.published(),
            log: Mutex::new(Some(log)),
            keys: settings.keys,
            booker,
            gate: settings.gate,
            random: settings.random,
            notices: RwLock::default(),
            known: Mutex::default(),
        };
        // A state of the keys that was put back may not know the newest rows; the log does.
        let mut rows: BTreeMap<Period, u64> = BTreeMap::new();
        for entry in chronicle.reader.records(0) {
            let entry = entry?;
            if let Some(place) = RowPlace::parse(&entry.booking) {
                let next = rows.entry(place.period).or_default();
                *next = place.row.saturating_add(1).max(*next);
            }
            chronicle.notice(&entry)?;
        }
        for (period, next) in rows {
            match chronicle.keys.skip_rows(period.number(), next) {
                // An erased month hands out nothing any more.
                Err(ReserveError::Erased { .. }) => {}
                skipped => skipped?,
            }
        }
        chronicle.finish_erasures()?;
        Ok(chronicle)
    }

    /// The folder of the public log: `checkpoint`, `tile/…`.
    #[must_use]
    pub fn public(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub(crate) fn source(&self) -> DirSource {
        DirSource::new(&self.public())
    }

    /// Reads entries as stored.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The book of months.
    #[must_use]
    pub const fn book(&self) -> &BookReader {
        &self.book
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &KeyStore {
        &self.keys
    }

    /// The gate that signs records here.
    #[must_use]
    pub const fn gate(&self) -> &GateSigner {
        &self.gate
    }

    fn log(&self) -> MutexGuard<'_, Option<Log>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Size, root and last checkpoint; `None` once it is closed.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.log().as_ref().map(Log::head)
    }

    /// The size of the published tree, for whoever waits for it.
    #[must_use]
    pub fn published(&self) -> watch::Receiver<u64> {
        self.published.clone()
    }

    /// Whether entries are taken and published; `None` once it is closed.
    #[must_use]
    pub fn health(&self) -> Option<Health> {
        self.log().as_ref().map(Log::health)
    }

    /// The log's public key; `None` once it is closed.
    #[must_use]
    pub fn log_key(&self) -> Option<kepil_ledger::note::VerifyingKey> {
        self.log().as_ref().map(|log| log.verifying_key().clone())
    }

    /// Publishes a checkpoint now.
    ///
    /// # Errors
    ///
    /// When a file could not be written; the log itself is not affected.
    pub fn publish(&self) -> Result<Head, PublishError> {
        match self.log().as_ref() {
            Some(log) => log.publish(),
            None => Err(PublishError::Stopped),
        }
    }

    /// Has the next checkpoint come before its time; returns at once.
    pub fn hurry(&self) {
        if let Some(log) = self.log().as_ref() {
            log.hurry();
        }
    }

    /// Writes what waits, publishes a last checkpoint and releases the folder.
    ///
    /// # Errors
    ///
    /// When the log had failed before, or the last checkpoint could not be published.
    pub fn close(&self) -> Result<(), CloseError> {
        self.log().take().map_or(Ok(()), Log::close)
    }

    pub(crate) fn with_log<T>(&self, work: impl FnOnce(&Log) -> T) -> Option<T> {
        self.log().as_ref().map(work)
    }

    /// What the log says of its own entries.
    pub fn notices(&self) -> RwLockReadGuard<'_, Notices> {
        self.notices.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notices_mut(&self) -> RwLockWriteGuard<'_, Notices> {
        self.notices.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys of a person, or of whoever else an entry is about.
    ///
    /// # Errors
    ///
    /// When the key store gives none.
    pub fn person(&self, subject: &str) -> Result<Arc<PersonKeys>, ChronicleError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = known.get(subject) {
            return Ok(keys.clone());
        }
        let secret = self.keys.person(subject)?.secret;
        let keys = Arc::new(PersonKeys::new(*secret.as_bytes()));
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(subject.to_owned(), keys.clone());
        Ok(keys)
    }

    pub(crate) fn forget_person(&self, subject: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(subject);
    }

    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], ChronicleError> {
        let mut bytes = [0; N];
        self.random
            .fill(&mut bytes)
            .map_err(|_| ChronicleError::Random)?;
        Ok(bytes)
    }

    /// A row nobody used, with its key.
    fn reserve(&self, period: Period) -> Result<(RowPlace, [u8; 32]), ChronicleError> {
        loop {
            let mut rows = self.keys.reserve_rows(period.number(), 1)?;
            if let Some((row, key)) = rows.find(|(row, _)| *row != BOOKING_ROW) {
                return Ok((RowPlace { period, row }, *key.as_bytes()));
            }
        }
    }

    /// Seals an event: everything but its leaf and its month can be read with keys alone.
    pub(crate) fn seal(&self, event: &Event) -> Result<Draft, ChronicleError> {
        let period = self.book.period_for(event.time_ms);
        let subject = if event.kind == RecordKind::Sealed {
            COURT
        } else {
            event.subject.as_str()
        };
        let person = self.person(subject)?;
        let secrets = RowSecrets::from_random(&self.random::<SECRET_BYTES>()?);
        let outline = Outline {
            kind: event.kind,
            period,
            time_ms: event.time_ms,
            decision: event.decision,
            purpose: event.purpose_class(),
        };
        let row = Row::seal(
            &self.gate,
            &person,
            outline,
            event.payload.clone(),
            &secrets,
        );
        let commitment = row.commitment();
        let leaf = match (event.kind, event.embargo, event.payload.sealed) {
            (RecordKind::Sealed, Some(embargo), _) => Leaf::Sealed {
                commitment,
                embargo,
            },
            (RecordKind::Opened, _, Some(sealed)) => Leaf::Unseal { sealed, commitment },
            _ => Leaf::Access(commitment),
        };
        let (place, key) = self.reserve(period)?;
        let tags = match leaf.chained() {
            Some(_) => vec![person.tag(period)],
            None => Vec::new(),
        };
        Ok(Draft {
            leaf,
            booking: self.booker.book(place, &tags)?,
            row: payload::seal(&key, &ROW_NONCE, row_bytes(&event.subject, &row)),
        })
    }

    /// Seals the private side of a notice, under a key that no erasure of a month destroys.
    pub(crate) fn seal_notice(&self, leaf: Leaf, row: &NoticeRow) -> Result<Draft, ChronicleError> {
        let (place, key) = self.reserve(Period::LAST)?;
        let bytes = serde_json::to_vec(row).unwrap_or_default();
        Ok(Draft {
            leaf,
            booking: self.booker.book(place, &[])?,
            row: payload::seal(&key, &ROW_NONCE, bytes),
        })
    }

    /// Records events, all or none, in order; returns once they are durable.
    ///
    /// # Errors
    ///
    /// When they cannot be sealed or written; then none of them is acknowledged.
    pub async fn record(&self, events: &[Event]) -> Result<Vec<Ticket>, ChronicleError> {
        loop {
            let drafts = events.iter().map(|event| self.seal(event));
            let drafts = drafts.collect::<Result<Vec<_>, _>>()?;
            let leaves: Vec<Leaf> = drafts.iter().map(|draft| draft.leaf.clone()).collect();
            match self.appender.append(drafts).await {
                Ok(tickets) => {
                    let mut notices = self.notices_mut();
                    for (ticket, leaf) in tickets.iter().zip(&leaves) {
                        notices.take(ticket.index(), leaf, None);
                    }
                    return Ok(tickets);
                }
                // The month closed while the events were being sealed.
                Err(AppendError::ClosedMonth { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Records a notice and takes it into the view.
    pub(crate) fn record_notice(&self, leaf: &Leaf, row: NoticeRow) -> Result<u64, ChronicleError> {
        let draft = self.seal_notice(leaf.clone(), &row)?;
        let tickets = self.appender.append_blocking(vec![draft])?;
        let index = tickets.first().map_or(0, Ticket::index);
        self.notices_mut().take(index, leaf, Some(row));
        Ok(index)
    }

    /// Puts the anchor document into the log, unless the newest one says the same.
    ///
    /// # Errors
    ///
    /// When it cannot be recorded.
    pub fn anchor(&self, anchor: &Anchor) -> Result<(), ChronicleError> {
        if self.notices().anchor.as_ref() == Some(anchor) {
            return Ok(());
        }
        let row = NoticeRow {
            basis: anchor.to_string(),
            ..NoticeRow::default()
        };
        self.record_notice(&Leaf::PolicyAnchor(anchor.hash()), row)?;
        Ok(())
    }

    /// Enrols persons in the month of a moment, each at count 0, and gives how many were new.
    ///
    /// From then on a list of that month proves that there is nothing, until there is something.
    ///
    /// # Errors
    ///
    /// When keys cannot be had or the enrolment cannot be recorded.
    pub fn enrol(&self, subjects: &[String], now_ms: u64) -> Result<u64, ChronicleError> {
        let period = self.book.period_for(now_ms);
        let mut new = 0;
        for some in subjects.chunks(ENROL_AT_ONCE) {
            let mut tags: Vec<Tag> = Vec::with_capacity(some.len());
            for subject in some {
                let tag = self.person(subject)?.tag(period);
                if !self.book.is_enrolled(period, &tag)? {
                    tags.push(tag);
                }
            }
            tags.sort_unstable();
            tags.dedup();
            if tags.is_empty() {
                continue;
            }
            new += u64::try_from(tags.len()).unwrap_or(0);
            let (place, _) = self.reserve(period)?;
            let draft = Draft {
                booking: self.booker.book(place, &tags)?,
                ..Draft::of(Leaf::Enrolment(kepil_ledger::entry::Enrolment::of(
                    period, &tags,
                )))
            };
            self.appender.append_blocking(vec![draft])?;
        }
        Ok(new)
    }

    /// Opens the row of an entry with the row's key.
    ///
    /// # Errors
    ///
    /// [`ChronicleError::Erased`] when its key was destroyed; or when it cannot be read.
    pub fn row(&self, index: u64) -> Result<OpenRow, ChronicleError> {
        self.open_row(&self.reader.record(index)?)
    }

    /// Opens the row of an entry that was read already.
    ///
    /// # Errors
    ///
    /// As [`Chronicle::row`].
    pub fn open_row(&self, entry: &Entry) -> Result<OpenRow, ChronicleError> {
        let malformed = || ChronicleError::Malformed { index: entry.index };
        if entry.leaf.commitment().is_none() {
            return Err(malformed());
        }
        let plain = self.plain(entry)?;
        let (subject, row) = split_row(&plain).ok_or_else(malformed)?;
        Ok(OpenRow {
            index: entry.index,
            leaf: entry.leaf.clone(),
            subject,
            row,
        })
    }

    /// Opens the payload of a row, with the keys of whom it is sealed for.
    ///
    /// # Errors
    ///
    /// When the person's key was destroyed, or the payload is not of the format.
    pub fn payload(&self, open: &OpenRow) -> Result<Payload, ChronicleError> {
        let subject = match open.leaf {
            Leaf::Sealed { .. } => COURT,
            _ => open.subject.as_str(),
        };
        let person = self.person(subject)?;
        open.row
            .open(&person)
            .map_err(|_| ChronicleError::Malformed { index: open.index })
    }

    /// What opens a leaf for auditors; empty where nothing does, or it was erased.
    ///
    /// Accesses, sealed and opened entries: salt ‖ record. Enrolments: the tags. Anchors: the
    /// document.
    ///
    /// # Errors
    ///
    /// When the entry cannot be read.
    pub fn opening(&self, index: u64) -> Result<Vec<u8>, ChronicleError> {
        let entry = self.reader.record(index)?;
        Ok(match &entry.leaf {
            Leaf::Access(_) | Leaf::Sealed { .. } | Leaf::Unseal { .. } => {
                match self.open_row(&entry) {
                    Ok(open) => {
                        let opening = open.row.opening();
                        [opening.salt.as_slice(), &opening.record].concat()
                    }
                    Err(ChronicleError::Erased) => Vec::new(),
                    Err(error) => return Err(error),
                }
            }
            Leaf::Enrolment(_) => {
                let enrolled = self.booker.enrolled(&entry.booking);
                let tags = enrolled.map(|(_, tags)| tags).unwrap_or_default();
                tags.iter().flat_map(Tag::as_bytes).copied().collect()
            }
            Leaf::PolicyAnchor(_) => {
                let notices = self.notices();
                let row = notices.rows.get(&index);
                row.map(|row| row.basis.clone().into_bytes())
                    .unwrap_or_default()
            }
            _ => Vec::new(),
        })
    }

    /// Decrypts what stands in an entry's row.
    fn plain(&self, entry: &Entry) -> Result<Vec<u8>, ChronicleError> {
        let malformed = ChronicleError::Malformed { index: entry.index };
        let row = entry.row.as_ref().ok_or(ChronicleError::Erased)?;
        let Some(place) = RowPlace::parse(&entry.booking) else {
            return Err(malformed);
        };
        let key = self
            .keys
            .row_key(place.period.number(), place.row)?
            .ok_or(ChronicleError::Erased)?;
        payload::open(key.as_bytes(), &ROW_NONCE, row).map_err(|_| malformed)
    }

    /// Takes an entry into the view of notices.
    fn notice(&self, entry: &Entry) -> Result<(), ChronicleError> {
        let row = if Notices::has_row(entry.leaf.kind()) {
            match self.plain(entry) {
                Ok(plain) => serde_json::from_slice(&plain).ok(),
                Err(ChronicleError::Erased) => None,
                Err(error) => return Err(error),
            }
        } else {
            None
        };
        self.notices_mut().take(entry.index, &entry.leaf, row);
        Ok(())
    }
}

/// What a row key seals: whom it is about, and the row.
fn row_bytes(subject: &str, row: &Row) -> Vec<u8> {
    // INVARIANT: references of the register are far shorter than 64 KiB.
    let length = u16::try_from(subject.len()).unwrap_or(u16::MAX);
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend_from_slice(subject.as_bytes());
    bytes.extend_from_slice(&row.to_bytes());
    bytes
}

fn split_row(plain: &[u8]) -> Option<(String, Row)> {
    let (length, rest) = plain.split_first_chunk::<2>()?;
    let (subject, row) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let subject = std::str::from_utf8(subject).ok()?.to_owned();
    Some((subject, Row::parse(row)?))
}
