//! Starting and stopping a node.

use crate::app::{App, Clock, Law};
use crate::config::Config;
use crate::conformance::Conformance;
use crate::desk::Desk;
use crate::door::Door;
use crate::ledger::{self, Ledger};
use crate::metrics::Metrics;
use crate::notices::Workers;
use crate::people::People;
use crate::register::{Register, RegisterFile};
use crate::routes;
use crate::throttle::Throttle;
use crate::timestamp;
use crate::trust::Trust;
use arc_swap::ArcSwap;
use kepil_gate::Gate;
use kepil_law::pack::{File, Options as PackOptions, load};
use kepil_store::log::{CloseError, PublishError};
use std::collections::HashMap;
use std::error::Error as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::net::TcpListener;

/// Why a node did not start or did not stop well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The law.
    #[error("{0}")]
    Law(String),
    /// The registers.
    #[error("reading the registers: {0}")]
    Register(String),
    /// The ledger.
    #[error("opening the ledger: {0}")]
    Ledger(String),
    /// The network.
    #[error("listening on {0}: {1}")]
    Listen(String, std::io::Error),
    /// Anything else of the environment.
    #[error("{0}")]
    Environment(String),
}

/// The clocks of a node in service.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    })
}

/// The files of the pack a configuration names.
///
/// # Errors
/// When the folder cannot be read.
pub fn pack_files(config: &Config) -> Result<Vec<File>, ServeError> {
    match &config.law.pack {
        None => Ok(kepil_packs::kz()),
        Some(dir) => {
            let mut out = Vec::new();
            walk(dir, dir, &mut out)?;
            Ok(out)
        }
    }
}

fn walk(root: &Path, dir: &Path, out: &mut Vec<File>) -> Result<(), ServeError> {
    let say =
        |p: &Path, e: std::io::Error| ServeError::Law(format!("reading {}: {e}", p.display()));
    for entry in std::fs::read_dir(dir).map_err(|e| say(dir, e))? {
        let path = entry.map_err(|e| say(dir, e))?.path();
        if path.is_dir() {
            walk(root, &path, out)?;
        } else if path
            .extension()
            .is_some_and(|e| ["md", "yaml", "cedarschema"].iter().any(|x| e == *x))
        {
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            out.push((
                name,
                std::fs::read_to_string(&path).map_err(|e| say(&path, e))?,
            ));
        }
    }
    Ok(())
}

/// The registers as they stand in the file; none are empty ones.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn register_file(config: &Config) -> Result<RegisterFile, ServeError> {
    let path = config.data_dir.join("register.json");
    match std::fs::read(&path) {
        Ok(bytes) => read_register(&bytes)
            .map_err(|e| ServeError::Register(format!("{}: {e}", path.display()))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(RegisterFile::default()),
        Err(e) => Err(ServeError::Register(format!("{}: {e}", path.display()))),
    }
}

/// Loads the law and the registers of a configuration.
///
/// # Errors
/// When either is broken; a running node keeps what it has.
pub fn load_law(config: &Config) -> Result<Law, ServeError> {
    let options = PackOptions {
        assumed: config.danger_assumed_law,
        draft: false,
    };
    let book = load(&pack_files(config)?, options).map_err(|e| ServeError::Law(e.to_string()))?;
    let gate = Gate::new(Arc::new(book)).map_err(|e| ServeError::Law(e.to_string()))?;
    let file = register_file(config)?;
    let register = Register::load(&file, &gate).map_err(|e| ServeError::Register(e.to_string()))?;
    Ok(Law {
        gate,
        register,
        cases: OnceLock::new(),
    })
}

/// Reads the registers. A fault is said by its place alone: the text itself may hold personal data,
/// and what is said here goes into the node's logs.
fn read_register(bytes: &[u8]) -> Result<RegisterFile, String> {
    serde_json::from_slice(bytes).map_err(|e| {
        let said = e.to_string();
        // `unknown field`, `missing field` and `unknown variant` speak of the format; the rest
        // may quote a value.
        match e.classify() {
            serde_json::error::Category::Data if said.contains(" field `") => said,
            serde_json::error::Category::Data => format!(
                "another type of value is expected at line {} column {}",
                e.line(),
                e.column()
            ),
            _ => said,
        }
    })
}

