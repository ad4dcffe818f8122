//! The server's allocator as Rust's. So the memory of keys counts in `used_memory`, is bounded by `maxmemory`, and can be moved
//! by active defragmentation.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::null_mut;

use redis_module::raw;

/// Allocates by the server's malloc.
pub(super) struct ServerAlloc;

/// The largest alignment that is asked of the server's malloc: that of `u128`.
///
/// Its jemalloc aligns a block to 16 bytes if its size is a multiple of 16, and a layout of this alignment has no other
/// size. Another allocator is tested when the module loads.
const ALIGN: usize = 16;

/// Whether the server's malloc aligns blocks as this file relies on.
pub(super) fn is_aligned() -> bool {
    (1..=16_usize).all(|words| {
        let blocks: [Vec<u128>; 4] = std::array::from_fn(|_| Vec::with_capacity(words));
        blocks.iter().all(|block| block.as_ptr().addr().is_multiple_of(ALIGN))
    })
}

// SAFETY: memory comes from the server's malloc family and goes back to it. Two requests get null, which is a failed
// allocation and never a wrong one: one that malloc could not align, and one before the server has handed out its functions.
// The calls do not return null for another reason, since the server ends itself when memory is out.
unsafe impl GlobalAlloc for ServerAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: rule 3 of `sys`. The size is not 0, as `GlobalAlloc` demands of its caller.
        match unsafe { raw::RedisModule_Alloc } {
            // SAFETY: as above.
            Some(alloc) if layout.align() <= ALIGN => unsafe { alloc(layout.size()).cast() },
            _ => null_mut(),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        match unsafe { raw::RedisModule_Calloc } {
            // SAFETY: as in `alloc`.
            Some(calloc) if layout.align() <= ALIGN => unsafe { calloc(1, layout.size()).cast() },
            _ => null_mut(),
        }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as in `alloc`.
        match unsafe { raw::RedisModule_Realloc } {
            // SAFETY: `old` came from this allocator, hence from the server's malloc.
            Some(realloc) if layout.align() <= ALIGN => unsafe { realloc(old.cast(), size).cast() },
            _ => null_mut(),
        }
    }

    unsafe fn dealloc(&self, old: *mut u8, _: Layout) {
        // SAFETY: as in `alloc`.
        if let Some(free) = unsafe { raw::RedisModule_Free } {
            // SAFETY: `old` came from this allocator, hence from the server's malloc.
            unsafe { free(old.cast()) }
        }
    }
}
