//! A node to ask over real HTTP, with clocks in the test's hand, and registers made from worked cases.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kepil_gate::baseline::Baselines;
use kepil_gate::case::Case;
use kepil_gate::patch::documents;
use kepil_gate::{Gate, Scene};
use kepil_law::pack::{Options, load};
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::receipt::Receipt;
use kepil_ledger::tile::{SourceError, TileSource};
use kepil_server::app::Clock;
use kepil_server::config::{LawConfig, LedgerConfig};
use kepil_server::register::RegisterFile;
use kepil_server::serve::{ServeError, listen, open, serve};
use kepil_server::staging::enter;
use kepil_server::{App, Config};
use kepil_terms::Verdict;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const ONE: &str = "/access/v1/evaluation";
pub const MANY: &str = "/access/v1/evaluations";
/// The address tokens are for, where a test does not choose the real one.
pub const PUBLIC_URL: &str = "https://gate.test";
/// The token of the tests' auditor, and its hash.
pub const AUDITOR_TOKEN: &str = "auditor-of-the-tests";
const AUDITOR_TOKEN_SHA256: &str =
    "031b20734ba99c8cc3d6c9fd81a69dbd6e6c735fbb68f785d1da9d38bfeba960";
/// Wall time at the start of every test, seconds.
pub const WALL_SECS: u64 = 1_790_000_000;

/// The gate the tests compare with.
pub static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let options = Options {
        assumed: true,
        draft: false,
    };
    let book = load(&kepil_packs::kz(), options).unwrap_or_else(|e| panic!("{e}"));
    Gate::new(Arc::new(book)).unwrap()
});
static BASELINES: LazyLock<Baselines> = LazyLock::new(|| Baselines::load(&GATE).unwrap());

/// 32 fresh bytes.
pub fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// A key pair of a system.
pub struct Keys(SigningKey);

impl Keys {
    pub fn new() -> Self {
        Self(SigningKey::from_bytes(&random()))
    }

    pub fn signing(&self) -> SigningKey {
        self.0.clone()
    }

    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    pub fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.public());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": x})
    }

    pub fn sign(&self, claims: &Value) -> String {
        let der = self.0.to_pkcs8_der().unwrap();
        let key = EncodingKey::from_ed_der(der.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), claims, &key).unwrap()
    }
}

/// Claims of a good assertion.
pub fn claims(system: &str, now: u64) -> Value {
    let jti = URL_SAFE_NO_PAD.encode(random());
    json!({"iss": system, "sub": system, "aud": format!("{PUBLIC_URL}/oauth/token"), "iat": now, "exp": now + 120, "jti": jti})
}

/// The form of a token request.
pub fn form(assertion: &str) -> String {
    format!(
        "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}"
    )
}

/// One worked case, or its twin, as a request.
pub struct Play {
    pub id: String,
    pub system: String,
    pub person: String,
    pub at_ms: u64,
    pub request: Value,
    pub expected: Vec<Verdict>,
    pub strict: Option<Verdict>,
    pub scene: Scene,
}

/// Registers made from worked cases; every system has the key of this stage.
pub struct Stage {
    pub file: RegisterFile,
    pub keys: Keys,
}

impl Stage {
    pub fn new() -> Self {
        Self {
            file: RegisterFile::default(),
            keys: Keys::new(),
        }
    }

    /// Enters a case (`S01`) or a twin (`S01'`) into the registers; none if it has no twin.
    pub fn play(&mut self, id: &str) -> Option<Play> {
        let (name, is_twin) = id.strip_suffix('\'').map_or((id, false), |n| (n, true));
        let block = GATE.book().cases.iter().find(|c| c.id == name).unwrap();
        let case = Case::parse(&block.text).unwrap();
        let (situation, over, expected, strict) = if is_twin {
            let twin = case.twin.as_ref()?;
            (
                case.twin_situation()?,
                Some(&twin.facts),
                twin.verdict.into_iter().collect(),
                twin.strict,
            )
        } else {
            let expected = std::iter::once(case.verdict)
                .chain(case.also_accepted.iter().copied())
                .collect();
            (case.situation.clone(), None, expected, case.strict)
        };
        let scene = situation.scene(&GATE, &BASELINES, over).unwrap();
        let n = self.file.systems.len() + 1;
        let (system, person) = (
            format!("{}-{n}", situation.actor.replace('_', "-")),
            format!("person-{n}"),
        );
        let docs = documents(GATE.book(), &scene.facts);
        let request = enter(
            &mut self.file,
            &docs,
            &situation,
            &system,
            &person,
            self.keys.jwk(),
        );
        let at_ms = u64::try_from(scene.at.ms()).unwrap();
        Some(Play {
            id: id.to_owned(),
            system,
            person,
            at_ms,
            request,
            expected,
            strict,
            scene,
        })
    }

