#!/usr/bin/env bash
# Puts an email into a queue. API, KEY and QUEUE (tenant/application) come from the environment.
set -euo pipefail

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
# curl repeats what the network, 429 and 5xx broke, as Retry-After says; the Idempotency-Key makes that harmless.
status=$(curl --silent --show-error --retry 4 --retry-all-errors --max-time 30 \
  --output "$answer" --write-out '%{http_code}' \
  "$API/v1/queues/$QUEUE/emails" \
  -H "Authorization: Bearer $KEY" \
  -H 'Content-Type: application/json' \
  -H 'Idempotency-Key: invoice-114-curl' \
  -d '{"to": "Ann <ann@example.org>", "subject": "Invoice 114 (curl)", "text": "Dear Ann, ..."}')
if [ "$status" != 202 ]; then
  echo "refused: $(cat "$answer")" >&2
  exit 1
fi
echo "accepted: $(cat "$answer")"
