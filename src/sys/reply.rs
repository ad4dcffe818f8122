//! Replies. They allocate nothing, and none repeats a client's bytes.
//!
//! A [`Reply`] is a place that wants one value, and sending a value uses it up. So a command can answer only once. An
//! [`Array`] or a [`Map`] is announced with its length and hands out a place for each element. It counts them: what is
//! missing at the end is sent as null, and what is too much is not sent. Either would make the client misread all later
//! replies of its connection. Both are mistakes, and fail in debug builds.

use std::ffi::{CStr, c_int, c_long};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::thread::panicking;

use redis_module::raw;
use rl_core::fault::Fault;

use super::api::api;

/// What the server wants a command's function to return once the reply is sent.
pub(super) const SENT: c_int = 0;

/// The answer of a command whose code has failed.
const INTERNAL_ERROR: &CStr = c"ERR internal error in the rate limiter, please report it";

type ContextPtr = NonNull<raw::RedisModuleCtx>;

/// A place for one value: a whole reply, or one element of an array or a map.
///
/// If it is dropped without a value, the client gets an error.
#[must_use]
pub(crate) struct Reply<'a> {
    context: ContextPtr,
    life: PhantomData<&'a mut ()>,
}

/// An array that was announced.
#[must_use]
pub(crate) struct Array<'a> {
    context: ContextPtr,
    /// How many elements are still to be sent.
    left: usize,
    life: PhantomData<&'a mut ()>,
}

/// A map that was announced. In RESP2 it is an array of keys and values in turn.
#[must_use]
pub(crate) struct Map<'a> {
    /// Keys and values in turn.
    elements: Array<'a>,
}

impl<'a> Reply<'a> {
    /// # Safety
    /// `context` is that of a client which waits for one reply. It is not null, and lives for `'a`.
    #[inline]
    pub(super) const unsafe fn new(context: *mut raw::RedisModuleCtx) -> Self {
        // SAFETY: as the caller promises.
        Self { context: unsafe { NonNull::new_unchecked(context) }, life: PhantomData }
    }

    /// Uses the place up, since a value is sent for it right now.
    #[inline]
    fn fill(self) -> *mut raw::RedisModuleCtx {
        ManuallyDrop::new(self).context.as_ptr()
    }

    /// Sends nothing, since the client is blocked and gets its reply later.
    pub(super) fn postpone(self) {
        let _ = ManuallyDrop::new(self);
    }

    #[inline]
    pub(crate) fn integer(self, value: i64) {
        // SAFETY: the context lives for 'a, as `new` was promised.
        unsafe {
            api!(RedisModule_ReplyWithLongLong(self.fill(), value));
        }
    }

    /// A count. All counts in replies are at most 2^53 - 1.
    #[inline]
    pub(crate) fn count(self, value: u64) {
        self.integer(value.cast_signed());
    }

    /// A bulk string.
    #[inline]
    pub(crate) fn text(self, text: &[u8]) {
        // SAFETY: as in `integer`. The server copies the bytes.
        unsafe {
            api!(RedisModule_ReplyWithStringBuffer(self.fill(), text.as_ptr().cast(), text.len()));
        }
    }

    pub(crate) fn null(self) {
        // SAFETY: as in `integer`.
        unsafe {
            api!(RedisModule_ReplyWithNull(self.fill()));
        }
    }

    pub(crate) fn ok(self) {
        self.line(c"OK");
    }

    /// A line of text, as the server's own `HELP` sends them.
    pub(crate) fn line(self, line: &CStr) {
        // SAFETY: as in `integer`. The text is a C string.
        unsafe {
            api!(RedisModule_ReplyWithSimpleString(self.fill(), line.as_ptr()));
        }
    }

    pub(crate) fn fault(self, fault: Fault) {
        self.error(fault.text());
    }

    pub(crate) fn error(self, text: &CStr) {
        // SAFETY: as in `integer`. The text is a C string.
        unsafe {
            api!(RedisModule_ReplyWithError(self.fill(), text.as_ptr()));
        }
    }

