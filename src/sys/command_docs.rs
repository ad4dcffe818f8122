//! What `COMMAND INFO` and `COMMAND DOCS` say of a command: its arguments, and where its keys are.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};

use redis_module::raw;

use super::api::api;

/// What `COMMAND DOCS` says of a command. Its keys, if it has any, come first.
pub(crate) struct Docs {
    pub(crate) summary: &'static CStr,
    pub(crate) complexity: &'static CStr,
    pub(crate) since: &'static CStr,
    /// Words with its name: exactly so many, or, negative, at least.
    pub(crate) arity: c_int,
    /// Where its keys are.
    pub(crate) keys: Keys,
    /// What it does to them: `REDISMODULE_CMD_KEY_*`.
    pub(crate) key: u32,
    /// What follows the keys.
    pub(crate) args: &'static [Arg],
}

/// Where the keys of a command are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Nowhere.
    None,
    /// One, its first argument.
    First,
    /// As many as its first argument says, and they follow it.
    Counted,
}

/// An argument.
#[derive(Clone, Copy)]
pub(crate) struct Arg {
    pub(crate) name: &'static CStr,
    pub(crate) kind: Kind,
    /// The keyword before it.
    pub(crate) token: Option<&'static CStr>,
    pub(crate) optional: bool,
    /// Whether it may be given more than once, with its keyword, if it has one, each time.
    pub(crate) multiple: bool,
}

/// What an argument is written as.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    String,
    Integer,
    Double,
    /// A keyword alone.
    Token,
    /// All of these, in order.
    Block(&'static [Arg]),
    /// One of these.
    OneOf(&'static [Arg]),
}

/// Tells the server what there is to say of a command.
pub(super) fn document(
    command: *mut raw::RedisModuleCommand,
    docs: &Docs,
    tips: Option<&'static CStr>,
) -> bool {
    let mut keys = [key_spec(docs), EMPTY_KEY_SPEC];
    let key = raw::RedisModuleCommandArg {
        name: c"key".as_ptr(),
        type_: raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY,
        key_spec_index: 0,
        ..EMPTY_ARG
    };
    let mut blocks = Vec::new();
    let mut args = match docs.keys {
        Keys::None => Vec::new(),
        Keys::First => vec![key],
        Keys::Counted => {
            let several = raw::REDISMODULE_CMD_ARG_MULTIPLE.cast_signed();
            let counted =
                Arg { name: c"numkeys", kind: Kind::Integer, token: None, optional: false, multiple: false };
            vec![argument(&counted, &mut blocks), raw::RedisModuleCommandArg { flags: several, ..key }]
        }
    };
    args.extend(docs.args.iter().map(|arg| argument(arg, &mut blocks)));
    let has_args = !args.is_empty();
    args.push(EMPTY_ARG);
    let info = raw::RedisModuleCommandInfo {
        version: &raw const INFO_VERSION,
        summary: docs.summary.as_ptr(),
        complexity: docs.complexity.as_ptr(),
        since: docs.since.as_ptr(),
        history: null_mut(),
        tips: tips.map_or(null(), CStr::as_ptr),
        arity: docs.arity,
        key_specs: keys.as_mut_ptr(),
        args: if has_args { args.as_mut_ptr() } else { null_mut() },
    };
    // SAFETY: the command is live; the arrays, and those in `blocks` that they point to, end with an empty
    // entry; the server copies all of it.
    unsafe { api!(RedisModule_SetCommandInfo(command, &raw const info)) == 0 }
}

/// An argument as the server takes it; the arrays of those it consists of are kept in `blocks`.
fn argument(arg: &Arg, blocks: &mut Vec<Vec<raw::RedisModuleCommandArg>>) -> raw::RedisModuleCommandArg {
    let (kind, parts) = match arg.kind {
        Kind::String => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING, None),
        Kind::Integer => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER, None),
        Kind::Double => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_DOUBLE, None),
        Kind::Token => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN, None),
        Kind::Block(parts) => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK, Some(parts)),
        Kind::OneOf(parts) => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF, Some(parts)),
    };
    let subargs = parts.map_or(null_mut(), |parts| {
        let mut array: Vec<_> = parts.iter().map(|part| argument(part, blocks)).collect();
        array.push(EMPTY_ARG);
        let first = array.as_mut_ptr(); // stays where it is when the vector itself moves
        blocks.push(array);
        first
    });
    let mut flags = raw::REDISMODULE_CMD_ARG_NONE;
    if arg.optional {
        flags |= raw::REDISMODULE_CMD_ARG_OPTIONAL;
    }
    if arg.multiple {
        flags |= raw::REDISMODULE_CMD_ARG_MULTIPLE;
        if arg.token.is_some() {
            flags |= raw::REDISMODULE_CMD_ARG_MULTIPLE_TOKEN;
        }
    }
    raw::RedisModuleCommandArg {
        name: arg.name.as_ptr(),
        type_: kind,
        token: arg.token.map_or(null::<c_char>(), CStr::as_ptr),
        flags: flags.cast_signed(),
        subargs,
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

fn key_spec(docs: &Docs) -> raw::RedisModuleCommandKeySpec {
    let first = raw::RedisModuleCommandKeySpec {
        flags: u64::from(docs.key),
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
    };
    match docs.keys {
        Keys::None => EMPTY_KEY_SPEC,
        Keys::First => first,
        Keys::Counted => raw::RedisModuleCommandKeySpec {
            find_keys_type: raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_KEYNUM,
            fk: raw::RedisModuleCommandKeySpec__bindgen_ty_2 {
                // Both counted from where the search begins, at the first argument.
                keynum: raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_2 {
                    keynumidx: 0,
                    firstkey: 1,
                    keystep: 1,
                },
            },
            ..first
        },
    }
}
