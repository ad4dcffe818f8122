//! Commands: how they are registered, and how the server calls them.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ops::Range;

use redis_module::raw;

use super::api::api;
use super::args::Args;
use super::command_docs::{Docs, Keys, document};
use super::context::{Context, with_context};
use super::guard::guarded;
use super::open_keys;
use super::reply::{Reply, SENT};

/// The code of a command.
pub(crate) trait Handler {
    /// The least and the most words, its name among them.
    const WORDS: (usize, usize);
    /// Whether it may change what keys hold.
    const CHANGES_KEYS: bool = true;

    /// Answers one request.
    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>);
}

/// A command that itself finds the keys among its words.
pub(crate) trait FindsKeys: Handler {
    /// What it does to the keys: `REDISMODULE_CMD_KEY_*`.
    const KEY: u32;

    /// The positions of the keys among these words. Empty if the words are not this command's.
    fn keys(args: Args<'_>) -> Range<usize>;
}

type Function =
    unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut *mut raw::RedisModuleString, c_int) -> c_int;

/// The function that the server calls for a command.
#[derive(Clone, Copy)]
pub(crate) struct Entry(Function);

/// The entry of `H`.
pub(crate) const fn entry<H: Handler>() -> Entry {
    Entry(run::<H>)
}

/// The entry of `H`, whose flags contain `getkeys-api`.
pub(crate) const fn entry_with_keys<H: FindsKeys>() -> Entry {
    Entry(run_or_find_keys::<H>)
}

/// A command as the server is told of it.
pub(crate) struct Command {
    pub(crate) name: &'static CStr,
    /// As `RedisModule_CreateCommand` takes them.
    pub(crate) flags: &'static CStr,
    /// The server's ACL categories of the command. It derives none from the flags of a module's command.
    pub(crate) categories: &'static CStr,
    /// Whether the command is in the module's own category, too.
    pub(crate) own_category: bool,
    /// `None` for a command that consists of its subcommands.
    pub(crate) run: Option<Entry>,
    pub(crate) docs: Docs,
    /// Hints for clients and proxies, as `COMMAND INFO` shows them.
    pub(crate) tips: Option<&'static CStr>,
    pub(crate) subcommands: &'static [Self],
}

unsafe extern "C" fn run<H: Handler>(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server passes a context and `argc` strings that live until this returns, and wants one reply.
    let (args, reply) = unsafe { (Args::new(argv, argc), Reply::new(context)) };
    let answer = |context: &mut Context<'_>| {
        let (least, most) = H::WORDS;
        if args.len() < least || args.len() > most {
            reply.wrong_arity();
        } else if H::CHANGES_KEYS && open_keys::is_setting(context.main_thread()) {
            reply.error(NESTED);
        } else {
            H::run(context, args, reply);
        }
    };
    // If it panics, the reply is dropped, and so an error is sent.
    // SAFETY: as above.
    unsafe { with_context(context, |context| guarded(|| answer(context), || ())) }
    SENT
}

/// The answer to a command that another module sends from its handler of a new key, while the command that made the key
/// has decided and has yet to charge others, or to set an expiry. Two decisions would count on the same tokens.
const NESTED: &CStr = c"ERR a module may not change limits from its handler of a key that is being created";

/// Runs a command whose flags contain `getkeys-api`, or tells the server where its keys are.
///
/// The server is also told in words that it can search by itself (`command_docs.rs`). But a server of 7.0 does not do so
/// when it looks for the node of a cluster that owns the keys.
unsafe extern "C" fn run_or_find_keys<H: FindsKeys>(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server passes a context that lives until this returns.
    if unsafe { api!(RedisModule_IsKeysPositionRequest(context)) } == 0 {
        // SAFETY: these are the server's own arguments, as they came.
        return unsafe { run::<H>(context, argv, argc) };
    }
    // SAFETY: the strings live until this returns.
    let args = unsafe { Args::new(argv, argc) };
    let keys = guarded(|| H::keys(args), || 0..0);
    for at in keys.filter(|at| *at < args.len()).filter_map(|at| c_int::try_from(at).ok()) {
        // SAFETY: the context is live, and the server asks for this. The position is that of a word.
        unsafe { api!(RedisModule_KeyAtPosWithFlags(context, at, H::KEY.cast_signed())) }
    }
    SENT
}

