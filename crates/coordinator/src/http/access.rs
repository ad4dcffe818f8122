//! Who may ask over HTTP: clients with a token, and no pages of other sites.

use std::net::IpAddr;

use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{StatusCode, Version, header};

use super::problem::Problem;
use crate::auth::Access;
use crate::live::Settings;

/// The error for a key that the token does not cover.
pub(super) fn forbidden() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "key_forbidden", "this token is for keys that begin otherwise")
}

/// What the request's token gives access to.
///
/// # Errors
/// The request has no token, and needs one.
pub(super) fn check_token(settings: &Settings, head: &Parts) -> Result<Access, Problem> {
    if !settings.auth.is_needed() {
        return Ok(Access::ALL);
    }
    let given = head.headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    settings.auth.check(given).ok_or_else(|| {
        let detail = "a bearer token is needed: Authorization: Bearer ...";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    })
}

/// Refuses what a page of another site makes a browser send: the page could use up limits in the name of its readers.
///
/// Without tokens, a page could also let its own name resolve to this machine. So only names of this machine are
/// answered then.
pub(super) fn check_origin(settings: &Settings, head: &Parts) -> Result<(), Problem> {
    let host = host(head)?;
    let is_own = head.headers.get(header::ORIGIN).is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let bare = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        bare.is_some() && bare == host
    });
    if !is_own {
        let detail = "pages of other sites may not ask";
        return Err(Problem::new(StatusCode::FORBIDDEN, "other_origin", detail));
    }
    let is_this_machine = |host: &str| host == &*settings.own_name || is_this_machine(host);
    if settings.is_local && !host.is_none_or(is_this_machine) {
        let detail = "without tokens only names of this machine are answered to: localhost, or an address";
        return Err(Problem::new(StatusCode::FORBIDDEN, "other_host", detail));
    }
    Ok(())
}

/// The name under which the client has asked; `None` if HTTP/1.0 gives none.
///
/// # Errors
/// The request has several names, or none although its version needs one (RFC 9112, 3.2). A proxy may have checked another
/// name than the one that would be read here.
fn host(head: &Parts) -> Result<Option<&str>, Problem> {
    let detail = "the request must have one header field Host";
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, "invalid_host", detail);
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let (host, authority) = (hosts.next(), head.uri.authority().map(Authority::as_str));
    let is_missing = host.is_none() && head.version == Version::HTTP_11; // HTTP/2 has an authority instead
    if is_missing || hosts.next().is_some() {
        return Err(wrong());
    }
    let host = host.map(|host| host.to_str().map_err(|_| wrong())).transpose()?;
    Ok(host.or(authority))
}

/// Whether a `Host` is an address, or `localhost`.
fn is_this_machine(host: &str) -> bool {
    let name = host.trim_end_matches(|digit: char| digit.is_ascii_digit()).strip_suffix(':').unwrap_or(host);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}
