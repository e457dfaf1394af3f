# Puts an email into a queue. API, KEY and QUEUE (tenant/application) come from the environment.
import json
import os
import sys
import time
import urllib.error
import urllib.request


def send(email, idempotency_key, tries=5):
    request = urllib.request.Request(
        f"{os.environ['API']}/v1/queues/{os.environ['QUEUE']}/emails",
        data=json.dumps(email).encode(),
        headers={
            "Authorization": f"Bearer {os.environ['KEY']}",
            "Content-Type": "application/json",
            "Idempotency-Key": idempotency_key,  # makes a repetition harmless
        },
    )
    for left in reversed(range(tries)):
        wait = 2
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            if left == 0 or (refused.code != 429 and refused.code < 500):
                raise
            wait = int(refused.headers.get("Retry-After", wait))
        except OSError:  # the network: nobody knows whether it was accepted
            if left == 0:
                raise
        time.sleep(wait)


try:
    email = {"to": "Ann <ann@example.org>", "subject": "Invoice 114 (Python)", "text": "Dear Ann, ..."}
    receipt = send(email, "invoice-114-python")
    print("accepted:", receipt["id"], receipt["state"])
except urllib.error.HTTPError as refused:
    sys.exit(f"refused: {refused.read().decode()}")
