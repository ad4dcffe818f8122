//! A request for a back end: the words of one of the module's commands, and their meaning.
//!
//! JSON, Envoy and `/allow` all become commands. The words are read once, here, before a back end sees them. So both back
//! ends give the same errors in the same words.

mod words;

use std::ops::Range;

use rl_core::fault::Result;
use rl_core::grammar::Words;
use rl_core::grammar::ask::{Ask, Limits};
use rl_core::grammar::request::{self, Request};
use rl_core::limit::Kind;
use rl_core::queue::{Position, Wait};
use rl_core::time::Span;

use self::words::Read;
pub(crate) use self::words::WordList;

/// Which command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    /// The command for one limit of an algorithm, such as `RL.SLIDE`
    Limit(Kind),
    /// `RL.QUOTA`
    Quota,
    /// `RL.MQUOTA`
    ManyQuotas,
    /// `RL.FIRST`
    First,
    /// `RL.PEEK`
    Peek,
    /// `RL.REFUND`
    Refund,
    /// `RL.SETTLE`
    Settle,
    /// `RL.CANCEL`
    Cancel,
    /// `RL.RENEW`
    Renew,
    /// `RL.HOLD`
    Hold,
    /// `RL.SYNC`
    Sync,
}

impl Verb {
    /// Returns all commands.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let others = [
            Self::Quota,
            Self::ManyQuotas,
            Self::First,
            Self::Peek,
            Self::Refund,
            Self::Settle,
            Self::Cancel,
            Self::Renew,
            Self::Hold,
            Self::Sync,
        ];
        Kind::ALL.into_iter().map(Self::Limit).chain(others)
    }

    /// Its name in the module.
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::Limit(kind) => kind.command(),
            Self::Quota => "RL.QUOTA",
            Self::ManyQuotas => "RL.MQUOTA",
            Self::First => "RL.FIRST",
            Self::Peek => "RL.PEEK",
            Self::Refund => "RL.REFUND",
            Self::Settle => "RL.SETTLE",
            Self::Cancel => "RL.CANCEL",
            Self::Renew => "RL.RENEW",
            Self::Hold => "RL.HOLD",
            Self::Sync => "RL.SYNC",
        }
    }

    /// The command as the grammar knows it.
    const fn grammar(self) -> request::Command {
        match self {
            Self::Limit(kind) => request::Command::Limit(kind),
            Self::Quota => request::Command::Quota,
            Self::ManyQuotas => request::Command::ManyQuotas,
            Self::First => request::Command::First,
            Self::Peek => request::Command::Peek,
            Self::Refund => request::Command::Refund,
            Self::Settle => request::Command::Settle,
            Self::Cancel => request::Command::Cancel,
            Self::Renew => request::Command::Renew,
            Self::Hold => request::Command::Hold,
            Self::Sync => request::Command::Sync,
        }
    }

    /// Its name in paths and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Limit(kind) => kind.name(),
            Self::Quota => "quota",
            Self::ManyQuotas => "mquota",
            Self::First => "first",
            Self::Peek => "peek",
            Self::Refund => "refund",
            Self::Settle => "settle",
            Self::Cancel => "cancel",
            Self::Renew => "renew",
            Self::Hold => "hold",
            Self::Sync => "sync",
        }
    }

    /// Whether it asks for an admission.
    pub(crate) const fn decides(self) -> bool {
        matches!(self, Self::Limit(_) | Self::Quota | Self::ManyQuotas | Self::First)
    }
}

/// A command whose words have been read and are valid.
#[derive(Debug)]
pub(crate) struct Command {
    verb: Verb,
    read: Read,
    /// The number of words before `WAIT`.
    at_once: usize,
    wait: Option<Wait>,
    /// The time to wait, if it was shortened.
    shortened: Option<Box<[u8]>>,
    longest: Span,
    /// The words that are its keys.
    keys: Range<usize>,
}

