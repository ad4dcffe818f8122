import io.lettuce.core.ClientOptions;
import io.lettuce.core.MaintNotificationsConfig;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.ArrayOutput;
import io.lettuce.core.output.CommandOutput;
import io.lettuce.core.output.IntegerOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.ProtocolKeyword;
import io.lettuce.core.protocol.ProtocolVersion;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import java.util.stream.Collectors;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.JedisPooled;
import redis.clients.jedis.RedisProtocol;

/**
 * A client of {@code make test-clients}. It repeats a command and prints what it saw, as tests/clients/README.md
 * says. The first argument is the library.
 */
public class Load {
  private static final URI SERVER = URI.create(System.getenv("REDIS_URL"));
  private static final boolean RESP3 = System.getenv("REDIS_PROTOCOL").equals("3");

  record Keyword(String name) implements ProtocolKeyword {
    @Override
    public byte[] getBytes() {
      return name.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  static Function<List<String>, Object> jedis() {
    var config = DefaultJedisClientConfig.builder()
        .protocol(RESP3 ? RedisProtocol.RESP3 : RedisProtocol.RESP2)
        .socketTimeoutMillis(90_000)
        .build();
    var jedis = new JedisPooled(new HostAndPort(SERVER.getHost(), SERVER.getPort()), config);
    jedis.ping();
    return words -> {
      String[] arguments = words.subList(1, words.size()).toArray(String[]::new);
      return jedis.sendCommand(() -> words.get(0).getBytes(StandardCharsets.UTF_8), arguments);
    };
  }

  static Function<List<String>, Object> lettuce() {
    RedisURI uri = RedisURI.create(SERVER);
    uri.setTimeout(Duration.ofSeconds(90));
    RedisClient client = RedisClient.create(uri);
    ProtocolVersion version = RESP3 ? ProtocolVersion.RESP3 : ProtocolVersion.RESP2;
    client.setOptions(ClientOptions.builder()
        .protocolVersion(version)
        .maintNotificationsConfig(MaintNotificationsConfig.disabled())
        .build());
    RedisCommands<String, String> redis = client.connect().sync();
    return words -> {
      var arguments = new CommandArgs<>(StringCodec.UTF8).addValues(words.subList(1, words.size()));
      CommandOutput<String, String, ?> output = words.get(0).equals("RL.SETTLE")
          ? new IntegerOutput<>(StringCodec.UTF8) : new ArrayOutput<>(StringCodec.UTF8);
      return redis.dispatch(new Keyword(words.get(0)), output, arguments);
    };
  }

  static String shape(Object reply) {
    if (reply == null) {
      return "nil";
    }
    if (reply instanceof List<?> parts) {
      return parts.stream().map(Load::shape).collect(Collectors.joining(",", "[", "]"));
    }
    if (reply instanceof Long) {
      return "int";
    }
    return reply instanceof String || reply instanceof byte[] ? "string" : reply.getClass().getName();
  }

  static String text(Object reply) {
    return reply instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : (String) reply;
  }

  public static void main(String[] args) throws Exception {
    var send = args[0].equals("jedis") ? jedis() : lettuce();
    double seconds = Double.parseDouble(args[1]);
    int pauseMs = Integer.parseInt(args[2]);
    List<String> command = List.of(args).subList(3, args.length);
    System.out.println("ready");
    System.in.read();

    long admitted = 0, denied = 0, settled = 0;
    var shapes = new TreeSet<String>();
    long end = System.nanoTime() + (long) (seconds * 1e9);
    while (System.nanoTime() < end) {
      var reply = (List<?>) send.apply(command);
      shapes.add(shape(reply));
      if ((long) reply.get(0) == 1) {
        admitted++;
      } else {
        denied++;
      }
      if (command.get(0).equals("RL.QUOTA") && reply.get(4) != null) {
        settled += (long) send.apply(
            List.of("RL.SETTLE", command.get(1), text(reply.get(4)), "COST", "tokens", "40"));
      }
      Thread.sleep(ThreadLocalRandom.current().nextInt(pauseMs + 1));
    }
    String quoted = shapes.stream().map(shape -> '"' + shape + '"').collect(Collectors.joining(","));
    System.out.printf("{\"admitted\":%d,\"denied\":%d,\"settled\":%d,\"shapes\":[%s]}%n", admitted, denied, settled, quoted);
    System.exit(0); // the threads of the libraries still run
  }
}
