//! The data type `ratelimit`. It is one type for all algorithms, so that one key is one limit.

use std::ffi::CStr;

use rl_core::limit::codec;
use rl_core::limit::state::Relocate;
use rl_core::value::Value;

use crate::sys::data_type;
use crate::sys::main_thread::MainThread;
use crate::sys::type_handle::TypeHandle;
use crate::{effects, policies, waiting};

static HANDLE: TypeHandle<Value> = TypeHandle::new();

impl data_type::Value for Value {
    const NAME: &'static CStr = c"ratelimit";
    const VERSION: i32 = codec::VERSION;
    const REBUILD: &'static CStr = effects::COMMAND;
    const REBUILD_AS: &'static CStr = effects::STATE;

    fn handle() -> &'static TypeHandle<Self> {
        &HANDLE
    }

    fn encode(&self) -> Vec<u8> {
        self.encode()
    }

    fn decode(bytes: &[u8], version: i32) -> Option<Self> {
        if version == codec::VERSION { Self::decode(bytes) } else { None }
    }

    fn heap_bytes(&self) -> usize {
        self.heap_bytes()
    }

    fn allocations(&self) -> usize {
        self.allocations().saturating_add(1)
    }

    fn relocate(&mut self, mover: &mut impl Relocate) {
        self.relocate(mover);
    }

    const AUX: &'static [u8] = b"the policies that the file holds";

    fn encode_aux(main_thread: MainThread<'_>) -> Option<Vec<u8>> {
        policies::encode(main_thread)
    }

    fn decode_aux(main_thread: MainThread<'_>, bytes: &[u8], version: i32) -> bool {
        version == codec::VERSION && policies::restore(main_thread, bytes)
    }

    fn unlinked(main_thread: MainThread<'_>, db: i32, key: &[u8]) {
        waiting::unlinked(main_thread, db, key);
    }
}
