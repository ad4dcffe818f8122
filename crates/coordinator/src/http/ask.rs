//! `POST /v1/…`: reads the body, asks, and answers.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::access::forbidden;
use super::problem::Problem;
use super::receive::receive;
use super::{answer, commands};
use crate::app::App;
use crate::auth::Access;
use crate::command::Verb;

/// Answers a request for this command.
pub(super) async fn ask(
    verb: Verb,
    app: Arc<App>,
    access: Access,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let asked = async {
        check_type(&headers)?;
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

/// Refuses a body that is not sent as JSON: a page of another site can make a browser send text, but not JSON.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let (status, code) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json");
    Err(Problem::new(status, code, "the body must be sent as Content-Type: application/json"))
}
