//! What a request rests on: citations, resolved in the statute book.

use kepil_law::instrument::{InstrumentIx, ProvisionIx, Standing};
use kepil_law::{StatuteBook, rule::CitedBy};
use kepil_terms::Instant;

/// One thing a request cites as its basis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Citation {
    /// A provision.
    Provision(ProvisionIx),
    /// A whole act.
    Instrument(InstrumentIx),
    /// The person's consent.
    Consent,
    /// A contract with the person.
    Contract,
    /// Publicly available sources.
    PublicSource,
    /// Something the statute book does not hold.
    Unknown(String),
}

impl Citation {
    /// Reads a citation such as `KZ-DC-2026#77.4`, `KZ-PDL-2013`, `consent`, `contract` or
    /// `public_source`. What the book does not hold becomes [`Citation::Unknown`], which no test forgives.
    #[must_use]
    pub fn parse(text: &str, book: &StatuteBook) -> Self {
        match text {
            "consent" => return Citation::Consent,
            "contract" => return Citation::Contract,
            "public_source" => return Citation::PublicSource,
            _ => {}
        }
        if let Some((ix, _)) = book.provision(text) {
            return Citation::Provision(ix);
        }
        match book.instrument(text) {
            Some((ix, _)) => Citation::Instrument(ix),
            None => Citation::Unknown(text.chars().take(80).collect()),
        }
    }

    /// The text form.
    #[must_use]
    pub fn text(&self, book: &StatuteBook) -> String {
        match self {
            Citation::Provision(p) => book
                .provisions
                .get(*p as usize)
                .map_or_else(String::new, |p| p.id.clone()),
            Citation::Instrument(i) => book
                .instruments
                .get(*i as usize)
                .map_or_else(String::new, |i| i.id.clone()),
            Citation::Consent => "consent".into(),
            Citation::Contract => "contract".into(),
            Citation::PublicSource => "public_source".into(),
            Citation::Unknown(s) => s.clone(),
        }
    }

    /// The act that is cited, if it is one.
    #[must_use]
    pub fn instrument(&self, book: &StatuteBook) -> Option<InstrumentIx> {
        match self {
            Citation::Provision(p) => book.provisions.get(*p as usize).map(|p| p.instrument),
            Citation::Instrument(i) => Some(*i),
            _ => None,
        }
    }

    /// Whether the cited act or provision is in force at `t`.
    #[must_use]
    pub fn standing(&self, book: &StatuteBook, t: Instant) -> Standing {
        match self {
            Citation::Provision(p) => book
                .provisions
                .get(*p as usize)
                .map_or(Standing::Ended, |p| p.span.at(t)),
            Citation::Instrument(i) => book
                .instruments
                .get(*i as usize)
                .map_or(Standing::Ended, |i| i.span.at(t)),
            Citation::Unknown(_) => Standing::Ended,
            Citation::Consent | Citation::Contract | Citation::PublicSource => Standing::InForce,
        }
    }
}

/// A by-law hands its readers up the chain of its parents; a law does not.
pub const LOWEST_LAW_RANK: u8 = 4;

/// The citations of one request, ready for asking.
#[derive(Debug, Clone, Default)]
pub struct Basis {
    /// What is cited.
    pub citations: Vec<Citation>,
    /// Acts above the by-laws that are cited, up to the Constitution.
    pub chain: Vec<InstrumentIx>,
    /// The person exercises an own right.
    pub own_right: bool,
}

impl Basis {
    /// Follows the parents of every by-law cited.
    #[must_use]
    pub fn new(citations: Vec<Citation>, own_right: bool, book: &StatuteBook) -> Self {
        let mut chain: Vec<InstrumentIx> = Vec::new();
        let mut open: Vec<InstrumentIx> = citations
            .iter()
            .filter_map(|c| c.instrument(book))
            .collect();
        while let Some(ix) = open.pop() {
            let Some(act) = book.instruments.get(ix as usize) else {
                continue;
            };
            if act.rank <= LOWEST_LAW_RANK {
                continue;
            }
            for parent in &act.parents {
                if !chain.contains(parent) {
                    chain.push(*parent);
                    open.push(*parent);
                }
            }
        }
        Self {
            citations,
            chain,
            own_right,
        }
    }

    /// Whether a ground under this provision counts as cited.
    #[must_use]
    pub fn cites(&self, provision: ProvisionIx, by: CitedBy, book: &StatuteBook) -> bool {
        match by {
            CitedBy::Consent => self.citations.contains(&Citation::Consent),
            CitedBy::Contract => self.citations.contains(&Citation::Contract),
            CitedBy::PublicSource => self.citations.contains(&Citation::PublicSource),
            CitedBy::OwnRight => self.own_right,
            CitedBy::Law => {
                let Some(p) = book.provisions.get(provision as usize) else {
                    return false;
                };
                self.chain.contains(&p.instrument)
                    || self.citations.iter().any(|c| match c {
                        Citation::Provision(q) => *q == provision || p.within.contains(q),
                        Citation::Instrument(i) => *i == p.instrument,
                        _ => false,
                    })
            }
        }
    }
}
