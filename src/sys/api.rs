//! The calls of the module interface that every supported server has.

use redis_module::raw;

/// Calls a function of the module interface by name. The name must be in the list below, or it does not compile.
///
/// The server fills in the function pointers before anything else here runs, and never changes them, so reading one is
/// sound. The caller has to show that the call itself is. Whether the pointer is there is not checked at each call, which
/// would cost a tenth of a decision: the module refuses to load where one is missing ([`is_complete`]).
macro_rules! api {
    ($name:ident($($argument:expr),* $(,)?)) => {{
        const { $crate::sys::api::required::$name };
        match redis_module::raw::$name {
            Some(call) => call($($argument),*),
            None => std::hint::unreachable_unchecked(),
        }
    }};
}
pub(super) use api;

macro_rules! required {
    ($($name:ident)*) => {
        /// A constant for each name, so that the compiler finds a call that is not in the list.
        #[expect(non_upper_case_globals, reason = "the server's names")]
        pub(in crate::sys) mod required {
            $(pub(in crate::sys) const $name: () = ();)*
        }

        /// Whether the server has all of them. It is called after the server has filled in the pointers.
        pub(super) fn is_complete() -> bool {
            // SAFETY: the pointers are filled in and no longer change.
            unsafe { $({ raw::$name }.is_some())&&* }
        }
    };
}

// All of them came with or before Redis 7.0.
required! {
    RedisModule_ACLAddLogEntry
    RedisModule_ACLCheckCommandPermissions
    RedisModule_ACLCheckKeyPermissions
    RedisModule_AvoidReplicaTraffic
    RedisModule_BlockClient
    RedisModule_Call
    RedisModule_CallReplyLength
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
    RedisModule_GetContextFromIO
    RedisModule_GetDbIdFromOptCtx
    RedisModule_GetDetachedThreadSafeContext
    RedisModule_GetKeyNameFromIO
    RedisModule_GetKeyNameFromOptCtx
    RedisModule_GetModuleUserFromUserName
    RedisModule_GetMyClusterID
    RedisModule_GetNotifyKeyspaceEvents
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
    RedisModule_LogIOError
    RedisModule_Milliseconds
    RedisModule_ModuleTypeGetType
    RedisModule_ModuleTypeGetValue
    RedisModule_ModuleTypeSetValue
    RedisModule_NotifyKeyspaceEvent
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
