//! One key: what it holds, and its deletion.

use std::cmp::Reverse;

use redis::Value;
use rl_core::fault::Fault;

use super::{Redis, reply};
use crate::command::Verb;
use crate::flow_state::FlowState;
use crate::reply::{Failure, Reply};

impl Redis {
    /// The algorithm of a key, and its limits now.
    pub(crate) async fn fill(&self, key: &[u8]) -> Option<(&'static str, Reply)> {
        let mut info = redis::cmd("RL.INFO");
        info.arg(key);
        let mut peek = redis::cmd("RL.PEEK");
        peek.arg(key).arg("COST").arg(0);
        let algorithm = reply::algorithm(&self.ask(&info).await.ok()?)?;
        let reply = reply::read(Verb::Peek, false, &self.ask(&peek).await.ok()?)?;
        Some((algorithm, reply))
    }

    /// The flows with the most waiters in the line of a key, at most `most`; `None` if they cannot be read.
    pub(crate) async fn flows(&self, key: &[u8], most: usize) -> Option<Vec<FlowState>> {
        let mut info = redis::cmd("RL.INFO");
        let mut flows = reply::flows(&self.ask(info.arg(key)).await.ok()?)?;
        flows.sort_by_key(|flow| Reverse(flow.waiting));
        flows.truncate(most);
        Some(flows)
    }

    /// Deletes a key that holds limits. Returns whether there was one.
    ///
    /// # Errors
    /// [`Fault::WrongType`] for a key of another type, which is left alone.
    pub(crate) async fn delete(&self, key: &[u8]) -> std::result::Result<bool, Failure> {
        let mut kind = redis::cmd("TYPE");
        match self.ask(kind.arg(key)).await? {
            Value::SimpleString(kind) if kind == "ratelimit" => {}
            Value::SimpleString(kind) if kind == "none" => return Ok(false),
            Value::SimpleString(_) => return Err(Fault::WrongType.into()),
            _ => return Err(Failure::Strange),
        }
        let mut delete = redis::cmd("DEL");
        match self.ask(delete.arg(key)).await? {
            Value::Int(deleted) => Ok(deleted > 0),
            _ => Err(Failure::Strange),
        }
    }
}
