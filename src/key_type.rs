//! The data type `ratelimit`: one for all algorithms, so that one key is one limit.

use std::ffi::CStr;

use rl_core::limit::codec;
use rl_core::limit::state::Relocate;
use rl_core::value::Value;

use crate::effects;
use crate::sys::data_type::{self, Registration};
use crate::{policies, waiting};

static REGISTRATION: Registration = Registration::new();

impl data_type::Value for Value {
    const NAME: &'static CStr = c"ratelimit";
    const VERSION: i32 = codec::VERSION;
    const REBUILD: &'static CStr = effects::COMMAND;
    const REBUILD_AS: &'static CStr = effects::STATE;

    fn registration() -> &'static Registration {
        &REGISTRATION
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

    fn encode_beside() -> Option<Vec<u8>> {
        policies::encode()
    }

    fn unlinked(db: i32, key: &[u8]) {
        waiting::unlinked(db, key);
    }

    fn decode_beside(bytes: &[u8], version: i32) -> bool {
        version == codec::VERSION && policies::restore(bytes)
    }
}
