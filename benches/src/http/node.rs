//! A real node: its own process, its own folder, registers made from worked cases.

use crate::fault::{Fault, during, fault};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use kepil_gate::Gate;
use kepil_gate::baseline::Baselines;
use kepil_gate::case::Case;
use kepil_gate::patch::documents;
use kepil_law::pack::{Options, load};
use kepil_ledger::checkpoint;
use kepil_ledger::entry::Leaf;
use kepil_ledger::tile::{TILE_WIDTH, TilePath, TileSource as _, fetch_bundle};
use kepil_ledger::verify::CHECKPOINT_PATH;
use kepil_server::register::RegisterFile;
use kepil_server::staging::enter;
use kepil_store::source::DirSource;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The cases whose requests are asked, in turn: allowed and refused, short and long.
const CASES: &[&str] = &["C04", "C03", "C98", "C75", "S13", "C79"];

/// A running node.
#[derive(Debug)]
pub struct Node {
    child: Child,
    dir: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// Milliseconds from the start of the process to readiness.
    pub ready_ms: f64,
    /// Tokens and requests, one a case.
    pub requests: Vec<(String, Value)>,
}

/// The binary to measure: given, or `kepil` beside this one.
pub fn binary(given: Option<PathBuf>) -> Result<PathBuf, Fault> {
    let own = std::env::current_exe().map_err(fault)?;
    let found = given.unwrap_or_else(|| own.with_file_name("kepil"));
    if found.exists() {
        Ok(found)
    } else {
        Err(Fault(format!(
            "{} is missing; build it first",
            found.display()
        )))
    }
}

impl Node {
    /// Starts a node in a fresh folder and gets a token for every system.
    pub fn start(binary: &Path) -> Result<Self, Fault> {
        let dir = std::env::temp_dir().join(format!("kepil-http-{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(during("making a folder"))?;
        let free = TcpListener::bind("127.0.0.1:0").map_err(during("finding a port"))?;
        let address = free.local_addr().map_err(fault)?;
        drop(free);
        let (systems, requests) = registers(&dir)?;
        let config = format!(
            "listen = \"{address}\"\npublic_url = \"http://{address}\"\ndata_dir = \"{}\"\ndanger_assumed_law = true\n[law]\nconfidence_floor = false\n[log]\nlevel = \"error\"\n",
            dir.display()
        );
        let file = dir.join("kepil.toml");
        std::fs::write(&file, config).map_err(during("writing the configuration"))?;
        let start = Instant::now();
        let child = Command::new(binary)
            .args(["serve", "--config"])
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .map_err(during("starting the node"))?;
        let mut node = Self {
            child,
            dir,
            address,
            ready_ms: 0.0,
            requests: Vec::new(),
        };
        node.wait(start)?;
        node.ready_ms = start.elapsed().as_secs_f64() * 1000.0;
        for ((system, key), request) in systems.iter().zip(requests) {
            node.requests.push((node.token(system, key)?, request));
        }
        Ok(node)
    }

    fn wait(&self, start: Instant) -> Result<(), Fault> {
        while start.elapsed() < Duration::from_secs(30) {
            if self
                .get("/health/ready")
                .is_ok_and(|(status, _)| status == 200)
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(Fault("the node did not become ready in 30 s".into()))
    }

    fn get(&self, path: &str) -> Result<(u16, String), Fault> {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n"
        ))
    }

    fn ask(&self, request: &str) -> Result<(u16, String), Fault> {
        let mut stream = TcpStream::connect(self.address).map_err(fault)?;
        stream.write_all(request.as_bytes()).map_err(fault)?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map_err(fault)?;
        let (head, body) = text
            .split_once("\r\n\r\n")
            .ok_or_else(|| fault("an answer without a head"))?;
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .ok_or_else(|| fault("an answer without a status"))?;
        Ok((status, body.to_owned()))
    }

    fn token(&self, system: &str, key: &SigningKey) -> Result<String, Fault> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        let claims = json!({"iss": system, "sub": system, "aud": format!("http://{}", self.address), "exp": now + 120, "jti": system});
        let der = key.to_pkcs8_der().map_err(fault)?;
        let jwt = encode(
            &Header::new(Algorithm::EdDSA),
            &claims,
            &EncodingKey::from_ed_der(der.as_bytes()),
        )
        .map_err(fault)?;
        let form = format!(
            "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion={jwt}"
        );
        let (_, body) = self.ask(&format!(
            "POST /oauth/token HTTP/1.1\r\nhost: node\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        ))?;
        let answer: Value = serde_json::from_str(&body).map_err(during("reading the token"))?;
        answer
            .get("access_token")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| Fault(format!("no token: {body}")))
    }

    /// Resident memory in kB.
    pub fn memory_kb(&self) -> Result<u64, Fault> {
        let text =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).map_err(fault)?;
        let line = text.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        line.and_then(|l| l.split_whitespace().next()?.parse().ok())
            .ok_or_else(|| fault("the kernel does not tell the memory"))
    }

