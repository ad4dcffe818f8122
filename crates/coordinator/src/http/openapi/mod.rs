//! `GET /openapi.json`: the interface, for programs. The schemas come from the types of bodies and answers.
//! `.ci/test-coordinator.sh` tests the running server against the document.

mod paths;
mod responses;
mod schemas;

use std::sync::LazyLock;

use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::answer::JSON;
use super::response::{Response, text};

/// The document is made when it is first asked for.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());

/// The response with the document.
pub(super) fn answer() -> Response {
    text(StatusCode::OK, JSON, DOCUMENT.clone())
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rl-coordinator",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Exact rate limits over HTTP. Each denial says, to the millisecond, when to ask again.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" }
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "token": [] }],
        "paths": paths::paths(),
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "headers": responses::headers(),
            "responses": responses::responses(),
            "schemas": schemas::schemas()
        }
    })
}

#[cfg(test)]
mod tests {
    use rl_core::limit::Kind;
    use serde_json::Value;

    use super::document;
    use crate::command::Verb;
    use crate::http::body;

    #[test]
    fn each_command_has_the_fields_that_are_read() {
        let document = document();
        for verb in Verb::all() {
            let schema = document.pointer(&format!("/paths/~1v1~1{}/post/requestBody/content", verb.name()));
            let name = schema.unwrap()["application/json"]["schema"]["$ref"].as_str().unwrap();
            let schema = document.pointer(name.strip_prefix('#').unwrap()).unwrap();
            let told: std::collections::BTreeSet<&str> =
                schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            let problem = body::read(verb, b"{\"no such field\": 1}").unwrap_err();
            let read = problem.detail.strip_prefix("the body has an unknown field, expected ").unwrap();
            let read = read.split(" and ").flat_map(|names| names.split(", ")).collect();
            assert_eq!(told, read, "{}", verb.name());
        }
    }

    #[test]
    fn a_limit_of_a_quota_may_have_each_algorithm() {
        let document = document();
        let kinds = document["components"]["schemas"]["Limit"]["oneOf"].as_array().unwrap();
        for kind in Kind::ALL {
            let is_of = |limit: &&Value| limit["properties"]["algorithm"]["const"] == kind.name();
            assert!(kinds.iter().any(|limit| is_of(&limit)), "{}", kind.name());
        }
    }

    #[test]
    fn each_reference_leads_somewhere() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }
}