/// Makes a node ready: law, registers, ledger, views.
///
/// # Errors
/// When any of them is broken; the node does not start half.
pub fn open(config: Config, event_clock: Clock, wall: Clock) -> Result<Arc<App>, ServeError> {
    let say = |e: std::io::Error| {
        ServeError::Environment(format!("preparing {}: {e}", config.data_dir.display()))
    };
    std::fs::create_dir_all(&config.data_dir).map_err(say)?;
    let law = load_law(&config)?;
    let pack = law.gate.pack().to_owned();
    let ledger = Ledger::open(&config, &pack, &event_clock, &wall)?;
    // Beside the published files, so that a copy of the folder can be checked on its own.
    let public = ledger.chronicle.public();
    let key = ledger.chronicle.log_key().map(|key| format!("{key}\n"));
    for (name, text) in [
        ("key", key.unwrap_or_default()),
        ("policy", ledger.policy.clone()),
    ] {
        std::fs::write(public.join(name), text).map_err(say)?;
    }
    let anchor = ledger.chronicle.notices().anchor().map(ToString::to_string);
    std::fs::write(public.join("anchor"), anchor.unwrap_or_default()).map_err(say)?;
    let conformance = if config.danger_conformance_tenant {
        Some(Conformance::load().map_err(ServeError::Law)?)
    } else {
        None
    };
    let people = People::open(&config)?;
    let desk = Desk::open(&config)?;
    let app = Arc::new(App {
        door: Door::new(
            &config.public_url,
            config.tokens.ttl_secs,
            config.tokens.assertion_secs,
        ),
        law: ArcSwap::from_pointee(law),
        clock: event_clock,
        wall,
        ledger,
        people,
        desk,
        operator: crate::admin::token(&config.data_dir).map_err(say)?,
        metrics: Metrics::default(),
        conformance,
        latest: Mutex::default(),
        reliance: Mutex::new(HashMap::new()),
        trust: Trust::default(),
        throttle: Throttle::per_minute(config.limits.forms_per_minute),
        growth: Mutex::default(),
        enrolled: Mutex::new(None),
        repeats: Mutex::new(HashMap::new()),
        config,
    });
    let entries = app.rebuild().map_err(ServeError::Ledger)?;
    app.desk.begin();
    let enrolled = app
        .enrol()
        .map_err(|e| ServeError::Ledger(kepil_ledger::error::in_one_line(&e)))?;
    tracing::info!(entries, enrolled, pack = %kepil_gate::record::hex(&app.law.load().gate.book().hash), "node is ready");
    Ok(app)
}

/// Serves until `stop` resolves, then answers what is under way and closes the log.
///
/// # Errors
/// When the address cannot be had, or the log does not close well.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let router = routes::router(Arc::clone(&app));
    let behind = tokio::spawn(ledger::work(Arc::clone(&app)));
    let stamping = tokio::spawn(timestamp::work(Arc::clone(&app)));
    let sending = Workers::start(&app);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service)
        .with_graceful_shutdown(stop)
        .await
        .map_err(|e| ServeError::Environment(e.to_string()));
    behind.abort();
    stamping.abort();
    sending.stop().await;
    // Closing writes and waits; the runtime's own threads must not be held up by it.
    let chronicle = Arc::clone(&app.ledger.chronicle);
    let closed = tokio::task::spawn_blocking(move || chronicle.close()).await;
    served?;
    match closed {
        Ok(Ok(())) => Ok(()),
        Ok(Err(CloseError::Publish(PublishError::NotEndorsed { reason }))) => {
            // Everything is recorded; the next start publishes it when the quorum is back.
            tracing::warn!(%reason, "stopped while the last checkpoint waits for its quorum");
            Ok(())
        }
        Ok(Err(e)) => {
            let cause = e.source().map(|s| format!(": {s}")).unwrap_or_default();
            Err(ServeError::Ledger(format!("{e}{cause}")))
        }
        Err(e) => Err(ServeError::Environment(e.to_string())),
    }
}

/// Binds the address of a configuration.
///
/// # Errors
/// When it is taken or not ours.
pub async fn listen(config: &Config) -> Result<TcpListener, ServeError> {
    TcpListener::bind(config.listen)
        .await
        .map_err(|e| ServeError::Listen(config.listen.to_string(), e))
}

/// Loads law and registers anew; on any fault the node keeps the old ones and says why.
pub fn reload(app: &App) {
    match load_law(&app.config) {
        Ok(law) => {
            let pack = kepil_gate::record::hex(&law.gate.book().hash);
            app.law.store(Arc::new(law));
            tracing::info!(%pack, "law and registers were loaded anew");
        }
        Err(e) => {
            tracing::error!(error = %e, "the reload failed; the node keeps the law and the registers it had")
        }
    }
}
