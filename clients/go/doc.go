// Package redisrl asks the rate limits of redis-rl: those of a Redis or Valkey server with the module, or those of
// rl-coordinator over HTTP.
//
//	limiter := rlgoredis.New(redis.NewClient(&redis.Options{Addr: "localhost:6379"}))
//	decided, err := limiter.Slide(ctx, "api:anthropic", 500, time.Minute)
//	if err == nil && !decided.Allowed {
//		return fmt.Errorf("try again in %v", decided.RetryAfter)
//	}
//
// The package holds no algorithm and no state of limits: it sends commands, reads replies, and fails in the way that the caller
// chose. It has no dependency. The modules rlgoredis and rlrueidis bring the client that a program has.
//
// # Answers and errors
//
// A denial is an answer, not an error. Errors are of one kind each, such as [ErrWrongType], for errors.Is. A request for
// admission that cannot be decided, since the server is gone or does not answer within the [Timeout], is answered by the
// [FailMode]. Then Degraded says why, and [Limiter.Stats] counts it. No call is repeated behind the caller's back.
//
// # Waiting
//
// With [Wait], the server holds the request until its turn has come: across all programs, a higher lane goes first, and within a
// lane the first to come. Each waiting request takes a connection of its own, so [MaxWaiting] bounds them. A context that
// ends takes the request out of the line.
//
// Times in answers are at most 292 years, which is what a time.Duration holds.
package redisrl
