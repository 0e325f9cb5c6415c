//! E-mail against a real server.

use crate::peer::Peer;
use crate::support::{NOW, choose, id, new, open, round, settings, smtp};
use kepil_notices::{
    Channel, Message, Outbox, Proof, Refused, Sender as _, Smtp, SmtpError, State, TlsMode,
    delivered, wait_ms,
};
use kepil_terms::Lang;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn queued(address: &str) -> Outbox {
    let outbox = Outbox::in_memory().unwrap();
    choose(&outbox, Channel::Email, address);
    outbox.queue(id(1), &new("a"), NOW).unwrap();
    outbox
}

fn state(outbox: &Outbox) -> State {
    let notice = outbox.notice(id(1)).unwrap().unwrap();
    notice.deliveries[1].state.clone()
}

#[test]
fn a_notice_is_delivered_with_the_servers_answer_and_says_nothing_of_anybody() {
    let peer = Peer::start(&[]);
    let outbox = queued("aigul@example.kz");
    assert_eq!(round(&outbox, Channel::Email, &smtp(peer.port), NOW + 3), 1);
    let notice = outbox.notice(id(1)).unwrap().unwrap();
    let found = delivered(&notice).unwrap();
    assert_eq!((found.at_ms, found.channel), (NOW + 3, Channel::Email));
    let Proof::Accepted { reply, message_id } = found.proof else {
        panic!("{found:?}");
    };
    assert_eq!(reply, "250 2.0.0 taken as 0001");
    assert_eq!(message_id, &format!("<{}@gate.test>", id(1)));
    let taken = peer.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0]["to"][0], "aigul@example.kz");
    assert_eq!(taken[0]["from"], "kepil@gate.test");
    let data = taken[0]["data"].as_str().unwrap();
    assert!(
        data.contains(&format!("Message-ID: {message_id}")),
        "{data}"
    );
    assert!(data.contains("Auto-Submitted: auto-generated"), "{data}");
    let (subject, text) = (taken[0]["subject"].as_str(), taken[0]["text"].as_str());
    let (subject, text) = (subject.unwrap(), text.unwrap());
    assert_eq!(subject, "Новое уведомление в вашем личном разделе");
    assert_eq!(taken[0]["name"], "Kepil");
    let place = format!("https://gate.test/ru/my/notices/{}", id(1));
    assert!(text.contains(&place), "{text}");
    for never in ["person-1", "complaint", "/my/uses"] {
        let all = format!("{subject}{text}{data}");
        assert!(!all.contains(never), "{all}");
    }
    assert_eq!(round(&outbox, Channel::Email, &smtp(peer.port), NOW + 4), 0);
}

#[test]
fn a_busy_server_is_asked_again_and_one_that_knows_nobody_is_not() {
    let peer = Peer::start(&[]);
    let outbox = queued("later@example.kz");
    round(&outbox, Channel::Email, &smtp(peer.port), NOW);
    let next = NOW + wait_ms(1);
    let State::Attempted {
        count,
        next_ms,
        said,
    } = state(&outbox)
    else {
        panic!("{:?}", state(&outbox));
    };
    assert_eq!((count, next_ms), (1, next));
    assert!(said.unwrap().contains("come back later"));
    assert_eq!(
        round(&outbox, Channel::Email, &smtp(peer.port), next - 1),
        0
    );
    round(&outbox, Channel::Email, &smtp(peer.port), next);
    assert!(matches!(state(&outbox), State::Delivered { .. }));

    let outbox = queued("busy@example.kz");
    round(&outbox, Channel::Email, &smtp(peer.port), NOW);
    round(&outbox, Channel::Email, &smtp(peer.port), next);
    assert!(matches!(state(&outbox), State::Attempted { count: 2, .. }));

    let outbox = queued("nobody@example.kz");
    round(&outbox, Channel::Email, &smtp(peer.port), NOW);
    let State::Failed { at_ms, said } = state(&outbox) else {
        panic!("{:?}", state(&outbox));
    };
    assert_eq!(at_ms, NOW);
    // The address may be taken back; so it does not stay in the answer.
    assert!(
        said.contains("nobody here") && !said.contains("nobody@"),
        "{said}"
    );
    assert_eq!(delivered(&outbox.notice(id(1)).unwrap().unwrap()), None);
}

#[test]
fn a_lost_connection_is_no_proof_and_the_message_goes_again_under_its_name() {
    let peer = Peer::start(&[]);
    let outbox = queued("slam@example.kz");
    round(&outbox, Channel::Email, &smtp(peer.port), NOW);
    assert!(matches!(state(&outbox), State::Attempted { count: 1, .. }));
    round(&outbox, Channel::Email, &smtp(peer.port), NOW + wait_ms(1));
    let taken = peer.taken();
    assert_eq!(taken.len(), 2);
    let name = format!("<{}@gate.test>", id(1));
    for message in taken {
        assert!(message["data"].as_str().unwrap().contains(&name));
    }
}