/// The result of registering a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registered {
    Yes,
    /// The server has another command of that name and keeps it.
    NameTaken,
    /// The server refuses the description of the command.
    No,
}

/// Registers a command and its subcommands, with documentation and ACL categories. `own` is the module's own category, if
/// the server knows such categories.
pub(crate) fn register(context: &Context<'_>, command: &Command, own: Option<&CStr>) -> Registered {
    let first = i32::from(command.docs.keys == Keys::First);
    let (name, flags) = (command.name.as_ptr(), command.flags.as_ptr());
    let run = command.run.map(|Entry(run)| run);
    // SAFETY: the context is live (rule 2 of `sys`) and this runs while the module loads. Names and flags are C strings,
    // which the server copies. The function has the type asked for.
    let handle = unsafe {
        let context = context.as_ptr();
        if api!(RedisModule_CreateCommand(context, name, run, flags, first, first, first)) != 0 {
            return Registered::NameTaken;
        }
        api!(RedisModule_GetCommand(context, name))
    };
    let described = describe(handle, command, own)
        && command.subcommands.iter().all(|sub| {
            let handle = create_sub(context, handle, command.name, sub);
            handle.is_some_and(|handle| describe(handle, sub, own))
        });
    if described { Registered::Yes } else { Registered::No }
}

/// Registers a subcommand, which has no keys. Returns the server's handle for it.
fn create_sub(
    context: &Context<'_>,
    parent: *mut raw::RedisModuleCommand,
    parent_name: &CStr,
    sub: &Command,
) -> Option<*mut raw::RedisModuleCommand> {
    let full_name = [parent_name.to_bytes(), b"|", sub.name.to_bytes()].concat();
    let full_name = CString::new(full_name).ok()?;
    let (name, flags) = (sub.name.as_ptr(), sub.flags.as_ptr());
    let run = sub.run.map(|Entry(run)| run);
    // SAFETY: as in `register`. The parent's handle is live, and the parent has no function of its own.
    unsafe {
        let created = api!(RedisModule_CreateSubcommand(parent, name, run, flags, 0, 0, 0)) == 0;
        created.then(|| api!(RedisModule_GetCommand(context.as_ptr(), full_name.as_ptr())))
    }
}

/// Describes a registered command to the server.
fn describe(handle: *mut raw::RedisModuleCommand, command: &Command, own: Option<&CStr>) -> bool {
    if handle.is_null() {
        return false;
    }
    let mut categories = command.categories.to_bytes().to_vec();
    if let Some(own) = own.filter(|_| command.own_category) {
        categories.push(b' ');
        categories.extend_from_slice(own.to_bytes());
    }
    categories.push(0);
    // SAFETY: rule 3: the call exists from 7.2 on, and is asked for here. Before, users are given commands by name.
    if let Some(set) = unsafe { raw::RedisModule_SetCommandACLCategories } {
        // SAFETY: the handle is the command's. The categories end with their only NUL.
        if unsafe { set(handle, categories.as_ptr().cast::<c_char>()) } != 0 {
            return false;
        }
    }
    document(handle, &command.docs, command.tips)
}

/// Whether the server has ACL categories for a module's commands, from 7.2 on. Before, a module's command is in none, not even
/// in `@dangerous`, so a rule about categories never takes it from a user.
pub(crate) fn has_categories(_: &Context<'_>) -> bool {
    // SAFETY: rule 3: whether the call is there tells which server this is.
    unsafe { raw::RedisModule_SetCommandACLCategories }.is_some()
}

/// Makes an ACL category known. Returns whether the server knows categories of modules, and took it.
pub(crate) fn add_category(context: &Context<'_>, name: &CStr) -> bool {
    // SAFETY: rule 3: the call exists from 7.4 on, and is asked for here.
    match unsafe { raw::RedisModule_AddACLCategory } {
        // SAFETY: the context is live and this runs while the module loads.
        Some(add) => unsafe { add(context.as_ptr(), name.as_ptr()) == 0 },
        None => false,
    }
}
