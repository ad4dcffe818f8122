//! Finds the function that answers a path.

use std::sync::Arc;

use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};

use super::access::{check_origin, check_token};
use super::problem::Problem;
use super::response::{Response, empty, text};
use super::{allow, ask, delete, openapi, overrides, page, policies, state, watch};
use crate::app::App;
use crate::command::Verb;
use crate::live::Settings;

/// A path that is answered.
enum Route {
    Allow,
    Ask(Verb),
    /// A key, as it is written in the path.
    Key(String),
    Policies,
    /// The name of a policy, as it is written in the path.
    Policy(String),
    /// The name of a policy, as it is written in the path, for the keys with limits of their own under it.
    Overrides(String),
    /// The same, and the key.
    Override(String, String),
    Watch,
    Metrics,
    Healthy,
    Ready,
    OpenApi,
    Page(&'static page::File),
}

impl Route {
    fn find(path: &str) -> Option<Self> {
        Some(match path {
            "/allow" => Self::Allow,
            policies::ALL => Self::Policies,
            "/v1/watch" => Self::Watch,
            "/metrics" => Self::Metrics,
            "/healthz" => Self::Healthy,
            "/readyz" => Self::Ready,
            "/openapi.json" => Self::OpenApi,
            _ if path.starts_with(delete::PATH) => Self::Key(path.split_at(delete::PATH.len()).1.to_owned()),
            _ if path.starts_with(policies::ONE) => {
                let rest = path.split_at(policies::ONE.len()).1;
                match overrides::find(rest) {
                    Some((name, Some(key))) => Self::Override(name, key),
                    Some((name, None)) => Self::Overrides(name),
                    None => Self::Policy(rest.to_owned()),
                }
            }
            _ => match path.strip_prefix("/v1/") {
                Some(name) => Self::Ask(Verb::all().find(|verb| verb.name() == name)?),
                None => Self::Page(page::find(path)?),
            },
        })
    }

    /// The methods of the path, as the header field `Allow` lists them.
    const fn methods(&self) -> &'static str {
        match self {
            Self::Allow | Self::Ask(_) => "POST",
            Self::Key(_) => "DELETE",
            Self::Policy(_) | Self::Override(..) => "GET,HEAD,PUT,DELETE",
            Self::Policies
            | Self::Overrides(_)
            | Self::Watch
            | Self::Metrics
            | Self::Healthy
            | Self::Ready
            | Self::OpenApi
            | Self::Page(_) => "GET,HEAD",
        }
    }
}

/// Answers a request.
pub(super) async fn answer(app: &Arc<App>, request: Request<Incoming>) -> Response {
    let (head, body) = request.into_parts();
    let is_head = head.method == Method::HEAD;
    let response = match route(app, &app.settings(), head, body).await {
        Ok(response) => response,
        Err(problem) => {
            app.metrics.refuse(problem.code);
            problem.into_response()
        }
    };
    if is_head { without_body(response) } else { response }
}

/// Answers a request, or says why it is refused before any limit is asked.
async fn route(
    app: &Arc<App>,
    settings: &Settings,
    head: Parts,
    body: Incoming,
) -> Result<Response, Problem> {
    check_origin(settings, &head)?;
    let Some(route) = Route::find(head.uri.path()) else {
        let problem = Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such path");
        return Ok(problem.into_response());
    };
    if !route.methods().split(',').any(|method| method == head.method.as_str()) {
        return Ok(method_not_allowed(&route));
    }
    match route {
        Route::Allow => {
            let access = check_token(settings, &head)?;
            drop(head); // so are the bytes that it borrows, while the request waits
            allow::allow(app, settings, &access, body).await
        }
        Route::Ask(verb) => {
            let access = check_token(settings, &head)?;
            ask::check_type(&head.headers)?;
            drop(head);
            ask::ask(app, settings, verb, &access, body).await
        }
        Route::Key(key) => delete::delete(app, &check_token(settings, &head)?, &key).await,
        Route::Policies => policies::list(app, &check_token(settings, &head)?).await,
        Route::Policy(name) => {
            let access = check_token(settings, &head)?;
            if head.method == Method::PUT {
                ask::check_type(&head.headers)?;
            }
            policies::one(app, settings, &access, &head.method, &name, body).await
        }
        Route::Overrides(name) => overrides::list(app, &check_token(settings, &head)?, &name).await,
        Route::Override(name, key) => {
            let access = check_token(settings, &head)?;
            if head.method == Method::PUT {
                ask::check_type(&head.headers)?;
            }
            overrides::one(app, settings, &access, &head.method, (&name, &key), body).await
        }
        Route::Watch => Ok(watch::watch(app, settings, check_token(settings, &head)?)),
        Route::Metrics => Ok(state::metrics(app, &check_token(settings, &head)?).await),
        Route::Healthy => Ok(text(StatusCode::OK, page::TEXT, "ok\n")),
        Route::Ready => Ok(state::ready(app).await),
        Route::OpenApi => Ok(openapi::answer()),
        Route::Page(file) => Ok(file.answer()),
    }
}

fn method_not_allowed(route: &Route) -> Response {
    let detail = "this path has another method, see the header field Allow";
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    let mut response = problem.into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(route.methods()));
    response
}

/// The answer to `HEAD`: the header fields of `GET`.
fn without_body(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, empty())
}
