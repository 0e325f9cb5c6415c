//! What all tests here need.

use kepil_notices::{
    About, Address, Channel, Code, Kind, New, NoticeId, Outbox, Sender, Smtp, SmtpSettings,
    TlsMode, send_due,
};
use kepil_terms::Lang;
use std::path::Path;
use std::time::Duration;

pub const NOW: u64 = 1_795_000_000_000;
pub const NODE: &str = "https://gate.test";
pub const PERSON: &str = "person-1";

pub fn open(folder: &Path) -> Outbox {
    Outbox::open(&folder.join("notices.db")).unwrap()
}

pub fn id(n: u8) -> NoticeId {
    NoticeId::new([n; 16])
}

pub fn new(key: &str) -> New<'_> {
    New {
        key,
        person: PERSON,
        about: About::new(Kind::ComplaintFiled, "/my/complaints/7").unwrap(),
    }
}

/// Chooses an address and confirms it.
pub fn choose(outbox: &Outbox, channel: Channel, typed: &str) {
    let address = Address::parse(channel, typed).unwrap();
    let (text, code) = Code::draw([7; 24], kepil_notices::CODE_MS, NOW);
    outbox.ask(PERSON, &address, Lang::Ru, &code, NOW).unwrap();
    let confirmed = outbox.confirm(PERSON, channel, &text, NOW).unwrap();
    confirmed.unwrap();
}

pub fn round(outbox: &Outbox, channel: Channel, sender: &dyn Sender, now_ms: u64) -> usize {
    send_due(outbox, (channel, sender), NODE, 50, &|| now_ms, &|| false).unwrap()
}

/// How to reach a mail server of the tests.
pub fn settings(port: u16) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".into(),
        port,
        tls: TlsMode::Off,
        certificates: None,
        login: None,
        from: "Kepil <kepil@gate.test>".into(),
        node: "gate.test".into(),
        timeout: Duration::from_secs(10),
    }
}

pub fn smtp(port: u16) -> Smtp {
    Smtp::new(settings(port)).unwrap()
}
