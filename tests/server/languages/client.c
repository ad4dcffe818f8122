/* Clients in C, each a process: client SOCKET ORDERS, see languages.rs. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONGEST 1024

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* Appends a command, its words separated by blanks, as the protocol has it. */
static void encode(char *out, const char *command) {
    char words[LONGEST], body[2 * LONGEST] = "", *word;
    int count = 0;
    strcpy(words, command);
    for (word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        sprintf(body + strlen(body), "$%zu\r\n%s\r\n", strlen(word), word);
        count++;
    }
    sprintf(out + strlen(out), "*%d\r\n%s", count, body);
}

/* Reads an answer. What it begins with: the integer itself, or the first of an array. */
static long reply(FILE *stream) {
    char line[LONGEST];
    long number, first = 0, at;
    if (!fgets(line, sizeof line, stream)) fail("the server has ended");
    number = atol(line + 1);
    if (*line == '*') {
        for (at = 0; at < number; at++) {
            long each = reply(stream);
            if (at == 0) first = each;
        }
        return first;
    }
    if (*line == '$') {
        for (at = 0; number >= 0 && at < number + 2; at++) fgetc(stream);
    } else if (*line != ':') {
        fprintf(stderr, "the server answered %s", line);
        exit(1);
    }
    return number;
}

static void client(const char *path, const char *orders, int own) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int wire = socket(AF_UNIX, SOCK_STREAM, 0);
    FILE *lines = fopen(orders, "r"), *stream = fdopen(wire, "r");
    char line[LONGEST];
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (!lines || !stream || connect(wire, (struct sockaddr *)&address, sizeof address)) fail(path);
    for (int number = 0; fgets(line, sizeof line, lines); number++) {
        if (atoi(strtok(line, "|")) != own) continue;
        int pause = atoi(strtok(NULL, "|"));
        char *arrival = strtok(NULL, "|"), *request = strtok(NULL, "|\n"), out[4 * LONGEST] = "";
        encode(out, arrival);
        encode(out, request);
        poll(NULL, 0, pause);
        if (write(wire, out, strlen(out)) != (ssize_t)strlen(out)) fail("nothing can be sent");
        reply(stream);
        printf("%d %ld\n", number, reply(stream));
        fflush(stdout);
    }
}

/* The clients are numbered; each reads all orders, and carries out its own. */
int main(int argc, char **argv) {
    int last = 0, status, failed = 0;
    char line[LONGEST];
    FILE *lines = argc == 3 ? fopen(argv[2], "r") : NULL;
    if (!lines) fail("no orders");
    while (fgets(line, sizeof line, lines)) {
        if (atoi(line) > last) last = atoi(line);
    }
    for (int own = 0; own <= last; own++) {
        pid_t child = fork();
        if (child < 0) fail("no process");
        if (child == 0) {
            client(argv[1], argv[2], own);
            exit(0);
        }
    }
    while (wait(&status) > 0) failed |= status != 0;
    return failed;
}
