//! Reads what an answer says about its usage, while its bytes pass.

use serde_json::Value;

use super::events::{ANSWER_MAX, Events};
use super::facts::Facts;
use super::usage::Used;

#[derive(Debug)]
pub(super) struct Meter {
    facts: &'static Facts,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// A body of JSON.
    Json(Vec<u8>),
    /// A stream of events: what they say, and the bytes of text that have passed.
    Stream(Events, Used, usize),
    /// A body that is not read, since it is compressed.
    Closed,
}

impl Meter {
    pub(super) fn new(facts: &'static Facts, headers: &http::HeaderMap) -> Self {
        let is_stream =
            headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let form = match (headers.contains_key("content-encoding"), is_stream) {
            (true, _) => Form::Closed,
            (false, true) => Form::Stream(Events::default(), Used::new(), 0),
            (false, false) => Form::Json(Vec::new()),
        };
        Self { facts, form }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        match &mut self.form {
            Form::Json(body) if body.len() + bytes.len() <= ANSWER_MAX => body.extend_from_slice(bytes),
            Form::Json(_) | Form::Closed => {}
            Form::Stream(events, used, passed) => events.add(bytes, |name, data| {
                if let Ok(document) = serde_json::from_slice(data) {
                    self.facts.usage.read_event(name, &document, used);
                    *passed += text_length(&document);
                }
            }),
        }
    }

    /// Returns what the answer says that was used, and the output of a stream that had passed, by an estimate.
    pub(super) fn end(self) -> (Used, Option<u64>) {
        match self.form {
            Form::Json(body) => (self.facts.usage.read_body(&body), None),
            Form::Stream(_, used, passed) => (used, u64::try_from(passed.div_ceil(4)).ok()),
            Form::Closed => (Used::new(), None),
        }
    }
}

/// The fields of events that have text which the model produced.
const TEXTS: [&str; 7] =
    ["text", "content", "thinking", "partial_json", "arguments", "reasoning_content", "delta"];

/// Returns the bytes of text in an event.
fn text_length(document: &Value) -> usize {
    match document {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) if TEXTS.contains(&name.as_str()) => text.len(),
                other => text_length(other),
            })
            .sum(),
        Value::Array(items) => items.iter().map(text_length).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::facts::facts;

    const STREAM: &str = concat!(
        "\u{feff}event: message_start\r\n",
        r#"data: {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 7, "cache_creation_input_tokens": 2, "output_tokens": 1}}}"#,
        "\r\n\r\n: a comment\n\n",
        "event: content_block_delta\rdata: {\"type\": \"content_block_delta\",\rdata:  \"delta\": {\"type\": \"text_delta\", \"text\": \"12345678\"}}\r\r",
        "event: message_delta\ndata: {\"usage\": {\"output_tokens\": 3}}\n\n",
        "event: message_delta\ndata: {\"usage\": {\"output_tokens\": 5}}\n\n",
        "data: [DONE]\n\n"
    );

    #[test]
    fn a_stream_is_read_however_it_is_cut() {
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", http::HeaderValue::from_static("text/event-stream; charset=utf-8"));
        for size in 1..STREAM.len() {
            let mut meter = Meter::new(facts("anthropic").unwrap().0, &headers);
            for part in STREAM.as_bytes().chunks(size) {
                meter.add(part);
            }
            let used = [("input-tokens".to_owned(), 9), ("output-tokens".to_owned(), 5)];
            assert_eq!(meter.end(), (Used::from(used), Some(2)), "{size}");
        }
    }
}
