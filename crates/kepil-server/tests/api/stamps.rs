//! Time stamps: an authority of the test's own (`openssl ts`) is asked over real HTTP.

#[path = "../../../kepil-timestamp/tests/stamp/peer.rs"]
mod peer;

use crate::support::{Node, Stage, config};
use kepil_ledger::checkpoint;
use kepil_server::Config;
use kepil_server::serve::ServeError;
use kepil_store::check::check;
use kepil_timestamp::{REPLY_MEDIA_TYPE, Trust, verify};
use peer::{Authority, Keys, NAME, Plan};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How the authority answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    Fails,
    Babbles,
    /// It sends the first answer it gave once more.
    Repeats,
}

/// An authority behind HTTP, for as long as the test runs.
struct Service {
    authority: Arc<Authority>,
    url: String,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Service {
    fn start(mood: Mood) -> Self {
        let authority = Arc::new(Authority::new(Plan {
            keys: Keys::P256,
            ..Plan::default()
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let it = Self {
            url: format!("http://{}/tsa", listener.local_addr().unwrap()),
            authority,
            mood: Arc::new(Mutex::new(mood)),
            asked: Arc::default(),
        };
        let (authority, mood, asked) = (it.authority.clone(), it.mood.clone(), it.asked.clone());
        std::thread::spawn(move || {
            let mut first = None;
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let query = read(&mut stream);
                asked.lock().unwrap().push(query.clone());
                let now = *mood.lock().unwrap();
                let (status, body) = match now {
                    Mood::Good => ("200 OK", authority.reply(&query)),
                    Mood::Fails => ("503 Service Unavailable", b"later".to_vec()),
                    Mood::Babbles => ("200 OK", b"<html>welcome</html>".to_vec()),
                    Mood::Repeats => ("200 OK", first.clone().unwrap()),
                };
                first.get_or_insert_with(|| body.clone());
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: {REPLY_MEDIA_TYPE}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                stream
                    .write_all(&[head.as_bytes(), &body].concat())
                    .unwrap();
            }
        });
        it
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn config(&self, dir: &Path) -> Config {
        let mut config = config(dir);
        config.ledger.timestamp_url = Some(self.url.clone());
        config.ledger.timestamp_certificates = Some(self.authority.path("root.pem"));
        config
    }
}

/// The body of a request, which must be a query of an authority.
fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let n = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..n]);
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        assert!(head.starts_with("post /tsa "), "{head}");
        assert!(
            head.contains("content-type: application/timestamp-query"),
            "{head}"
        );
        let length = head
            .lines()
            .find_map(|l| l.strip_prefix("content-length: "));
        let length: usize = length.unwrap().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            return bytes[end + 4..].to_vec();
        }
    }
}

