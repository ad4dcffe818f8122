//! The page to watch limits on, as it was compiled in: files that ask for nothing from elsewhere.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The path of each, what it is, and its text.
const FILES: [(&str, &str, &str); 8] = [
    ("/", HTML, include_str!("../../dashboard/index.html")),
    ("/style.css", STYLE, include_str!("../../dashboard/style.css")),
    ("/app.js", SCRIPT, include_str!("../../dashboard/app.js")),
    ("/history.js", SCRIPT, include_str!("../../dashboard/history.js")),
    ("/plot.js", SCRIPT, include_str!("../../dashboard/plot.js")),
    ("/stream.js", SCRIPT, include_str!("../../dashboard/stream.js")),
    ("/text.js", SCRIPT, include_str!("../../dashboard/text.js")),
    ("/view.js", SCRIPT, include_str!("../../dashboard/view.js")),
];

/// Nothing but these files runs or is shown, and nobody may frame them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The ways to them.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(move || async move { respond(kind, text) }))
    })
}

fn respond(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
