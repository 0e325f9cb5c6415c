//! A process that is killed between sending and writing down what came of it.

use crate::peer::Peer;
use crate::support::{NOW, choose, id, new, open, round, smtp};
use kepil_notices::{Accepted, Channel, Message, Refused, Sender, State, delivered, wait_ms};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Set in the process that is killed: the folder, and the port of the mail server.
const ROLE: &str = "KEPIL_NOTICES_KILLED";

/// Sends, says so, and never comes back.
#[derive(Debug)]
struct Stuck<S>(S);

impl<S: Sender> Sender for Stuck<S> {
    fn send(&self, to: &str, message: &Message) -> Result<Accepted, Refused> {
        self.0.send(to, message)?;
        println!("sent");
        loop {
            std::thread::park();
        }
    }
}

/// What the killed process does; nothing when it is run as a test.
#[test]
fn the_process_that_is_killed() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let (port, folder) = role.split_once(' ').unwrap();
    let sender = Stuck(smtp(port.parse().unwrap()));
    let outbox = open(&PathBuf::from(folder));
    round(&outbox, Channel::Email, &sender, NOW);
}

#[test]
fn a_killed_process_sends_again_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let peer = Peer::start(&[]);
    {
        let outbox = open(folder.path());
        choose(&outbox, Channel::Email, "aigul@example.kz");
        for n in 1..=3 {
            outbox.queue(id(n), &new(&n.to_string()), NOW).unwrap();
        }
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "crash::the_process_that_is_killed",
            "--exact",
            "--nocapture",
        ])
        .env(ROLE, format!("{} {}", peer.port, folder.path().display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let sent = lines
        .map_while(Result::ok)
        .any(|line| line.contains("sent"));
    assert!(sent);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(peer.taken().len(), 1);

    let outbox = open(folder.path());
    let states = |outbox: &kepil_notices::Outbox| -> Vec<State> {
        let notices = (1..=3).map(|n| outbox.notice(id(n)).unwrap().unwrap());
        notices.map(|n| n.deliveries[1].state.clone()).collect()
    };
    let unknown = states(&outbox)
        .iter()
        .filter(|state| {
            matches!(
                state,
                State::Attempted {
                    count: 1,
                    said: None,
                    ..
                }
            )
        })
        .count();
    assert_eq!(unknown, 1, "{:?}", states(&outbox));
    round(&outbox, Channel::Email, &smtp(peer.port), NOW + wait_ms(1));
    let is_delivered = |state: &State| matches!(state, State::Delivered { .. });
    assert!(states(&outbox).iter().all(is_delivered));
    // One of them went twice, under the same name; every proof is of an answer that was read.
    let taken = peer.taken();
    assert_eq!(taken.len(), 4);
    for n in 1..=3 {
        let name = format!("<{}@gate.test>", id(n));
        let has = |m: &&serde_json::Value| m["data"].as_str().unwrap().contains(&name);
        assert!(taken.iter().any(|m| has(&m)));
        assert!(delivered(&outbox.notice(id(n)).unwrap().unwrap()).is_some());
    }
}