    /// The folder, for messages.
    pub fn folder(&self) -> String {
        self.dir.display().to_string()
    }

    /// Median time of a small write with a sync, µs: the disk's own speed.
    pub fn sync_probe_us(&self) -> Result<f64, Fault> {
        let mut file = std::fs::File::create(self.dir.join("probe")).map_err(fault)?;
        let mut times = Vec::new();
        for _ in 0..40 {
            let start = Instant::now();
            file.write_all(&[0; 4096]).map_err(fault)?;
            file.sync_data().map_err(fault)?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        Ok(crate::clock::median(times))
    }

    /// Stops the node gently and counts the uses in its published log, without what the log says
    /// of itself.
    pub fn stop_and_count(mut self) -> Result<u64, Fault> {
        let pid = self.child.id().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .map_err(during("stopping the node"))?;
        let status = self.child.wait().map_err(fault)?;
        if !status.success() {
            return Err(Fault(format!("the node ended with {status}")));
        }
        let public = DirSource::new(&self.dir.join("ledger/log"));
        let bytes = public.read(CHECKPOINT_PATH).map_err(fault)?;
        let signed = checkpoint::parse(&bytes.unwrap_or_default()).map_err(fault)?;
        let size = signed.unverified().size;
        let mut uses = 0;
        for number in 0..size.div_ceil(u64::from(TILE_WIDTH)) {
            let path = TilePath::entries_in(number, size);
            let path = path.ok_or_else(|| fault("a bundle without a name"))?;
            for leaf in fetch_bundle(&public, path).map_err(fault)? {
                let leaf = Leaf::parse(&leaf).map_err(fault)?;
                uses += u64::from(leaf.commitment().is_some());
            }
        }
        Ok(uses)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

type Systems = Vec<(String, SigningKey)>;

fn registers(dir: &Path) -> Result<(Systems, Vec<Value>), Fault> {
    let book = load(
        &kepil_packs::kz(),
        Options {
            assumed: true,
            draft: false,
        },
    )
    .map_err(fault)?;
    let gate = Gate::new(Arc::new(book)).map_err(fault)?;
    let baselines = Baselines::load(&gate).map_err(fault)?;
    let (mut file, mut systems, mut requests) = (RegisterFile::default(), Vec::new(), Vec::new());
    for (n, id) in CASES.iter().enumerate() {
        let block = gate
            .book()
            .cases
            .iter()
            .find(|c| c.id == *id)
            .ok_or_else(|| Fault(format!("no case {id}")))?;
        let case = Case::parse(&block.text).map_err(fault)?;
        let scene = case
            .situation
            .scene(&gate, &baselines, None)
            .map_err(fault)?;
        let seed = u8::try_from(n + 1).map_err(fault)?;
        let key = SigningKey::from_bytes(&[seed; 32]);
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes())});
        let system = format!("system-{n}");
        requests.push(enter(
            &mut file,
            &documents(gate.book(), &scene.facts),
            &case.situation,
            &system,
            &format!("person-{n}"),
            jwk,
        ));
        systems.push((system, key));
    }
    let text = serde_json::to_vec(&file).map_err(fault)?;
    std::fs::write(dir.join("register.json"), text).map_err(during("writing the registers"))?;
    Ok((systems, requests))
}
