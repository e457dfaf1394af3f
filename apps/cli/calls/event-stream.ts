// Live events (text/event-stream), taken up again where they were cut off.
import { setTimeout as pause } from 'node:timers/promises';
import { EXIT, Stop } from '../terminal/exit';
import type { Api } from './api';

export interface ServiceEvent {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

/** What is heard: an event; `gap`, where some were missed; `open`, at each connection. */
export type Heard = { kind: 'open' } | { kind: 'gap' } | { kind: 'event'; event: ServiceEvent };

/** Between two tries. ms */
const AGAIN_MS = 1_000;

/** A key that was revoked stays so; an API that is restarted, or has many streams, takes us later. */
export const isForGood = ({ exitCode, status = 0 }: Stop): boolean =>
  exitCode !== EXIT.unreachable && status !== 429 && status < 500;

/** Blocks of a stream, each with its fields (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
async function* blocksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Map<string, string>> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map<string, string>();
      for (const line of block.split('\n')) {
        const [, name = '', value = ''] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
        if (name !== '') fields.set(name, fields.has(name) ? `${fields.get(name)}\n${value}` : value);
      }
      yield fields;
    }
  }
}

/**
 * Listens until the signal ends it. The first connection must succeed; later ones are tried until one does.
 * @param query of `GET /v1/events`
 * @throws Stop where the first connection fails, or the key does not hold any more
 */
export async function* hear(api: Api, query: URLSearchParams, signal: AbortSignal): AsyncGenerator<Heard> {
  let lastId: string | undefined;
  for (let first = true; !signal.aborted; first = false) {
    try {
      const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
      const stream = await api.open(`/v1/events?${query.toString()}`, headers, signal);
      first = false;
      yield { kind: 'open' };
      for await (const fields of blocksOf(stream)) {
        lastId = fields.get('id') ?? lastId;
        if (fields.get('event') === 'gap') yield { kind: 'gap' };
        else if (fields.has('data'))
          yield { kind: 'event', event: JSON.parse(fields.get('data') ?? '{}') as ServiceEvent };
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Stop && (first || isForGood(error))) throw error;
    }
    await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}
