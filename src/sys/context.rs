//! What a command is called with: the server's context, and the words the client sent.

use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use redis_module::raw;
use rl_core::grammar::Words;
use rl_core::time::{At, Span};

use super::api::api;
use super::events::server_info;
use super::user::User;

/// The context of one command or callback.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    ptr: *mut raw::RedisModuleCtx,
    life: PhantomData<&'a ()>,
}

/// A context that is no callback's, to set timers with: those who hear of changes where there is no
/// other. What is done in it is told to nobody, so that it is good for nothing else.
pub(crate) struct Lasting(NonNull<raw::RedisModuleCtx>);

// SAFETY: used on the main thread alone (rule 1 of `sys`); it is kept in a static, which asks for this.
unsafe impl Send for Lasting {}
// SAFETY: as above.
unsafe impl Sync for Lasting {}

impl Lasting {
    pub(crate) fn context(&self) -> Context<'_> {
        Context { ptr: self.0.as_ptr(), life: PhantomData }
    }
}

/// The words of a command, its name first.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    words: &'a [NonNull<raw::RedisModuleString>],
}

/// One word, still the server's.
#[derive(Clone, Copy)]
pub(crate) struct Arg<'a> {
    ptr: NonNull<raw::RedisModuleString>,
    life: PhantomData<&'a ()>,
}

/// How loud a log line is.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    Notice,
    Warning,
}

/// What [`Context::now`] gave the last time, where it has to ask.
static LAST_NOW: AtomicI64 = AtomicI64::new(0);

/// Why a server refuses a write.
pub(crate) enum Refusal {
    /// The key is, or may be, another node's.
    Elsewhere,
    /// In the words it has for it.
    Says(CString),
}

impl Refusal {
    /// What an error stands for: one without a code of its own is about a cluster.
    fn of(error: &[u8]) -> Self {
        let line = error.trim_ascii();
        match CString::new(line) {
            Ok(text) if !line.starts_with(b"ERR ") => Self::Says(text),
            _ => Self::Elsewhere,
        }
    }
}

impl<'a> Context<'a> {
    /// # Safety
    /// `ptr` is the context that the server passed to the callback that now runs, and `'a` ends with it.
    pub(crate) unsafe fn new(ptr: *mut raw::RedisModuleCtx) -> Self {
        Self { ptr, life: PhantomData }
    }

    pub(crate) fn as_ptr(self) -> *mut raw::RedisModuleCtx {
        self.ptr
    }

    /// The server's clock, one instant for all of a command, transaction or script.
    pub(crate) fn now(self) -> At {
        // SAFETY: rule 3 of `sys`; the call takes nothing.
        if let Some(cached) = unsafe { raw::RedisModule_CachedMicroseconds } {
            // SAFETY: as above.
            return At::from_ms(unsafe { cached() }.div_euclid(1_000));
        }
        // SAFETY: the call takes nothing.
        let ms = unsafe { api!(RedisModule_Milliseconds()) };
        // Whatever has frozen the clock since the last answer did so between that and now. Where both
        // are in one millisecond, as nearly always on a busy server, that is the answer.
        if LAST_NOW.load(Relaxed) == ms {
            return At::from_ms(ms);
        }
        let frozen = if self.in_transaction() { self.cached_clock() } else { None };
        let ms = frozen.map_or(ms, |us| us.div_euclid(1_000));
        LAST_NOW.store(ms, Relaxed);
        At::from_ms(ms)
    }

    /// For how long the clock of [`Context::now`] has stood still.
    pub(crate) fn stood_still(self) -> Span {
        // SAFETY: the call takes nothing.
        At::from_ms(unsafe { api!(RedisModule_Milliseconds()) }).since(self.now())
    }

