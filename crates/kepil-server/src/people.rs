//! The door and the desk of people: signing in, the own space, the own identity.
//!
//! Every page works without a script; a script only adds passkeys and the check of a proof in the
//! browser.

mod attributes;
mod check;
mod clients;
mod export;
mod identity;
#[cfg(feature = "demo")]
pub mod invented;
pub(crate) mod moment;
mod notice_words;
mod notices;
mod number;
mod openid;
mod passkeys;
mod power_words;
pub(crate) mod powers;
mod sent_codes;
mod services;
mod sign_in;
mod strangers;
pub(crate) mod timeline;
pub(crate) mod uses;
pub mod visitor;
mod words;

pub use clients::doubts;
pub use number::account_number;
pub use openid::OpenId;
pub use passkeys::Passkeys;
pub(crate) use sign_in::activation_place;

use crate::app::App;
use crate::config::Config;
use crate::notices::Notices;
use crate::serve::ServeError;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use kepil_accounts::Accounts;
use kepil_identity::attempts::TooEarly;
use kepil_ledger::error::in_one_line;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use strangers::Strangers;

/// Rounds of the work behind the node between two sweeps: five minutes.
const SWEEP: u64 = 600;

/// Everything a node holds for its people.
#[derive(Debug)]
pub struct People {
    /// Accounts, sessions, powers.
    pub accounts: Accounts,
    /// Notices, and their ways out.
    pub notices: Notices,
    /// Passkeys; none where the address of the node is no name, as passkeys are bound to one.
    pub passkeys: Option<Passkeys>,
    /// Cookies travel over TLS alone.
    pub is_secure: bool,
    /// The OpenID provider, where there are relying services.
    pub openid: Option<OpenId>,
    strangers: Strangers,
    rounds: AtomicU64,
    /// Invented people of a demonstration, by reference.
    #[cfg(feature = "demo")]
    pub invented: std::sync::Mutex<Vec<(String, kepil_identity::id::AccountId)>>,
}

impl People {
    /// Opens what is kept of people.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(config: &Config) -> Result<Self, ServeError> {
        let accounts = opened(config, "accounts.db", Accounts::open)?;
        Ok(Self {
            accounts,
            notices: Notices::open(config)?,
            passkeys: Passkeys::new(&config.public_url),
            is_secure: config.public_url.starts_with("https://"),
            openid: OpenId::open(config)?,
            strangers: Strangers::default(),
            rounds: AtomicU64::new(0),
            #[cfg(feature = "demo")]
            invented: std::sync::Mutex::default(),
        })
    }
}

impl People {
    /// Takes note of an attempt with a number that is nobody's; it gets slow like any other.
    fn stranger(&self, number: &str, now_ms: u64) -> Result<(), TooEarly> {
        match number::prefix(number) {
            Some(prefix) => self.strangers.attempt(prefix, now_ms),
            None => Ok(()),
        }
    }
}

/// Takes out what nobody came back to: ceremonies and codes every five minutes, sessions every
/// hour.
pub(crate) async fn sweep(app: &Arc<App>) {
    let round = app.people.rounds.fetch_add(1, Ordering::Relaxed);
    if !round.is_multiple_of(SWEEP) {
        return;
    }
    let is_hour = round.is_multiple_of(SWEEP * 12);
    let with = Arc::clone(app);
    let swept = tokio::task::spawn_blocking(move || {
        let (accounts, now_ms) = (&with.people.accounts, (with.wall)());
        let mut count = accounts.sweep(now_ms)?;
        if is_hour {
            count += accounts.sweep_sessions(now_ms)?;
        }
        Ok::<_, kepil_accounts::StoreError>(count)
    });
    match swept.await {
        Ok(Ok(0)) => {}
        Ok(Ok(count)) => tracing::debug!(count, "taken out of the accounts: nobody came back"),
        Ok(Err(error)) => tracing::error!(error = %in_one_line(&error), "sweeping the accounts"),
        Err(error) => tracing::error!(%error, "sweeping the accounts"),
    }
}

