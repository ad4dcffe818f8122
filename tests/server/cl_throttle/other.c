/* Another module that has a command of the name CL.THROTTLE, as redis-cell does. It answers nothing but OK.
 * It brings the two declarations that it needs, since not every machine has the server's header. */

typedef int (*get_api)(const char *name, void *function);
typedef int (*command)(void *context, void **argv, int argc);

static int (*simple_string)(void *context, const char *text);

static int throttle(void *context, void **argv, int argc) {
    (void)argv, (void)argc;
    return simple_string(context, "OK");
}

int RedisModule_OnLoad(void *context, void **argv, int argc) {
    void (*attributes)(void *context, const char *name, int version, int api);
    int (*create)(void *context, const char *name, command run, const char *flags, int first, int last, int step);
    get_api get = (get_api)(*(void **)context); /* the first thing in a context */
    (void)argv, (void)argc;
    get("RedisModule_SetModuleAttribs", &attributes);
    get("RedisModule_CreateCommand", &create);
    get("RedisModule_ReplyWithSimpleString", &simple_string);
    attributes(context, "other", 1, 1);
    return create(context, "cl.throttle", throttle, "write", 1, 1, 1);
}
