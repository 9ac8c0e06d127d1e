import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.apache.eventmesh.client.tcp.EventMeshTCPClient;
import org.apache.eventmesh.client.tcp.EventMeshTCPClientFactory;
import org.apache.eventmesh.client.tcp.conf.EventMeshTCPClientConfig;
import org.apache.eventmesh.common.protocol.SubscriptionMode;
import org.apache.eventmesh.common.protocol.SubscriptionType;
import org.apache.eventmesh.common.protocol.tcp.EventMeshMessage;
import org.apache.eventmesh.common.protocol.tcp.Package;
import org.apache.eventmesh.common.protocol.tcp.UserAgent;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.DefaultConfiguration;

/**
 * The client of the EventMesh Java SDK under load: `PORT TOPIC`. It is told over standard input what to do, one line of
 * JSON each way, as the other actors are: so many threads, spread over so many connections, each with one operation at a
 * time, for so many milliseconds.
 */
public final class Bench {
  /** Milliseconds for an operation; for one of many, of which the runtime never confirms some, not long. */
  private static final int ALONE = 20_000;
  private static final int AMONG_MANY = 1_000;
  private static final ObjectMapper json = new ObjectMapper();
  private static final PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
  private static final List<EventMeshTCPClient<EventMeshMessage>> clients = new ArrayList<>();
  private static final String[] texts = new String[64];
  private static int port;
  private static String topic;
  private static EventMeshTCPClient<EventMeshMessage> responder;

  public static void main(String[] args) throws Exception {
    port = Integer.parseInt(args[0]);
    topic = args[1];
    System.setOut(System.err);
    quiet();
    for (int number = 0; number < texts.length; number++) {
      StringBuilder text = new StringBuilder();
      for (int line = number * 100; text.length() < 400; line++) text.append("Item " + line + " of order " + line * 7 + "; ");
      texts[number] = text.substring(0, 400);
    }
    BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    ObjectNode ready = json.createObjectNode().put("ready", true).put("pid", ProcessHandle.current().pid());
    say(ready.put("runtime", "Java " + Runtime.version().feature()));
    try {
      for (String line = orders.readLine(); line != null; line = orders.readLine()) say(carryOut(json.readTree(line)));
      Runtime.getRuntime().halt(0);
    } finally {
      Runtime.getRuntime().halt(1);
    }
  }

  private static void say(ObjectNode line) {
    answers.println(line);
    answers.flush();
  }

  private static ObjectNode carryOut(JsonNode order) throws Exception {
    int threads = order.get("outstanding").asInt();
    int connections = order.path("connections").asInt(1);
    boolean asks = order.get("workload").asText().equals("request");
    while (clients.size() < connections) clients.add(open("pub"));
    if (asks && responder == null) respond();
    List<Worker> workers = new ArrayList<>();
    CountDownLatch done = new CountDownLatch(threads);
    double cpu = cpu();
    long start = System.nanoTime();
    long end = start + order.get("milliseconds").asLong() * 1_000_000;
    for (int i = 0; i < threads; i++) {
      workers.add(new Worker(clients.get(i % connections), asks, threads == 1 ? ALONE : AMONG_MANY, i, end, done));
    }
    for (Worker worker : workers) new Thread(worker).start();
    done.await();
    long until = workers.stream().mapToLong((worker) -> worker.until).max().getAsLong();
    double milliseconds = (until - start) / 1e6;
    ObjectNode answer = json.createObjectNode().put("milliseconds", milliseconds).put("cpu", cpu() - cpu);
    answer.put("done", workers.stream().mapToInt((worker) -> worker.count).sum());
    answer.put("failed", workers.stream().mapToInt((worker) -> worker.failed).sum());
    if (threads > 1 || answer.get("done").asInt() == 0) return answer;
    Worker only = workers.get(0);
    long[] times = Arrays.copyOf(only.times, Math.min(only.count, only.times.length));
    Arrays.sort(times);
    return answer.put("p50", times[times.length / 2] / 1e3).put("p99", times[(int) (times.length * 0.99)] / 1e3);
  }

  /** One thread with one operation at a time. */
  private static final class Worker implements Runnable {
    final long[] times = new long[100_000];
    int count;
    int failed;
    /** The end of the last operation that has succeeded. How long it takes to fail does not count. */
    long until;
    private final EventMeshTCPClient<EventMeshMessage> client;
    private final boolean asks;
    private final int timeout;
    private final long end;
    private final CountDownLatch done;
    private int number;

    Worker(EventMeshTCPClient<EventMeshMessage> client, boolean asks, int timeout, int number, long end, CountDownLatch done) {
      this.client = client;
      this.asks = asks;
      this.timeout = timeout;
      this.number = number * 1_000;
      this.end = end;
      until = end;
      this.done = done;
    }

    @Override
    public void run() {
      for (long before = System.nanoTime(); before < end;) {
        boolean succeeded = carryOut();
        long after = System.nanoTime();
        if (succeeded) {
          if (count < times.length) times[count] = after - before;
          count++;
          until = after;
        } else {
          failed++;
        }
        before = after;
      }
      done.countDown();
    }

    private boolean carryOut() {
      EventMeshMessage message = new EventMeshMessage();
      message.setTopic(asks ? topic + "-java" : topic);
      message.setBody(texts[number & 63]);
      message.getProperties().put("kind", "order");
      message.getProperties().put("tenant", "tenant-" + (number++ & 15));
      if (asks) message.getProperties().put("ttl", String.valueOf(timeout));
      try {
        Package answer = asks ? client.rr(message, timeout) : client.publish(message, timeout);
        if (answer.getHeader().getCode() != 0) return false;
        return !asks || json.readValue(answer.getBody().toString(), EventMeshMessage.class).getBody().equals(message.getBody());
      } catch (Exception error) {
        return false;
      }
    }
  }

  private static EventMeshTCPClient<EventMeshMessage> open(String purpose) throws Exception {
    UserAgent agent = UserAgent.builder().env("test").host("127.0.0.1").port(8362).pid(42).path("/java").subsystem("5034")
        .idc("FT").version("2.0").username("java").password("secret").group("java-" + UUID.randomUUID()).purpose(purpose).build();
    EventMeshTCPClientConfig config = EventMeshTCPClientConfig.builder().host("127.0.0.1").port(port).userAgent(agent).build();
    EventMeshTCPClient<EventMeshMessage> client = EventMeshTCPClientFactory.createEventMeshTCPClient(config, EventMeshMessage.class);
    client.init();
    return client;
  }

  private static void respond() throws Exception {
    responder = open("sub");
    responder.registerSubBusiHandler(Optional::of);
    responder.subscribe(topic + "-java", SubscriptionMode.CLUSTERING, SubscriptionType.SYNC);
    responder.listen();
  }

  /** A line for each frame would be most of the work. */
  private static void quiet() {
    System.setProperty("log4j2.contextSelector", "org.apache.logging.log4j.core.selector.BasicContextSelector");
    Configurator.initialize(new DefaultConfiguration());
    Configurator.setRootLevel(Level.OFF);
  }

  /** Milliseconds of processor time so far. */
  private static double cpu() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e6;
  }
}
