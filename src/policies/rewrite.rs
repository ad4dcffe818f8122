//! Policies in an AOF that is rewritten as commands: as the commands that set them.
//!
//! They are as old as the keys in the file, of the moment when the server forked to write it; what
//! changes after that follows in the increment behind it.

use std::ffi::CStr;

use super::{COMMAND, with, words};
use crate::sys::aof_rider::{self, Rider};
use crate::sys::context::Context;
use crate::sys::data_type::Registration;

/// Takes the policies along.
struct Policies;

static REGISTRATION: Registration = Registration::new();

impl Rider for Policies {
    const NAME: &'static CStr = c"rl-policy";
    const COMMAND: &'static CStr = COMMAND;

    fn registration() -> &'static Registration {
        &REGISTRATION
    }

    fn lines(mut line: impl FnMut(&[Vec<u8>])) {
        with(|policies| policies.iter().for_each(|(_, shape)| line(&words(shape))));
    }
}

/// Prepares for it, while the module loads.
pub(crate) fn load(context: Context<'_>) -> bool {
    aof_rider::register::<Policies>(context)
}

/// Hears that this process was forked to rewrite the AOF, and begins.
pub(super) fn begun(context: Context<'_>) {
    if with(|policies| !policies.is_empty()) {
        aof_rider::board::<Policies>(context);
    }
}
