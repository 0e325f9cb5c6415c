//! The HTTP interface: one list of routes, and what each does.

use crate::app::App;
use crate::authzen::{self, Batch, Evaluation};
use crate::door::{TokenForm, TokenRefusal};
use crate::evaluate::{self, Caller};
use crate::metrics::RouteLabel;
use crate::problem::Problem;
use crate::register::System;
use crate::repeat::{list, once, recorded_many, recorded_one};
use crate::{json, openapi, pages};
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, MatchedPath, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use kepil_ledger::stamp::{STAMPS_PATH, StampPath};
use kepil_terms::Lang;
use kepil_timestamp::REPLY_MEDIA_TYPE;
use serde_json::{Value, json};
use std::sync::{Arc, PoisonError};

type Shared = Arc<App>;

/// Every route of the interface; the OpenAPI document must describe exactly these.
pub const ROUTES: &[(&str, &str)] = &[
    ("post", "/access/v1/evaluation"),
    ("post", "/access/v1/evaluations"),
    ("get", "/access/v1/reviews/{index}"),
    ("get", "/.well-known/authzen-configuration"),
    ("post", "/oauth/token"),
    ("get", "/openapi.json"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
    ("get", "/metrics"),
    ("get", "/statute/{act}/{number}"),
    ("get", "/log/key"),
    ("get", "/log/checkpoint"),
    ("get", "/log/tile/{path}"),
    ("get", "/log/policy"),
    ("get", "/log/anchor"),
    ("get", "/log/counters"),
    ("get", "/log/timestamp/{name}"),
    ("post", "/access/v1/outcome"),
    ("get", "/my/v1/uses"),
    ("get", "/my/v1/uses/{period}"),
    ("get", "/audit/v1/records/{bundle}"),
    ("post", "/admin/v1/orders"),
];

/// The router of a node.
pub fn router(app: Shared) -> Router {
    let mut router = Router::new()
        .route("/access/v1/evaluation", post(evaluation))
        .route("/access/v1/evaluations", post(evaluations))
        .route("/access/v1/reviews/{index}", get(review))
        .route("/.well-known/authzen-configuration", get(discovery))
        .route("/oauth/token", post(token))
        .route("/openapi.json", get(async || Json(openapi::document())))
        .route("/health/live", get(async || "ok\n"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/statute/{act}/{number}", get(statute))
        .route("/log/key", get(log_key))
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/tile/{*path}", get(tile))
        .route("/log/policy", get(log_policy))
        .route("/log/anchor", get(log_anchor))
        .route("/log/counters", get(log_counters))
        .route("/log/timestamp/{name}", get(log_stamp))
        .route("/access/v1/outcome", post(outcome))
        .route("/my/v1/uses", get(crate::my::months))
        .route("/my/v1/uses/{period}", get(crate::my::proof))
        .route("/audit/v1/records/{bundle}", get(crate::audit::records))
        .route("/admin/v1/orders", post(crate::admin::act))
        .merge(pages::router())
        .merge(crate::people::router(Arc::clone(&app)))
        .merge(crate::desk::router(Arc::clone(&app)));
    if app.conformance.is_some() {
        router = router
            .route(
                "/tenants/conformance/access/v1/evaluation",
                post(conformance_one),
            )
            .route(
                "/tenants/conformance/access/v1/evaluations",
                post(conformance_many),
            )
            .route(
                "/tenants/conformance/.well-known/authzen-configuration",
                get(conformance_discovery),
            )
            // AuthZEN 1.0 puts the path of a tenant behind the well-known one.
            .route(
                "/.well-known/authzen-configuration/tenants/conformance",
                get(conformance_discovery),
            );
    }
    router
        .fallback(async || {
            Problem::not_found("no such page or interface; /openapi.json lists the interface")
        })
        .method_not_allowed_fallback(async || {
            Problem::method_not_allowed("this address takes another method; see /openapi.json")
        })
        .layer(DefaultBodyLimit::max(app.config.limits.body_bytes))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), around))
        .with_state(app)
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Around every request: the request id, security headers, counts.
async fn around(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(REQUEST_ID)
        .filter(|v| v.len() <= 128 && v.to_str().is_ok())
        .cloned();
    let known = request
        .extensions()
        .get::<MatchedPath>()
        .map(|m| m.as_str().to_owned())
        .unwrap_or_default();
    let accepts = request.headers().get(header::ACCEPT);
    let wants_page = accepts.is_some_and(|v| v.to_str().is_ok_and(|v| v.contains("text/html")));
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
    let status = response.status();
    if wants_page && !is_page && (status.is_client_error() || status.is_server_error()) {
        response = pages::error_page(&app, &path, status);
    }
    let is_plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|v| v.as_bytes().starts_with(b"text/plain"));
    if response.status() == StatusCode::BAD_REQUEST && is_plain {
        // The framework's own words for an address that is not UTF-8.
        response = Problem::bad_request("the address cannot be read").into_response();
    }
    let headers = response.headers_mut();
    if let Some(id) = id {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if app.people.is_secure {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    let known = known.replace("{*path}", "{path}");
    let route = ROUTES
        .iter()
        .map(|(_, p)| *p)
        .find(|p| *p == known)
        .unwrap_or("page");
    app.metrics
        .answers
        .get_or_create(&RouteLabel {
            route,
            status: response.status().as_u16(),
        })
        .inc();
    response
}

/// The body as strict JSON: 400 for a wrong content type, as AuthZEN asks.
async fn body(app: &App, request: Request) -> Result<(HeaderMap, Bytes, Value), Problem> {
    let headers = request.headers().clone();
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| {
            v.split(';')
                .next()
                .is_some_and(|t| t.trim().eq_ignore_ascii_case("application/json"))
        });
    if !is_json {
        return Err(Problem::bad_request("send the body as application/json"));
    }
    let bytes = Bytes::from_request(request, &())
        .await
        .map_err(|e| match e.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(format!(
                "a body may hold {} bytes",
                app.config.limits.body_bytes
            )),
            _ => Problem::bad_request("the body could not be read to its end"),
        })?;
    let value = json::parse(&bytes).map_err(Problem::bad_request)?;
    Ok((headers, bytes, value))
}

