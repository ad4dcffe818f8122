//! The page to watch limits on. Its files are compiled in, and load nothing from elsewhere.

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

use super::response::{Response, text};

/// Plain text.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The browser runs and shows nothing but these files, and no other page may frame them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
pub(super) struct File {
    path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

const fn file(path: &'static str, media_type: &'static str, text: &'static str) -> File {
    File { path, media_type, text }
}

static FILES: [File; 8] = [
    file("/", HTML, include_str!("../../dashboard/index.html")),
    file("/style.css", STYLE, include_str!("../../dashboard/style.css")),
    file("/app.js", SCRIPT, include_str!("../../dashboard/app.js")),
    file("/history.js", SCRIPT, include_str!("../../dashboard/history.js")),
    file("/plot.js", SCRIPT, include_str!("../../dashboard/plot.js")),
    file("/stream.js", SCRIPT, include_str!("../../dashboard/stream.js")),
    file("/text.js", SCRIPT, include_str!("../../dashboard/text.js")),
    file("/view.js", SCRIPT, include_str!("../../dashboard/view.js")),
];

/// The file at this path.
pub(super) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

impl File {
    /// The response with this file.
    pub(super) fn answer(&self) -> Response {
        let mut response = text(StatusCode::OK, self.media_type, self.text);
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-cache"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
