//! `POST /v1/…`: reads the body, asks, and answers.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{HeaderMap, StatusCode, header};

use super::access::forbidden;
use super::problem::Problem;
use super::receive::receive;
use super::response::Response;
use super::{answer, body, sync};
use crate::app::App;
use crate::auth::Access;
use crate::command::Verb;
use crate::live::Settings;

/// Answers a request for this command.
///
/// # Errors
/// Why it is refused before any limit is asked.
pub(super) async fn ask(
    app: &App,
    settings: &Settings,
    verb: Verb,
    access: &Access,
    incoming: Incoming,
) -> Result<Response, Problem> {
    let bytes = receive(app, settings, incoming).await?;
    if verb == Verb::Sync
        && let Some(told) = body::read_headers(&bytes)?
    {
        drop(bytes);
        return Box::pin(sync::sync(app, settings, access, told)).await;
    }
    let (command, on_error) = {
        let (mut command, on_error) = body::read(verb, &bytes)?;
        command.at_most(settings.bounds.wait.span());
        (Arc::new(command), on_error)
    };
    if !command.keys().all(|key| access.sees(key)) {
        return Err(forbidden());
    }
    let answer = app.ask(settings, &command, on_error).await;
    Ok(answer::respond(&app.backend, &command, answer))
}

/// Refuses a body that is not sent as JSON: a page of another site can make a browser send text, but not JSON.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind == answer::JSON) {
        return Ok(()); // nearly always
    }
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case(answer::JSON) {
        return Ok(());
    }
    let (status, code) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json");
    Err(Problem::new(status, code, "the body must be sent as Content-Type: application/json"))
}
