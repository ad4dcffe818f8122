//! `DELETE /v1/keys/{key}`: removes a key and what is counted in it. Operators make room so.

use hyper::StatusCode;

use super::access::forbidden;
use super::answer::{DoneAnswer, JSON};
use super::problem::Problem;
use super::response::{Response, json};
use crate::app::App;
use crate::auth::Access;
use crate::hex;

/// The path before the key.
pub(super) const PATH: &str = "/v1/keys/";

/// What is wanted of a path that ends with a key.
pub(super) const WANTED: &str =
    "the path must end with a key of 1 to 1024 characters; bytes may be written %XX";

/// The most characters of a key.
const KEY_MAX: usize = 1_024;

/// Answers a request.
///
/// # Errors
/// Why it is refused, or why the key could not be deleted.
pub(super) async fn delete(app: &App, access: &Access, written: &str) -> Result<Response, Problem> {
    let key = read(written).ok_or_else(|| Problem::request(WANTED))?;
    if !access.sees(key.as_bytes()) {
        return Err(forbidden());
    }
    let done = app.delete(key.as_bytes()).await?;
    Ok(json(StatusCode::OK, JSON, &DoneAnswer { done }))
}

/// The key that is written in a path; `None` if it is none.
pub(super) fn read(written: &str) -> Option<String> {
    let key = hex::percent_decode(written)?;
    let key = String::from_utf8(key).ok()?;
    (1..=KEY_MAX).contains(&key.chars().count()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_key_is_read_from_a_path() {
        assert_eq!(read("a%20b%2Fc/d").as_deref(), Some("a b/c/d"));
        assert_eq!(read("%c3%a9").as_deref(), Some("\u{e9}"));
        for wrong in ["", "%", "%2", "%2g", "%ff", &"x".repeat(1_025)] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
