//! Who a request is from: the session behind its cookie, and whether the request began here.

use crate::app::App;
use crate::pages::{frame, lang_of};
use crate::people::words::words;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use kepil_identity::account::Account;
use kepil_identity::id::{AccountId, SessionId};
use kepil_identity::level::Level;
use kepil_identity::session::{Session, hash};
use kepil_terms::Lang;
use maud::html;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The account.
    pub account: Account,
    /// The session.
    pub session: Session,
    /// The hash of its secret.
    pub hash: [u8; 32],
}

fn cookie_name(app: &App) -> &'static str {
    if app.people.is_secure {
        "__Host-kepil"
    } else {
        "kepil"
    }
}

/// The cookie that carries a session's secret.
fn cookie(app: &App, value: &str, age: &str) -> HeaderValue {
    let secure = if app.people.is_secure { "; Secure" } else { "" };
    let text = format!(
        "{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}",
        cookie_name(app)
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

fn secret_of(app: &App, headers: &HeaderMap) -> Option<[u8; 32]> {
    let name = cookie_name(app);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(own, _)| *own == name)
        .and_then(|(_, value)| unhex(value))
}

/// Reads 64 hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes?.try_into().ok()
}

/// Fresh random bytes.
#[expect(
    clippy::result_large_err,
    reason = "an answer to the browser, as everywhere in pages"
)]
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Response> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            tracing::error!(%error, "no random bytes");
            Err(StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
    }
}

/// Work with the accounts, off the runtime's own threads.
pub(crate) async fn with_accounts<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> T + Send + 'static,
) -> Result<T, Response> {
    let app = Arc::clone(app);
    tokio::task::spawn_blocking(move || work(&app))
        .await
        .map_err(|error| {
            tracing::error!(%error, "work for a page was cut off");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        })
}

/// Something of ours failed: said in the log of the node, and to nobody else.
pub(crate) fn ours(error: &dyn std::error::Error) -> Response {
    tracing::error!(error = %kepil_ledger::error::in_one_line(error), "a page failed");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// The visitor behind a request, if there is one.
pub(crate) async fn visitor(
    app: &Arc<App>,
    headers: &HeaderMap,
) -> Result<Option<Visitor>, Response> {
    let Some(secret) = secret_of(app, headers) else {
        return Ok(None);
    };
    let here = device(headers);
    let found = with_accounts(app, move |app| who(app, &secret, &here)).await?;
    found.map_err(|error| ours(&error))
}

/// Who a session's secret belongs to, in the browser the request comes from.
fn who(
    app: &App,
    secret: &[u8; 32],
    here: &str,
) -> Result<Option<Visitor>, kepil_accounts::StoreError> {
    let (accounts, hash) = (&app.people.accounts, hash(secret));
    let Some(session) = accounts.session(&hash, (app.wall)())? else {
        return Ok(None);
    };
    // A cookie that turns up in another browser was taken from the first: it opens nothing any
    // more, in either of them.
    if session.device != here {
        tracing::warn!(session = %session.id, "a session turned up in another browser and was ended");
        accounts.end_session(session.account, session.id)?;
        return Ok(None);
    }
    let account = accounts.find(session.account)?;
    let account = account.filter(|account| !account.is_closed);
    Ok(account.map(|account| Visitor {
        account,
        session,
        hash,
    }))
}

/// Somebody at the door of a page: looked up together with what the page shows, so that one thread
/// does both.
#[derive(Debug)]
pub struct Knock {
    secret: Option<[u8; 32]>,
    device: String,
    /// The page of the sign-in, which leads back here.
    door: String,
}

impl Knock {
    /// Lets somebody who is signed in go on to the work for a page; anybody else is led to the
    /// sign-in.
    pub(crate) async fn enter<T: Send + 'static>(
        self,
        app: &Arc<App>,
        work: impl FnOnce(&App, &Visitor) -> T + Send + 'static,
    ) -> Result<(Visitor, T), Response> {
        let Self {
            secret,
            device,
            door,
        } = self;
        let Some(secret) = secret else {
            return Err(Redirect::to(&door).into_response());
        };
        let found = with_accounts(app, move |app| {
            let visitor = who(app, &secret, &device)?;
            Ok::<_, kepil_accounts::StoreError>(visitor.map(|visitor| {
                let done = work(app, &visitor);
                (visitor, done)
            }))
        });
        let found = found.await?.map_err(|error| ours(&error))?;
        found.ok_or_else(|| Redirect::to(&door).into_response())
    }
}

