//! The words of a command, as a body adds them.

use rl_core::fault::Fault;
use rl_core::grammar::Words as _;

use super::fields::{Duration, Flow, Key, Lane, OnErrorField, Weight};
use super::json::Word;
use crate::command::{Command, Verb, WordList};
use crate::http::problem::Problem;
use crate::on_error::OnError;

/// What a body says.
pub(super) struct Words {
    /// A name, which may be empty, the key and what follows, or the number of keys and what follows.
    pub(super) all: WordList,
    /// How many of them stand before those that say that it waits, if it does.
    at_once: Option<usize>,
    /// What it is answered if it cannot be decided, if it says so.
    pub(super) on_error: Option<OnError>,
}

/// The fields of a request that may wait.
pub(super) struct Waiting<'a> {
    pub(super) wait: Option<Duration<'a>>,
    pub(super) priority: Option<Lane<'a>>,
    pub(super) flow: Option<Flow<'a>>,
    pub(super) weight: Option<Weight<'a>>,
    pub(super) on_error: Option<OnErrorField<'a>>,
}

impl Words {
    /// A name, without words yet.
    pub(super) fn of(name: &'static str) -> Self {
        Self { all: WordList::new(name), at_once: None, on_error: None }
    }

    /// The words of a request about this key.
    pub(super) fn new(key: Key<'_>) -> Result<Self, Problem> {
        let mut words = Self::of("");
        words.push(key.word()?);
        Ok(words)
    }

    /// The request of these words.
    pub(super) fn command(self, verb: Verb) -> Result<Command, Problem> {
        let at_once = self.at_once.unwrap_or_else(|| self.all.count());
        Ok(Command::of(verb, self.all, at_once)?)
    }

    /// Adds a word.
    pub(super) fn push(&mut self, word: Word<'_>) {
        self.all.push(&word);
    }

    /// Adds a keyword.
    pub(super) fn keyword(&mut self, keyword: &'static str) {
        self.all.push(keyword.as_bytes());
    }

    /// Adds how long the request waits, in which lane, and in which flow.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(super) fn waiting(mut self, waiting: &Waiting<'_>) -> Result<Self, Problem> {
        let Waiting { wait, priority, flow, weight, on_error } = waiting;
        self.at_once = Some(self.all.count());
        if let Some(time) = wait {
            self.keyword("WAIT");
            self.push(time.0.duration(Fault::Wait)?);
        }
        if let Some(lane) = priority {
            if wait.is_none() {
                return Err(Problem::request("priority may stand with wait only"));
            }
            self.keyword("PRIORITY");
            self.push(lane.word()?);
        }
        if let Some(flow) = flow {
            if wait.is_none() {
                return Err(Problem::request("flow may stand with wait only"));
            }
            self.keyword("FLOW");
            self.push(flow.word()?);
        }
        if let Some(weight) = weight {
            if flow.is_none() {
                return Err(Problem::request("weight may stand with flow only"));
            }
            self.keyword("WEIGHT");
            self.push(weight.0.number(Fault::Weight)?);
        }
        self.on_error = on_error.map(OnErrorField::read).transpose()?;
        Ok(self)
    }
}
