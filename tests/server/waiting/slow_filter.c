/* A module that makes another module's call of PEXPIREAT slow.
 *
 *   SLOW ms   the next such call takes so long
 *
 * It brings the declarations that it needs, since not every machine has the server's header. */

#include <stdlib.h>
#include <strings.h>
#include <time.h>

typedef int (*get_api)(const char *name, void *function);
typedef int (*command)(void *context, void **argv, int argc);
typedef void (*filter)(void *filtered);

static int (*simple_string)(void *context, const char *text);
static int (*long_long)(void *context, long long number);
static const char *(*string_ptr)(const void *string, size_t *len);
static const void *(*filtered_word)(void *filtered, int at);

static long armed, taken;

static int slow(void *context, void **argv, int argc) {
    if (argc != 2) return long_long(context, taken);
    armed = atol(string_ptr(argv[1], NULL));
    return simple_string(context, "OK");
}

static void handle(void *filtered) {
    const void *word = filtered_word(filtered, 0);
    if (armed == 0 || word == NULL || strcasecmp(string_ptr(word, NULL), "PEXPIREAT") != 0) return;
    struct timespec nap = {armed / 1000, armed % 1000 * 1000000};
    taken += armed;
    armed = 0; /* once */
    nanosleep(&nap, NULL);
}

int RedisModule_OnLoad(void *context, void **argv, int argc) {
    void (*attributes)(void *context, const char *name, int version, int api);
    int (*create)(void *context, const char *name, command run, const char *flags, int first, int last, int step);
    void *(*add)(void *context, filter run, int flags);
    get_api get = (get_api)(*(void **)context); /* the first thing in a context */
    (void)argv, (void)argc;
    get("RedisModule_SetModuleAttribs", &attributes);
    get("RedisModule_CreateCommand", &create);
    get("RedisModule_RegisterCommandFilter", &add);
    get("RedisModule_ReplyWithSimpleString", &simple_string);
    get("RedisModule_ReplyWithLongLong", &long_long);
    get("RedisModule_StringPtrLen", &string_ptr);
    get("RedisModule_CommandFilterArgGet", &filtered_word);
    attributes(context, "slow", 1, 1);
    return create(context, "slow", slow, "", 0, 0, 0) || add(context, handle, 0) == NULL;
}