impl FromRequestParts<Arc<App>> for Knock {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let path = parts.uri.path();
        let lang = path.split('/').nth(1).and_then(Lang::from_code);
        let lang = lang.unwrap_or(Lang::Kk).code();
        // Only a page is come back to; a form that was sent is not sent again by itself.
        let then = match parts.method {
            Method::GET => format!("?then={path}"),
            _ => String::new(),
        };
        Ok(Self {
            secret: secret_of(app, &parts.headers),
            device: device(&parts.headers),
            door: format!("/{lang}/sign-in{then}"),
        })
    }
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let Ok(knock) = Knock::from_request_parts(parts, app).await;
        let (visitor, ()) = knock.enter(app, |_, _| ()).await?;
        Ok(visitor)
    }
}

/// Begins a session; the answer leads to a page of this node.
pub(crate) async fn begin(
    app: &Arc<App>,
    account: &Account,
    level: Level,
    headers: &HeaderMap,
) -> Result<HeaderValue, Response> {
    begin_with(app, account, level, headers, None).await
}

/// The same, with somebody's help.
pub(crate) async fn begin_with(
    app: &Arc<App>,
    account: &Account,
    level: Level,
    headers: &HeaderMap,
    assisted_by: Option<AccountId>,
) -> Result<HeaderValue, Response> {
    let secret: [u8; 32] = random()?;
    let now_ms = (app.wall)();
    let session = Session {
        id: SessionId::new(random()?),
        account: account.id,
        role: account.holder.role,
        level,
        auth_ms: now_ms,
        begun_ms: now_ms,
        seen_ms: now_ms,
        device: device(headers),
        assisted_by,
    };
    let kept = hash(&secret);
    with_accounts(app, move |app| {
        app.people.accounts.begin_session(&kept, &session)
    })
    .await?
    .map_err(|error| ours(&error))?;
    Ok(cookie(app, &kepil_gate::record::hex(&secret), ""))
}

/// The cookie that takes the session's away.
pub(crate) fn no_cookie(app: &App) -> HeaderValue {
    cookie(app, "", "; Max-Age=0")
}

/// What the person recognises a device by: the browser and the system, no more.
fn device(headers: &HeaderMap) -> String {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok());
    let agent = agent.unwrap_or_default();
    let named = |names: &[(&str, &str)]| {
        let found = names.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| (*name).to_owned())
    };
    let browser = named(&[
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("YaBrowser/", "Yandex"),
        ("SamsungBrowser/", "Samsung"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = named(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    let parts: Vec<String> = browser.into_iter().chain(system).collect();
    parts.join(", ")
}

/// Where a request comes from: the peer, or whom a proxy of the configuration names.
fn sender(app: &App, request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|info| info.0.ip())?;
    if !app.config.limits.proxies.contains(&peer) {
        return Some(peer);
    }
    let named = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .next_back();
    let named = named.and_then(|value| value.to_str().ok());
    let last = named.and_then(|list| list.rsplit(',').next());
    Some(
        last.and_then(|text| text.trim().parse().ok())
            .unwrap_or(peer),
    )
}

/// Lets a request that changes something through only if a page of this node sent it.
///
/// Browsers say so in `Sec-Fetch-Site`; older ones at least name the `Origin`. Who says neither is
/// no browser with a form of ours.
pub async fn from_here(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let said = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let is_own = match (said("sec-fetch-site"), said("origin")) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => {
            let host = said("host").unwrap_or_default();
            origin
                .split_once("://")
                .is_some_and(|(_, of)| !host.is_empty() && of == host)
        }
        (None, None) => false,
    };
    if request.method() != Method::GET && request.method() != Method::HEAD && !is_own {
        let lang = request.uri().path().split('/').nth(1);
        let lang = lang.and_then(|code| lang_of(code).ok()).unwrap_or(Lang::Kk);
        let w = words(lang);
        let body = html! { h1 { (w.strange_title) } p { (w.strange) } };
        let page = frame(&app, lang, "/sign-in", w.strange_title, &body);
        return (StatusCode::FORBIDDEN, page).into_response();
    }
    if request.method() == Method::POST
        && let Some(from) = sender(&app, &request)
        && let Err(secs) = app.throttle.pass(from, (app.wall)())
    {
        let lang = request.uri().path().split('/').nth(1);
        let lang = lang.and_then(|code| lang_of(code).ok()).unwrap_or(Lang::Kk);
        let w = words(lang);
        let body = html! { h1 { (w.too_often_title) } p.said role="alert" { (w.too_often) " " (secs) "." } };
        let page = frame(&app, lang, "/sign-in", w.too_often_title, &body);
        let wait = [(header::RETRY_AFTER, secs.to_string())];
        return (StatusCode::TOO_MANY_REQUESTS, wait, page).into_response();
    }
    let mut response = next.run(request).await;
    // Nothing of a person's pages stays in a cache.
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The account that a number means.
pub(crate) fn account_of(
    app: &App,
    number: &str,
) -> Result<Option<Account>, kepil_accounts::StoreError> {
    match super::number::prefix(number) {
        Some(prefix) => app.people.accounts.of_prefix(prefix),
        None => Ok(None),
    }
}
