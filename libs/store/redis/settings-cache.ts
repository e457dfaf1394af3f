// Keeps settings near: cached in each process, dropped when somebody changes them anywhere.
import { LRUCache } from 'lru-cache';
import { CHANNELS } from './keys';
import type { Redis } from './redis';

export type ChangeKind =
  | 'tenant'
  | 'queue'
  | 'transport'
  | 'lowered'
  | 'template'
  | 'api-key'
  | 'signing-secret'
  | 'installation'
  | 'listening'
  | 'webhook'
  | 'suppression';

export interface Changes {
  /** A reader that remembers; forgets an entry as soon as any process announces its change. */
  cached<T>(kind: ChangeKind, load: (id: string) => Promise<T>): (id: string) => Promise<T>;
  /** Tells every process, this one at once, that an entry changed. */
  announce(kind: ChangeKind, id: string): Promise<void>;
  /** Calls back after a change was heard and the entry forgotten. */
  onChange(listener: (kind: ChangeKind, id: string) => void): void;
}

/** Announcements can be missed only while the subscription is down; then everything is forgotten. This bounds the rest. */
const OLDEST = 30_000;

/**
 * @param deps.subscriber a connection of its own: a subscribed one can do nothing else
 */
export const createChanges = (deps: { redis: Redis; subscriber: Redis }): Changes => {
  /** Of a kind as many as were asked for: each reader has its own. */
  const caches: { kind: ChangeKind; entries: LRUCache<string, Promise<unknown>> }[] = [];
  const listeners: ((kind: ChangeKind, id: string) => void)[] = [];

  const heard = (kind: ChangeKind, id: string): void => {
    for (const cache of caches) if (cache.kind === kind) cache.entries.delete(id);
    for (const listener of listeners) listener(kind, id);
  };
  const forgetAll = (): void => caches.forEach(({ entries }) => entries.clear());

  const subscribe = (): void => {
    forgetAll();
    // A failed subscription means a lost connection; the next `ready` subscribes again.
    deps.subscriber.subscribe(CHANNELS.changed).then(forgetAll, () => undefined);
  };
  deps.subscriber.on('ready', subscribe);
  deps.subscriber.on('close', forgetAll);
  if (deps.subscriber.status === 'ready') subscribe();
  deps.subscriber.on('message', (channel: string, message: string) => {
    if (channel !== CHANNELS.changed) return;
    const space = message.indexOf(' ');
    heard(message.slice(0, space) as ChangeKind, message.slice(space + 1));
  });

  return {
    cached<T>(kind: ChangeKind, load: (id: string) => Promise<T>) {
      const entries = new LRUCache<string, Promise<unknown>>({ max: 10_000, ttl: OLDEST });
      caches.push({ kind, entries });
      return (id: string): Promise<T> => {
        const known = entries.get(id);
        if (known !== undefined) return known as Promise<T>;
        const loading = load(id);
        // The promise is kept, not its value: what is announced while it loads drops it, so nothing stale stays.
        entries.set(id, loading);
        loading.catch(() => entries.peek(id) === loading && entries.delete(id));
        return loading;
      };
    },
    async announce(kind, id) {
      heard(kind, id);
      await deps.redis.publish(CHANNELS.changed, `${kind} ${id}`);
    },
    onChange: (listener) => void listeners.push(listener),
  };
};