fn language(headers: &HeaderMap) -> Lang {
    let wanted = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    wanted
        .split(',')
        .filter_map(|part| part.split(['-', ';']).next())
        .find_map(|code| Lang::from_code(code.trim()))
        .unwrap_or(Lang::En)
}

fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|v| v.to_str().ok())
        .filter(|v| v.len() <= 128)
        .unwrap_or_default()
        .to_owned()
}

/// A body that is JSON already.
fn json_body(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Answers to the end even when the caller hangs up: what was decided is recorded, and its
/// idempotency key gets its answer.
async fn to_the_end(
    work: impl Future<Output = Result<String, Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|_| {
        Err(Problem::internal(
            "the request could not be answered to its end",
        ))
    })
    .map(json_body)
}

fn caller<'a>(system: &'a System, headers: &HeaderMap) -> Caller<'a> {
    Caller {
        system,
        request: request_id(headers),
        lang: language(headers),
        repeat: String::new(),
        known: Value::Null,
    }
}

async fn review(
    State(app): State<Shared>,
    Path(index): Path<u64>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let system = app
        .door
        .who(&headers, &app.law.load().register, app.wall_secs())?;
    let looked = tokio::task::spawn_blocking(move || {
        crate::desk::review_state(&app, &system, index).map(|state| Json(state).into_response())
    });
    looked
        .await
        .unwrap_or_else(|_| Err(Problem::internal("the case could not be read")))
}

async fn evaluation(State(app): State<Shared>, request: Request) -> Result<Response, Problem> {
    let system = app
        .door
        .who(request.headers(), &app.law.load().register, app.wall_secs())?;
    let (headers, bytes, value) = body(&app, request).await?;
    to_the_end(async move {
        let e = authzen::evaluation(&value)?;
        single(&app, &system, &headers, &bytes, &e).await
    })
    .await
}

