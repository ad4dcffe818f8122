//! The parts of responses that several paths share.

use serde_json::{Map, Value, json};

/// The errors of `POST /v1/…` and `POST /allow`, by status.
const ERRORS: [(&str, &str); 10] = [
    ("400", "Something in the request is wrong."),
    ("401", "A token is needed."),
    ("403", "The token is for other keys, or a page of another site asks."),
    ("404", "There is no such key."),
    ("408", "The body did not come in time."),
    ("409", "The key holds something else, or there is no such policy."),
    ("413", "The body is too large."),
    ("415", "The body is not sent as JSON."),
    ("502", "The back end refuses the command, lacks the module, or gives an answer that is not understood."),
    ("503", "Too many requests wait, there are too many keys, or the back end is down."),
];

/// The header fields of answers.
pub(super) fn headers() -> Value {
    json!({
        "RateLimit": {
            "description": "What remains of each limit, and in how many seconds the whole limit is available again: \"rpm\";r=999;t=60",
            "schema": { "type": "string" }
        },
        "RateLimit-Policy": {
            "description": "Each limit, and its window in seconds: \"rpm\";q=1000;w=60",
            "schema": { "type": "string" }
        },
        "Retry-After": { "description": "Whole seconds, rounded up.", "schema": { "type": "integer" } },
        "Rl-Degraded": {
            "description": "The back end could not decide: how the request was decided.",
            "schema": { "type": "string", "enum": ["allow", "deny"] }
        }
    })
}

/// The errors, by status.
pub(super) fn responses() -> Map<String, Value> {
    let mut all: Map<String, Value> =
        ERRORS.into_iter().map(|(status, description)| (status.to_owned(), problem(description))).collect();
    for (status, headers) in [("502", &["Rl-Degraded"][..]), ("503", &["Retry-After", "Rl-Degraded"])] {
        if let Some(response) = all.get_mut(status) {
            *response = with_headers(response.take(), headers);
        }
    }
    all
}

/// A reference to a part of `components`.
pub(super) fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// An error.
pub(super) fn problem(description: &str) -> Value {
    let content = json!({ "application/problem+json": { "schema": reference("schemas", "Problem") } });
    json!({ "description": description, "content": content })
}

/// An answer of one of these schemas.
pub(super) fn answer(description: &str, schemas: &[&str]) -> Value {
    let schema = match schemas {
        [one] => reference("schemas", one),
        many => {
            let many: Vec<Value> = many.iter().map(|schema| reference("schemas", schema)).collect();
            json!({ "anyOf": many })
        }
    };
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

/// A text of this media type.
pub(super) fn text(description: &str, media_type: &str) -> Value {
    json!({ "description": description, "content": { (media_type): { "schema": { "type": "string" } } } })
}

/// Adds header fields to a response.
pub(super) fn with_headers(mut response: Value, names: &[&str]) -> Value {
    let headers: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), reference("headers", name))).collect();
    if let Some(response) = response.as_object_mut() {
        response.insert("headers".to_owned(), headers.into());
    }
    response
}
