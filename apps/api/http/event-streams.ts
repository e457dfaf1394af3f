// Streams of events that are open: how many there may be, and that each ends with its key or with the process.
import { setTimeout as pause } from 'node:timers/promises';
import { once } from 'node:events';
import type { Response } from 'express';
import { Problem } from '../../../libs/mail/input/problem';
import { bodiesOf, endOfEvents, eventsAfter, isGap, type StreamedEvent } from '../../../libs/events/read-events';
import type { Clock } from '../../../libs/runtime/clock';
import type { Redis } from '../../../libs/store/redis/redis';
import type { Listening } from '../../../libs/store/registries/listening';

export interface Asked {
  /** Whose streams are counted together. */
  owner: string;
  /** Where a client goes on; it begins with what comes where nothing is given. */
  from: string | undefined;
  wants: (event: StreamedEvent) => boolean;
  /** Does its key still hold? Asked again and again. */
  holds: () => Promise<boolean>;
}

export interface EventStreams {
  /** @throws Problem `too-many-streams` @returns writes the answer until the client, the key or this process ends it */
  open(asked: Asked): (response: Response) => Promise<void>;
  /** Ends all of them. */
  close(): void;
}

const MOST_OF_OWNER = 20;
const MOST = 200;
const AT_ONCE = 200;
/** How often news are looked for, the key is checked, and a silent stream says that it is alive. ms */
const LOOK_MS = 150;
const CHECK_MS = 1_000;
const HEARTBEAT_MS = 15_000;
const KEEP_ON_MS = 5 * 60_000;
/** After Redis did not answer. */
const FAILED_MS = 1_000;

interface Deps {
  redis: Redis;
  listening: Listening;
  clock: Clock;
}

const block = (position: string, body: { type: string }): string =>
  `id: ${position}\nevent: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`;

/** Waits where the client reads slowly: nothing is kept for it meanwhile but its place in the stream. */
const write = async (response: Response, text: string, signal: AbortSignal): Promise<void> => {
  if (text === '' || response.write(text)) return;
  await once(response, 'drain', { signal });
};

/** One stream: it reads on from where it is, so that however many there are and however slow, memory is bounded. */
const follow = async (deps: Deps, asked: Asked, response: Response, signal: AbortSignal): Promise<void> => {
  const { redis, clock } = deps;
  let position = asked.from ?? (await endOfEvents(redis));
  let [checkAt, beatAt, keepAt] = [0, clock.now() + HEARTBEAT_MS, clock.now() + KEEP_ON_MS];
  if (asked.from !== undefined && (await isGap(deps, asked.from))) {
    const timestamp = new Date(clock.now()).toISOString();
    const data = { after: asked.from };
    // Where it goes on: what came in between cannot be told any more.
    await write(response, block(position, { type: 'gap', ...{ timestamp, data } }), signal);
  }
  while (!signal.aborted) {
    const now = clock.now();
    if (now >= checkAt && !(await asked.holds())) return;
    if (now >= checkAt) checkAt = now + CHECK_MS;
    if (now >= keepAt) {
      await deps.listening.keepOn();
      keepAt = now + KEEP_ON_MS;
    }
    const events = await eventsAfter(redis, position, AT_ONCE);
    const wanted = events.filter(asked.wants);
    const bodies = await bodiesOf(redis, wanted);
    position = events.at(-1)?.position ?? position;
    await write(
      response,
      bodies.map((body, index) => block(wanted[index]?.position ?? position, body)).join(''),
      signal,
    );
    if (bodies.length > 0) beatAt = now + HEARTBEAT_MS;
    else if (now >= beatAt) {
      await write(response, ': \n\n', signal);
      beatAt = now + HEARTBEAT_MS;
    }
    if (events.length < AT_ONCE) await pause(LOOK_MS, undefined, { signal });
  }
};

export const createEventStreams = (deps: Deps): EventStreams => {
  const open = new Map<AbortController, string>();
  const stopping = new AbortController();

  const countOf = (owner: string): number => [...open.values()].filter((one) => one === owner).length;

  /** Redis may be away for a moment: the stream goes on from its place, or ends where the client knows it. */
  const run = async (asked: Asked, response: Response, end: AbortController): Promise<void> => {
    response.on('close', () => end.abort());
    try {
      await deps.listening.keepOn();
      response.status(200).set({ 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' });
      response.flushHeaders();
      await write(response, `retry: ${FAILED_MS}\n\n`, end.signal);
      await follow(deps, asked, response, end.signal);
    } catch (error) {
      if (!response.headersSent) throw error;
    } finally {
      open.delete(end);
      if (response.headersSent) response.end();
    }
  };

  return {
    open(asked) {
      if (open.size >= MOST || countOf(asked.owner) >= MOST_OF_OWNER)
        throw new Problem(
          'too-many-streams',
          `${MOST_OF_OWNER} streams of events may be open for a tenant, and ${MOST} in all, at each API process: close one, or filter in one`,
          [],
          { retryAfter: 60 },
        );
      const end = new AbortController();
      open.set(end, asked.owner);
      if (stopping.signal.aborted) end.abort();
      return (response) => run(asked, response, end);
    },
    close() {
      stopping.abort();
      for (const end of open.keys()) end.abort();
    },
  };
};
