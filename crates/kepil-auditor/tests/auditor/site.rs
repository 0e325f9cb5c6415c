//! A node's public files and records over HTTP, to be tampered with.

use std::collections::BTreeMap;
use std::path::Path as FsPath;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use kepil_auditor::{Finding, Follower, HttpLog, Kind, LogFault, Place, Report, Settings};
use kepil_ledger::audit::push_opening;
use kepil_ledger::checkpoint::{self, Checkpoint, SignedCheckpoint};
use kepil_ledger::hash;
use kepil_ledger::note::{KeyName, Signer, VerifyingKey};
use kepil_ledger::tile::TileBuilder;
use kepil_ledger::tree::MemoryTree;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::world::World;

pub const TOKEN: &str = "a token of an auditor";

pub fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

pub fn signer() -> Signer {
    Signer::from_seed(name("log.example/kepil"), &[7; 32])
}

pub fn key() -> VerifyingKey {
    signer().verifying_key().clone()
}

/// A world whose log has a few hundred entries and ends with a head.
pub fn long_world(entries: u64) -> World {
    let mut world = World::new();
    while world.len() + 1 < entries {
        world.access(u8::try_from(world.len() % 5).unwrap() + 1);
        if world.len().is_multiple_of(50) {
            world.now += 1;
            world.head();
        }
    }
    world.head();
    world
}

/// The world with so many entries, ending with a head.
pub fn grown(world: &World, entries: u64) -> World {
    let mut grown = world.clone();
    grown.now += 1;
    while grown.len() + 1 < entries {
        grown.access(u8::try_from(grown.len() % 5).unwrap() + 1);
    }
    grown.head();
    grown
}

pub fn tree(world: &World) -> MemoryTree {
    let leaves = world.entries.iter().map(|entry| hash::leaf(&entry.leaf));
    MemoryTree::new(leaves.collect())
}

pub fn checkpoint(world: &World) -> SignedCheckpoint {
    let checkpoint = Checkpoint {
        origin: key().name().clone(),
        size: world.len(),
        root: tree(world).root().unwrap(),
    };
    checkpoint::parse(checkpoint.sign(&signer()).as_bytes()).unwrap()
}

/// What a node serves.
#[derive(Debug, Clone, Default)]
pub struct Site {
    pub files: BTreeMap<String, Vec<u8>>,
    pub openings: Vec<Vec<u8>>,
}

impl Site {
    pub fn of(world: &World) -> Self {
        let mut site = Self::default();
        site.publish(world);
        site
    }

    /// Publishes a log as a whole; older files stay unless they are overwritten.
    pub fn publish(&mut self, world: &World) {
        self.tiles(world);
        let text = checkpoint(world).to_string().into_bytes();
        self.files.insert("checkpoint".to_owned(), text);
    }

    /// Publishes all but the checkpoint.
    pub fn tiles(&mut self, world: &World) {
        let mut builder = TileBuilder::new();
        for entry in &world.entries {
            builder.push(&entry.leaf).unwrap();
        }
        for (path, bytes) in builder.filled().iter().cloned().chain(builder.partial()) {
            self.files.insert(path.to_string(), bytes);
        }
        let vkey = format!("{}\n", key()).into_bytes();
        self.files.insert("key".to_owned(), vkey);
        let openings = world.entries.iter().map(|entry| entry.opening.clone());
        self.openings = openings.collect();
    }

    /// Changes a file.
    pub fn change(&mut self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.files.get_mut(path).unwrap());
    }

    fn records(&self, bundle: usize, width: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for opening in self.openings.get(bundle * 256..bundle * 256 + width)? {
            push_opening(&mut bytes, opening);
        }
        Some(bytes)
    }

    /// Writes everything to a folder.
    pub fn write(&self, folder: &FsPath) {
        for (path, bytes) in &self.files {
            let path = folder.join("log").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let records = folder.join("audit/v1/records");
        std::fs::create_dir_all(&records).unwrap();
        for bundle in 0..self.openings.len().div_ceil(256) {
            let width = (self.openings.len() - bundle * 256).min(256);
            let bytes = self.records(bundle, width).unwrap();
            std::fs::write(records.join(bundle.to_string()), bytes).unwrap();
        }
    }
}

/// A site that is served as long as this value lives.
pub struct Node {
    pub base: String,
    pub site: Arc<Mutex<Site>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Node {
    pub fn new(site: Site) -> Self {
        let site = Arc::new(Mutex::new(site));
        let routes = Router::new()
            .route("/log/{*path}", get(file))
            .route("/audit/v1/records/{bundle}", get(records))
            .with_state(Arc::clone(&site));
        let (base, stop, thread) = served(routes);
        Self {
            base,
            site,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn of(world: &World) -> Self {
        Self::new(Site::of(world))
    }

    pub fn publish(&self, world: &World) {
        self.site.lock().unwrap().publish(world);
    }

    pub fn change(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        self.site.lock().unwrap().change(path, change);
    }

    pub fn log(&self) -> HttpLog {
        HttpLog::new(&self.base, Some(TOKEN.to_owned()), Duration::from_secs(20))
    }

    pub fn place(&self) -> Place {
        Place::new(&self.base, None, Duration::from_secs(20))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Serves routes on a free port; gives the address.
pub fn served(routes: Router) -> (String, oneshot::Sender<()>, thread::JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        Runtime::new().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, routes)
                .with_graceful_shutdown(async { stopped.await.unwrap_or_default() })
                .await
                .unwrap();
        });
    });
    (format!("http://{}", told.recv().unwrap()), stop, thread)
}

type Shared = State<Arc<Mutex<Site>>>;

async fn file(State(site): Shared, Path(path): Path<String>) -> Response {
    match site.lock().unwrap().files.get(&path) {
        Some(bytes) => bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn records(
    State(site): Shared,
    Path(bundle): Path<usize>,
    Query(query): Query<BTreeMap<String, usize>>,
    headers: HeaderMap,
) -> Response {
    if headers.get("authorization").map(|value| value.as_bytes())
        != Some(format!("Bearer {TOKEN}").as_bytes())
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match site.lock().unwrap().records(bundle, query["width"]) {
        Some(bytes) => bytes.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub fn settings() -> Settings {
    Settings {
        key: Some(key()),
        with_records: true,
        timeout: Duration::from_secs(20),
        ..Settings::default()
    }
}

pub fn open(node: &Node, folder: &FsPath) -> Follower<HttpLog> {
    Follower::open(folder, node.log(), settings()).unwrap()
}

/// Follows in a folder by one round, as one call of the command does.
pub fn round(node: &Node, folder: &FsPath, world: &World) -> Report {
    open(node, folder).run(world.now + 1).unwrap()
}

/// Kinds and entries of the findings.
pub fn found(report: &Report) -> Vec<(Kind, Option<u64>)> {
    let found = report.findings.iter();
    found
        .map(|Finding { kind, entry, .. }| (*kind, *entry))
        .collect()
}

#[track_caller]
pub fn assert_sound(report: &Report, world: &World) {
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.rebuilt, world.len());
    assert_eq!(report.replayed, world.len());
    assert!(report.findings.is_empty());
}

#[track_caller]
pub fn assert_found(report: &Report, expected: &[(LogFault, u64)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(kind, entry)| (Kind::Log(*kind), Some(*entry)))
        .collect();
    assert_eq!(found(report), expected, "{report}");
    assert_eq!(report.exit, 1);
}
