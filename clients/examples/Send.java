// Puts an email into a queue. API, KEY and QUEUE (tenant/application) come from the environment.
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

public class Send {
  static final HttpClient CLIENT = HttpClient.newHttpClient();

  static String send(String email, String idempotencyKey, int tries) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(
                URI.create(System.getenv("API") + "/v1/queues/" + System.getenv("QUEUE") + "/emails"))
            .timeout(Duration.ofSeconds(30))
            .header("Authorization", "Bearer " + System.getenv("KEY"))
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", idempotencyKey) // makes a repetition harmless
            .POST(BodyPublishers.ofString(email))
            .build();
    for (int left = tries - 1; ; left--) {
      long wait = 2;
      try {
        HttpResponse<String> answer = CLIENT.send(request, BodyHandlers.ofString());
        if (answer.statusCode() == 202) return answer.body();
        if (left == 0 || (answer.statusCode() != 429 && answer.statusCode() < 500))
          throw new IllegalStateException(answer.body());
        wait = answer.headers().firstValueAsLong("Retry-After").orElse(wait);
      } catch (IOException network) { // nobody knows whether the email was accepted
        if (left == 0) throw network;
      }
      Thread.sleep(wait * 1000);
    }
  }

  public static void main(String[] args) throws Exception {
    String email =
        "{\"to\": \"Ann <ann@example.org>\", \"subject\": \"Invoice 114 (Java)\", \"text\": \"Dear Ann, ...\"}";
    try {
      System.out.println("accepted: " + send(email, "invoice-114-java", 5));
    } catch (IllegalStateException refused) {
      System.err.println("refused: " + refused.getMessage());
      System.exit(1);
    }
  }
}
