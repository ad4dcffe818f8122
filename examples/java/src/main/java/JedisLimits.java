import static java.util.stream.Collectors.joining;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.JedisCluster;
import redis.clients.jedis.JedisPooled;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.commands.ProtocolCommand;
import redis.clients.jedis.exceptions.JedisConnectionException;

/**
 * Rate limits with Jedis. Its function {@code sendCommand} sends any command.
 *
 * <p>REDIS_URL is the address of the server. REDIS_PROTOCOL=3 selects RESP3. REDIS_CLUSTER=yes selects a cluster.
 */
public class JedisLimits {
  /** The commands, as Jedis needs them: words as bytes. */
  enum Rl implements ProtocolCommand {
    SLIDE, BUCKET, QUOTA, SETTLE;

    @Override
    public byte[] getRaw() {
      return ("RL." + name()).getBytes(StandardCharsets.UTF_8);
    }
  }

  record Reservation(String key, String id) {}

  /** The choice for when Redis cannot be asked. */
  enum IfAway { ADMIT, REFUSE }

  static HostAndPort address(String url) {
    URI uri = URI.create(url);
    return new HostAndPort(uri.getHost(), uri.getPort());
  }

  static JedisClientConfig patience(int timeoutMs) {
    boolean resp3 = "3".equals(System.getenv("REDIS_PROTOCOL"));
    return DefaultJedisClientConfig.builder()
        .protocol(resp3 ? RedisProtocol.RESP3 : RedisProtocol.RESP2)
        .connectionTimeoutMillis(2000)
        .socketTimeoutMillis(timeoutMs)
        .build();
  }

  /** Returns a client that waits for a reply for at most {@code timeoutMs}. */
  static UnifiedJedis connect(int timeoutMs) {
    HostAndPort address = address(env("REDIS_URL", "redis://127.0.0.1:6379"));
    return "yes".equals(System.getenv("REDIS_CLUSTER"))
        ? new JedisCluster(Set.of(address), patience(timeoutMs))
        : new JedisPooled(address, patience(timeoutMs));
  }

  /** The key selects the node of a cluster. It is also one of the words. */
  static Object send(UnifiedJedis jedis, Rl command, String key, Object... words) {
    String[] arguments = Stream.concat(Stream.of(key), Stream.of(words).map(String::valueOf)).toArray(String[]::new);
    return jedis instanceof JedisCluster cluster
        ? cluster.sendCommand(key, command, arguments)
        : jedis.sendCommand(command, arguments);
  }

  /** Texts arrive as bytes. */
  static String text(Object reply) {
    return new String((byte[]) reply, StandardCharsets.UTF_8);
  }

  static List<?> ask(UnifiedJedis jedis, Rl command, String key, Object... words) {
    return (List<?>) send(jedis, command, key, words);
  }

  static boolean allowed(List<?> reply) {
    return (long) reply.get(0) == 1;
  }

  static void tell(String name, List<?> reply) {
    if (allowed(reply)) {
      System.out.printf("%s: admitted, %d of %d left%n", name, reply.get(2), reply.get(1));
    } else {
      System.out.printf("%s: denied, ask again in %d ms%n", name, reply.get(3));
    }
  }

  /** Admits at most 3 requests in any 60 seconds. */
  static void slide(UnifiedJedis jedis, String key) {
    tell("slide", ask(jedis, Rl.SLIDE, key, 3, 60));
  }

  /** Admits bursts of 2 requests, and one more request every 60 seconds. */
  static void bucket(UnifiedJedis jedis, String key) {
    tell("bucket", ask(jedis, Rl.BUCKET, key, 2, 1, 60));
  }

  /** Reserves a call at the first model that has room. */
  static Optional<Reservation> reserve(UnifiedJedis jedis, String run, int tokens) {
    for (String model : List.of("large", "small")) {
      String key = "example:" + run + ":" + model;
      List<?> reply = ask(jedis, Rl.QUOTA, key,
          "LIMIT", "rpm", 10, 60,
          "LIMIT", "tpm", 5000, 60, "UNIT", "tokens",
          "LIMIT", "calls", 5, "INFLIGHT",
          "COST", "tokens", tokens,
          "RESERVE", 60);
      if (allowed(reply)) {
        System.out.printf("quota: %s takes it%n", model);
        return Optional.of(new Reservation(key, text(reply.get(4))));
      }
      String blocking = ((List<?>) reply.get(2)).stream().map(JedisLimits::text).collect(joining(", "));
      System.out.printf("quota: %s is full (%s)%n", model, blocking);
    }
    return Optional.empty();
  }

  /** Reports the real cost of the call. The rest is free again. */
  static void settle(UnifiedJedis jedis, Reservation call, int used) {
    send(jedis, Rl.SETTLE, call.key(), call.id(), "COST", "tokens", used);
    System.out.printf("settle: %d tokens used%n", used);
  }

  /** Waits in line for up to 10 seconds, before waiters of lower lanes. The timeout of the client must be longer. */
  static void await(UnifiedJedis jedis, String key) {
    ask(jedis, Rl.SLIDE, key, 1, 3);
    long began = System.nanoTime();
    List<?> reply = ask(jedis, Rl.SLIDE, key, 1, 3, "WAIT", 10, "PRIORITY", "HIGH");
    long waited = (System.nanoTime() - began) / 1_000_000;
    System.out.printf("wait: %s after %d ms in line%n", allowed(reply) ? "admitted" : "denied", waited);
  }

  /** Returns true if the call may proceed. */
  static boolean mayI(UnifiedJedis jedis, String key, IfAway ifAway) {
    try {
      return allowed(ask(jedis, Rl.SLIDE, key, 100, 60));
    } catch (JedisConnectionException away) {
      return ifAway == IfAway.ADMIT;
    }
  }

  public static void main(String[] args) {
    String run = UUID.randomUUID().toString().substring(0, 8);
    try (UnifiedJedis jedis = connect(2000)) {
      IntStream.range(0, 4).forEach(i -> slide(jedis, "example:" + run + ":slide"));
      IntStream.range(0, 3).forEach(i -> bucket(jedis, "example:" + run + ":bucket"));

      Reservation large = reserve(jedis, run, 4000).orElseThrow();
      Reservation small = reserve(jedis, run, 4000).orElseThrow();
      settle(jedis, large, 800);
      Reservation again = reserve(jedis, run, 4000).orElseThrow();
      settle(jedis, small, 3000);
      settle(jedis, again, 4200); // the excess over the reservation also counts
    }
    try (UnifiedJedis patient = connect(12_000)) {
      await(patient, "example:" + run + ":wait");
    }
    HostAndPort nowhere = address(env("REDIS_AWAY_URL", "redis://127.0.0.1:1")); // no server answers here
    try (UnifiedJedis away = new JedisPooled(nowhere, patience(1000))) {
      for (IfAway choice : IfAway.values()) {
        String verdict = mayI(away, "example:" + run + ":away", choice) ? "admitted" : "refused";
        System.out.printf("away, fail %s: %s%n", choice == IfAway.ADMIT ? "open" : "closed", verdict);
      }
    }
  }

  static String env(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }
}
