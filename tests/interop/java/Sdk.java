import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.core.provider.EventFormatProvider;
import io.netty.channel.Channel;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.apache.eventmesh.client.tcp.EventMeshTCPClient;
import org.apache.eventmesh.client.tcp.EventMeshTCPClientFactory;
import org.apache.eventmesh.client.tcp.common.TcpClient;
import org.apache.eventmesh.client.tcp.conf.EventMeshTCPClientConfig;
import org.apache.eventmesh.common.protocol.SubscriptionMode;
import org.apache.eventmesh.common.protocol.SubscriptionType;
import org.apache.eventmesh.common.protocol.tcp.EventMeshMessage;
import org.apache.eventmesh.common.protocol.tcp.Package;
import org.apache.eventmesh.common.protocol.tcp.UserAgent;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.DefaultConfiguration;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.config.Property;

/**
 * Drives the TCP client of the EventMesh Java SDK by its public API. It takes one command per line of standard input, as
 * JSON, carries each out on a thread of its own, and answers with one line of standard output. What its clients receive,
 * and what the SDK has to complain about in its log, are lines of their own. It ends with its standard input.
 */
public final class Sdk {
  private static final ObjectMapper json = new ObjectMapper();
  private static final PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
  private static final Map<String, Client<?>> clients = new ConcurrentHashMap<>();

