//! Strings of the server's, made for the length of one call.

use std::ptr::null_mut;

use redis_module::raw;

use super::api::api;

/// Calls `f` with `words` as strings of the server's: a pointer to the first, and their number.
pub(super) fn with_strings(words: &[Vec<u8>], f: impl FnOnce(*const *mut raw::RedisModuleString, usize)) {
    // SAFETY: the bytes are copied. With a null context a string belongs to its maker, which frees each of them here,
    // once. The server has copied what it needs of them by then.
    unsafe {
        let string =
            |word: &Vec<u8>| api!(RedisModule_CreateString(null_mut(), word.as_ptr().cast(), word.len()));
        let strings: Vec<*mut raw::RedisModuleString> = words.iter().map(string).collect();
        f(strings.as_ptr(), strings.len());
        for string in strings {
            api!(RedisModule_FreeString(null_mut(), string));
        }
    }
}
