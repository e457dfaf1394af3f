// Reads a stream of events as a client does: it remembers the last id, and takes the stream up again when it is asked to.
import { eventually } from '../wait';
import { heldFetch } from './held-fetch';

export interface HeardEvent {
  id: string;
  type: string;
  body: { type: string; timestamp: string; data: Record<string, unknown> };
}

export interface EventReader {
  heard: HeardEvent[];
  status: number;
  /** Of the last event. */
  lastId: () => string | undefined;
  /** Resolves when the server has ended the stream. */
  ended: Promise<void>;
  close: () => void;
  /** Waits until so many were heard that match. */
  hears: (count: number, matches?: (event: HeardEvent) => boolean, timeout?: number) => Promise<HeardEvent[]>;
}

const parseBlock = (block: string): HeardEvent | undefined => {
  const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  const [id, type, data] = [field('id'), field('event'), field('data')];
  if (id === undefined || type === undefined || data === undefined) return undefined;
  return { id, type, body: JSON.parse(data) as HeardEvent['body'] };
};

/** @param heard of an earlier stream, which goes on */
export const readEvents = async (
  url: string,
  key: string,
  options: { query?: string; lastEventId?: string | undefined; heard?: HeardEvent[] } = {},
): Promise<EventReader> => {
  const abort = new AbortController();
  const { heard = [], lastEventId, query = '' } = options;
  const response = await heldFetch(`${url}/v1/events${query}`, {
    headers: { authorization: `Bearer ${key}`, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) },
    signal: abort.signal,
  });
  const read = async (): Promise<void> => {
    if (response.body === null || response.status !== 200) return;
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      heard.push(...blocks.flatMap((block) => parseBlock(block) ?? []));
    }
  };
  const ended = read().catch(() => undefined);
  return {
    heard,
    status: response.status,
    lastId: () => heard.at(-1)?.id,
    ended,
    close: () => abort.abort(),
    hears: (count, matches = () => true, timeout = 25_000) =>
      eventually(
        () => {
          const found = heard.filter(matches);
          if (found.length < count) throw new Error(`heard ${found.length} of ${count}`);
          return found;
        },
        { timeout },
      ),
  };
};