    fn in_transaction(self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_MULTI | raw::REDISMODULE_CTX_FLAGS_LUA)
    }

    /// Whether commands are written to an AOF, or the server is part of a cluster.
    pub(crate) fn has_aof_or_cluster(self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_AOF | raw::REDISMODULE_CTX_FLAGS_CLUSTER)
    }

    /// Whether the server is a replica.
    ///
    /// A replica in a cluster that has just started knows its primary only from the cluster's own
    /// file, and follows it a moment later.
    pub(crate) fn is_replica(self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_SLAVE) || self.is_replica_in_cluster()
    }

    fn is_replica_in_cluster(self) -> bool {
        const LEN: usize = raw::REDISMODULE_NODE_ID_LEN as usize;
        let (mut id, mut flags) = ([0_u8; LEN + 1], 0);
        // SAFETY: outside a cluster the first call gives null. In one it gives the node's name of LEN
        // characters, without a NUL, which is copied in front of one; the second call reads it, and
        // writes nothing but the flags.
        unsafe {
            let Some(name) = NonNull::new(api!(RedisModule_GetMyClusterID()).cast_mut()) else {
                return false;
            };
            name.cast::<u8>().copy_to_nonoverlapping(NonNull::from(&mut id).cast(), LEN);
            let (id, none) = (id.as_ptr().cast(), null_mut());
            api!(RedisModule_GetClusterNodeInfo(self.ptr, id, none, none, null_mut(), &raw mut flags));
        }
        flags.cast_unsigned() & raw::REDISMODULE_NODE_SLAVE != 0
    }

    /// Whether what runs comes from a file or from this replica's primary, and was allowed there.
    pub(crate) fn is_repeating(self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_LOADING | raw::REDISMODULE_CTX_FLAGS_REPLICATED)
    }

    /// Whether this is a process that the server forked, with a copy of all that it holds.
    pub(crate) fn is_forked(self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_IS_CHILD)
    }

    /// Whether something may be written to replicas and the AOF outside of a command. While clients
    /// are paused it must not: a server ends itself over it.
    pub(crate) fn may_replicate(self) -> bool {
        // SAFETY: the call takes nothing.
        unsafe { api!(RedisModule_AvoidReplicaTraffic()) == 0 }
    }

    /// Whose client the command that runs is, if that may be held: not in a transaction or a script, not
    /// where its caller does not wait, and not where that is no client but another module or a primary.
    pub(crate) fn may_block(self) -> Option<User> {
        let denied = self.in_transaction() || self.has_flags(raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING);
        if denied { None } else { User::of(self) }
    }

    /// Whether memory is used up, and nothing is evicted to make room.
    pub(crate) fn is_out_of_memory(self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_OOM) && !self.has_flags(raw::REDISMODULE_CTX_FLAGS_EVICT)
    }

    /// Why the server would refuse, now, a command that writes to this key, whoever sent it: because too
    /// few replicas follow, a file could not be written, it takes no writes, or another node serves the key.
    pub(crate) fn refuses_write(self, key: Arg<'_>) -> Option<Refusal> {
        // A write that never changes anything: no expiry is moved back. From 7.2 on it need not even be
        // made, and where it need not there is no reply, unless it is refused.
        // SAFETY: rule 3 of `sys`; whether the call is there tells which server this is.
        let dry = unsafe { raw::RedisModule_CachedMicroseconds }.is_some();
        let format = if dry { c"SEDscc" } else { c"SEscc" };
        // SAFETY: the context is live (rule 2); the format promises a string object and two C strings, and
        // that is what follows. The reply is freed once, after its text has been copied, which the call
        // gives with its length.
        unsafe {
            let reply = api!(RedisModule_Call(
                self.ptr,
                c"PEXPIREAT".as_ptr(),
                format.as_ptr(),
                key.as_ptr(),
                c"1".as_ptr(),
                c"GT".as_ptr()
            ));
            if reply.is_null() {
                // On 7.0 that says that another node serves the key, or that there is no such command here.
                return (!dry && self.has_flags(raw::REDISMODULE_CTX_FLAGS_CLUSTER))
                    .then_some(Refusal::Elsewhere);
            }
            let refused = raw::REDISMODULE_REPLY_ERROR == api!(RedisModule_CallReplyType(reply)) as isize;
            let refusal = refused.then(|| {
                let mut len = 0;
                let first = api!(RedisModule_CallReplyStringPtr(reply, &raw mut len));
                Refusal::of(std::slice::from_raw_parts(first.cast::<u8>(), len))
            });
            api!(RedisModule_FreeCallReply(reply));
            refusal
        }
    }

    /// The database that is selected.
    pub(crate) fn db(self) -> i32 {
        // SAFETY: the context is live (rule 2).
        unsafe { api!(RedisModule_GetSelectedDb(self.ptr)) }
    }

    /// Selects another, for what follows in this callback.
    pub(crate) fn select(self, db: i32) -> bool {
        // SAFETY: the context is live (rule 2).
        unsafe { api!(RedisModule_SelectDb(self.ptr, db)) == 0 }
    }

    /// A context that is there for as long as the module.
    pub(crate) fn lasting(self) -> Option<Lasting> {
        // SAFETY: the context is live (rule 2). What is got is never freed.
        NonNull::new(unsafe { api!(RedisModule_GetDetachedThreadSafeContext(self.ptr)) }).map(Lasting)
    }

    /// Whether the context has any of `flags`.
    fn has_flags(self, flags: u32) -> bool {
        // SAFETY: the context is live (rule 2).
        let set = unsafe { api!(RedisModule_GetContextFlags(self.ptr)) };
        set.cast_unsigned() & flags != 0
    }

    /// The instant at which the server began the running transaction or script.
    ///
    /// A server of 7.0 has no call for it; what it does have is a line in `INFO server`, from the
    /// same variable. It costs some microseconds, so only transactions ask for it.
    #[cold]
    fn cached_clock(self) -> Option<i64> {
        let [us] = server_info(self, c"server", [c"server_time_usec"]);
        us.filter(|us| *us > 0)
    }

    /// Sends a command with a key and a payload to replicas and the AOF.
    pub(crate) fn replicate(self, command: &CStr, key: Arg<'_>, payload: &[u8]) {
        // SAFETY: the context is live (rule 2); the format promises a string object, then a pointer
        // and its length, and that is what follows.
        unsafe {
            api!(RedisModule_Replicate(
                self.ptr,
                command.as_ptr(),
                c"sb".as_ptr(),
                key.ptr.as_ptr(),
                payload.as_ptr().cast::<std::ffi::c_char>(),
                payload.len(),
            ));
        }
    }

    /// Sends a command of any words to replicas and the AOF.
    pub(crate) fn replicate_words(self, command: &CStr, words: &[Vec<u8>]) {
        // SAFETY: the context is live (rule 2); the format promises an array of strings and its length,
        // and that is what follows.
        strings(words, |first, len| unsafe {
            api!(RedisModule_Replicate(self.ptr, command.as_ptr(), c"v".as_ptr(), first, len));
        });
    }

    /// Sends the running command itself to replicas and the AOF.
    pub(crate) fn replicate_verbatim(self) {
        // SAFETY: the context is live (rule 2).
        unsafe {
            api!(RedisModule_ReplicateVerbatim(self.ptr));
        }
    }

    /// Tells those who watch or cache `key` that it has changed.
    pub(crate) fn signal_modified(self, key: Arg<'_>) {
        // SAFETY: the context is live and the key is one of its strings (rule 2).
        unsafe {
            api!(RedisModule_SignalModifiedKey(self.ptr, key.ptr.as_ptr()));
        }
    }

    /// Writes a line to the server's log. Never anything that a client sent.
    pub(crate) fn log(self, level: Level, line: &CStr) {
        let level = match level {
            Level::Notice => c"notice",
            Level::Warning => c"warning",
        };
        // SAFETY: the context is live (rule 2); the format takes one C string, which follows.
        unsafe { api!(RedisModule_Log(self.ptr, level.as_ptr(), c"%s".as_ptr(), line.as_ptr())) }
    }
}