    /// A stage with one case.
    pub fn with(id: &str) -> (Self, Play) {
        let mut stage = Self::new();
        let play = stage.play(id).unwrap();
        (stage, play)
    }

    pub fn write(&self, dir: &Path) {
        std::fs::write(
            dir.join("register.json"),
            serde_json::to_vec(&self.file).unwrap(),
        )
        .unwrap();
    }
}

/// Holds the threads of the log back, so that requests stay under way for as long as a test wants.
#[derive(Default)]
pub struct Brake {
    held: Mutex<bool>,
    turned: Condvar,
}

impl Brake {
    pub fn hold(&self) {
        *self.held.lock().unwrap() = true;
    }

    pub fn release(&self) {
        *self.held.lock().unwrap() = false;
        self.turned.notify_all();
    }

    fn pass(&self) {
        if std::thread::current()
            .name()
            .is_some_and(|n| n.starts_with("kepil-log"))
        {
            let _gone = self
                .turned
                .wait_while(self.held.lock().unwrap(), |held| *held)
                .unwrap();
        }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }

    /// The body of a 200.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// The detail of a problem document of this status.
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let body = self.json();
        assert_eq!(body["status"], status);
        assert!(
            body["type"]
                .as_str()
                .unwrap()
                .starts_with("urn:kepil:problem:")
        );
        assert!(body.get("decision").is_none());
        body["detail"].as_str().unwrap().to_owned()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|l| l.split_once(':'))
            .map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()))
            .collect();
        let reply = Self {
            status,
            headers,
            body: bytes[end + 4..].to_vec(),
        };
        let length = reply.header("content-length").and_then(|l| l.parse().ok());
        assert!(
            length.is_none_or(|l: usize| l == reply.body.len()),
            "the answer was cut off"
        );
        Some(reply)
    }
}

/// Sends bytes as they are and reads the answer; none if the node just closed.
pub fn exchange(address: SocketAddr, bytes: &[u8], then_close: bool) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    if then_close {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Reply::parse(&answer)
}

/// A request being put together.
pub struct Call {
    address: SocketAddr,
    head: String,
    body: Vec<u8>,
}

impl Call {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, kind: &str, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.header("content-type", kind)
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string().as_bytes())
    }

    /// The request as it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out =
            format!("{}content-length: {}\r\n\r\n", self.head, self.body.len()).into_bytes();
        out.extend_from_slice(&self.body);
        out
    }

    pub fn send(self) -> Reply {
        exchange(self.address, &self.bytes(), false).unwrap()
    }
}

/// A running node.
pub struct Node {
    pub app: Arc<App>,
    pub address: SocketAddr,
    /// Event time, milliseconds.
    pub clock: Arc<AtomicU64>,
    /// Wall time, seconds.
    pub wall: Arc<AtomicU64>,
    pub brake: Arc<Brake>,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<Result<(), ServeError>>>,
}

/// The configuration of the tests: as the demo's, so that worked cases come out in substance.
pub fn config(dir: &Path) -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        public_url: PUBLIC_URL.into(),
        data_dir: dir.to_owned(),
        law: LawConfig {
            pack: None,
            confidence_floor: false,
        },
        danger_assumed_law: true,
        ledger: LedgerConfig {
            checkpoint_ms: 50,
            intent_secs: 86_400,
            auditor_tokens: vec![AUDITOR_TOKEN_SHA256.into()],
            ..LedgerConfig::default()
        },
        ..Config::default()
    }
}

/// Opens a node without serving it.
pub fn open_only(config: Config) -> Result<Arc<App>, ServeError> {
    let clock: Clock = Arc::new(|| WALL_SECS * 1000);
    open(config, Arc::clone(&clock), clock)
}

impl Node {
    /// A node with the registers of a stage, at the time of its play.
    pub fn start(dir: &Path, stage: &Stage, play: &Play) -> Self {
        stage.write(dir);
        let node = Self::with(config(dir));
        node.at(play);
        node
    }

    /// A node with another configuration; the registers stand already.
    pub fn with(config: Config) -> Self {
        Self::try_with(config).unwrap_or_else(|e| panic!("{e}"))
    }