#[test]
fn no_server_is_a_wait_and_an_address_taken_back_is_the_end() {
    let peer = Peer::start(&[]);
    let mut with = settings(peer.port);
    with.port = 1;
    with.timeout = Duration::from_secs(2);
    let nobody = Smtp::new(with).unwrap();
    let outbox = queued("aigul@example.kz");
    round(&outbox, Channel::Email, &nobody, NOW);
    assert!(matches!(state(&outbox), State::Attempted { count: 1, .. }));
    outbox.remove("person-1", Channel::Email).unwrap();
    round(&outbox, Channel::Email, &smtp(peer.port), NOW + wait_ms(1));
    assert!(matches!(state(&outbox), State::Failed { .. }));
    assert!(peer.taken().is_empty());
}

#[test]
fn the_servers_own_sign_in_is_the_operators_matter_and_costs_no_notice() {
    let peer = Peer::start(&["password"]);
    let message = Message::notice(id(1), Lang::En, "https://gate.test", NOW);
    let login = |password: &str| {
        let mut with = settings(peer.port);
        with.login = Some(("kepil".into(), password.into()));
        assert!(!format!("{with:?}").contains(password));
        Smtp::new(with).unwrap().send("a@example.kz", &message)
    };
    for refused in [
        login("wrong"),
        smtp(peer.port).send("a@example.kz", &message),
    ] {
        assert!(matches!(refused, Err(Refused::Temporary(_))), "{refused:?}");
    }
    login("correct").unwrap();
    // With TLS demanded, a server without it gets nothing.
    for tls in [TlsMode::Starttls, TlsMode::Tls] {
        let mut with = settings(peer.port);
        with.tls = tls;
        with.timeout = Duration::from_secs(2);
        let refused = Smtp::new(with).unwrap().send("a@example.kz", &message);
        assert!(refused.is_err(), "{tls:?}");
    }
    assert_eq!(peer.taken().len(), 1);
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let peer = Peer::start(&[]);
    let mut with = settings(peer.port);
    with.from = "nobody".into();
    assert!(matches!(Smtp::new(with), Err(SmtpError::From(_))));
    let mut with = settings(peer.port);
    with.tls = TlsMode::Tls;
    with.certificates = Some(b"nonsense".to_vec());
    assert!(matches!(Smtp::new(with), Err(SmtpError::NoCertificate)));
}

#[test]
fn notices_of_many_languages_can_be_read() {
    let peer = Peer::start(&[]);
    for lang in Lang::ALL {
        let message = Message::notice(id(1), lang, "https://gate.test", NOW);
        assert!(
            message
                .text
                .contains(&format!("/{}/my/notices/", lang.code()))
        );
        smtp(peer.port).send("a@example.kz", &message).unwrap();
        let code = Message::code(id(2), lang, "https://gate.test", "012345", NOW);
        assert!(code.text.contains("012345") && code.short.contains("012345"));
        smtp(peer.port).send("a@example.kz", &code).unwrap();
    }
    let taken = peer.taken();
    assert_eq!(taken.len(), 6);
    let is_whole = |m: &serde_json::Value| !m["text"].as_str().unwrap().contains('\u{fffd}');
    assert!(taken.iter().all(is_whole));
    assert!(taken[1]["text"].as_str().unwrap().contains("012345"));
    let folder = tempfile::tempdir().unwrap();
    assert!(
        open(folder.path())
            .due(Channel::Email, NOW, 1)
            .unwrap()
            .is_empty()
    );
}

/// A certificate for this machine and its key, from an authority of its own; in this folder.
fn certify(folder: &Path) {
    let openssl = |line: &str| {
        let done = Command::new("openssl")
            .args(line.split(' '))
            .current_dir(folder)
            .stderr(Stdio::null())
            .status();
        assert!(done.unwrap().success(), "{line}");
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for name in ["ca", "stranger"] {
        openssl(&format!(
            "req -x509 {key} -keyout {name}.key -out {name}.pem -subj /CN={name} -days 2"
        ));
    }
    openssl(&format!(
        "req {key} -keyout own.key -out own.csr -subj /CN=mail"
    ));
    std::fs::write(folder.join("for"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile for -out own.pem -days 2",
    );
}

#[test]
fn tls_is_spoken_with_a_server_whose_certificate_leads_to_a_known_authority() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let message = Message::notice(id(1), Lang::En, "https://gate.test", NOW);
    for (word, tls) in [("tls", TlsMode::Tls), ("starttls", TlsMode::Starttls)] {
        let peer = Peer::start(&[word, &file("own.pem"), &file("own.key")]);
        let send = |authority: Option<&str>, tls: TlsMode| {
            let mut with = settings(peer.port);
            with.tls = tls;
            with.timeout = Duration::from_secs(2);
            with.certificates = authority.map(|name| std::fs::read(file(name)).unwrap());
            Smtp::new(with).unwrap().send("a@example.kz", &message)
        };
        send(Some("ca.pem"), tls).unwrap();
        for refused in [send(None, tls), send(Some("stranger.pem"), tls)] {
            assert!(matches!(refused, Err(Refused::Temporary(_))), "{refused:?}");
        }
        // In the open a server that wants TLS is not spoken to.
        assert!(send(None, TlsMode::Off).is_err());
        assert_eq!(peer.taken().len(), 1, "{word}");
    }
}
