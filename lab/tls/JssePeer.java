import java.io.*;
import java.net.*;
import java.security.*;
import java.security.cert.X509Certificate;
import java.util.*;
import java.util.concurrent.*;
import javax.net.ssl.*;

/**
 * A TLS peer made of the JDK's own TLS, to test ours against code that shares nothing with it.
 *
 *   JSSE_PASSWORD=... java JssePeer.java role=server cert=FILE.p12 version=SSLv3 suite=RC4-MD5 up=N down=N
 *   java JssePeer.java role=client port=N version=SSLv3 suite=RC4-MD5 up=N down=N
 *
 * Further words: host= port= connections= timeout=. One line of JSON per connection goes to stdout, after
 * {"listening":PORT} from a server. Exit: 0 all were ok, 1 some were not, 2 bad arguments, 3 timed out.
 */
public final class JssePeer {
  static {
    // JSSE reads all of these once, when its classes are initialised, so they are set before anything else.
    Security.setProperty("jdk.tls.disabledAlgorithms", "");
    Security.setProperty("jdk.tls.legacyAlgorithms", "");
    Security.setProperty("jdk.certpath.disabledAlgorithms", "");
    // By default JSSE takes a bare end of TCP for an orderly end of the stream, which would hide truncation.
    System.setProperty("com.sun.net.ssl.requireCloseNotify", "true");
    // By default a client offers no session to resume that lacks the extended master secret, as SSL 3.0's and ours do.
    System.setProperty("jdk.tls.allowUnsafeServerCertChange", "true");
    // Resumption goes by session identifiers alone, which all the versions here have.
    System.setProperty("jdk.tls.server.enableSessionTicketExtension", "false");
  }

  /** OpenSSL's names to JSSE's. */
  private static final Map<String, String> SUITES = Map.of(
      "RC4-MD5", "SSL_RSA_WITH_RC4_128_MD5",
      "RC4-SHA", "SSL_RSA_WITH_RC4_128_SHA",
      "DES-CBC-SHA", "SSL_RSA_WITH_DES_CBC_SHA",
      "DES-CBC3-SHA", "SSL_RSA_WITH_3DES_EDE_CBC_SHA",
      "AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA",
      "AES256-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA");
  private static final Set<String> WORDS = Set.of(
      "role", "port", "host", "version", "suite", "cert", "up", "down", "connections", "timeout");
  /** What tells the directions apart in the pattern of the bytes. */
  private static final int UP = 1, DOWN = 2;
  /** More than a record holds and no multiple of one, so that full and partial records alternate. */
  private static final int CHUNK = 20_000;

  private final boolean isServer;
  private final String host;
  private final int port, connections, timeoutSeconds;
  private final String[] versions, suites;
  private final long toSend, toReceive;
  /** One for all connections: it holds the session cache. */
  private final SSLContext context;
  private final Set<String> sessionsSeen = new HashSet<>();

  private JssePeer(Map<String, String> words) throws GeneralSecurityException, IOException {
    isServer = find(words, "role").equals("server");
    if (!isServer && !find(words, "role").equals("client")) throw new IllegalArgumentException("no such role");
    host = words.getOrDefault("host", "127.0.0.1");
    port = Integer.parseInt(isServer ? words.getOrDefault("port", "0") : find(words, "port"));
    versions = find(words, "version").split(",");
    suites = Arrays.stream(find(words, "suite").split(",")).map(name -> find(SUITES, name)).toArray(String[]::new);
    toSend = Long.parseLong(find(words, isServer ? "down" : "up"));
    toReceive = Long.parseLong(find(words, isServer ? "up" : "down"));
    connections = Integer.parseInt(words.getOrDefault("connections", "1"));
    timeoutSeconds = Integer.parseInt(words.getOrDefault("timeout", "60"));
    // A server with the extended master secret resumes no session that lacks it. A client can offer it all the same.
    if (isServer) System.setProperty("jdk.tls.useExtendedMasterSecret", "false");
    context = SSLContext.getInstance("TLS");
    context.init(isServer ? serverKeys(find(words, "cert")) : null, new TrustManager[] {new TrustAnyone()}, null);
  }

