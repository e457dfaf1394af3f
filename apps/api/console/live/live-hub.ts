// Tells open pages that something has happened: one reader of events for all browsers of this process, and no more than a sign for each.
import { setTimeout as pause } from 'node:timers/promises';
import type { Response } from 'express';
import { endOfEvents, eventsAfter, type StreamedEvent } from '../../../../libs/events/read-events';
import { Problem } from '../../../../libs/mail/input/problem';
import { uptime } from '../../../../libs/runtime/clock';
import type { Redis } from '../../../../libs/store/redis/redis';
import type { Listening } from '../../../../libs/store/registries/listening';

export interface Watcher {
  /** Whose streams are counted together. */
  owner: string;
  wants: (event: StreamedEvent) => boolean;
  /** Is the reader still signed in? Asked again and again. */
  holds: () => Promise<boolean>;
}

export interface LiveHub {
  /** Writes until the browser, the session or this process ends it. @throws Problem `too-many-streams` */
  open(watcher: Watcher, response: Response): void;
}

const MOST_OF_OWNER = 50;
const MOST = 1_000;
const AT_ONCE = 500;
/** How often news are looked for, sessions are asked for, and a sign is given in any case: pages also tell how long ago things were. ms */
const LOOK_MS = 200;
const CHECK_MS = 1_000;
const BEAT_MS = 15_000;
/** A browser hears of news at most so often, ms. */
const LEAST_MS = 1_000;
const KEEP_ON_MS = 5 * 60_000;
const RETRY_MS = 2_000;

interface Stream extends Watcher {
  response: Response;
  news: boolean;
  toldAt: number;
}

/** A browser that reads slowly is told when it reads again. */
const tell = (stream: Stream): void => {
  if (stream.response.writableNeedDrain) return;
  stream.response.write('data: news\n\n');
  stream.news = false;
  stream.toldAt = uptime();
};

const tellWhereDue = (streams: Iterable<Stream>): void => {
  const now = uptime();
  for (const stream of streams) {
    const least = stream.news ? LEAST_MS : BEAT_MS;
    if (now >= stream.toldAt + least) tell(stream);
  }
};

/** Ends the streams of those who are signed in no more; where that cannot be asked now, it is asked again. */
const endOver = async (streams: Iterable<Stream>): Promise<void> => {
  await Promise.all(
    [...streams].map(async ({ holds, response }) => {
      if (!(await holds().catch(() => true))) response.end();
    }),
  );
};

/** Reads on from where it is, and marks whom the news are for. @returns where it is then */
const look = async (redis: Redis, position: string, streams: Set<Stream>): Promise<string> => {
  for (let at = position; ;) {
    const events = await eventsAfter(redis, at, AT_ONCE);
    for (const stream of streams) stream.news ||= events.some(stream.wants);
    at = events.at(-1)?.position ?? at;
    if (events.length < AT_ONCE) return at;
  }
};

/**
 * @param deps.stopping the process stops: all streams end
 */
export const createLiveHub = (deps: { redis: Redis; listening: Listening; stopping: () => boolean }): LiveHub => {
  const { redis, listening, stopping } = deps;
  const streams = new Set<Stream>();
  let isReading = false;

  /** For as long as anybody listens. Where Redis is away it is asked again: pages tell by themselves that it is. */
  const read = async (): Promise<void> => {
    let [position, checkAt, keepAt]: [string | undefined, number, number] = [undefined, 0, 0];
    while (streams.size > 0 && !stopping()) {
      try {
        if (uptime() >= keepAt) {
          await listening.keepOn();
          keepAt = uptime() + KEEP_ON_MS;
        }
        position = await look(redis, position ?? (await endOfEvents(redis)), streams);
      } catch {
        for (const stream of streams) stream.news = true;
      }
      tellWhereDue(streams);
      if (uptime() >= checkAt) {
        await endOver(streams);
        checkAt = uptime() + CHECK_MS;
      }
      await pause(LOOK_MS);
    }
    for (const { response } of streams) if (stopping()) response.end();
  };

  const readOn = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    await read().finally(() => (isReading = false));
    if (streams.size > 0 && !stopping()) await readOn();
  };

  return {
    open(watcher, response) {
      const ofOwner = [...streams].filter(({ owner }) => owner === watcher.owner).length;
      if (streams.size >= MOST || ofOwner >= MOST_OF_OWNER || stopping())
        throw new Problem('too-many-streams', 'too many pages are open with this key: close some', [], {
          retryAfter: 60,
        });
      const stream: Stream = { ...watcher, response, news: false, toldAt: -Infinity };
      response.on('close', () => streams.delete(stream));
      response.status(200).set({ 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' });
      response.flushHeaders();
      response.write(`retry: ${RETRY_MS}\n\n`);
      streams.add(stream);
      void readOn();
    },
  };
};
