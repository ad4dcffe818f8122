import static java.util.stream.Collectors.joining;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.MaintNotificationsConfig;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandTimeoutException;
import io.lettuce.core.RedisConnectionException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.ClusterClientOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.api.sync.RedisClusterCommands;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.ArrayOutput;
import io.lettuce.core.output.IntegerOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.ProtocolKeyword;
import io.lettuce.core.protocol.ProtocolVersion;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Rate limits with Lettuce. Its function {@code dispatch} sends any command.
 *
 * <p>REDIS_URL is the address of the server. REDIS_PROTOCOL=3 selects RESP3. REDIS_CLUSTER=yes selects a cluster.
 */
public class LettuceLimits {
  /** The commands, for Lettuce. */
  enum Rl implements ProtocolKeyword {
    SLIDE, BUCKET, QUOTA, SETTLE;

    @Override
    public byte[] getBytes() {
      return toString().getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public String toString() {
      return "RL." + name();
    }
  }

  record Reservation(String key, String id) {}

  /** The choice for when Redis cannot be asked. */
  enum IfAway { ADMIT, REFUSE }

  /** Sets the protocol. Turns maintenance notifications off, because some servers do not send them. */
  static <B extends ClientOptions.Builder> B options(B builder) {
    boolean resp3 = "3".equals(System.getenv("REDIS_PROTOCOL"));
    builder.protocolVersion(resp3 ? ProtocolVersion.RESP3 : ProtocolVersion.RESP2);
    builder.maintNotificationsConfig(MaintNotificationsConfig.disabled());
    return builder;
  }

  static RedisURI uri(String url, Duration timeout) {
    RedisURI uri = RedisURI.create(url);
    uri.setTimeout(timeout);
    return uri;
  }

  /** Calls a function with a client that waits for a reply for at most {@code timeout}. */
  static void with(Duration timeout, Consumer<RedisClusterCommands<String, String>> task) {
    RedisURI uri = uri(env("REDIS_URL", "redis://127.0.0.1:6379"), timeout);
    if ("yes".equals(System.getenv("REDIS_CLUSTER"))) {
      RedisClusterClient client = RedisClusterClient.create(uri);
      client.setOptions(options(ClusterClientOptions.builder()).build());
      task.accept(client.connect().sync());
      client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
    } else {
      RedisClient client = RedisClient.create(uri);
      client.setOptions(options(ClientOptions.builder()).build());
      task.accept(client.connect().sync());
      client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
    }
  }

  /** The key selects the node of a cluster. */
  static CommandArgs<String, String> words(String key, Object... words) {
    CommandArgs<String, String> all = new CommandArgs<>(StringCodec.UTF8).addKey(key);
    Stream.of(words).map(String::valueOf).forEach(all::add);
    return all;
  }

  static List<Object> send(RedisClusterCommands<String, String> redis, Rl command, String key, Object... words) {
    return redis.dispatch(command, new ArrayOutput<>(StringCodec.UTF8), words(key, words));
  }

  static boolean allowed(List<Object> reply) {
    return (long) reply.get(0) == 1;
  }

  static void tell(String name, List<Object> reply) {
    if (allowed(reply)) {
      System.out.printf("%s: admitted, %d of %d left%n", name, reply.get(2), reply.get(1));
    } else {
      System.out.printf("%s: denied, ask again in %d ms%n", name, reply.get(3));
    }
  }

  /** Admits at most 3 requests in any 60 seconds. */
  static void slide(RedisClusterCommands<String, String> redis, String key) {
    tell("slide", send(redis, Rl.SLIDE, key, 3, 60));
  }

  /** Admits bursts of 2 requests, and one more request every 60 seconds. */
  static void bucket(RedisClusterCommands<String, String> redis, String key) {
    tell("bucket", send(redis, Rl.BUCKET, key, 2, 1, 60));
  }

  /** Reserves a call at the first model that has room. */
  static Optional<Reservation> reserve(RedisClusterCommands<String, String> redis, String run, int tokens) {
    for (String model : List.of("large", "small")) {
      String key = "example:" + run + ":" + model;
      List<Object> reply = send(redis, Rl.QUOTA, key,
          "LIMIT", "rpm", 10, 60,
          "LIMIT", "tpm", 5000, 60, "UNIT", "tokens",
          "LIMIT", "calls", 5, "INFLIGHT",
          "COST", "tokens", tokens,
          "RESERVE", 60);
      if (allowed(reply)) {
        System.out.printf("quota: %s takes it%n", model);
        return Optional.of(new Reservation(key, (String) reply.get(4)));
      }
      String blocking = ((List<?>) reply.get(2)).stream().map(String::valueOf).collect(joining(", "));
      System.out.printf("quota: %s is full (%s)%n", model, blocking);
    }
    return Optional.empty();
  }

  /** Reports the real cost of the call. The rest is free again. */
  static void settle(RedisClusterCommands<String, String> redis, Reservation call, int used) {
    redis.dispatch(Rl.SETTLE, new IntegerOutput<>(StringCodec.UTF8),
        words(call.key(), call.id(), "COST", "tokens", used));
    System.out.printf("settle: %d tokens used%n", used);
  }

  /** Waits in line for up to 10 seconds, before waiters of lower lanes. The timeout of the client must be longer. */
  static void await(RedisClusterCommands<String, String> redis, String key) {
    send(redis, Rl.SLIDE, key, 1, 3);
    long began = System.nanoTime();
    List<Object> reply = send(redis, Rl.SLIDE, key, 1, 3, "WAIT", 10, "PRIORITY", "HIGH");
    long waited = (System.nanoTime() - began) / 1_000_000;
    System.out.printf("wait: %s after %d ms in line%n", allowed(reply) ? "admitted" : "denied", waited);
  }

  /** Returns true if the call may proceed. It connects for each request, because no connection can be kept while Redis is away. */
  static boolean mayI(RedisClient client, String key, IfAway ifAway) {
    try (StatefulRedisConnection<String, String> connection = client.connect()) {
      return allowed(send(connection.sync(), Rl.SLIDE, key, 100, 60));
    } catch (RedisConnectionException | RedisCommandTimeoutException away) {
      return ifAway == IfAway.ADMIT;
    }
  }

  public static void main(String[] args) {
    String run = UUID.randomUUID().toString().substring(0, 8);
    with(Duration.ofSeconds(2), redis -> {
      IntStream.range(0, 4).forEach(i -> slide(redis, "example:" + run + ":slide"));
      IntStream.range(0, 3).forEach(i -> bucket(redis, "example:" + run + ":bucket"));

      Reservation large = reserve(redis, run, 4000).orElseThrow();
      Reservation small = reserve(redis, run, 4000).orElseThrow();
      settle(redis, large, 800);
      Reservation again = reserve(redis, run, 4000).orElseThrow();
      settle(redis, small, 3000);
      settle(redis, again, 4200); // the excess over the reservation also counts
    });
    with(Duration.ofSeconds(12), patient -> await(patient, "example:" + run + ":wait"));

    // No server answers here.
    RedisURI nowhere = uri(env("REDIS_AWAY_URL", "redis://127.0.0.1:1"), Duration.ofSeconds(1));
    RedisClient away = RedisClient.create(nowhere);
    for (IfAway choice : IfAway.values()) {
      String verdict = mayI(away, "example:" + run + ":away", choice) ? "admitted" : "refused";
      System.out.printf("away, fail %s: %s%n", choice == IfAway.ADMIT ? "open" : "closed", verdict);
    }
    away.shutdown(Duration.ZERO, Duration.ofSeconds(2));
  }

  static String env(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }
}
