<?php
// Puts an email into a queue. API, KEY and QUEUE (tenant/application) come from the environment.

function send(array $email, string $idempotencyKey, int $tries = 5): array
{
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => [
            'Authorization: Bearer ' . getenv('KEY'),
            'Content-Type: application/json',
            "Idempotency-Key: $idempotencyKey", // makes a repetition harmless
        ],
        'content' => json_encode($email, JSON_THROW_ON_ERROR),
        'ignore_errors' => true, // the body of a refusal is read too
        'timeout' => 30,
    ]]);
    $url = getenv('API') . '/v1/queues/' . getenv('QUEUE') . '/emails';
    for ($try = 1; ; $try++) {
        $http_response_header = [];
        $body = @file_get_contents($url, false, $context);
        $head = implode("\n", $http_response_header);
        // Without a status it was the network: nobody knows whether the email was accepted.
        $status = preg_match('~^HTTP/\S+ (\d+)~', $head, $found) ? (int) $found[1] : 0;
        if ($status === 202) {
            return json_decode($body, true, flags: JSON_THROW_ON_ERROR);
        }
        if ($try === $tries || ($status !== 0 && $status !== 429 && $status < 500)) {
            throw new RuntimeException($status === 0 ? 'no answer' : $body);
        }
        sleep(preg_match('~^Retry-After: (\d+)~mi', $head, $found) ? (int) $found[1] : 2);
    }
}

try {
    $email = ['to' => 'Ann <ann@example.org>', 'subject' => 'Invoice 114 (PHP)', 'text' => 'Dear Ann, ...'];
    $receipt = send($email, 'invoice-114-php');
    echo "accepted: {$receipt['id']} {$receipt['state']}\n";
} catch (RuntimeException $refused) {
    fwrite(STDERR, "refused: {$refused->getMessage()}\n");
    exit(1);
}
