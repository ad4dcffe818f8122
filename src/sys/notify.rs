//! Keyspace events of the module's own, as `notify-keyspace-events` knows them by the class `d`.

use std::ffi::CStr;

use redis_module::raw;

use super::api::api;
use super::args::Arg;
use super::context::Context;
use super::open_keys;

/// The class `d`: events of modules.
const CLASS: i32 = raw::REDISMODULE_NOTIFY_MODULE;
/// The channels on which clients get events: `K` by key, `E` by event.
const CHANNELS: i32 = raw::REDISMODULE_NOTIFY_KEYSPACE | raw::REDISMODULE_NOTIFY_KEYEVENT;

impl Context<'_> {
    /// Whether `notify-keyspace-events` asks for the events of modules, on any channel.
    #[expect(clippy::unused_self, reason = "the context proves the main thread")]
    pub(crate) fn sends_module_events(&self) -> bool {
        // SAFETY: the call takes nothing and reads a setting, on the main thread.
        let wanted = unsafe { api!(RedisModule_GetNotifyKeyspaceEvents()) };
        wanted & CLASS != 0 && wanted & CHANNELS != 0
    }

    /// Sends an event about a key of the selected database, to clients that are subscribed and to modules.
    pub(crate) fn notify(&mut self, event: &CStr, key: Arg<'_>) {
        open_keys::other_code_runs(self.main_thread());
        self.shelter_open_keys();
        // SAFETY: the context and the key are live (rule 2 of `sys`). The event is a C string, which the server copies.
        unsafe {
            api!(RedisModule_NotifyKeyspaceEvent(self.as_ptr(), CLASS, event.as_ptr(), key.as_ptr()));
        }
    }
}