/// Opens a database of the data folder, or makes it.
pub(crate) fn opened<T, E: std::error::Error + 'static>(
    config: &Config,
    name: &str,
    open: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, ServeError> {
    let path = config.data_dir.join(name);
    open(&path)
        .map_err(|e| ServeError::Environment(format!("{}: {}", path.display(), in_one_line(&e))))
}

/// The pages.
pub fn router(app: Arc<App>) -> Router<Arc<App>> {
    let router = Router::new();
    #[cfg(feature = "demo")]
    let router = router.route("/{lang}/sign-in/invented", post(invented::enter));
    router
        .route("/assets/passkey.js", get(passkeys::script))
        .route("/assets/check.js", get(check::script))
        .route("/{lang}/sign-in", get(sign_in::page))
        .route("/{lang}/sign-in/secret", post(sign_in::by_secret))
        .route("/{lang}/sign-in/send", post(sent_codes::send))
        .route("/{lang}/sign-in/code", post(sent_codes::by_code))
        .route(
            "/{lang}/sign-in/passkey/start",
            post(sign_in::passkey_start),
        )
        .route(
            "/{lang}/sign-in/passkey/finish",
            post(sign_in::passkey_finish),
        )
        .route(
            "/{lang}/activate",
            get(sign_in::activation).post(sign_in::activate),
        )
        .route("/{lang}/sign-out", post(sign_in::out))
        .route(
            "/{lang}/authorize/{ticket}",
            get(openid::resume).post(openid::answer),
        )
        .route("/{lang}/my", get(sign_in::own_desk))
        .route("/{lang}/my/uses", get(uses::page))
        .route("/{lang}/my/uses/{period}/proof", get(uses::proof))
        .route("/{lang}/my/uses/{period}/check", get(check::page))
        .route("/{lang}/my/uses/{period}/{index}", get(uses::one))
        .route(
            "/{lang}/my/uses/{period}/{index}/receipt",
            get(uses::receipt),
        )
        .route("/{lang}/my/export/{form}", get(export::file))
        .route(
            "/{lang}/my/services",
            get(services::page).post(services::take_back),
        )
        .route("/{lang}/my/powers", get(powers::page).post(powers::give))
        .route("/{lang}/my/powers/end", post(powers::end))
        .route("/{lang}/my/powers/{id}", get(powers::list))
        .route("/{lang}/my/identity", get(identity::page))
        .route("/{lang}/my/identity/secret", post(identity::secret))
        .route("/{lang}/my/identity/codes", post(identity::codes))
        .route("/{lang}/my/identity/channel", post(sent_codes::add))
        .route("/{lang}/my/identity/remove", post(identity::remove))
        .route(
            "/{lang}/my/identity/proof-secret",
            post(identity::proof_secret),
        )
        .route(
            "/{lang}/my/identity/passkey/start",
            post(identity::passkey_start),
        )
        .route(
            "/{lang}/my/identity/passkey/finish",
            post(identity::passkey_finish),
        )
        .route("/{lang}/my/identity/sessions", post(identity::end_session))
        .route("/{lang}/my/notices", get(notices::page))
        .route("/{lang}/my/notices/choose", post(notices::choose))
        .route("/{lang}/my/notices/confirm", post(notices::confirm))
        .route("/{lang}/my/notices/remove", post(notices::remove))
        .route("/{lang}/my/notices/{id}", get(notices::one))
        .layer(from_fn_with_state(app, visitor::from_here))
        .merge(relying())
}

/// What relying services and browsers that come from them ask: requests begin elsewhere.
fn relying() -> Router<Arc<App>> {
    Router::new()
        .route("/.well-known/openid-configuration", get(openid::discovery))
        .route("/jwks", get(openid::jwks))
        .route(
            "/authorize",
            get(openid::authorize_get).post(openid::authorize_post),
        )
        .route("/token", post(openid::token))
        .route("/userinfo", get(openid::userinfo).post(openid::userinfo))
        .route("/logout", get(openid::logout))
}
