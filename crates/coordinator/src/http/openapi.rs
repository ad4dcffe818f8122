//! `GET /openapi.json`: the interface, for programs. `.ci/test-coordinator.sh` tests the running server against it, and a
//! test here compares the names of its fields.

use hyper::StatusCode;

use super::answer::JSON;
use super::response::{Response, text};

const DOCUMENT: &str = include_str!("../../openapi.json");

/// The response with the document.
pub(super) fn answer() -> Response {
    text(StatusCode::OK, JSON, DOCUMENT)
}

#[cfg(test)]
mod tests {
    use super::DOCUMENT;
    use crate::command::Verb;
    use crate::http::commands::expected;

    #[test]
    fn each_command_has_the_fields_that_are_read() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
        for verb in Verb::ALL {
            let schema = document.pointer(&format!("/paths/~1v1~1{}/post/requestBody/content", verb.name()));
            let name = schema.unwrap()["application/json"]["schema"]["$ref"].as_str().unwrap();
            let schema = document.pointer(name.strip_prefix('#').unwrap()).unwrap();
            let told: std::collections::BTreeSet<&str> =
                schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(told, expected(verb).iter().copied().collect(), "{}", verb.name());
        }
    }
}
