/* A module that runs a command when another command's key expires, is created or is deleted, in the midst of that command.
 *
 *   MEDDLE event word...   run the words at the next event of that name
 *   MEDDLED                what they were answered; nil if they have not run
 *
 * It brings the declarations that it needs, since not every machine has the server's header. */

#include <stddef.h>
#include <string.h>

typedef int (*get_api)(const char *name, void *function);
typedef int (*command)(void *context, void **argv, int argc);
typedef int (*notified)(void *context, int type, const char *event, void *key);

static int (*simple_string)(void *context, const char *text);
static int (*string_buffer)(void *context, const char *bytes, size_t len);
static int (*null)(void *context);
static const char *(*string_ptr)(const void *string, size_t *len);
static void *(*hold)(void *context, void *string);
static void (*free_string)(void *context, void *string);
static void *(*call)(void *context, const char *command, const char *format, ...);
static int (*reply_type)(void *reply);
static const char *(*reply_string)(void *reply, size_t *len);
static void (*free_reply)(void *reply);

enum { GENERIC = 1 << 2, EXPIRED = 1 << 8, NEW = 1 << 14 };
enum { REPLY_STRING = 0, REPLY_ERROR = 1 };

static char event_name[32], answer[256];
static void *words[64];
static int count;

static int meddle(void *context, void **argv, int argc) {
    size_t len;
    const char *name = string_ptr(argv[1], &len);
    memset(event_name, 0, sizeof event_name);
    memcpy(event_name, name, len < sizeof event_name ? len : sizeof event_name - 1);
    answer[0] = 0;
    for (count = 0; count < argc - 2 && count < 64; count++) words[count] = hold(NULL, argv[count + 2]);
    return simple_string(context, "OK");
}

static int meddled(void *context, void **argv, int argc) {
    (void)argv, (void)argc;
    return answer[0] ? string_buffer(context, answer, strlen(answer)) : null(context);
}

static int handle(void *context, int type, const char *event, void *key) {
    (void)type, (void)key;
    if (count == 0 || strcmp(event, event_name) != 0) return 0;
    int words_now = count;
    count = 0; /* once */
    void *reply = call(context, string_ptr(words[0], NULL), "!v", words + 1, (size_t)(words_now - 1));
    strcpy(answer, "answered");
    if (reply == NULL) {
        strcpy(answer, "no reply");
    } else if (reply_type(reply) == REPLY_ERROR || reply_type(reply) == REPLY_STRING) {
        size_t len;
        const char *text = reply_string(reply, &len);
        if (len >= sizeof answer) len = sizeof answer - 1;
        memcpy(answer, text, len);
        answer[len] = 0;
    }
    if (reply != NULL) free_reply(reply);
    for (int at = 0; at < words_now; at++) free_string(NULL, words[at]);
    return 0;
}

int RedisModule_OnLoad(void *context, void **argv, int argc) {
    void (*attributes)(void *context, const char *name, int version, int api);
    int (*create)(void *context, const char *name, command run, const char *flags, int first, int last, int step);
    int (*subscribe)(void *context, int types, notified handler);
    get_api get = (get_api)(*(void **)context); /* the first thing in a context */
    (void)argv, (void)argc;
    get("RedisModule_SetModuleAttribs", &attributes);
    get("RedisModule_CreateCommand", &create);
    get("RedisModule_SubscribeToKeyspaceEvents", &subscribe);
    get("RedisModule_ReplyWithSimpleString", &simple_string);
    get("RedisModule_ReplyWithStringBuffer", &string_buffer);
    get("RedisModule_ReplyWithNull", &null);
    get("RedisModule_StringPtrLen", &string_ptr);
    get("RedisModule_HoldString", &hold);
    get("RedisModule_FreeString", &free_string);
    get("RedisModule_Call", &call);
    get("RedisModule_CallReplyType", &reply_type);
    get("RedisModule_CallReplyStringPtr", &reply_string);
    get("RedisModule_FreeCallReply", &free_reply);
    attributes(context, "meddler", 1, 1);
    return create(context, "meddle", meddle, "", 0, 0, 0) || create(context, "meddled", meddled, "", 0, 0, 0) ||
           subscribe(context, GENERIC | EXPIRED | NEW, handle);
}
