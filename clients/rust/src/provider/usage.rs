//! Reads what an answer says that was used.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The largest count: integers are exact in every client up to here.
const COUNT_MAX: u64 = 9_007_199_254_740_991;

type Paths = BTreeMap<String, Vec<String>>;

/// Where an answer says what was used, as paths by the name of a limit. Of several paths the first that is there counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    body: Paths,
    /// Counts that are added to those of the body.
    add: Paths,
    stream: Vec<Event>,
    headers: BTreeMap<String, String>,
    /// Counts within those of the input that do not count.
    excluded: Vec<String>,
}

/// Where the events of one name say it; without a name, events without one.
#[derive(Debug, Deserialize)]
struct Event {
    event: Option<String>,
    #[serde(default)]
    add: Paths,
    #[serde(flatten)]
    body: Paths,
}

/// What a call used, by the name of a limit, such as `input-tokens`, `output-tokens` and `tokens`.
pub(super) type Used = BTreeMap<String, u64>;

impl Usage {
    /// Reads the body of an answer.
    pub(super) fn read_body(&self, body: &[u8]) -> Used {
        let mut used = Used::new();
        if let Ok(document) = serde_json::from_slice(body) {
            self.read(&document, &self.body, &self.add, &mut used);
        }
        used
    }

    /// Reads an event of a stream. A later event replaces what an earlier one said of the same limit.
    pub(super) fn read_event(&self, name: &str, document: &Value, used: &mut Used) {
        for event in self.stream.iter().filter(|event| event.event.as_deref().unwrap_or_default() == name) {
            self.read(document, &event.body, &event.add, used);
        }
    }

    /// Reads the headers of an answer.
    pub(super) fn read_headers(&self, headers: &http::HeaderMap) -> Used {
        let count = |header: &str| headers.get(header)?.to_str().ok()?.trim().parse::<u64>().ok();
        self.headers
            .iter()
            .filter_map(|(limit, header)| Some((limit.clone(), count(header)?.min(COUNT_MAX))))
            .collect()
    }

    fn read(&self, document: &Value, paths: &Paths, add: &Paths, used: &mut Used) {
        let number = |path: &str| number(at(document, path)?);
        for (limit, paths) in paths {
            let Some((path, mut total)) = paths.iter().find_map(|path| Some((path, number(path)?))) else {
                continue;
            };
            for more in add.get(limit).into_iter().flatten() {
                total = total.saturating_add(number(more).unwrap_or(0));
            }
            for part in &self.excluded {
                // A count within another has the path of its details: usage.a_details.b is a part of usage.a.
                let is_part = part.strip_prefix(path).is_some_and(|rest| rest.starts_with("_details."));
                if is_part || limit == "tokens" && part.contains("_details.") {
                    total = total.saturating_sub(number(part).unwrap_or(0));
                }
            }
            used.insert(limit.clone(), total.min(COUNT_MAX));
        }
    }
}

/// Reads a count, which may be written with decimals.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| format!("{:.0}", value.as_f64()?.floor()).parse().ok())
}

/// Follows a path of names with dots between them.
pub(super) fn at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(document, |document, name| document.get(name))
}
