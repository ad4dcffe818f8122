//! Who may ask over HTTP: clients with a token, and no pages of other sites.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::app::App;

/// The error for a key that the token does not cover.
pub(super) fn forbidden() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "key_forbidden", "this token is for keys that begin otherwise")
}

/// Refuses a request without a token, where one is needed.
pub(super) async fn check_token(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
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

/// Refuses what a page of another site makes a browser send: the page could use up limits in the name of its readers.
///
/// Without tokens, a page could also let its own name resolve to this machine. So only names of this machine are
/// answered then.
pub(super) async fn check_origin(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(Authority::as_str));
    let is_own = headers.get(header::ORIGIN).is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let bare = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        bare.is_some() && bare == host
    });
    let is_known = !app.is_local || host.is_none_or(is_this_machine);
    if is_own && is_known {
        return next.run(request).await;
    }
    let (code, detail) = if is_own {
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
