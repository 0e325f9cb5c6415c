//! An account and the ways into it.

use kepil_identity::account::{Account, Command, Dated, Event, Refusal};
use kepil_identity::factor::{Channel, Factor};
use kepil_identity::holder::{Holder, Role};
use kepil_identity::id::{AccountId, FactorId, SessionId};
use kepil_identity::level::Level;
use kepil_identity::recovery::RecoveryCodes;
use kepil_identity::secret::SecretHash;
use kepil_identity::session::Session;
use kepil_terms::Day;

pub const NOW: u64 = 1_795_000_000_000;
pub const HOUR: u64 = 3_600_000;

pub fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

pub fn factor_id(n: u8) -> FactorId {
    FactorId::new([n; 16])
}

pub fn passkey(n: u8) -> Factor {
    Factor::Passkey {
        credential: format!("credential-{n}"),
        stored: "{}".into(),
        label: format!("phone {n}"),
    }
}

pub fn secret(text: &str) -> Factor {
    Factor::Secret {
        hash: SecretHash::choose(text, &[7; 16]).unwrap(),
    }
}

pub fn codes() -> Factor {
    let (_, codes) = RecoveryCodes::draw(&[[3; 17]; 10], &[[4; 16]; 10]).unwrap();
    Factor::Recovery { codes }
}

pub fn mail() -> Factor {
    Factor::Code {
        channel: Channel::Email,
        address: "aigerim@example.test".into(),
    }
}

/// An account with its events, as a shell would keep it.
pub struct Kept {
    pub account: Account,
    pub events: Vec<Dated>,
}

impl Kept {
    pub fn open(role: Role, reference: &str) -> Self {
        let opened = Event::Opened {
            id: AccountId::new([1; 16]),
            holder: Holder {
                role,
                reference: reference.into(),
            },
        };
        let events = vec![Dated {
            at_ms: NOW,
            event: opened,
        }];
        Self {
            account: Account::of(&events).unwrap(),
            events,
        }
    }

    pub fn tell(&mut self, command: Command, at_ms: u64) -> Result<Vec<Event>, Refusal> {
        let events = self.account.handle(command, at_ms)?;
        for event in &events {
            let dated = Dated {
                at_ms,
                event: event.clone(),
            };
            self.account.apply(&dated);
            self.events.push(dated);
        }
        // The state is what its events say, and they survive being written down.
        let text = serde_json::to_string(&self.events).unwrap();
        let read: Vec<Dated> = serde_json::from_str(&text).unwrap();
        assert_eq!(Account::of(&read).unwrap(), self.account);
        Ok(events)
    }

    pub fn add(&mut self, n: u8, factor: Factor) {
        let id = factor_id(n);
        self.tell(Command::Add { id, factor }, NOW).unwrap();
    }

    /// A citizen with a passkey and printed codes, seen at a service centre.
    pub fn ready(reference: &str) -> Self {
        let mut kept = Self::open(Role::Citizen, reference);
        kept.add(1, passkey(1));
        kept.add(2, codes());
        let method = "document seen at a service centre".into();
        kept.tell(Command::Proof { method }, NOW).unwrap();
        kept
    }

    pub fn session(&self, level: Level) -> Session {
        Session {
            id: SessionId::new([9; 16]),
            account: self.account.id,
            role: self.account.holder.role,
            level,
            auth_ms: NOW,
            begun_ms: NOW,
            seen_ms: NOW,
            device: "Firefox".into(),
            assisted_by: None,
        }
    }
}
