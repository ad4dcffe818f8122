//! The ways in over HTTP.

mod allow;
mod answer;
mod body;
mod commands;
mod openapi;
mod page;
mod problem;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_body_util::BodyExt as _;

pub(crate) use self::answer::{DEGRADED, seconds};
pub(crate) use self::problem::Problem;
use crate::app::App;
use crate::auth::Access;
use crate::command::Verb;
use crate::watch;

/// All of them.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut asks = Router::new().route("/allow", post(allow::allow));
    for verb in Verb::ALL {
        let path = format!("/v1/{}", verb.name());
        let ask = move |State(app), Extension(access), headers, body| ask(verb, app, access, headers, body);
        asks = asks.route(&path, post(ask));
    }
    let asks = asks
        .route("/v1/watch", get(watch::watch))
        .route("/metrics", get(metrics))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), let_in));
    let open = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .merge(page::router())
        .merge(openapi::router());
    asks.merge(open)
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such path") })
        .method_not_allowed_fallback(|| async {
            let (status, code) = (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
            Problem::new(status, code, "this path has another method, see the header field Allow")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&app), own_origin))
        .with_state(app)
}

/// `POST /v1/…`
async fn ask(verb: Verb, app: Arc<App>, access: Access, headers: HeaderMap, body: Body) -> Response {
    let asked = async {
        of_json(&headers)?;
        let body = receive(&app, body).await?;
        let (mut command, on_error) = commands::read(verb, &body)?;
        command.at_most(app.bounds.wait.span());
        if access.sees(command.key()) { Ok((Arc::new(command), on_error)) } else { Err(forbidden()) }
    };
    match asked.await {
        Ok((command, on_error)) => {
            let answer = app.ask(&command, on_error).await;
            answer::respond(&app, &command, answer)
        }
        Err(problem) => {
            app.metrics.refuse(problem.code);
            problem.into_response()
        }
    }
}

/// A page of another site can make a browser send text, but no JSON.
fn of_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let (status, code) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json");
    Err(Problem::new(status, code, "the body must be sent as Content-Type: application/json"))
}

/// Reads a body that is neither too large nor too slow; all that are read at a time have room for so much together.
async fn receive(app: &App, body: Body) -> Result<Vec<u8>, Problem> {
    match tokio::time::timeout(app.bounds.read_timeout.0, collect(app, body)).await {
        Ok(result) => result,
        Err(_) => {
            let detail = "the body did not come in time";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail))
        }
    }
}

async fn collect(app: &App, mut body: Body) -> Result<Vec<u8>, Problem> {
    let most = app.bounds.body_bytes;
    let too_large = || {
        let detail = format!("the body may have {most} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    };
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let (mut bytes, mut room) = (Vec::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::request("the body did not come to its end"))?;
        let Ok(data) = frame.into_data() else { continue }; // trailers, which say nothing
        if bytes.len().saturating_add(data.len()) > most {
            return Err(too_large());
        }
        let taken = app.bodies.try_acquire_many(u32::try_from(data.len()).unwrap_or(u32::MAX));
        room.push(taken.map_err(|_| {
            let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, "too_many_bodies");
            Problem::new(status, code, "too many bodies are being read").later(1)
        })?);
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn forbidden() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "key_forbidden", "this token is for keys that begin otherwise")
}

/// Lets those in who may ask.
async fn let_in(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    match app.auth.check(given) {
        Some(access) => {
            request.extensions_mut().insert(access);
            next.run(request).await
        }
        None => {
            app.metrics.refuse("unauthorized");
            let detail = "a bearer token is needed: Authorization: Bearer ...";
            Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).into_response()
        }
    }
}

/// Refuses what pages of other sites make a browser send: it would use up limits in the name of whoever looks at them.
///
/// Where nobody needs a token, a page could also have its own name lead here; so then only names of this machine are
/// answered to.
async fn own_origin(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(Authority::as_str));
    let own = headers.get(header::ORIGIN).is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let bare = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        bare.is_some() && bare == host
    });
    let known = !app.is_local || host.is_none_or(is_this_machine);
    if own && known {
        return next.run(request).await;
    }
    let (code, detail) = if own {
        ("other_host", "without tokens only names of this machine are answered to: localhost, or an address")
    } else {
        ("other_origin", "pages of other sites may not ask")
    };
    app.metrics.refuse(code);
    Problem::new(StatusCode::FORBIDDEN, code, detail).into_response()
}

/// Whether a `Host` is an address, or `localhost`.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

/// `GET /metrics`
async fn metrics(State(app): State<Arc<App>>, Extension(access): Extension<Access>) -> Response {
    if !access.sees_all() {
        return forbidden().into_response();
    }
    let text = app.metrics.text(app.crowd.len(), app.backend.keys(), app.backend.is_up().await);
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}

/// `GET /readyz`: whether requests are decided now.
async fn ready(State(app): State<Arc<App>>) -> Response {
    if *app.ending.borrow() {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ending", "the server ends").into_response();
    }
    if app.backend.is_up().await {
        return "ok\n".into_response();
    }
    let mut problem = Problem::from(crate::reply::Failure::Down);
    problem.detail = "the back end does not answer, or has not the module".into();
    problem.into_response()
}