/// Calls `with` on words as the server's strings: where the first of them is, and how many there are.
pub(super) fn strings(words: &[Vec<u8>], with: impl FnOnce(*const *mut raw::RedisModuleString, usize)) {
    // SAFETY: the bytes are copied. With a null context a string belongs to its maker, who frees each
    // here, once; the server keeps what it needs of them.
    unsafe {
        let string =
            |word: &Vec<u8>| api!(RedisModule_CreateString(null_mut(), word.as_ptr().cast(), word.len()));
        let strings: Vec<*mut raw::RedisModuleString> = words.iter().map(string).collect();
        with(strings.as_ptr(), strings.len());
        for string in strings {
            api!(RedisModule_FreeString(null_mut(), string));
        }
    }
}

/// Text as a log line has it: what is not printable ASCII is written out.
pub(crate) fn printable(text: &[u8]) -> CString {
    let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    let written = |byte: &u8| if plain(*byte) { vec![*byte] } else { byte.escape_ascii().collect() };
    CString::new(text.iter().flat_map(written).collect::<Vec<u8>>()).unwrap_or_default() // has no NUL
}

impl<'a> Args<'a> {
    /// # Safety
    /// `argv` points to `argc` strings that the server keeps alive for `'a`.
    pub(crate) unsafe fn new(argv: *mut *mut raw::RedisModuleString, argc: c_int) -> Self {
        if argv.is_null() {
            return Self { words: &[] }; // a module that is loaded without arguments
        }
        let count = usize::try_from(argc).unwrap_or(0);
        // SAFETY: as the caller promises; the server passes no null among them, so each is a NonNull.
        let words =
            unsafe { std::slice::from_raw_parts(argv.cast::<NonNull<raw::RedisModuleString>>(), count) };
        Self { words }
    }

    pub(super) fn from_words(words: &'a [NonNull<raw::RedisModuleString>]) -> Self {
        Self { words }
    }

    /// The words as the server takes them, and how many.
    pub(super) fn as_raw(self) -> (*mut *mut raw::RedisModuleString, c_int) {
        (self.words.as_ptr().cast_mut().cast(), c_int::try_from(self.words.len()).unwrap_or(0))
    }

    pub(crate) fn len(self) -> usize {
        self.words.len()
    }

    pub(crate) fn get(self, index: usize) -> Option<Arg<'a>> {
        self.words.get(index).map(|ptr| Arg { ptr: *ptr, life: PhantomData })
    }
}

impl Words for Args<'_> {
    fn word(&self, index: usize) -> Option<&[u8]> {
        self.get(index).map(Arg::bytes)
    }

    fn count(&self) -> usize {
        self.words.len()
    }
}

impl<'a> Arg<'a> {
    pub(crate) fn as_ptr(self) -> *mut raw::RedisModuleString {
        self.ptr.as_ptr()
    }

    /// Its bytes, any bytes.
    pub(crate) fn bytes(self) -> &'a [u8] {
        let mut len = 0;
        // SAFETY: the string lives for 'a and is not changed meanwhile (rules 1 and 2); the call gives
        // its first byte, never null, and its length.
        unsafe {
            let first = api!(RedisModule_StringPtrLen(self.ptr.as_ptr(), &raw mut len));
            std::slice::from_raw_parts(first.cast::<u8>(), len)
        }
    }
}
