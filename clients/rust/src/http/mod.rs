//! Limits of rl-coordinator, asked over HTTP.
//!
//! | file | contents |
//! |---|---|
//! | `mod.rs` | requests |
//! | `reply.rs` | answers, as the module's replies to the same commands |
//! | `error.rs` | errors |

mod error;
mod reply;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method};

use crate::command::{Command, Connection, Pending, Web};
use crate::error::Error;
use crate::limiter::Limiter;
use crate::reply::Reply;
use crate::unavailable::Cause;

/// The most bytes of an answer that are read.
const ANSWER_MAX: usize = 1 << 20;

/// Where rl-coordinator is, and how it is asked.
#[derive(Clone, Debug)]
pub struct Http {
    url: String,
    token: Option<String>,
    client: Option<Client>,
}

impl Http {
    /// Says where it is, such as `http://localhost:8765`.
    ///
    /// ```
    /// use redis_rl::{Http, Limiter};
    /// let limiter = Limiter::http(Http::at("http://localhost:8765").token("secret"))?;
    /// # Ok::<(), redis_rl::Error>(())
    /// ```
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), token: None, client: None }
    }

    /// Sends a bearer token with each request.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Asks by a client of yours. It should have no timeout: the limiter bounds each request.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }
}

impl Limiter {
    /// Returns a limiter that asks rl-coordinator. There is no Redis then, or rl-coordinator is in front of it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if no client can be made.
    pub fn http(to: Http) -> Result<Self, Error> {
        let client = match to.client {
            Some(client) => client,
            None => Client::builder().build().map_err(|error| Error::Invalid(error.to_string()))?,
        };
        let mut limiter = Self::with(ByHttp { url: to.url, token: to.token, client });
        limiter.web = true;
        Ok(limiter)
    }
}

struct ByHttp {
    url: String,
    token: Option<String>,
    client: Client,
}

impl Connection for ByHttp {
    fn send<'a>(&'a self, command: &'a Command) -> Pending<'a, Reply> {
        Box::pin(async move {
            let web = command.web().ok_or(Error::Unsupported)?;
            let (status, data) = self.ask(web).await.map_err(down)?;
            reply::read(status, &data)
        })
    }
}

impl ByHttp {
    async fn ask(&self, web: &Web) -> reqwest::Result<(u16, Vec<u8>)> {
        let method = match web.method {
            "GET" => Method::GET,
            "PUT" => Method::PUT,
            "DELETE" => Method::DELETE,
            _ => Method::POST,
        };
        let has_body = method == Method::POST || method == Method::PUT;
        let mut request = self.client.request(method, format!("{}{}", self.url, web.path));
        if has_body {
            let body = serde_json::Value::Object(web.body.clone()).to_string();
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut response = request.send().await?;
        let (status, mut data) = (response.status().as_u16(), Vec::new());
        while data.len() < ANSWER_MAX {
            match response.chunk().await? {
                Some(chunk) => data.extend_from_slice(&chunk),
                None => break,
            }
        }
        Ok((status, data))
    }
}

fn down(error: reqwest::Error) -> Error {
    if error.is_builder() {
        return Error::Invalid(error.to_string());
    }
    Error::unavailable(Cause::Down, error.to_string())
}