  public static void main(String[] arguments) {
    try {
      JssePeer peer = new JssePeer(parse(arguments));
      CompletableFuture.delayedExecutor(peer.timeoutSeconds, TimeUnit.SECONDS).execute(() -> {
        System.err.println("JssePeer: not done after " + peer.timeoutSeconds + " seconds");
        Runtime.getRuntime().halt(3); // Not exit(): nothing that hangs may hold this up.
      });
      System.exit(peer.run() ? 0 : 1);
    } catch (IllegalArgumentException | GeneralSecurityException | IOException e) {
      System.err.println("JssePeer: " + e); // Wrong words, no such certificate, or a port that is taken.
      System.exit(2);
    }
  }

  private static Map<String, String> parse(String[] arguments) {
    Map<String, String> words = new HashMap<>();
    for (String argument : arguments) {
      String[] word = argument.split("=", 2);
      if (word.length != 2 || !WORDS.contains(word[0])) throw new IllegalArgumentException("unknown: " + argument);
      words.put(word[0], word[1]);
    }
    return words;
  }

  private static String find(Map<String, String> map, String key) {
    String value = map.get(key);
    if (value == null) throw new IllegalArgumentException("missing or unknown: " + key);
    return value;
  }

  private static KeyManager[] serverKeys(String file) throws GeneralSecurityException, IOException {
    char[] password = find(System.getenv(), "JSSE_PASSWORD").toCharArray();
    KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
    factory.init(KeyStore.getInstance(new File(file), password), password);
    return factory.getKeyManagers();
  }

  private boolean run() throws IOException {
    boolean allOk = true;
    // System.out flushes each line. A client has no listener, and try-with-resources passes over a null.
    try (ServerSocket listener = isServer ? new ServerSocket(port, 50, InetAddress.getByName(host)) : null) {
      if (isServer) System.out.println("{\"listening\":" + listener.getLocalPort() + "}");
      for (int number = 0; number < connections; number++) {
        String outcome;
        // TLS is layered on a TCP socket of our own: closing that one waits for none of the locks of JSSE.
        try (Socket tcp = isServer ? listener.accept() : new Socket()) {
          outcome = runConnection(tcp);
        } catch (Exception e) {
          allOk = false;
          outcome = "\"ok\":false,\"error\":" + quote(describe(e));
        }
        System.out.println("{\"connection\":" + number + "," + outcome + "}");
      }
    }
    return allOk;
  }

  private String runConnection(Socket tcp) throws Exception {
    if (!isServer) tcp.connect(new InetSocketAddress(host, port));
    tcp.setTcpNoDelay(true);
    SSLSocketFactory factory = context.getSocketFactory();
    SSLSocket tls = (SSLSocket) (isServer ? factory.createSocket(tcp, null, true)
        : factory.createSocket(tcp, host, port, true)); // The client's session cache goes by host and port.
    tls.setEnabledProtocols(versions);
    tls.setEnabledCipherSuites(suites);
    tls.startHandshake();
    SSLSession session = tls.getSession();
    // A resumed session keeps both from its first connection.
    boolean resumed = !sessionsSeen.add(session.getCreationTime() + " " + HexFormat.of().formatHex(session.getId()));
    long received = exchange(tcp, tls);
    return String.format("\"protocol\":%s,\"suite\":%s,\"resumed\":%b,\"received\":%d,\"ok\":true",
        quote(session.getProtocol()), quote(openSslName(session.getCipherSuite())), resumed, received);
  }