    pub(super) fn wrong_arity(self) {
        // SAFETY: as in `integer`.
        unsafe {
            api!(RedisModule_WrongArity(self.fill()));
        }
    }

    /// An array of `len` elements.
    #[inline]
    pub(crate) fn array(self, len: usize) -> Array<'a> {
        let context = ManuallyDrop::new(self).context;
        // SAFETY: as in `integer`.
        unsafe {
            api!(RedisModule_ReplyWithArray(context.as_ptr(), length(len)));
        }
        Array { context, left: len, life: PhantomData }
    }

    /// A map of `pairs` keys, each with a value.
    #[inline]
    pub(crate) fn map(self, pairs: usize) -> Map<'a> {
        let context = ManuallyDrop::new(self).context;
        // SAFETY: as in `integer`.
        unsafe {
            api!(RedisModule_ReplyWithMap(context.as_ptr(), length(pairs)));
        }
        Map { elements: Array { context, left: pairs.saturating_mul(2), life: PhantomData } }
    }
}

/// A length as the server takes it. The longest list has some ten thousand elements.
#[inline]
fn length(len: usize) -> c_long {
    len.cast_signed() as c_long
}

impl Drop for Reply<'_> {
    fn drop(&mut self) {
        debug_assert!(panicking(), "a command did not answer");
        // SAFETY: as in `integer`.
        unsafe {
            api!(RedisModule_ReplyWithError(self.context.as_ptr(), INTERNAL_ERROR.as_ptr()));
        }
    }
}

impl Array<'_> {
    /// The place of the next element; `None` if all that were announced have been sent.
    #[inline(always)] // an answer has up to a hundred elements
    fn place(&mut self) -> Option<Reply<'_>> {
        debug_assert!(self.left > 0, "a reply has more elements than announced");
        self.left = self.left.checked_sub(1)?;
        Some(Reply { context: self.context, life: PhantomData })
    }

    /// Sends the next element.
    #[inline(always)] // as `place`
    pub(crate) fn element(&mut self, send: impl FnOnce(Reply<'_>)) -> &mut Self {
        if let Some(place) = self.place() {
            send(place);
        }
        self
    }

    /// Announces the next element, an array of `len` elements.
    #[inline(always)] // as `place`
    pub(crate) fn list(&mut self, len: usize) -> Array<'_> {
        let context = self.context;
        match self.place() {
            Some(place) => place.array(len),
            None => Array { context, left: 0, life: PhantomData },
        }
    }

    #[inline(always)] // as `place`
    pub(crate) fn integer(&mut self, value: i64) -> &mut Self {
        self.element(|place| place.integer(value))
    }

    #[inline(always)] // as `place`
    pub(crate) fn count(&mut self, value: u64) -> &mut Self {
        self.element(|place| place.count(value))
    }

    #[inline(always)] // as `place`
    pub(crate) fn text(&mut self, text: &[u8]) -> &mut Self {
        self.element(|place| place.text(text))
    }

    #[cold]
    fn fill_up(&mut self) {
        debug_assert!(panicking(), "a reply has fewer elements than announced");
        while let Some(place) = self.place() {
            place.null();
        }
    }
}

impl Drop for Array<'_> {
    #[inline(always)] // as `place`
    fn drop(&mut self) {
        if self.left > 0 {
            self.fill_up();
        }
    }
}

impl Map<'_> {
    /// Sends a key and its value.
    #[inline]
    pub(crate) fn field(&mut self, key: &[u8], send: impl FnOnce(Reply<'_>)) -> &mut Self {
        self.elements.text(key).element(send);
        self
    }

    #[inline]
    pub(crate) fn count(&mut self, key: &[u8], value: u64) -> &mut Self {
        self.field(key, |place| place.count(value))
    }

    #[inline]
    pub(crate) fn text(&mut self, key: &[u8], text: &[u8]) -> &mut Self {
        self.field(key, |place| place.text(text))
    }
}