/// Asks for the counters until they are as wanted.
fn await_counters(node: &Node, is_so: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let counters = node.get("/log/counters").ok();
        if is_so(&counters) {
            return counters;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{counters}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_published_checkpoint_is_stamped_kept_and_served() {
    let service = Service::start(Mood::Good);
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    stage.write(dir.path());
    let node = Node::with(service.config(dir.path()));
    node.play(&stage, &play);
    node.publish();
    let counters = await_counters(&node, |c| !c["timestamp"].is_null());
    assert!(counters["timestamp_away"].is_null(), "{counters}");

    // A stranger needs three files and openssl.
    let latest = node.get("/log/timestamp/latest");
    let size: u64 = latest.text().trim_end().parse().unwrap();
    assert_eq!(counters["timestamp"]["size"], size);
    let signed = node.get(&format!("/log/timestamp/{size}.checkpoint"));
    let response = node.get(&format!("/log/timestamp/{size}.tsr"));
    assert_eq!(response.header("content-type"), Some(REPLY_MEDIA_TYPE));
    for (reply, cache) in [
        (&latest, "no-cache"),
        (&signed, "public, max-age=31536000, immutable"),
        (&response, "public, max-age=31536000, immutable"),
    ] {
        assert_eq!(
            (reply.status, reply.header("cache-control")),
            (200, Some(cache))
        );
    }
    let read = checkpoint::parse(&signed.body).unwrap();
    let key = node.key();
    assert_eq!(read.verify(&key).unwrap().size, size);
    let text: String = signed.text().split_inclusive('\n').take(3).collect();
    assert_eq!(text, read.note().text());
    let trust = Trust::from_pem(&service.authority.root()).unwrap();
    let stamp = verify(&response.body, text.as_bytes(), None, &trust).unwrap();
    assert_eq!(stamp.authority, NAME);
    assert_eq!(counters["timestamp"]["unix_ms"], stamp.unix_ms);
    fs::write(service.authority.path("text"), text).unwrap();
    fs::write(service.authority.path("kept.tsr"), &response.body).unwrap();
    service
        .authority
        .openssl("ts -verify -in kept.tsr -data text -CAfile root.pem");
    node.get("/log/timestamp/..%2fkey").problem(404);

    // Not more often than asked for, however the log grows.
    assert_eq!(service.asked(), 1);
    node.play(&stage, &play);
    node.publish();
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(service.asked(), 1);
    node.wall.fetch_add(3600, Ordering::SeqCst);
    let later = await_counters(&node, |c| c["timestamp"]["size"] != size);
    assert_eq!(service.asked(), 2);
    node.stop().unwrap();

    // After a restart the last stamp is known; nothing of the folder is strange to a check.
    let node = Node::with(service.config(dir.path()));
    assert_eq!(
        node.get("/log/counters").ok()["timestamp"],
        later["timestamp"]
    );
    drop(node);
    let report = check(&dir.path().join("ledger"), Some(&key), None, &mut |_, _| {});
    let strange: Vec<_> = report
        .findings
        .iter()
        .filter(|f| f.file.starts_with("log/timestamp"))
        .collect();
    assert!(
        strange.is_empty() && report.is_sound(),
        "{:?}",
        report.findings
    );
}

#[test]
fn an_authority_that_fails_is_named_and_stops_nothing() {
    let service = Service::start(Mood::Fails);
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    stage.write(dir.path());
    let node = Node::with(service.config(dir.path()));
    let retry = || node.wall.fetch_add(61, Ordering::SeqCst);
    for (mood, why) in [
        (Mood::Fails, "it answers 503"),
        (Mood::Babbles, "does not read as DER"),
    ] {
        service.set(mood);
        retry();
        node.play(&stage, &play);
        node.publish();
        let counters = await_counters(&node, |c| {
            let said = c["timestamp_away"]["why"].as_str();
            said.is_some_and(|said| said.contains(why))
        });
        assert_eq!(counters["timestamp_away"]["address"], service.url);
        assert!(counters["timestamp"].is_null());
        node.get("/log/timestamp/latest").problem(404);
    }
    service.set(Mood::Good);
    retry();
    let counters = await_counters(&node, |c| !c["timestamp"].is_null());
    assert!(counters["timestamp_away"].is_null());
    let latest = node.get("/log/timestamp/latest").text();
    // An old answer is no answer: it is of another tree.
    service.set(Mood::Repeats);
    node.play(&stage, &play);
    node.publish();
    node.wall.fetch_add(3600, Ordering::SeqCst);
    await_counters(&node, |c| !c["timestamp_away"].is_null());
    assert_eq!(node.get("/log/timestamp/latest").text(), latest);
}

#[test]
fn a_node_does_not_start_with_certificates_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, _) = Stage::with("C04");
    stage.write(dir.path());
    let pem = dir.path().join("tsa.pem");
    let mut config = config(dir.path());
    config.ledger.timestamp_url = Some("http://127.0.0.1:1/".into());
    config.ledger.timestamp_certificates = Some(pem.clone());
    for (content, said) in [(None, "tsa.pem"), (Some("nothing"), "BEGIN CERTIFICATE")] {
        if let Some(content) = content {
            fs::write(&pem, content).unwrap();
        }
        match Node::try_with(config.clone()) {
            Err(ServeError::Ledger(why)) => assert!(why.contains(said), "{why}"),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it started"),
        }
    }
}
