//! Clients and their register: who may ask, on what legal basis, for which attributes.

use crate::assurance::Acr;
use crate::id::{AttributeName, ClientId, NameError, Norm, SectorId};
use crate::key::{Jwks, KeyError, PublicKey};
use crate::uri::{self, UriError};
use kepil_terms::{Lang, Text};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most keys a client may have: one in use, some on their way in and out.
const MOST_KEYS: usize = 8;

/// An attribute a client may ask for, with the norm that allows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Its name.
    pub name: AttributeName,
    /// The norm.
    pub norm: Norm,
}

/// How the gate knows a client: without it no attribute is released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtGate {
    /// The system it is in the register of systems.
    pub system: String,
    /// What it needs attributes for, a word of the law's vocabulary.
    pub purpose: String,
    /// The agreement its requests rest on.
    #[serde(default)]
    pub agreement: Option<String>,
}

/// A client as it stands in the register file. [`Client::register`] checks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its id.
    pub client_id: ClientId,
    /// The body that answers for it; published.
    pub controller: String,
    /// Where people can turn to; published.
    pub contact: String,
    /// Its sector; moving a client to another one changes every identifier it knows.
    pub sector: SectorId,
    /// The norms it works under; at least one.
    pub legal_basis: Vec<Norm>,
    /// What it needs the data for, in three languages.
    pub purpose: Text,
    /// What it may ask for, without the IIN.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
    /// The law that lets it receive the IIN; none = never.
    #[serde(default)]
    pub iin_release: Option<Norm>,
    /// How the gate knows it; needed where attributes or the IIN are named.
    #[serde(default)]
    pub gate: Option<AtGate>,
    /// Where people may be sent back to; compared byte for byte.
    pub redirect_uris: Vec<String>,
    /// Where people may be sent after signing out; compared byte for byte.
    #[serde(default)]
    pub logout_uris: Vec<String>,
    /// Its public keys.
    pub jwks: Jwks,
    /// How old a sign-in may be at most, in seconds; none = as old as the session.
    #[serde(default)]
    pub max_auth_age_secs: Option<u64>,
    /// The lowest level it takes; none = the lowest there is.
    #[serde(default)]
    pub min_acr: Option<Acr>,
}

/// Why a client was not registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// A name is wrong.
    #[error("registering a client")]
    Name(#[from] NameError),
    /// Something that has to be there is not.
    #[error("registering the client `{client}`: {what} is missing")]
    Missing {
        /// The client.
        client: ClientId,
        /// What is missing.
        what: &'static str,
    },
    /// The purpose is not written in every language.
    #[error("registering the client `{client}`: the purpose has no text in `{}`", lang.code())]
    Purpose {
        /// The client.
        client: ClientId,
        /// The language.
        lang: Lang,
    },
    /// An address is not allowed.
    #[error("registering the client `{client}`: the address `{uri}` cannot be taken")]
    Uri {
        /// The client.
        client: ClientId,
        /// The address.
        uri: String,
        /// What is wrong with it.
        #[source]
        source: UriError,
    },
    /// Something stands there twice.
    #[error("registering the client `{client}`: `{what}` stands there twice")]
    Twice {
        /// The client.
        client: ClientId,
        /// What.
        what: String,
    },
    /// The IIN stands among the attributes.
    #[error(
        "registering the client `{client}`: name the law for the IIN in `iin_release`, not among the attributes"
    )]
    IinAmongAttributes {
        /// The client.
        client: ClientId,
    },
    /// Too many keys.
    #[error("registering the client `{client}`: it has more than {MOST_KEYS} keys")]
    TooManyKeys {
        /// The client.
        client: ClientId,
    },
    /// A key is not allowed.
    #[error("registering the client `{client}`: its key number {number} cannot be taken")]
    Key {
        /// The client.
        client: ClientId,
        /// Which key, from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
}

/// A registered client. INVARIANT: made by [`Client::register`] only.
#[derive(Debug, Clone)]
pub struct Client {
    entry: Entry,
    keys: Vec<PublicKey>,
}

