//! A request as both back ends know it: the words of a command of the module, whose grammar is
//! [`rl_core::grammar::limit`] and [`rl_core::grammar::quota`].
//!
//! Every way in (JSON, Envoy, `/allow`) makes one of these, and it is read here before any back end sees it: so both
//! answer the same errors, in the same words.

use std::sync::Arc;

use rl_core::fault::{Fault, Result};
use rl_core::grammar::Words;
use rl_core::grammar::limit as request;
use rl_core::grammar::quota::{self as quota, Limits};
use rl_core::limit::rule::Rule;
use rl_core::queue::Wait;
use rl_core::quota::shape::{Draft, Limit, Measure, REQUESTS, Shape};
use rl_core::time::Span;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    /// `RL.SLIDE`
    Slide,
    /// `RL.WINDOW`
    Window,
    /// `RL.BUCKET`
    Bucket,
    /// `RL.QUOTA`
    Quota,
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
}

impl Verb {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Slide,
        Self::Window,
        Self::Bucket,
        Self::Quota,
        Self::Peek,
        Self::Refund,
        Self::Settle,
        Self::Cancel,
        Self::Renew,
    ];

    /// The command's name.
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::Slide => "RL.SLIDE",
            Self::Window => "RL.WINDOW",
            Self::Bucket => "RL.BUCKET",
            Self::Quota => "RL.QUOTA",
            Self::Peek => "RL.PEEK",
            Self::Refund => "RL.REFUND",
            Self::Settle => "RL.SETTLE",
            Self::Cancel => "RL.CANCEL",
            Self::Renew => "RL.RENEW",
        }
    }

    /// Its name in paths and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Slide => "slide",
            Self::Window => "window",
            Self::Bucket => "bucket",
            Self::Quota => "quota",
            Self::Peek => "peek",
            Self::Refund => "refund",
            Self::Settle => "settle",
            Self::Cancel => "cancel",
            Self::Renew => "renew",
        }
    }

    /// Whether it asks for an admission.
    pub(crate) const fn decides(self) -> bool {
        matches!(self, Self::Slide | Self::Window | Self::Bucket | Self::Quota)
    }
}

/// A command that has been read and found right.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    verb: Verb,
    /// Its name, the key, and what follows.
    words: Box<[Box<[u8]>]>,
    /// How many of these there are before what says that it waits.
    at_once: usize,
    wait: Option<Wait>,
    longest: Span,
}

impl Command {
    /// A command of these words, without its name, and those that say that it waits.
    ///
    /// # Errors
    /// The fault of the first word that is wrong.
    pub(crate) fn new(
        verb: Verb,
        words: impl IntoIterator<Item = Box<[u8]>>,
        wait: impl IntoIterator<Item = Box<[u8]>>,
    ) -> Result<Self> {
        let name = verb.command().as_bytes().into();
        let mut words: Vec<Box<[u8]>> = std::iter::once(name).chain(words).collect();
        let at_once = words.len();
        words.extend(wait);
        let mut command = Self { verb, words: words.into(), at_once, wait: None, longest: Span::default() };
        command.wait = match verb {
            Verb::Slide | Verb::Window | Verb::Bucket => command.limit()?.wait,
            Verb::Quota => quota::quota(&command)?.terms.wait,
            Verb::Peek => quota::peek(&command).map(|_| None)?,
            Verb::Refund => request::refund(&command).map(|_| None)?,
            Verb::Settle => quota::settle(&command).map(|_| None)?,
            Verb::Cancel => quota::reservation(&command).map(|_| None)?,
            Verb::Renew => quota::renew(&command).map(|_| None)?,
        };
        command.longest =
            command.measures().iter().map(|one| longest(&one.measure)).max().unwrap_or_default();
        Ok(command)
    }

    /// What is asked.
    pub(crate) const fn verb(&self) -> Verb {
        self.verb
    }

    /// The key that it is about.
    pub(crate) fn key(&self) -> &[u8] {
        self.word(1).unwrap_or_default()
    }

    /// Whether, and how, it waits where it is not admitted at once.
    pub(crate) const fn wait(&self) -> Option<Wait> {
        self.wait
    }

    /// Waits no longer than this.
    pub(crate) fn at_most(&mut self, most: Span) {
        let Some(wait) = self.wait.as_mut().filter(|wait| wait.time > most) else { return };
        wait.time = most;
        if let Some(time) = self.words.get_mut(self.at_once.saturating_add(1)) {
            *time = most.to_string().into_bytes().into();
        }
    }

    /// All words, its name first.
    pub(crate) fn words(&self) -> &[Box<[u8]>] {
        &self.words
    }

    /// The same without those that say that it waits.
    pub(crate) fn words_at_once(&self) -> &[Box<[u8]>] {
        self.words.get(..self.at_once).unwrap_or(&self.words)
    }

    /// The request against one limit that it makes.
    ///
    /// # Errors
    /// The fault of a word; none where it asks one limit.
    pub(crate) fn limit(&self) -> Result<request::Request> {
        match self.verb {
            Verb::Slide => request::slide(self),
            Verb::Window => request::window(self),
            Verb::Bucket => request::bucket(self),
            _ => Err(Fault::WrongType),
        }
    }

    /// The longest window or period that it spells out.
    pub(crate) const fn longest(&self) -> Span {
        self.longest
    }

    /// The limits that it spells out, with their names; that of a command with one limit is `default`.
    pub(crate) fn measures(&self) -> Vec<Measured> {
        match self.verb {
            Verb::Slide | Verb::Window | Verb::Bucket => {
                let measured = |request: request::Request| {
                    let (name, unit) = (b"default".as_slice().into(), REQUESTS.into());
                    Measured { name, unit, measure: Measure::Rate(request.rule) }
                };
                self.limit().map(measured).into_iter().collect()
            }
            Verb::Quota => match quota::quota(self).map(|request| request.limits) {
                Ok(Limits::Spelled(drafts)) => drafts
                    .iter()
                    .map(|Draft { name, unit, measure }| Measured {
                        name: (*name).into(),
                        unit: (*unit).into(),
                        measure: *measure,
                    })
                    .collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The name of the policy that it asks by.
    pub(crate) fn policy(&self) -> Option<Box<[u8]>> {
        match quota::quota(self).ok().filter(|_| self.verb == Verb::Quota)?.limits {
            Limits::Policy(name) => Some(name.into()),
            Limits::Spelled(_) => None,
        }
    }
}

impl Words for Command {
    fn word(&self, index: usize) -> Option<&[u8]> {
        self.words.get(index).map(|word| &**word)
    }

    fn count(&self) -> usize {
        self.words.len()
    }
}

fn longest(measure: &Measure) -> Span {
    match measure {
        Measure::Rate(rule) => Rule::longest(rule),
        Measure::InFlight(_) => Span::default(),
    }
}

/// One limit as it is told of.
pub(crate) struct Measured {
    /// What it is called.
    pub(crate) name: Box<[u8]>,
    /// What it counts.
    pub(crate) unit: Box<[u8]>,
    /// How.
    pub(crate) measure: Measure,
}

/// The limits of a shape.
pub(crate) fn measures_of(shape: &Arc<Shape>) -> Vec<Measured> {
    let measured = |limit: &Limit| Measured {
        name: limit.name.as_bytes().into(),
        unit: limit.unit.as_bytes().into(),
        measure: limit.measure,
    };
    shape.limits().iter().map(measured).collect()
}
