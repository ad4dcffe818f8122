//! What the values of a data type can do.

use std::ffi::{CStr, c_void};

use rl_core::limit::state::Relocate;

use crate::sys::main_thread::MainThread;
use crate::sys::type_handle::TypeHandle;

/// A value of the type. It may be dropped on any thread.
pub(crate) trait Value: Clone + Send + 'static {
    /// Nine characters, as the server wants them.
    const NAME: &'static CStr;
    /// The version of the bytes that [`Value::encode`] and [`Value::encode_aux`] write.
    const VERSION: i32;
    /// The command that rebuilds a key in a rewritten AOF: `REBUILD key REBUILD_AS bytes`.
    const REBUILD: &'static CStr;
    /// The word between the key and the bytes of that command.
    const REBUILD_AS: &'static CStr;

    /// The server's handle for the type.
    fn handle() -> &'static TypeHandle<Self>;
    /// The value as bytes. Equal values give equal bytes.
    fn encode(&self) -> Vec<u8>;
    /// The value of such bytes, of any version up to this one. The bytes may be anything.
    fn decode(bytes: &[u8], version: i32) -> Option<Self>;
    /// Memory that the value takes beside itself, in bytes.
    fn heap_bytes(&self) -> usize;
    /// How many allocations a value is, roughly.
    fn allocations(&self) -> usize;
    /// Moves what it has on the heap.
    fn relocate(&mut self, mover: &mut impl Relocate);

    /// What the auxiliary data of a file is, for a log line.
    const AUX: &'static [u8];

    /// The auxiliary data of a file, before its keys; `None` if there is none.
    fn encode_aux(main_thread: MainThread<'_>) -> Option<Vec<u8>>;
    /// Takes over the auxiliary data of a file. Returns `false` if it is invalid. The bytes may be anything.
    fn decode_aux(main_thread: MainThread<'_>, bytes: &[u8], version: i32) -> bool;

    /// A key no longer has a value of this type: it was deleted, overwritten, renamed or evicted, or it has expired. This is
    /// not called for the keys of a database that is flushed as a whole.
    fn unlinked(main_thread: MainThread<'_>, db: i32, key: &[u8]);
}

/// The value behind a pointer that the server passes to a callback of its type.
///
/// # Safety
/// `Box::into_raw` made `value` for this type, and nothing changes it during `'a`.
pub(super) unsafe fn borrow<'a, T>(value: *const c_void) -> &'a T {
    // SAFETY: as the caller promises.
    unsafe { &*value.cast::<T>() }
}
