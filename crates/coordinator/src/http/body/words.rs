//! The words of a command, as a body adds them.

use std::borrow::Cow;

use rl_core::fault::Fault;
use smallvec::{SmallVec, smallvec};

use super::fields::{Duration, Key, Lane, OnErrorField};
use super::json::Word;
use crate::http::problem::Problem;
use crate::on_error::OnError;

/// What a body says.
#[derive(Default)]
pub(super) struct Words<'a> {
    /// The key and what follows, or the number of keys and what follows.
    pub(super) request: SmallVec<[Word<'a>; 12]>,
    /// The words that say that it waits.
    pub(super) wait: SmallVec<[Word<'a>; 4]>,
    /// What it is answered if it cannot be decided, if it says so.
    pub(super) on_error: Option<OnError>,
}

/// The fields of a request that may wait.
pub(super) struct Waiting<'a> {
    pub(super) wait: Option<Duration<'a>>,
    pub(super) priority: Option<Lane<'a>>,
    pub(super) on_error: Option<OnErrorField<'a>>,
}

impl<'a> Words<'a> {
    /// The words of a request about this key.
    pub(super) fn new(key: Key<'a>) -> Result<Self, Problem> {
        Ok(Self { request: smallvec![key.word()?], wait: SmallVec::new(), on_error: None })
    }

    /// Adds a word.
    pub(super) fn push(&mut self, word: Word<'a>) {
        self.request.push(word);
    }

    /// Adds a keyword.
    pub(super) fn keyword(&mut self, keyword: &'static str) {
        self.push(Cow::Borrowed(keyword.as_bytes()));
    }

    /// Adds how long the request waits, and in which lane.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(super) fn waiting(mut self, waiting: &Waiting<'a>) -> Result<Self, Problem> {
        let Waiting { wait, priority, on_error } = waiting;
        if let Some(time) = wait {
            self.wait.push(Cow::Borrowed(b"WAIT"));
            self.wait.push(time.0.duration(Fault::Wait)?);
        }
        if let Some(lane) = priority {
            if wait.is_none() {
                return Err(Problem::request("priority may stand with wait only"));
            }
            self.wait.push(Cow::Borrowed(b"PRIORITY"));
            self.wait.push(lane.word()?);
        }
        self.on_error = on_error.map(OnErrorField::read).transpose()?;
        Ok(self)
    }
}
