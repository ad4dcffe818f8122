//! Commands: what runs them, and who may.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ops::Range;

use redis_module::raw;

use super::api::api;
use super::command_docs::{Docs, Keys, document};
use super::context::{Args, Context};
use super::guard::guarded;
use super::reply::{Reply, SENT};

/// What a command does, from its words to its reply.
pub(crate) trait Handler {
    /// The least and the most words, its own name among them.
    const WORDS: (usize, usize);

    /// Answers one request.
    fn run(context: Context<'_>, args: Args<'_>);
}

/// A command that says itself which of its words are keys.
pub(crate) trait FindsKeys: Handler {
    /// What it does to them: `REDISMODULE_CMD_KEY_*`.
    const KEY: u32;

    /// Where they are among these words; none where they are not its words.
    fn keys(args: Args<'_>) -> Range<usize>;
}

/// A command's function, as the server calls it.
pub(crate) type Entry =
    unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut *mut raw::RedisModuleString, c_int) -> c_int;

/// A command as the server is told of it.
pub(crate) struct Command {
    pub(crate) name: &'static CStr,
    /// As `RedisModule_CreateCommand` takes them.
    pub(crate) flags: &'static CStr,
    /// The server's ACL categories that it is in: for a module's commands nothing follows from flags.
    pub(crate) categories: &'static CStr,
    /// Whether it is in the module's own category too.
    pub(crate) own_category: bool,
    /// Nothing where the work is its subcommands'.
    pub(crate) run: Option<Entry>,
    pub(crate) docs: Docs,
    pub(crate) subcommands: &'static [Self],
}

/// The function that the server calls for `H`.
pub(crate) unsafe extern "C" fn entry<H: Handler>(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server passes a context and `argc` strings that live until this returns.
    let (context, args) = unsafe { (Context::new(context), Args::new(argv, argc)) };
    guarded(
        || {
            let (least, most) = H::WORDS;
            if args.len() < least || args.len() > most {
                Reply::to(context).wrong_arity();
            } else {
                H::run(context, args);
            }
        },
        || {
            Reply::to(context).error(c"ERR internal error in the rate limiter, please report it");
        },
    );
    SENT
}

/// The same for a command whose flags have `getkeys-api`.
///
/// The server is also told in words that it can look through itself (see `command_docs.rs`), but a
/// server of 7.0 does not do so when it looks for the node of a cluster that owns the keys.
pub(crate) unsafe extern "C" fn entry_with_keys<H: FindsKeys>(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server passes a context that lives until this returns.
    if unsafe { api!(RedisModule_IsKeysPositionRequest(context)) } == 0 {
        // SAFETY: the server's own arguments, as they came.
        return unsafe { entry::<H>(context, argv, argc) };
    }
    // SAFETY: the strings live until this returns.
    let args = unsafe { Args::new(argv, argc) };
    let keys = guarded(|| H::keys(args), || 0..0);
    for at in keys.filter(|at| *at < args.len()).filter_map(|at| c_int::try_from(at).ok()) {
        // SAFETY: the context is live, and the server has asked for this; the position is that of a word.
        unsafe { api!(RedisModule_KeyAtPosWithFlags(context, at, H::KEY.cast_signed())) }
    }
    SENT
}

/// What became of a command that was to be registered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registered {
    /// It is there.
    Yes,
    /// The server has another command of its name, and keeps that.
    NameTaken,
    /// The server does not take what is said of it.
    No,
}

/// Registers a command with its documentation and its ACL categories, and its subcommands likewise;
/// `own` is the module's category, where the server has such.
pub(crate) fn register(context: Context<'_>, command: &Command, own: Option<&CStr>) -> Registered {
    let first = i32::from(command.docs.keys == Keys::First);
    let (name, flags) = (command.name.as_ptr(), command.flags.as_ptr());
    // SAFETY: the context is live (rule 2 of `sys`) and this runs while the module loads; names and
    // flags are C strings, which the server copies, and the function has the type asked for.
    let handle = unsafe {
        let context = context.as_ptr();
        if api!(RedisModule_CreateCommand(context, name, command.run, flags, first, first, first)) != 0 {
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

/// Registers a subcommand, which has no keys: the server's handle for it.
fn create_sub(
    context: Context<'_>,
    parent: *mut raw::RedisModuleCommand,
    parent_name: &CStr,
    sub: &Command,
) -> Option<*mut raw::RedisModuleCommand> {
    let full_name = [parent_name.to_bytes(), b"|", sub.name.to_bytes()].concat();
    let full_name = CString::new(full_name).ok()?;
    let (name, flags) = (sub.name.as_ptr(), sub.flags.as_ptr());
    // SAFETY: as in `register`; the parent's handle is live, and it has no function of its own.
    unsafe {
        let created = api!(RedisModule_CreateSubcommand(parent, name, sub.run, flags, 0, 0, 0)) == 0;
        created.then(|| api!(RedisModule_GetCommand(context.as_ptr(), full_name.as_ptr())))
    }
}

/// Says of a registered command what is to be said of it.
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
    // SAFETY: rule 3: from 7.2 on, and asked for here. Before, users are given commands by name.
    if let Some(set) = unsafe { raw::RedisModule_SetCommandACLCategories } {
        // SAFETY: the handle is the command's; the categories end with their only NUL.
        if unsafe { set(handle, categories.as_ptr().cast::<c_char>()) } != 0 {
            return false;
        }
    }
    document(handle, &command.docs)
}

/// Makes an ACL category known: whether the server has such, and took it.
pub(crate) fn add_category(context: Context<'_>, name: &CStr) -> bool {
    // SAFETY: rule 3: from 7.4 on, and asked for here.
    match unsafe { raw::RedisModule_AddACLCategory } {
        // SAFETY: the context is live and this runs while the module loads.
        Some(add) => unsafe { add(context.as_ptr(), name.as_ptr()) == 0 },
        None => false,
    }
}
