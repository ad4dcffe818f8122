//! Commands: what runs them, and what `COMMAND INFO`, `COMMAND DOCS` and `ACL` say of them.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};

use redis_module::raw;

use super::api;
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
    pub(crate) run: Option<Entry>,
    pub(crate) docs: Docs,
}

/// What `COMMAND DOCS` says of a command whose first argument is its key.
pub(crate) struct Docs {
    pub(crate) summary: &'static CStr,
    pub(crate) complexity: &'static CStr,
    pub(crate) since: &'static CStr,
    /// Words with its name: exactly so many, or, negative, at least.
    pub(crate) arity: c_int,
    /// What it does to its key: `REDISMODULE_CMD_KEY_*`.
    pub(crate) key: u32,
    /// What follows the key.
    pub(crate) args: &'static [Arg],
}

/// An argument.
#[derive(Clone, Copy)]
pub(crate) struct Arg {
    pub(crate) name: &'static CStr,
    pub(crate) kind: Kind,
    /// The keyword before it.
    pub(crate) token: Option<&'static CStr>,
    pub(crate) optional: bool,
}

/// What an argument is written as.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    String,
    Integer,
    Double,
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

/// Registers a command with its documentation and its ACL categories; `own` is the module's, where
/// the server has such.
pub(crate) fn register(context: Context<'_>, command: &Command, own: Option<&CStr>) -> bool {
    // SAFETY: the context is live (rule 2 of `sys`) and this runs while the module loads; names and
    // flags are C strings, which the server copies, and the function has the type asked for.
    let registered = unsafe {
        api!(RedisModule_CreateCommand(
            context.as_ptr(),
            command.name.as_ptr(),
            command.run,
            command.flags.as_ptr(),
            1,
            1,
            1,
        ))
    };
    if registered != 0 {
        return false;
    }
    // SAFETY: as above.
    let handle = unsafe { api!(RedisModule_GetCommand(context.as_ptr(), command.name.as_ptr())) };
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

fn document(command: *mut raw::RedisModuleCommand, docs: &Docs) -> bool {
    let mut keys = [key_spec(docs.key), EMPTY_KEY_SPEC];
    let mut args: Vec<raw::RedisModuleCommandArg> = Vec::new();
    args.push(raw::RedisModuleCommandArg {
        name: c"key".as_ptr(),
        type_: raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY,
        key_spec_index: 0,
        ..EMPTY_ARG
    });
    args.extend(docs.args.iter().map(argument));
    args.push(EMPTY_ARG);
    let info = raw::RedisModuleCommandInfo {
        version: &raw const INFO_VERSION,
        summary: docs.summary.as_ptr(),
        complexity: docs.complexity.as_ptr(),
        since: docs.since.as_ptr(),
        history: null_mut(),
        tips: null(),
        arity: docs.arity,
        key_specs: keys.as_mut_ptr(),
        args: args.as_mut_ptr(),
    };
    // SAFETY: the command is live; both arrays end with an empty entry; the server copies all of it.
    unsafe { api!(RedisModule_SetCommandInfo(command, &raw const info)) == 0 }
}

fn argument(arg: &Arg) -> raw::RedisModuleCommandArg {
    let kind = match arg.kind {
        Kind::String => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
        Kind::Integer => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER,
        Kind::Double => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_DOUBLE,
    };
    let flags = if arg.optional { raw::REDISMODULE_CMD_ARG_OPTIONAL } else { raw::REDISMODULE_CMD_ARG_NONE };
    raw::RedisModuleCommandArg {
        name: arg.name.as_ptr(),
        type_: kind,
        token: arg.token.map_or(null::<c_char>(), CStr::as_ptr),
        flags: flags.cast_signed(),
        ..EMPTY_ARG
    }
}

/// The layout of the structures below, as the server's header states it; there it is a C `static`,
/// which is no symbol to link to.
static INFO_VERSION: raw::RedisModuleCommandInfoVersion = raw::RedisModuleCommandInfoVersion {
    version: 1,
    sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
    sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
    sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
};

const EMPTY_ARG: raw::RedisModuleCommandArg = raw::RedisModuleCommandArg {
    name: null(),
    type_: raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
    key_spec_index: -1,
    token: null(),
    summary: null(),
    since: null(),
    flags: 0,
    deprecated_since: null(),
    subargs: null_mut(),
    display_text: null(),
};

const EMPTY_KEY_SPEC: raw::RedisModuleCommandKeySpec = raw::RedisModuleCommandKeySpec {
    notes: null(),
    flags: 0,
    begin_search_type: raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INVALID,
    bs: raw::RedisModuleCommandKeySpec__bindgen_ty_1 {
        index: raw::RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_1 { pos: 0 },
    },
    find_keys_type: raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_OMITTED,
    fk: raw::RedisModuleCommandKeySpec__bindgen_ty_2 {
        range: raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 {
            lastkey: 0,
            keystep: 0,
            limit: 0,
        },
    },
};

/// The key is the first argument and the only one.
fn key_spec(flags: u32) -> raw::RedisModuleCommandKeySpec {
    raw::RedisModuleCommandKeySpec {
        flags: u64::from(flags),
        begin_search_type: raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX,
        bs: raw::RedisModuleCommandKeySpec__bindgen_ty_1 {
            index: raw::RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_1 { pos: 1 },
        },
        find_keys_type: raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE,
        fk: raw::RedisModuleCommandKeySpec__bindgen_ty_2 {
            range: raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 {
                lastkey: 0,
                keystep: 1,
                limit: 0,
            },
        },
        ..EMPTY_KEY_SPEC
    }
}