impl Command {
    /// A command of these words. `words` begins with the key, or with the number of keys; `wait` begins with `WAIT`, or is empty.
    ///
    /// # Errors
    /// The fault of the first word that is wrong.
    pub(crate) fn new<W: AsRef<[u8]>>(
        verb: Verb,
        words: impl IntoIterator<Item = W>,
        wait: impl IntoIterator<Item = W>,
    ) -> Result<Self> {
        let mut all = WordList::new(verb.command());
        words.into_iter().for_each(|word| all.push(word.as_ref()));
        let at_once = all.count();
        wait.into_iter().for_each(|word| all.push(word.as_ref()));
        Self::of(verb, all, at_once)
    }

    /// A command of these words, of which `at_once` stand before `WAIT`. The verb gives the first.
    ///
    /// # Errors
    /// The fault of the first word that is wrong.
    pub(crate) fn of(verb: Verb, words: WordList, at_once: usize) -> Result<Self> {
        let all = words.named(verb.command());
        let read = Read::try_new(all, |words| Request::read(verb.grammar(), words))?;
        let (wait, longest, keys) = read.with_dependent(|_, request| {
            let longest = match request {
                Request::Limit(request) => request.rule.longest(),
                Request::Quota(Ask { limits: Limits::Known { shape, .. }, .. }) => shape.longest(),
                Request::Quota(Ask { limits: Limits::Policy { .. }, .. })
                | Request::ManyQuotas(_)
                | Request::First(_)
                | Request::Peek(_)
                | Request::Refund(_)
                | Request::Settle { .. }
                | Request::Cancel { .. }
                | Request::Renew { .. }
                | Request::Hold(_)
                | Request::Sync(_) => Span::default(),
            };
            let keys = match request {
                Request::ManyQuotas(request) | Request::First(request) => request.keys.clone(),
                Request::Limit(_)
                | Request::Quota(_)
                | Request::Peek(_)
                | Request::Refund(_)
                | Request::Settle { .. }
                | Request::Cancel { .. }
                | Request::Renew { .. }
                | Request::Hold(_)
                | Request::Sync(_) => 1..2,
            };
            (request.wait(), longest, keys)
        });
        Ok(Self { verb, read, at_once, wait, shortened: None, longest, keys })
    }

    /// Which command it is.
    pub(crate) const fn verb(&self) -> Verb {
        self.verb
    }

    /// Whether it takes as much of its cost as there is.
    pub(crate) fn is_up_to(&self) -> bool {
        self.with_request(|request| request.is_up_to())
    }

    /// Lends the meaning of its words.
    pub(crate) fn with_request<T>(&self, look: impl FnOnce(&Request<'_>) -> T) -> T {
        self.read.with_dependent(|_, request| look(request))
    }

    /// Its key, or the first one.
    pub(crate) fn key(&self) -> &[u8] {
        self.read.borrow_owner().word(self.keys.start).unwrap_or_default()
    }

    /// Its keys. Nearly all commands have one.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.keys.clone().map(|at| self.read.borrow_owner().word(at).unwrap_or_default())
    }

    /// How it waits if it is denied; `None` if it does not.
    pub(crate) const fn wait(&self) -> Option<Wait> {
        self.wait
    }

    /// Where it stands while it waits.
    pub(crate) fn position(&self) -> Position {
        self.wait.unwrap_or_default().position(self.read.borrow_owner(), self.verb == Verb::First)
    }

    /// Shortens its wait to `most`.
    pub(crate) fn at_most(&mut self, most: Span) {
        if let Some(wait) = self.wait.as_mut().filter(|wait| wait.time > most) {
            wait.time = most;
            self.shortened = Some(most.to_string().into_bytes().into());
        }
    }

    /// All words, its name first.
    pub(crate) fn words(&self) -> impl Iterator<Item = &[u8]> {
        let words = self.read.borrow_owner();
        let time = self.at_once.saturating_add(1);
        (0..words.count()).filter_map(move |at| match &self.shortened {
            Some(shortened) if at == time => Some(&**shortened),
            _ => words.word(at),
        })
    }

    /// The same command without its wait.
    pub(crate) fn words_at_once(&self) -> impl Iterator<Item = &[u8]> {
        self.words().take(self.at_once)
    }

    /// The longest window or period that it spells out.
    pub(crate) const fn longest(&self) -> Span {
        self.longest
    }
}
