//! The load arguments: pairs of a name and a value, such as
//! `loadmodule libredis_rl.so max-window 31d policies /etc/redis/policies.toml`.

use std::ffi::CStr;

use crate::sys::args::{Arg, Args};

/// The load arguments.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a>(Args<'a>);

impl<'a> Arguments<'a> {
    pub(crate) fn new(args: Args<'a>) -> Self {
        Self(args)
    }

    /// Whether each name is one of `known`.
    pub(crate) fn are_among(self, known: impl Iterator<Item = &'static CStr> + Clone) -> bool {
        self.pairs().all(|(name, _)| known.clone().any(|known| is(name, known)))
    }

    /// The last value of a name: `None` if the name was not given, `Some(None)` if it was given without a value.
    pub(crate) fn get(self, name: &CStr) -> Option<Option<&'a [u8]>> {
        let last = self.pairs().filter(|(given, _)| is(*given, name)).last();
        last.map(|(_, value)| value.map(Arg::bytes))
    }

    /// The pairs. The last one may lack its value.
    fn pairs(self) -> impl Iterator<Item = (Arg<'a>, Option<Arg<'a>>)> {
        let Self(args) = self;
        let pair = move |at: usize| Some((args.get(at)?, args.get(at.saturating_add(1))));
        (0..args.len()).step_by(2).filter_map(pair)
    }
}

fn is(given: Arg<'_>, name: &CStr) -> bool {
    given.bytes().eq_ignore_ascii_case(name.to_bytes())
}
