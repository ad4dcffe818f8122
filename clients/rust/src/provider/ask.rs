//! Reads what a request asks for. What is not understood is left out.

use reqwest::Url;
use serde_json::Value;

use super::usage::at;

/// What a request asks for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Asked {
    pub(super) model: String,
    /// The most output, if it says so.
    pub(super) most: Option<u64>,
}

/// The fields with the most output: those of Bedrock and Gemini stand in an object.
const MOST: [&str; 5] = [
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "inferenceConfig.maxTokens",
    "generationConfig.maxOutputTokens",
];

pub(super) fn read(url: &Url, body: &[u8]) -> Asked {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let most = MOST.into_iter().filter_map(|path| at(&document, path)?.as_u64()).max();
    let model = document.get("model").and_then(Value::as_str).filter(|model| !model.is_empty());
    let model = model.or_else(|| model_of(url.path())).unwrap_or_default().to_owned();
    Asked { model, most: most.filter(|most| *most > 0).map(|most| most.min(1 << 40)) }
}

/// Finds the model in a path such as /v1beta/models/gemini-pro:generateContent or /model/NAME/converse.
fn model_of(path: &str) -> Option<&str> {
    let (_, after) =
        ["/models/", "/model/", "/deployments/"].into_iter().find_map(|before| path.split_once(before))?;
    let name = after.split('/').next()?;
    let end = [":generate", ":streamGenerate"].into_iter().find_map(|verb| name.find(verb));
    name.get(..end.unwrap_or(name.len()))
}

/// Parts of host names of providers, and their profiles.
const HOSTS: [(&str, &str); 8] = [
    ("anthropic.com", "anthropic"),
    ("azure.com", "azure"),
    ("openai.com", "openai"),
    ("groq.com", "groq"),
    ("mistral.ai", "mistral"),
    ("googleapis.com", "gemini"),
    ("openrouter.ai", "openrouter"),
    ("bedrock", "bedrock"),
];

/// Ends of paths of the APIs that others offer as well.
const PATHS: [(&str, &str); 7] = [
    ("/messages", "anthropic"),
    ("/completions", "openai"),
    ("/responses", "openai"),
    ("/embeddings", "openai"),
    ("/converse", "bedrock"),
    ("/converse-stream", "bedrock"),
    ("enerateContent", "gemini"),
];

/// Guesses the profile of a request.
pub(super) fn profile_of(url: &Url) -> &'static str {
    let host = url.host_str().unwrap_or_default();
    let by_host = HOSTS.into_iter().find(|(part, _)| host.contains(part));
    let by_path = || PATHS.into_iter().find(|(end, _)| url.path().ends_with(end));
    by_host.or_else(by_path).map_or("ratelimit", |(_, profile)| profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_understood() {
        let read = |url: &str, body: &str| {
            let url = Url::parse(url).unwrap();
            let Asked { model, most } = read(&url, body.as_bytes());
            (profile_of(&url), model, most)
        };
        let claude = read("https://api.anthropic.com/v1/messages", r#"{"model": "claude", "max_tokens": 9}"#);
        assert_eq!(claude, ("anthropic", "claude".to_owned(), Some(9)));
        let other =
            read("http://localhost/v1/chat/completions", r#"{"model": "m", "max_completion_tokens": 7}"#);
        assert_eq!(other, ("openai", "m".to_owned(), Some(7)));
        let gemini = read(
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-pro:streamGenerateContent",
            r#"{"generationConfig": {"maxOutputTokens": 5}}"#,
        );
        assert_eq!(gemini, ("gemini", "gemini-pro".to_owned(), Some(5)));
        let bedrock = read("https://bedrock-runtime.us-east-1.amazonaws.com/model/nova/converse", "{");
        assert_eq!(bedrock, ("bedrock", "nova".to_owned(), None));
        assert_eq!(read("http://localhost/", ""), ("ratelimit", String::new(), None));
    }
}