async fn single(
    app: &App,
    system: &System,
    headers: &HeaderMap,
    bytes: &[u8],
    e: &Evaluation<'_>,
) -> Result<String, Problem> {
    let caller = caller(system, headers);
    let earlier = |indexes: &[u64]| recorded_one(app, &caller, indexes);
    once(app, system, headers, bytes, earlier, async |repeat| {
        let caller = Caller {
            repeat,
            ..caller.clone()
        };
        evaluate::one(app, &caller, e).await
    })
    .await
}

async fn evaluations(State(app): State<Shared>, request: Request) -> Result<Response, Problem> {
    let system = app
        .door
        .who(request.headers(), &app.law.load().register, app.wall_secs())?;
    let (headers, bytes, value) = body(&app, request).await?;
    to_the_end(async move {
        let (items, semantic) = match authzen::batch(&value, app.config.limits.batch)? {
            Batch::Single(e) => return single(&app, &system, &headers, &bytes, &e).await,
            Batch::Many(items, semantic) => (items, semantic),
        };
        let caller = caller(&system, &headers);
        let earlier = |indexes: &[u64]| recorded_many(&app, &caller, &items, semantic, indexes);
        once(&app, &system, &headers, &bytes, earlier, async |repeat| {
            let caller = Caller {
                repeat,
                ..caller.clone()
            };
            let answers = evaluate::run(&app, &caller, &items, semantic).await?;
            Ok(list(&answers))
        })
        .await
    })
    .await
}

async fn token(State(app): State<Shared>, request: Request) -> Response {
    let bad = |status: StatusCode, r: TokenRefusal| {
        (status, [(header::CACHE_CONTROL, "no-store")], Json(r)).into_response()
    };
    let Ok(axum::Form(form)) = axum::Form::<TokenForm>::from_request(request, &()).await else {
        let refusal = TokenRefusal {
            error: "invalid_request",
            error_description: "send the form as application/x-www-form-urlencoded".into(),
        };
        return bad(StatusCode::BAD_REQUEST, refusal);
    };
    let mut random = [0; 32];
    if getrandom::fill(&mut random).is_err() {
        return Problem::internal("no randomness is to be had; try again").into_response();
    }
    match app
        .door
        .issue(&form, &app.law.load().register, app.wall_secs(), random)
    {
        Ok(answer) => {
            app.metrics.tokens.inc();
            ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
        }
        Err(refusal) => {
            let status = if refusal.error == "invalid_client" {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::BAD_REQUEST
            };
            bad(status, refusal)
        }
    }
}

async fn discovery(State(app): State<Shared>) -> Json<Value> {
    let base = &app.config.public_url;
    Json(json!({
        "policy_decision_point": base,
        "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
        "supported_obligations": ["custom"],
    }))
}

async fn ready(State(app): State<Shared>) -> Response {
    match app.ledger.chronicle.health() {
        Some(h) if h.failed.is_none() => "ready\n".into_response(),
        _ => Problem::unrecordable("the ledger takes no entries; see the log of the node")
            .into_response(),
    }
}

async fn metrics(State(app): State<Shared>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let open = app.ledger.intents.lock();
    let open = open.unwrap_or_else(PoisonError::into_inner).len();
    app.metrics
        .open_intents
        .set(u64::try_from(open).unwrap_or(u64::MAX));
    crate::notices::measure(&app).await;
    ([(header::CONTENT_TYPE, kind)], app.metrics.text()).into_response()
}

async fn statute(
    State(app): State<Shared>,
    Path((act, number)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let law = app.law.load();
    let id = format!("{act}#{number}");
    let (_, p) = law
        .gate
        .book()
        .provision(&id)
        .ok_or_else(|| Problem::not_found("no such provision"))?;
    let reliance = app
        .reliance
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&id)
        .copied()
        .unwrap_or_default();
    Ok(Json(json!({
        "id": p.id, "text": p.text, "confidence": p.confidence, "needs_text": p.needs_text,
        "from": p.span.from.to_rfc3339(), "to": p.span.to.map(kepil_terms::Instant::to_rfc3339),
        "relied": reliance.relied, "refused": reliance.refused,
    })))
}

async fn log_key(State(app): State<Shared>) -> Response {
    published(&app, "key")
}