  /** Both directions at once, then the closing, which the client begins; returns how much arrived. */
  private long exchange(Socket tcp, SSLSocket tls) throws Exception {
    FutureTask<Long> sending = new FutureTask<>(() -> send(tls.getOutputStream()));
    Thread sender = new Thread(sending);
    sender.start();
    try {
      Receiver receiver = new Receiver(tls.getInputStream());
      if (!isServer) {
        receiver.readUntil(toReceive);
        receiver.check();
        sending.get();
        tls.shutdownOutput(); // Sends close_notify. The server must answer with its own, and with no data before it.
      }
      receiver.readUntil(Long.MAX_VALUE); // On a close_notify, JSSE sends the answer by itself: up to 1.2 it is due.
      receiver.check();
      sending.get();
      tls.close();
      return receiver.received;
    } finally {
      tcp.close(); // After a failure, this ends the sender's write too.
      sender.join();
    }
  }

  private long send(OutputStream out) throws IOException {
    byte[] chunk = new byte[CHUNK];
    for (long sent = 0; sent < toSend; sent += CHUNK) {
      int count = (int) Math.min(CHUNK, toSend - sent);
      fillPattern(chunk, count, sent, isServer ? DOWN : UP);
      out.write(chunk, 0, count);
    }
    return toSend;
  }

  private static void fillPattern(byte[] chunk, int count, long offset, int direction) {
    for (long i = offset; i < offset + count; i++)
      chunk[(int) (i - offset)] = (byte) (i * 31 + (i >>> 8) * 17 + direction);
  }

  private final class Receiver {
    private final InputStream in;
    private final byte[] chunk = new byte[CHUNK], pattern = new byte[CHUNK];
    private final MessageDigest seen = MessageDigest.getInstance("SHA-256");
    private final MessageDigest wanted = MessageDigest.getInstance("SHA-256");
    private long received = 0, firstWrong = -1;

    Receiver(InputStream in) throws GeneralSecurityException {
      this.in = in;
    }

    /** Reads until this much has arrived in all, or the stream ended in order. */
    void readUntil(long total) throws IOException {
      try {
        while (received < total) {
          int count = in.read(chunk, 0, (int) Math.min(CHUNK, total - received));
          if (count < 0) return;
          fillPattern(pattern, count, received, isServer ? UP : DOWN);
          int wrong = Arrays.mismatch(chunk, 0, count, pattern, 0, count);
          if (wrong >= 0 && firstWrong < 0) firstWrong = received + wrong;
          seen.update(chunk, 0, count);
          wanted.update(pattern, 0, count);
          received += count;
        }
      } catch (SSLException e) { // Within a record it has an EOFException for its cause, between records none.
        if (!"Remote host terminated the connection".equals(e.getMessage())) throw e;
        throw new IOException("truncated: TCP ended without close_notify after " + received + " of " + toReceive, e);
      }
    }

    /** Asking for the digests starts them anew, so a second call hashes only what came after the first. */
    void check() throws IOException {
      if (received != toReceive) throw new IOException("received " + received + " bytes instead of " + toReceive);
      String seenHash = HexFormat.of().formatHex(seen.digest());
      String wantedHash = HexFormat.of().formatHex(wanted.digest());
      if (firstWrong < 0 && seenHash.equals(wantedHash)) return;
      throw new IOException("wrong from offset " + firstWrong + ", SHA-256 " + seenHash + " instead of " + wantedHash);
    }
  }

  /** The extended kind, as JSSE adds checks of its own to the plain interface. */
  private static final class TrustAnyone extends X509ExtendedTrustManager {
    @Override public void checkClientTrusted(X509Certificate[] chain, String type) {}
    @Override public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}
    @Override public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
    @Override public void checkServerTrusted(X509Certificate[] chain, String type) {}
    @Override public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}
    @Override public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
    @Override public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
  }

  private static String openSslName(String jsseName) {
    return SUITES.keySet().stream().filter(name -> SUITES.get(name).equals(jsseName)).findFirst().orElse(jsseName);
  }

  private static String describe(Throwable failure) {
    return failure.getCause() == null ? failure.toString() : failure + ", caused by " + describe(failure.getCause());
  }

  private static String quote(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\p{Cntrl}", " ") + '"';
  }
}
