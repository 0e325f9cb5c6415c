//! An auditor that cosigns, over HTTP.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use kepil_auditor::{Auditor, AuditorError, HttpLog, Settings, serve};
use kepil_ledger::cosignature::CosignerKey;
use kepil_ledger::record::GateSigner;
use kepil_ledger::tree::consistency_path;
use kepil_ledger::witness::{AddCheckpoint, origin_hash};
use kepil_witness::{ClientError, Witness, WitnessClient};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::site::{Node, checkpoint, key, long_world, name, settings, tree};
use crate::world::World;

/// An auditor that is served as long as this value lives.
struct Served {
    prefix: String,
    keys: Vec<CosignerKey>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

fn auditor(node: &Node, folder: &std::path::Path) -> Auditor<HttpLog> {
    Auditor::open(folder, &name("auditor.example"), node.log(), settings()).unwrap()
}

impl Served {
    fn new(node: &Node, folder: &std::path::Path, now: u64) -> Self {
        let auditor = Arc::new(auditor(node, folder));
        let keys = auditor.keys().map(Clone::clone).to_vec();
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            Runtime::new().unwrap().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let shutdown = async { stopped.await.unwrap_or_default() };
                let every = Duration::from_millis(20);
                serve(listener, auditor, Arc::new(move || now), every, shutdown)
                    .await
                    .unwrap();
            });
        });
        Self {
            prefix: format!("http://{}", told.recv().unwrap()),
            keys,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn get(&self, path: &str) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let mut answer = agent.get(format!("{}{path}", self.prefix)).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), text)
    }

    fn client(&self) -> WitnessClient {
        let timeout = Duration::from_secs(20);
        WitnessClient::new(&self.prefix, self.keys.clone(), timeout)
    }

    /// Asks again as long as the auditor lags, as a log does.
    fn ask(&self, request: &AddCheckpoint) -> Result<usize, (u16, String)> {
        for _ in 0..2000 {
            match self.client().add_checkpoint(request) {
                Ok(lines) => return Ok(lines.len()),
                Err(ClientError::Refused { status: 503, .. }) => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(ClientError::Refused { status, reason, .. }) => return Err((status, reason)),
                Err(ClientError::OtherSize { known, .. }) => return Err((409, known.to_string())),
                Err(error) => panic!("{error}"),
            }
        }
        Err((503, String::new()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap();
    }
}

fn request(world: &World, old: u64) -> AddCheckpoint {
    AddCheckpoint {
        old,
        proof: consistency_path(&tree(world), old, world.len()).unwrap(),
        checkpoint: checkpoint(world),
    }
}

#[test]
fn what_holds_is_cosigned_and_what_does_not_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = long_world(300);
    let node = Node::of(&world);
    let served = Served::new(&node, folder.path(), world.now);
    assert_eq!(served.ask(&request(&world, 0)), Ok(2));
    assert_eq!(
        served.ask(&request(&world, 5)),
        Err((409, "300".to_owned()))
    );

    // Statement, keys and latest checkpoint are there for everybody.
    let (status, statement) = served.get("/statement");
    assert_eq!(status, 200);
    for part in ["log log.example/kepil", "own replay", "one to one"] {
        assert!(statement.contains(part), "{statement}");
    }
    let (_, keys) = served.get("/key");
    for line in keys.lines() {
        assert!(statement.contains(line));
        CosignerKey::parse(line).unwrap();
    }
    let (_, latest) = served.get(&format!("/{}/checkpoint", origin_hash(key().name())));
    assert!(latest.starts_with(checkpoint(&world).note().text()));
    assert_eq!(served.get("/00/checkpoint").0, 404);

    // A checkpoint that is not published yet is cosigned once its entries can be read.
    world.access(1);
    world.head();
    let next = request(&world, 300);
    match served.client().add_checkpoint(&next) {
        Err(ClientError::Refused { status, .. }) => assert_eq!(status, 503),
        other => panic!("{other:?}"),
    }
    node.site.lock().unwrap().tiles(&world);
    assert_eq!(served.ask(&next), Ok(2));
    // That the log has not published it yet is no fault of the log.
    let round = |size: &str| {
        (0..500).find_map(|_| {
            thread::sleep(Duration::from_millis(10));
            let (_, report) = served.get("/report");
            report.contains(size).then_some(report)
        })
    };
    let report = round("\"replayed\":302").unwrap();
    assert!(report.contains("\"size\":300"), "{report}");
    assert!(report.contains("\"findings\":[]"), "{report}");
    node.publish(&world);
    let report = round("\"size\":302").unwrap();
    assert!(report.contains("\"exit\":0"), "{report}");

    // Another history of the same size.
    let mut fork = world.clone();
    fork.entries.truncate(301);
    fork.access(2);
    let (status, reason) = served.ask(&request(&fork, 0)).unwrap_err();
    assert_eq!(status, 403, "{reason}");
    // By another log, and by nobody.
    let mut foreign = request(&world, 302);
    let other = kepil_ledger::note::Signer::from_seed(name("other.example"), &[7; 32]);
    let mut unverified = checkpoint(&world).unverified().clone();
    unverified.origin = name("other.example");
    let signed = unverified.sign(&other);
    foreign.checkpoint = kepil_ledger::checkpoint::parse(signed.as_bytes()).unwrap();
    assert_eq!(served.ask(&foreign).unwrap_err().0, 404);

    drop(served);
    // A record that nobody may sign: never again.
    let folder = tempfile::tempdir().unwrap();
    let served = Served::new(&node, folder.path(), world.now);
    assert_eq!(served.ask(&request(&world, 0)), Ok(2));
    let old = world.len();
    world.gate = GateSigner::from_seed(9, &[1; 32]);
    let index = world.access(1);
    world.head();
    node.publish(&world);
    let (status, reason) = served.ask(&request(&world, old)).unwrap_err();
    assert_eq!(status, 403);
    assert!(reason.contains(&format!("entry {index}")), "{reason}");
    assert!(reason.contains("gate 9"), "{reason}");
    for _ in 0..200 {
        if served.get("/report").1.contains("unlisted_gate") {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the report does not name it");
}

#[test]
fn an_auditor_without_records_never_cosigns() {
    let folder = tempfile::tempdir().unwrap();
    let world = long_world(300);
    let node = Node::of(&world);
    node.site.lock().unwrap().openings.clear();
    let auditor = auditor(&node, folder.path());
    for _ in 0..3 {
        let refused = auditor.add_checkpoint(&request(&world, 0), world.now);
        assert!(refused.unwrap_err().to_string().contains("not yet 300"));
    }
    assert!(auditor.latest(key().name()).is_none());
}

#[test]
fn an_auditor_needs_a_key_and_keeps_its_own() {
    let world = long_world(60);
    let node = Node::of(&world);
    let folder = tempfile::tempdir().unwrap();
    let without = Settings {
        key: None,
        ..settings()
    };
    let refused = Auditor::open(folder.path(), &name("a.example"), node.log(), without);
    assert!(matches!(refused, Err(AuditorError::NoLogKey)));
    let keys = auditor(&node, folder.path()).keys().map(Clone::clone);
    assert_eq!(auditor(&node, folder.path()).keys().map(Clone::clone), keys);
    let of_witness = tempfile::tempdir().unwrap();
    let witness = Witness::open(of_witness.path(), &name("auditor.example"), vec![key()]).unwrap();
    assert_ne!(witness.keys().map(Clone::clone), keys);
}