async fn log_policy(State(app): State<Shared>) -> Response {
    published(&app, "policy")
}

async fn log_anchor(State(app): State<Shared>) -> Response {
    published(&app, "anchor")
}

async fn log_counters(State(app): State<Shared>) -> Json<Value> {
    let now = (app.clock)() / 1000;
    let counters = app.ledger.chronicle.notices().counters(now);
    let stamper = app.ledger.stamper.as_ref();
    Json(json!({
        "counters": counters,
        "cosigners_away": app.ledger.quorum.away(),
        "timestamp": stamper.and_then(|stamper| stamper.newest()),
        "timestamp_away": stamper.and_then(|stamper| stamper.away()),
    }))
}

async fn outcome(State(app): State<Shared>, request: Request) -> Result<Json<Value>, Problem> {
    let system = app
        .door
        .who(request.headers(), &app.law.load().register, app.wall_secs())?;
    let (_, _, value) = body(&app, request).await?;
    crate::outcome::report(&app, &system, value).await.map(Json)
}

fn published(app: &App, path: &str) -> Response {
    let file = app.config.data_dir.join("ledger").join("log").join(path);
    match std::fs::read(file) {
        Ok(bytes) => {
            let (text, forever) = (
                "text/plain; charset=utf-8",
                "public, max-age=31536000, immutable",
            );
            let (kind, cache) = match path.parse() {
                Ok(StampPath::Checkpoint(_)) => (text, forever),
                Ok(StampPath::Response(_)) => (REPLY_MEDIA_TYPE, forever),
                _ if path.starts_with("tile/") => ("application/octet-stream", forever),
                _ => (text, "no-cache"),
            };
            (
                [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)],
                Body::from(bytes),
            )
                .into_response()
        }
        Err(_) => Problem::not_found("the log has not published this yet").into_response(),
    }
}

async fn checkpoint(State(app): State<Shared>) -> Response {
    published(&app, "checkpoint")
}

async fn log_stamp(State(app): State<Shared>, Path(name): Path<String>) -> Response {
    match format!("{STAMPS_PATH}/{name}").parse::<StampPath>() {
        Ok(known) => published(&app, &known.to_string()),
        Err(_) => Problem::not_found("this is not the name of a time stamp's file").into_response(),
    }
}

async fn tile(State(app): State<Shared>, Path(path): Path<String>) -> Response {
    // Only names the format knows: no dots that climb, no other files.
    let path = format!("tile/{path}");
    match path.parse::<kepil_ledger::tile::TilePath>() {
        Ok(known) => published(&app, &known.to_string()),
        Err(_) => Problem::not_found("this is not the name of a tile").into_response(),
    }
}

async fn conformance_one(
    State(app): State<Shared>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let (_, _, value) = body(&app, request).await?;
    let e = authzen::evaluation(&value)?;
    let c = app
        .conformance
        .as_ref()
        .ok_or_else(|| Problem::not_found("the conformance tenant is off"))?;
    Ok(Json(json!({"decision": c.decide(&e)})))
}

async fn conformance_many(
    State(app): State<Shared>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let (_, _, value) = body(&app, request).await?;
    let c = app
        .conformance
        .as_ref()
        .ok_or_else(|| Problem::not_found("the conformance tenant is off"))?;
    Ok(Json(
        match authzen::batch(&value, app.config.limits.batch)? {
            Batch::Single(e) => json!({"decision": c.decide(&e)}),
            Batch::Many(items, semantic) => {
                let mut out = Vec::new();
                for item in items {
                    let permitted = item.as_ref().is_ok_and(|e| c.decide(e));
                    out.push(match item {
                    Ok(_) => json!({ "decision": permitted }),
                    Err(e) => json!({"decision": false, "context": {"error": {"status": 400, "message": e}}}),
                });
                    if semantic.ends(permitted) {
                        break;
                    }
                }
                json!({ "evaluations": out })
            }
        },
    ))
}

async fn conformance_discovery(State(app): State<Shared>) -> Json<Value> {
    let base = format!("{}/tenants/conformance", app.config.public_url);
    Json(json!({
        "policy_decision_point": base,
        "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
    }))
}
