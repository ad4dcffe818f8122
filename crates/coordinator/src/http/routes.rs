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
use crate::auth::Access;
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

    fn allows(&self, method: &Method) -> bool {
        let (methods, method) = (self.methods(), method.as_str());
        methods == method || methods.split(',').any(|allowed| allowed == method)
    }

    /// Whether it is answered without a token.
    const fn is_open(&self) -> bool {
        match self {
            Self::Healthy | Self::Ready | Self::OpenApi | Self::Page(_) => true,
            Self::Allow
            | Self::Ask(_)
            | Self::Key(_)
            | Self::Policies
            | Self::Policy(_)
            | Self::Overrides(_)
            | Self::Override(..)
            | Self::Watch
            | Self::Metrics => false,
        }
    }

    /// Whether a body that is sent to it must be JSON.
    const fn takes_json(&self) -> bool {
        matches!(self, Self::Ask(_) | Self::Policy(_) | Self::Override(..))
    }
}

/// What the head of a request asks for.
struct Asked {
    route: Route,
    method: Method,
    access: Access,
}

/// Why the head of a request is refused.
enum Refusal {
    /// Counted by its code.
    Counted(Problem),
    /// A wrong path or method.
    Uncounted(Box<Response>),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Counted(problem)
    }
}

/// Answers a request. The head is read and dropped before there is a future, which would hold its bytes while the request
/// waits.
pub(super) fn answer(app: &Arc<App>, request: Request<Incoming>) -> impl Future<Output = Response> + Send {
    let settings = app.settings();
    let (head, body) = request.into_parts();
    let is_head = head.method == Method::HEAD;
    let asked = read(&settings, &head);
    drop(head);
    async move {
        let answered = match asked {
            Ok(asked) => run(app, &settings, asked, body).await,
            Err(Refusal::Counted(problem)) => Err(problem),
            Err(Refusal::Uncounted(response)) => Ok(*response),
        };
        let response = answered.unwrap_or_else(|problem| {
            app.metrics.refuse(problem.code);
            problem.into_response()
        });
        if is_head { without_body(response) } else { response }
    }
}

/// Reads the head of a request.
///
/// # Errors
/// Why the request is refused.
fn read(settings: &Settings, head: &Parts) -> Result<Asked, Refusal> {
    check_origin(settings, head)?;
    let Some(route) = Route::find(head.uri.path()) else {
        let problem = Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such path");
        return Err(Refusal::Uncounted(Box::new(problem.into_response())));
    };
    if !route.allows(&head.method) {
        return Err(Refusal::Uncounted(Box::new(method_not_allowed(&route))));
    }
    let access = if route.is_open() { Access::ALL } else { check_token(settings, head)? };
    if route.takes_json() && (head.method == Method::POST || head.method == Method::PUT) {
        ask::check_type(&head.headers)?;
    }
    Ok(Asked { route, method: head.method.clone(), access })
}

/// Answers what a request asks for, or says why it is refused before any limit is asked. hyper moves the future of each
/// request several times, so it has room for decisions only. The others have a box.
async fn run(
    app: &Arc<App>,
    settings: &Settings,
    Asked { route, method, access }: Asked,
    body: Incoming,
) -> Result<Response, Problem> {
    match route {
        Route::Allow => allow::allow(app, settings, &access, body).await,
        Route::Ask(verb) => ask::ask(app, settings, verb, &access, body).await,
        Route::Key(key) => Box::pin(delete::delete(app, &access, &key)).await,
        Route::Policies => Box::pin(policies::list(app, &access)).await,
        Route::Policy(name) => Box::pin(policies::one(app, settings, &access, &method, &name, body)).await,
        Route::Overrides(name) => Box::pin(overrides::list(app, &access, &name)).await,
        Route::Override(name, key) => {
            Box::pin(overrides::one(app, settings, &access, &method, (&name, &key), body)).await
        }
        Route::Watch => Ok(watch::watch(app, settings, access)),
        Route::Metrics => Ok(Box::pin(state::metrics(app, &access)).await),
        Route::Healthy => Ok(text(StatusCode::OK, page::TEXT, "ok\n")),
        Route::Ready => Ok(Box::pin(state::ready(app)).await),
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
