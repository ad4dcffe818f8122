//! Which calls of the module interface are used without asking whether the server has them.

use redis_module::raw;

/// Calls a function of the module interface by its name after `RedisModule_`: one of those below, or it does not compile.
///
/// The function pointers are statics that the server fills in before anything else runs and never changes, so that
/// reading one is sound; what the call itself needs is its user's to show. That it is there is not asked at every call, which
/// would cost a tenth of a decision: the module has not loaded where one is missing ([`is_complete`]).
macro_rules! api {
    ($name:ident($($argument:expr),* $(,)?)) => {{
        const { $crate::sys::api::required::$name };
        match redis_module::raw::$name {
            Some(call) => call($($argument),*),
            None => std::hint::unreachable_unchecked(),
        }
    }};
}
pub(crate) use api;

macro_rules! required {
    ($($name:ident)*) => {
        /// A name for each, so that a call that is not in the list is known when this is compiled.
        #[expect(non_upper_case_globals, reason = "the server's names")]
        pub(crate) mod required {
            $(pub(crate) const $name: () = ();)*
        }

        /// Whether the server has all of them, after it has filled in the pointers.
        pub(super) fn is_complete() -> bool {
            // SAFETY: the pointers are filled in by now, and do not change.
            unsafe { $({ raw::$name }.is_some())&&* }
        }
    };
}

// All of them came with or before Redis 7.0.
required! {
    RedisModule_ACLCheckCommandPermissions
    RedisModule_AvoidReplicaTraffic
    RedisModule_BlockClient
    RedisModule_Call
    RedisModule_CallReplyStringPtr
    RedisModule_CallReplyType
    RedisModule_CloseKey
    RedisModule_CreateCommand
    RedisModule_CreateDataType
    RedisModule_CreateString
    RedisModule_CreateSubcommand
    RedisModule_CreateTimer
    RedisModule_DefragAlloc
    RedisModule_DeleteKey
    RedisModule_DigestAddStringBuffer
    RedisModule_DigestEndSequence
    RedisModule_EmitAOF
    RedisModule_Free
    RedisModule_FreeCallReply
    RedisModule_FreeModuleUser
    RedisModule_FreeServerInfo
    RedisModule_FreeString
    RedisModule_GetBlockedClientHandle
    RedisModule_GetClientId
    RedisModule_GetClientUserNameById
    RedisModule_GetClusterNodeInfo
    RedisModule_GetCommand
    RedisModule_GetContextFlags
    RedisModule_GetDbIdFromOptCtx
    RedisModule_GetDetachedThreadSafeContext
    RedisModule_GetKeyNameFromOptCtx
    RedisModule_GetModuleUserFromUserName
    RedisModule_GetMyClusterID
    RedisModule_GetRandomHexChars
    RedisModule_GetSelectedDb
    RedisModule_GetServerInfo
    RedisModule_HoldString
    RedisModule_InfoAddFieldCString
    RedisModule_InfoAddFieldULongLong
    RedisModule_InfoAddSection
    RedisModule_InfoBeginDictField
    RedisModule_InfoEndDictField
    RedisModule_IsKeysPositionRequest
    RedisModule_KeyAtPosWithFlags
    RedisModule_KeyType
    RedisModule_LoadConfigs
    RedisModule_LoadStringBuffer
    RedisModule_Log
    RedisModule_Milliseconds
    RedisModule_ModuleTypeGetType
    RedisModule_ModuleTypeGetValue
    RedisModule_ModuleTypeSetValue
    RedisModule_OpenKey
    RedisModule_RegisterInfoFunc
    RedisModule_RegisterStringConfig
    RedisModule_Replicate
    RedisModule_ReplicateVerbatim
    RedisModule_ReplyWithArray
    RedisModule_ReplyWithError
    RedisModule_ReplyWithLongLong
    RedisModule_ReplyWithMap
    RedisModule_ReplyWithNull
    RedisModule_ReplyWithSimpleString
    RedisModule_ReplyWithStringBuffer
    RedisModule_SaveStringBuffer
    RedisModule_SelectDb
    RedisModule_ServerInfoGetFieldSigned
    RedisModule_SetAbsExpire
    RedisModule_SetCommandInfo
    RedisModule_SetDisconnectCallback
    RedisModule_SetModuleOptions
    RedisModule_SignalModifiedKey
    RedisModule_StopTimer
    RedisModule_StringPtrLen
    RedisModule_SubscribeToServerEvent
    RedisModule_UnblockClient
    RedisModule_WrongArity
}