  public static void main(String[] args) throws Exception {
    System.setOut(System.err);
    watchLog();
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    ObjectNode ready = json.createObjectNode().put("event", "ready");
    say(ready.put("cores", Runtime.getRuntime().availableProcessors()));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      JsonNode command = json.readTree(line);
      new Thread(() -> answer(command)).start();
    }
    Runtime.getRuntime().halt(0);
  }

  private static void answer(JsonNode command) {
    ObjectNode answer = json.createObjectNode().put("id", command.get("id").asInt());
    long start = System.nanoTime();
    try {
      carryOut(command, answer);
    } catch (Throwable error) {
      answer.set("error", causes(error));
    }
    answer.put("interrupted", Thread.interrupted());
    say(answer.put("ms", (System.nanoTime() - start) / 1_000_000));
  }

  private static void carryOut(JsonNode command, ObjectNode answer) throws Exception {
    String name = command.get("client").asText();
    if (command.get("do").asText().equals("open")) {
      Client<?> client = command.get("kind").asText().equals("cloudevents") ? new Events(name) : new Messages(name);
      clients.put(name, client);
      client.open(command);
    } else {
      clients.get(name).carryOut(command, answer);
    }
  }

  private static synchronized void say(ObjectNode line) {
    answers.println(line);
    answers.flush();
  }

  /** The classes of an exception and its causes, the outermost first. */
  private static ArrayNode causes(Throwable error) {
    ArrayNode names = json.createArrayNode();
    for (Throwable cause = error; cause != null; cause = cause.getCause()) names.add(cause.getClass().getSimpleName());
    return names;
  }

  /** What the SDK writes into its log as a warning, an error, or with an exception. */
  private static void watchLog() {
    // One log for this class and the jars, whatever they bring along: 1.10.0 has a configuration of its own.
    System.setProperty("log4j2.contextSelector", "org.apache.logging.log4j.core.selector.BasicContextSelector");
    AbstractAppender appender = new AbstractAppender("lines", null, null, false, Property.EMPTY_ARRAY) {
      @Override
      public void append(LogEvent event) {
        if (!event.getLevel().isMoreSpecificThan(Level.WARN) && event.getThrown() == null) return;
        String logger = event.getLoggerName();
        ObjectNode line = json.createObjectNode().put("event", "log").put("level", event.getLevel().name());
        line.put("logger", logger.substring(logger.lastIndexOf('.') + 1));
        line.put("format", event.getMessage().getFormat());
        if (event.getThrown() != null) line.set("thrown", causes(event.getThrown()));
        say(line);
      }
    };
    appender.start();
    LoggerContext context = Configurator.initialize(new DefaultConfiguration());
    Configuration configuration = context.getConfiguration();
    LoggerConfig root = configuration.getRootLogger();
    for (String old : root.getAppenders().keySet()) root.removeAppender(old);
    root.addAppender(appender, null, null);
    root.setLevel(Level.WARN);
    // Here an exception that costs the connection is logged as information.
    String transport = "org.apache.eventmesh.client.tcp.common.TcpClient";
    configuration.addLogger(transport, new LoggerConfig(transport, Level.INFO, true));
    context.updateLoggers();
  }

  /** A client of the SDK, for one of its kinds of messages. */
  private abstract static class Client<M> {
    final String name;
    private final Class<M> kind;
    private EventMeshTCPClient<M> client;

    Client(String name, Class<M> kind) {
      this.name = name;
      this.kind = kind;
    }

    abstract M message(String topic, String data, Map<String, String> properties);

    abstract M reply(M request, String data);

    abstract M decode(Package response);

    abstract String topic(M message);

    abstract String data(M message);

    abstract Map<String, String> properties(M message);

    void open(JsonNode command) throws Exception {
      UserAgent agent = UserAgent.builder().env("test").host("127.0.0.1").port(8362).pid(42).path("/java/" + name)
          .subsystem("5034").idc("FT").version("2.0").username("java").password("secret")
          .group(command.get("group").asText()).purpose(command.path("purpose").asText("sub")).build();
      EventMeshTCPClientConfig config = EventMeshTCPClientConfig.builder().host("127.0.0.1")
          .port(command.get("port").asInt()).userAgent(agent).build();
      client = EventMeshTCPClientFactory.createEventMeshTCPClient(config, kind);
      client.init();
      stopClock();
    }

    void carryOut(JsonNode command, ObjectNode answer) throws Exception {
      int timeout = command.path("timeout").asInt(20_000);
      switch (command.get("do").asText()) {
        case "publish":
          describe(client.publish(messageOf(command), timeout), answer, false);
          break;
        case "broadcast":
          client.broadcast(messageOf(command), timeout);
          break;
        case "request":
          describe(client.rr(messageOf(command), timeout), answer, true);
          break;
        case "asyncRR":
          client.asyncRR(messageOf(command), response -> say(json.createObjectNode().put("event", "callback")), timeout);
          break;
        case "hook":
          hook(command);
          break;
        case "subscribe":
          client.subscribe(command.get("topic").asText(), SubscriptionMode.valueOf(command.get("mode").asText()),
              SubscriptionType.valueOf(command.get("type").asText()));
          break;
        case "listen":
          client.listen();
          break;
        case "unsubscribe":
          client.unsubscribe();
          break;
        case "heartbeat":
          gone(client.getPubClient());
          gone(client.getSubClient());
          heartbeat(client.getPubClient());
          heartbeat(client.getSubClient());
          break;
        case "burst":
          burst(command, timeout, answer);
          break;
        case "close":
          client.close();
          answer.put("beats", !task(client.getSubClient()).isCancelled());
          break;
        default:
          throw new IllegalArgumentException(command.toString());
      }
    }

    /** Waits until a connection knows that the other side has closed it: until then it would beat into a closed socket. */
    private void gone(Object connection) throws Exception {
      Field field = TcpClient.class.getDeclaredField("channel");
      field.setAccessible(true);
      Channel channel = (Channel) field.get(connection);
      if (channel != null && !channel.closeFuture().await(10_000)) throw new IllegalStateException("still open: " + channel);
    }

    /** Does what a connection does every 30 seconds: it looks if it is alive, connects again if not, and beats. */
    private void heartbeat(Object connection) throws Exception {
      ((Runnable) task(connection)).run();
      stopClock();
    }

    private Future<?> task(Object connection) throws Exception {
      Field task = TcpClient.class.getDeclaredField("heartTask");
      task.setAccessible(true);
      return (Future<?>) task.get(connection);
    }

    /** From now on hearts beat on command only. */
    private void stopClock() throws Exception {
      Field scheduler = TcpClient.class.getDeclaredField("scheduler");
      scheduler.setAccessible(true);
      ((ScheduledThreadPoolExecutor) scheduler.get(null)).getQueue().clear();
    }

    private M messageOf(JsonNode command) {
      Map<String, String> properties = new HashMap<>();
      command.path("properties").fields().forEachRemaining((entry) -> properties.put(entry.getKey(), entry.getValue().asText()));
      return message(command.get("topic").asText(), command.get("data").asText(), properties);
    }

    private void describe(Package response, ObjectNode answer, boolean whole) {
      answer.put("cmd", response.getHeader().getCmd().name()).put("code", response.getHeader().getCode());
      answer.put("desc", response.getHeader().getDesc());
      if (!whole || response.getBody() == null) return;
      M message = decode(response);
      answer.put("topic", topic(message)).put("data", data(message)).set("properties", json.valueToTree(properties(message)));
    }

    /** Tells of each message, and replies when there is something to reply; or fails. */
    private void hook(JsonNode command) throws Exception {
      JsonNode reply = command.path("reply");
      boolean fails = command.path("fails").asBoolean();
      client.registerSubBusiHandler((message) -> {
        ObjectNode line = json.createObjectNode().put("event", "message").put("client", name);
        line.put("topic", topic(message)).put("data", data(message));
        say(line.set("properties", json.valueToTree(properties(message))));
        if (fails) throw new IllegalStateException("the hook fails");
        return reply.isTextual() ? Optional.of(reply(message, reply.asText())) : Optional.empty();
      });
    }

    /** Publishes from several threads at once, each waiting for the answer to one before the next. */
    private void burst(JsonNode command, int timeout, ObjectNode answer) throws Exception {
      int threads = command.get("threads").asInt();
      int count = command.get("count").asInt();
      String data = command.get("data").asText();
      AtomicInteger confirmed = new AtomicInteger();
      Map<String, Integer> failures = new ConcurrentHashMap<>();
      CountDownLatch done = new CountDownLatch(threads);
      Consumer<Integer> one = (at) -> {
        try {
          Package response = client.publish(message(command.get("topic").asText(), data, Map.of()), timeout);
          if (response.getHeader().getCode() == 0) confirmed.incrementAndGet();
          else failures.merge(response.getHeader().getDesc(), 1, Integer::sum);
        } catch (Exception error) {
          failures.merge(causes(error).toString(), 1, Integer::sum);
        }
      };
      for (int i = 0; i < threads; i++) {
        new Thread(() -> {
          for (int at = 0; at < count; at++) one.accept(at);
          done.countDown();
        }).start();
      }
      done.await();
      answer.put("confirmed", confirmed.get()).set("failures", json.valueToTree(failures));
    }
  }

  private static final class Messages extends Client<EventMeshMessage> {
    Messages(String name) {
      super(name, EventMeshMessage.class);
    }

    @Override
    EventMeshMessage message(String topic, String data, Map<String, String> properties) {
      EventMeshMessage message = new EventMeshMessage();
      message.setTopic(topic);
      message.setBody(data);
      message.getProperties().putAll(properties);
      return message;
    }

    @Override
    EventMeshMessage reply(EventMeshMessage request, String data) {
      request.setBody(data.replace("{}", request.getBody()));
      return request;
    }

    @Override
    EventMeshMessage decode(Package response) {
      try {
        return json.readValue(response.getBody().toString(), EventMeshMessage.class);
      } catch (Exception error) {
        throw new IllegalStateException(error);
      }
    }

    @Override
    String topic(EventMeshMessage message) {
      return message.getTopic();
    }

    @Override
    String data(EventMeshMessage message) {
      return message.getBody();
    }

    @Override
    Map<String, String> properties(EventMeshMessage message) {
      return message.getProperties();
    }
  }

  private static final class Events extends Client<CloudEvent> {
    /** The only one by which the SDK finds its serialiser. The data is JSON then: here, always a string. */
    private static final String contentType = "application/cloudevents+json";

    Events(String name) {
      super(name, CloudEvent.class);
    }

    @Override
    CloudEvent message(String topic, String data, Map<String, String> properties) {
      CloudEventBuilder builder = CloudEventBuilder.v1().withId(UUID.randomUUID().toString()).withSource(URI.create("/java"))
          .withType("cloudevents").withSubject(topic).withDataContentType(contentType).withData(encoded(data));
      properties.forEach(builder::withExtension);
      return builder.build();
    }

    @Override
    CloudEvent reply(CloudEvent request, String data) {
      return CloudEventBuilder.from(request).withData(encoded(data.replace("{}", data(request)))).build();
    }

    @Override
    CloudEvent decode(Package response) {
      byte[] body = response.getBody().toString().getBytes(StandardCharsets.UTF_8);
      return EventFormatProvider.getInstance().resolveFormat(contentType).deserialize(body);
    }

    @Override
    String topic(CloudEvent event) {
      return event.getSubject();
    }

    @Override
    String data(CloudEvent event) {
      try {
        return event.getData() == null ? null : json.readTree(event.getData().toBytes()).asText();
      } catch (Exception error) {
        throw new IllegalStateException(error);
      }
    }

    @Override
    Map<String, String> properties(CloudEvent event) {
      Map<String, String> properties = new HashMap<>();
      for (String extension : event.getExtensionNames()) {
        properties.put(extension, String.valueOf(event.getExtension(extension)));
      }
      return properties;
    }

    private static byte[] encoded(String data) {
      return json.valueToTree(data).toString().getBytes(StandardCharsets.UTF_8);
    }
  }
}