impl Client {
    /// Checks an entry.
    ///
    /// # Errors
    /// With the first thing that is wrong with it.
    pub fn register(entry: Entry) -> Result<Self, ClientError> {
        says_who_and_why(&entry)?;
        addresses_are_fine(&entry)?;
        attributes_are_fine(&entry)?;
        let keys = keys(&entry)?;
        Ok(Self { entry, keys })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &ClientId {
        &self.entry.client_id
    }

    /// The whole entry, all of which is published.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Its keys.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The norm that lets this client receive an attribute; `None` = it may not.
    #[must_use]
    pub fn norm_for(&self, name: &AttributeName) -> Option<&Norm> {
        if name.is_iin() {
            return self.entry.iin_release.as_ref();
        }
        let attributes = &self.entry.attributes;
        attributes.iter().find(|a| a.name == *name).map(|a| &a.norm)
    }

    /// Whether people may be sent back to this address: byte for byte (RFC 9700, 2.1).
    #[must_use]
    pub fn may_redirect_to(&self, uri: &str) -> bool {
        self.entry.redirect_uris.iter().any(|u| u == uri)
    }

    /// Whether people may be sent to this address after signing out.
    #[must_use]
    pub fn may_log_out_to(&self, uri: &str) -> bool {
        self.entry.logout_uris.iter().any(|u| u == uri)
    }
}

fn says_who_and_why(entry: &Entry) -> Result<(), ClientError> {
    let missing = [
        ("the controller", entry.controller.trim().is_empty()),
        ("the contact", entry.contact.trim().is_empty()),
        ("the legal basis", entry.legal_basis.is_empty()),
        ("a redirect address", entry.redirect_uris.is_empty()),
        ("a key", entry.jwks.keys.is_empty()),
    ];
    if let Some((what, _)) = missing.into_iter().find(|(_, is)| *is) {
        let client = entry.client_id.clone();
        return Err(ClientError::Missing { client, what });
    }
    match entry.purpose.missing().first() {
        Some(lang) => Err(ClientError::Purpose {
            client: entry.client_id.clone(),
            lang: *lang,
        }),
        None => Ok(()),
    }
}

fn addresses_are_fine(entry: &Entry) -> Result<(), ClientError> {
    for list in [&entry.redirect_uris, &entry.logout_uris] {
        let mut seen = BTreeSet::new();
        for uri in list {
            uri::check_return(uri).map_err(|source| ClientError::Uri {
                client: entry.client_id.clone(),
                uri: uri.clone(),
                source,
            })?;
            if !seen.insert(uri) {
                return Err(twice(entry, uri));
            }
        }
    }
    Ok(())
}

fn attributes_are_fine(entry: &Entry) -> Result<(), ClientError> {
    let mut seen = BTreeSet::new();
    for attribute in &entry.attributes {
        if attribute.name.is_iin() {
            let client = entry.client_id.clone();
            return Err(ClientError::IinAmongAttributes { client });
        }
        if !seen.insert(&attribute.name) {
            return Err(twice(entry, attribute.name.as_str()));
        }
    }
    Ok(())
}

fn keys(entry: &Entry) -> Result<Vec<PublicKey>, ClientError> {
    if entry.jwks.keys.len() > MOST_KEYS {
        let client = entry.client_id.clone();
        return Err(ClientError::TooManyKeys { client });
    }
    let mut keys: Vec<PublicKey> = Vec::new();
    for (number, jwk) in (1..).zip(&entry.jwks.keys) {
        let key = PublicKey::from_jwk(jwk).map_err(|source| ClientError::Key {
            client: entry.client_id.clone(),
            number,
            source,
        })?;
        let same =
            |k: &PublicKey| k.same_point(&key) || (k.kid().is_some() && k.kid() == key.kid());
        if keys.iter().any(same) {
            return Err(twice(entry, &format!("key number {number}")));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn twice(entry: &Entry, what: &str) -> ClientError {
    ClientError::Twice {
        client: entry.client_id.clone(),
        what: what.to_owned(),
    }
}

/// All registered clients.
#[derive(Debug, Clone, Default)]
pub struct Register {
    clients: BTreeMap<ClientId, Arc<Client>>,
}

impl Register {
    /// Checks all entries of a register.
    ///
    /// # Errors
    /// With the first entry that is wrong, or whose id stands there twice. A key that two clients
    /// share is refused too: either could sign for the other.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Result<Self, ClientError> {
        let mut clients: BTreeMap<ClientId, Arc<Client>> = BTreeMap::new();
        for entry in entries {
            let client = Client::register(entry)?;
            let shared = |other: &Arc<Client>| {
                let mut keys = other.keys.iter();
                keys.any(|k| client.keys.iter().any(|own| own.same_point(k)))
            };
            if clients.contains_key(client.id()) {
                return Err(twice(&client.entry, client.id().as_str()));
            }
            if clients.values().any(shared) {
                return Err(twice(&client.entry, "a key of another client"));
            }
            clients.insert(client.id().clone(), Arc::new(client));
        }
        Ok(Self { clients })
    }

    /// The client with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Arc<Client>> {
        self.clients.get(&ClientId::parse(id).ok()?)
    }

    /// All clients, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values()
    }
}
