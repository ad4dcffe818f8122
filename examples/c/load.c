/* A client of `make test-clients`. It repeats a command and prints what it saw, as tests/clients/README.md says. */

#include <hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHAPES 16
#define LENGTH 1024

static void append(char *to, const char *text) {
  if (strlen(to) + strlen(text) >= LENGTH) exit(2);
  strcat(to, text);
}

static void shape(const redisReply *reply, char *to) {
  switch (reply->type) {
  case REDIS_REPLY_INTEGER: append(to, "int"); break;
  case REDIS_REPLY_STRING: append(to, "string"); break;
  case REDIS_REPLY_NIL: append(to, "nil"); break;
  case REDIS_REPLY_ARRAY:
    append(to, "[");
    for (size_t i = 0; i < reply->elements; i++) {
      if (i > 0) append(to, ",");
      shape(reply->element[i], to);
    }
    append(to, "]");
    break;
  default: append(to, "other");
  }
}

static redisReply *checked(redisContext *c, redisReply *reply) {
  if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
    fprintf(stderr, "%s\n", reply == NULL ? c->errstr : reply->str);
    exit(1);
  }
  return reply;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  double seconds = atof(argv[1]);
  int pause_ms = atoi(argv[2]), words = argc - 3;
  const char **command = (const char **)argv + 3;
  char host[256] = "127.0.0.1";
  int port = 6379;
  sscanf(getenv("REDIS_URL"), "redis://%255[^:/]:%d", host, &port);
  redisContext *c = redisConnect(host, port);
  if (c == NULL || c->err) return 1;
  printf("ready\n");
  fflush(stdout);
  if (getchar() == EOF) return 1;
  srand((unsigned)time(NULL));

  long admitted = 0, denied = 0, settled = 0;
  char shapes[SHAPES][LENGTH] = {""};
  int known = 0;
  for (double end = now() + seconds; now() < end;) {
    redisReply *reply = checked(c, redisCommandArgv(c, words, command, NULL));
    char seen[LENGTH] = "";
    shape(reply, seen);
    int at = 0;
    while (at < known && strcmp(shapes[at], seen) != 0) at++;
    if (at == SHAPES) return 2;
    if (at == known) strcpy(shapes[known++], seen);
    if (reply->element[0]->integer == 1) admitted++;
    else denied++;
    if (strcmp(command[0], "RL.QUOTA") == 0 && reply->element[4]->type == REDIS_REPLY_STRING) {
      redisReply *answer = checked(c, redisCommand(c,
          "RL.SETTLE %s %s COST tokens 40", command[1], reply->element[4]->str));
      settled += answer->integer;
      freeReplyObject(answer);
    }
    freeReplyObject(reply);
    if (pause_ms > 0) {
      struct timespec pause = {0, 0};
      long ms = rand() % pause_ms;
      pause.tv_sec = ms / 1000;
      pause.tv_nsec = ms % 1000 * 1000000;
      nanosleep(&pause, NULL);
    }
  }
  printf("{\"admitted\":%ld,\"denied\":%ld,\"settled\":%ld,\"shapes\":[", admitted, denied, settled);
  for (int i = 0; i < known; i++) printf("%s\"%s\"", i > 0 ? "," : "", shapes[i]);
  printf("]}\n");
  redisFree(c);
  return 0;
}
