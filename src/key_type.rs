//! The data type `ratelimit`: one for all algorithms, so that one key is one limit.

use std::ffi::CStr;

use rl_core::codec;
use rl_core::state::{Relocate, State};

use crate::commands::apply;
use crate::sys::data_type::{Registration, Value};

static REGISTRATION: Registration = Registration::new();

impl Value for State {
    const NAME: &'static CStr = c"ratelimit";
    const VERSION: i32 = codec::VERSION;
    const REBUILD: &'static CStr = apply::NAME;
    const REBUILD_AS: &'static CStr = apply::STATE;

    fn registration() -> &'static Registration {
        &REGISTRATION
    }

    fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    fn decode(bytes: &[u8], version: i32) -> Option<Self> {
        if version == codec::VERSION { codec::decode(bytes) } else { None }
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
}
