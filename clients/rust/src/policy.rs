//! The limits that a server keeps under names, and those of single keys under such a name.

use std::fmt::Write;

use crate::command::Command;
use crate::error::Error;
use crate::limiter::Limiter;
use crate::limits::{Limit, add_limits};
use crate::reply::Reply;

/// The policies of a server. Only operators may change them.
#[derive(Clone, Copy, Debug)]
pub struct Policies<'a>(&'a Limiter);

impl Limiter {
    /// Returns the policies of the server.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// use redis_rl::{Error, Limit};
    ///
    /// let policies = limiter.policies();
    /// policies.set("doc-chat", &[Limit::slide("rpm", 500, Duration::from_secs(60))]).await?;
    /// policies.set_override("doc-chat", "doc:big", &[Limit::slide("rpm", 5_000, Duration::from_secs(60))]).await?;
    /// assert_eq!(limiter.quota("doc:big", "doc-chat").await?.limit("rpm").unwrap().limit, 5_000);
    /// assert_eq!(policies.overrides("doc-chat").await?.unwrap(), ["doc:big"]);
    /// assert!(policies.delete("doc-chat").await?);
    /// assert!(matches!(limiter.quota("doc:chat", "doc-chat").await, Err(Error::NoPolicy(_))));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn policies(&self) -> Policies<'_> {
        Policies(self)
    }
}

impl Policies<'_> {
    /// Replaces the limits under a name, at once. Keys of the policy keep what they have used, limit by limit, by name.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn set(&self, name: &str, limits: &[Limit]) -> Result<(), Error> {
        let mut command = self.command("PUT", &path(name), &["SET", name]);
        add_limits(&mut command, limits);
        self.change(command).await.map(drop)
    }

    /// Returns the limits under a name; `None` if there is no such policy.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn get(&self, name: &str) -> Result<Option<Vec<Limit>>, Error> {
        self.limits(self.command("GET", &path(name), &["GET", name])).await
    }

    /// Removes a policy. The answer is false if there is none.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn delete(&self, name: &str) -> Result<bool, Error> {
        let reply = self.change(self.command("DELETE", &path(name), &["DEL", name])).await?;
        reply.integer().map(|n| n > 0).ok_or_else(|| Error::strange("an integer"))
    }

    /// Returns the names of all policies, sorted.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn list(&self) -> Result<Vec<String>, Error> {
        let reply = self.0.send(&self.command("GET", "", &["LIST"])).await?;
        reply.texts().ok_or_else(|| Error::strange("a list of names"))
    }

    /// Returns the keys that have limits of their own under a policy, sorted; `None` if there is no such policy.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn overrides(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        let command = self.command("GET", &format!("{}/overrides", path(name)), &["OVERRIDES", name]);
        match self.0.send(&command).await? {
            Reply::Nil => Ok(None),
            reply => reply.texts().map(Some).ok_or_else(|| Error::strange("a list of keys")),
        }
    }

    /// Returns the limits of one key under a policy; `None` if it has none of its own.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn get_override(&self, name: &str, key: &str) -> Result<Option<Vec<Limit>>, Error> {
        self.limits(self.command("GET", &override_path(name, key), &["OVERRIDES", name, "KEY", key])).await
    }

    /// Gives one key limits of its own under a policy, instead of those of the policy.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn set_override(&self, name: &str, key: &str, limits: &[Limit]) -> Result<(), Error> {
        let mut command = self.command("PUT", &override_path(name, key), &["OVERRIDE", name, key]);
        add_limits(&mut command, limits);
        self.change(command).await.map(drop)
    }

    /// Takes the limits of one key away, if it has any: then it goes by the policy again.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn delete_override(&self, name: &str, key: &str) -> Result<(), Error> {
        self.change(self.command("DELETE", &override_path(name, key), &["OVERRIDE", name, key, "NONE"]))
            .await
            .map(drop)
    }

    fn command(&self, method: &'static str, path: &str, words: &[&str]) -> Command {
        let mut command = self.0.bare(&format!("/v1/policies{path}"), "RL.POLICY");
        for word in words {
            command.word(*word);
        }
        command.method(method);
        command
    }

    async fn change(&self, mut command: Command) -> Result<Reply, Error> {
        command.every_primary = true;
        self.0.send(&command).await
    }

    async fn limits(&self, command: Command) -> Result<Option<Vec<Limit>>, Error> {
        let limit = |row: &Reply| {
            let fields = row.fields()?;
            Limit::of_reply(&fields.text("name")?, &fields.text("algorithm")?, &fields)
        };
        match self.0.send(&command).await? {
            Reply::Nil => Ok(None),
            reply => {
                let limits = reply.list().and_then(|rows| rows.iter().map(limit).collect());
                limits.map(Some).ok_or_else(|| Error::strange("a list of limits"))
            }
        }
    }
}

fn path(name: &str) -> String {
    format!("/{}", escaped(name))
}

fn override_path(name: &str, key: &str) -> String {
    format!("{}/overrides/{}", path(name), escaped(key))
}

/// Writes a segment of a path (RFC 3986).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b':'
            | b'@'
            | b'$'
            | b'&'
            | b'+'
            | b'=' => {
                escaped.push(char::from(byte));
            }
            _ => _ = write!(escaped, "%{byte:02X}"), // a String takes all text
        }
    }
    escaped
}
