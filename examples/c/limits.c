/* Rate limits with hiredis. Its function redisCommand sends any command.
 *
 *   cc -o limits limits.c $(pkg-config --cflags --libs hiredis)
 *
 * REDIS_URL is the address of the server (host and port only). Hiredis 0.14 speaks RESP2 and does not support clusters. */

#include <hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Returns a connection that waits up to `seconds` for a reply, or NULL if there is no server. */
static redisContext *try_connect(const char *url, int seconds) {
  char host[256] = "127.0.0.1";
  int port = 6379;
  struct timeval timeout = {seconds, 0};
  sscanf(url, "redis://%255[^:/]:%d", host, &port);
  redisContext *c = redisConnectWithTimeout(host, port, timeout);
  if (c != NULL && (c->err || redisSetTimeout(c, timeout) != REDIS_OK)) {
    redisFree(c);
    return NULL;
  }
  return c;
}

static redisContext *connect_to(const char *url, int seconds) {
  redisContext *c = try_connect(url, seconds);
  if (c == NULL) {
    fprintf(stderr, "no server at %s\n", url);
    exit(1);
  }
  return c;
}

/* Ends the program if there is no reply, or if the reply is an error. */
static redisReply *checked(redisContext *c, redisReply *reply) {
  if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
    fprintf(stderr, "%s\n", reply == NULL ? c->errstr : reply->str);
    exit(1);
  }
  return reply;
}

static void tell(const char *name, redisReply *reply) {
  long long limit = reply->element[1]->integer, remaining = reply->element[2]->integer;
  long long retry_ms = reply->element[3]->integer;
  if (reply->element[0]->integer == 1)
    printf("%s: admitted, %lld of %lld left\n", name, remaining, limit);
  else
    printf("%s: denied, ask again in %lld ms\n", name, retry_ms);
  freeReplyObject(reply);
}

/* Admits at most 3 requests in any 60 seconds. */
static void slide(redisContext *c, const char *run) {
  tell("slide", checked(c, redisCommand(c, "RL.SLIDE example:%s:slide 3 60", run)));
}

/* Admits bursts of 2 requests, and one more request every 60 seconds. */
static void bucket(redisContext *c, const char *run) {
  tell("bucket", checked(c, redisCommand(c, "RL.BUCKET example:%s:bucket 2 1 60", run)));
}

struct reservation {
  const char *model;
  char id[129];
};

/* Reserves a call at the first model that has room. */
static bool reserve(redisContext *c, const char *run, int tokens, struct reservation *made) {
  static const char *const models[] = {"large", "small"};
  for (int i = 0; i < 2; i++) {
    redisReply *reply = checked(c, redisCommand(c,
        "RL.QUOTA example:%s:%s LIMIT rpm 10 60 LIMIT tpm 5000 60 UNIT tokens LIMIT calls 5 INFLIGHT"
        " COST tokens %d RESERVE 60", run, models[i], tokens));
    bool allowed = reply->element[0]->integer == 1;
    if (allowed) {
      made->model = models[i];
      snprintf(made->id, sizeof made->id, "%s", reply->element[4]->str);
      printf("quota: %s takes it\n", models[i]);
    } else {
      redisReply *blocking = reply->element[2];
      printf("quota: %s is full (", models[i]);
      for (size_t n = 0; n < blocking->elements; n++)
        printf("%s%s", n > 0 ? ", " : "", blocking->element[n]->str);
      printf(")\n");
    }
    freeReplyObject(reply);
    if (allowed) return true;
  }
  return false;
}

/* Reports the real cost of the call. The rest is free again. */
static void settle(redisContext *c, const char *run, const struct reservation *call, int used) {
  freeReplyObject(checked(c, redisCommand(c,
      "RL.SETTLE example:%s:%s %s COST tokens %d", run, call->model, call->id, used)));
  printf("settle: %d tokens used\n", used);
}

/* Waits in line for up to 10 seconds, before waiters of lower lanes. The timeout of `c` must be longer. */
static void wait_in_line(redisContext *c, const char *run) {
  struct timespec began, ended;
  freeReplyObject(checked(c, redisCommand(c, "RL.SLIDE example:%s:wait 1 3", run)));
  clock_gettime(CLOCK_MONOTONIC, &began);
  redisReply *reply = checked(c, redisCommand(c, "RL.SLIDE example:%s:wait 1 3 WAIT 10 PRIORITY HIGH", run));
  clock_gettime(CLOCK_MONOTONIC, &ended);
  long ms = (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000;
  printf("wait: %s after %ld ms in line\n", reply->element[0]->integer == 1 ? "admitted" : "denied", ms);
  freeReplyObject(reply);
}

/* The choice for when Redis cannot be asked. */
enum if_away { ADMIT, REFUSE };

/* Returns true if the call may proceed. */
static bool may_i(const char *url, const char *run, enum if_away if_away) {
  redisContext *c = try_connect(url, 1);
  if (c == NULL) return if_away == ADMIT;
  redisReply *reply = redisCommand(c, "RL.SLIDE example:%s:away 100 60", run);
  bool allowed = if_away == ADMIT;
  if (reply != NULL) { /* NULL: the connection broke, or no reply came in time */
    allowed = checked(c, reply)->element[0]->integer == 1;
    freeReplyObject(reply);
  }
  redisFree(c);
  return allowed;
}

int main(void) {
  const char *url = getenv("REDIS_URL"), *away = getenv("REDIS_AWAY_URL");
  if (url == NULL) url = "redis://127.0.0.1:6379";
  if (away == NULL) away = "redis://127.0.0.1:1"; /* no server answers here */
  struct timeval now;
  gettimeofday(&now, NULL);
  char run[40];
  snprintf(run, sizeof run, "%lx-%lx-%lx", (long)getpid(), (long)now.tv_sec, (long)now.tv_usec);
  redisContext *c = connect_to(url, 2);

  for (int i = 0; i < 4; i++) slide(c, run);
  for (int i = 0; i < 3; i++) bucket(c, run);

  struct reservation large, small, again;
  if (!reserve(c, run, 4000, &large) || !reserve(c, run, 4000, &small)) return 1;
  settle(c, run, &large, 800);
  if (!reserve(c, run, 4000, &again)) return 1;
  settle(c, run, &small, 3000);
  settle(c, run, &again, 4200); /* the excess over the reservation also counts */

  redisContext *patient = connect_to(url, 12);
  wait_in_line(patient, run);

  printf("away, fail open: %s\n", may_i(away, run, ADMIT) ? "admitted" : "refused");
  printf("away, fail closed: %s\n", may_i(away, run, REFUSE) ? "admitted" : "refused");

  redisFree(patient);
  redisFree(c);
  return 0;
}