    pub fn try_with(mut config: Config) -> Result<Self, ServeError> {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(listen(&config))?;
        let address = listener.local_addr().unwrap();
        if config.public_url.is_empty() {
            config.public_url = format!("http://{address}");
        }
        let (clock, wall) = (
            Arc::new(AtomicU64::new(WALL_SECS * 1000)),
            Arc::new(AtomicU64::new(WALL_SECS)),
        );
        let brake = Arc::new(Brake::default());
        let (hands, of_wall, of_brake) =
            (Arc::clone(&clock), Arc::clone(&wall), Arc::clone(&brake));
        let event: Clock = Arc::new(move || {
            of_brake.pass();
            hands.load(Ordering::SeqCst)
        });
        let app = open(
            config,
            event,
            Arc::new(move || of_wall.load(Ordering::SeqCst) * 1000),
        )?;
        let (stop, stopped) = oneshot::channel();
        let served = runtime.spawn(serve(Arc::clone(&app), listener, async {
            let _ = stopped.await;
        }));
        Ok(Self {
            app,
            address,
            clock,
            wall,
            brake,
            runtime,
            stop: Some(stop),
            served: Some(served),
        })
    }

    /// Turns the event clock to a play.
    pub fn at(&self, play: &Play) {
        self.clock.store(play.at_ms, Ordering::SeqCst);
    }

    /// Turns the clock of events.
    pub fn clock_ms(&self, at_ms: u64) {
        self.clock.store(at_ms, Ordering::SeqCst);
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        let head = format!(
            "{} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            method.to_ascii_uppercase(),
            self.address
        );
        Call {
            address: self.address,
            head,
            body: Vec::new(),
        }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.call("get", path).send()
    }

    pub fn post(&self, path: &str, token: &str, body: &Value) -> Reply {
        self.call("post", path).token(token).json(body).send()
    }

    /// Asks the token endpoint with an assertion.
    pub fn assert(&self, assertion: &str) -> Reply {
        self.call("post", "/oauth/token")
            .body(
                "application/x-www-form-urlencoded",
                form(assertion).as_bytes(),
            )
            .send()
    }

    /// A token for a system.
    pub fn token(&self, stage: &Stage, system: &str) -> String {
        let mut claims = claims(system, self.wall.load(Ordering::SeqCst));
        claims["aud"] = self.app.config.public_url.clone().into();
        self.assert(&stage.keys.sign(&claims)).ok()["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Plays a case at its time.
    pub fn play(&self, stage: &Stage, play: &Play) -> Value {
        self.at(play);
        self.post(ONE, &self.token(stage, &play.system), &play.request)
            .ok()
    }

    /// The value of a metric.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").text();
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |n| n.parse().unwrap())
    }

    /// Waits until the metric has come to a value.
    pub fn await_metric(&self, name: &str, value: u64) {
        while self.metric(name) < value {
            std::thread::yield_now();
        }
    }

    /// Waits until everybody in the registers has a place in the map of the month it is.
    pub fn enrolled(&self) {
        while self.app.enrol().unwrap() > 0 {}
    }

    pub fn publish(&self) {
        self.app.ledger.chronicle.publish().unwrap();
    }

    /// The log's key, as the node says it.
    pub fn key(&self) -> VerifyingKey {
        VerifyingKey::parse(self.get("/log/key").text().trim()).unwrap()
    }

    /// Begins to stop; requests under way go on.
    pub fn begin_to_stop(&mut self) {
        let _ = self.stop.take().map(|s| s.send(()));
    }

    /// Stops and says how that went.
    pub fn stop(mut self) -> Result<(), ServeError> {
        self.begin_to_stop();
        let served = self.served.take().unwrap();
        self.runtime.block_on(served).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.brake.release();
        self.begin_to_stop();
        if let Some(served) = self.served.take() {
            let _ = self.runtime.block_on(served);
        }
    }
}

impl TileSource for Node {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let reply = self.get(&format!("/log/{path}"));
        match reply.status {
            200 => Ok(Some(reply.body)),
            404 => Ok(None),
            other => Err(SourceError {
                path: path.to_owned(),
                source: format!("status {other}").into(),
            }),
        }
    }
}

/// Where an answer stands in the log.
pub fn index(answer: &Value) -> u64 {
    answer["context"]["entry"]["index"]
        .as_u64()
        .unwrap_or_else(|| panic!("no entry: {answer}"))
}

/// The receipt of an answer.
pub fn receipt(answer: &Value) -> Receipt {
    Receipt::from_json(answer["context"]["entry"]["receipt"].to_string().as_bytes()).unwrap()
}

/// An answer without its entry: what must be the same however it was asked.
pub fn without_entry(answer: &Value) -> Value {
    let mut answer = answer.clone();
    answer["context"].as_object_mut().unwrap().remove("entry");
    answer
}
