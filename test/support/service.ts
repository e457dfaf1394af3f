// A whole service for one test file: its own Redis, an API and workers in this process, and a client for it.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApi, type RunningApi } from '../../apps/api/api';
import type { ApiConfig } from '../../apps/api/config';
import type { WorkerConfig } from '../../apps/worker/config';
import { BOUNDS, startWorker, type Bounds, type RunningWorker } from '../../apps/worker/worker';
import { findRedisBinary } from '../../dev/redis-binary';
import type { RedisServer } from '../../dev/redis';
import { TRANSITIONS, type Transition } from '../../libs/mail/email/state';
import { createLog } from '../../libs/runtime/log';
import { watchLives, type LifeWatch } from './life/life-watch';
import { startTestRedis } from './redis/test-redis';
import { requireDeclared } from './http/declared-answer';
import { eventually } from './wait';

export const OPERATOR_KEY = 'operator-key-of-the-tests-0123456789';
export const SECRET_KEYS = [{ id: 'k1', key: Buffer.alloc(32, 7) }];

export interface Answer<T = Record<string, unknown>> {
  status: number;
  body: T;
  headers: Headers;
}

export interface CallOptions {
  key?: string;
  headers?: Record<string, string>;
  /** Sent as it is, instead of JSON. */
  raw?: string | Buffer;
}

/** What tests read of emails. */
export interface EmailBody extends Record<string, unknown> {
  id: string;
  state: string;
  reason?: { code: string; text: string };
  attemptsMade: number;
  sendAt: string;
  expiresAt: string;
  attempts: {
    number: number;
    outcome: string;
    startedAt: string;
    text?: string;
    transport?: string;
    replies: Record<string, unknown>[];
  }[];
  changes: { at: string; by: string; what: string; fields?: Record<string, { before: unknown; after: unknown }> }[];
}

export interface Service {
  url: string;
  dataDir: string;
  redis: RedisServer;
  api: RunningApi;
  workers: RunningWorker[];
  /** Sees every state that an email comes to. */
  lives: LifeWatch;
  call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    options?: CallOptions,
  ): Promise<Answer<T>>;
  /** The same, and throws where the answer is no success. */
  ok<T = Record<string, unknown>>(method: string, path: string, body?: unknown, options?: CallOptions): Promise<T>;
  addWorker(overrides?: Partial<WorkerConfig>): Promise<RunningWorker>;
  email(queue: string, id: string): Promise<EmailBody>;
  close(): Promise<void>;
}

const log = createLog('test', process.env['ROHRPOST_TEST_LOG'] === undefined ? 'silent' : 'debug');

const client = (url: string): Service['call'] => {
  const call = async <T>(
    method: string,
    path: string,
    body?: unknown,
    options: CallOptions = {},
  ): Promise<Answer<T>> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${options.key ?? OPERATOR_KEY}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.raw !== undefined && { body: options.raw }),
      ...(options.raw === undefined && body !== undefined && { body: JSON.stringify(body) }),
    });
    const { status, headers } = response;
    const isStream = /event-stream/.test(headers.get('content-type') ?? '');
    // It has no end: what it says is read by event-reader.ts.
    const text = isStream ? '' : await response.text();
    if (isStream) await response.body?.cancel();
    const isJson = /json/.test(headers.get('content-type') ?? '');
    const answer = { status, body: (isJson ? JSON.parse(text) : { text }) as T, headers };
    requireDeclared(method, path, answer);
    return answer;
  };
  return call;
};

export interface ServiceOptions {
  workers?: number;
  worker?: Partial<WorkerConfig>;
  api?: Partial<ApiConfig>;
  bounds?: Partial<Bounds>;
  /** A folder with what an earlier version left: `dump.rdb` and `content`. */
  data?: string;
  /** A Redis without `cluster-enabled` (test-redis.ts). */
  plainRedis?: boolean;
  /** Another Redis than the usual one. */
  startRedis?: (dataDir: string) => Promise<RedisServer>;
  /** ms that the API waits for a try of a transport. */
  verifyWaitMs?: number;
  /** Changes of state that may happen here besides: where another BullMQ client, or the test itself, makes them. */
  otherChanges?: readonly Transition[];
}

/** Starts the Redis of the service, with the data of an earlier one where a folder is given. */
const startRedisWith = async (dataDir: string, { data, plainRedis }: ServiceOptions): Promise<RedisServer> => {
  const from = { dataDir, binary: await findRedisBinary(dataDir), plain: plainRedis === true };
  if (data === undefined) return startTestRedis(from);
  await cp(join(data, 'content'), join(dataDir, 'content'), { recursive: true });
  await cp(join(data, 'dump.rdb'), join(dataDir, 'redis', 'dump.rdb'));
  // With an append-only file to come Redis would not read the snapshot.
  const redis = await startTestRedis({ ...from, appendonly: false });
  const connection = await redis.connect();
  await connection.call('CONFIG', 'SET', 'appendonly', 'yes');
  connection.disconnect();
  return redis;
};

let replicas = 0;

export const startService = async (options: ServiceOptions = {}): Promise<Service> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'rohrpost-test-'));
  const redis = await (options.startRedis?.(dataDir) ?? startRedisWith(dataDir, options));
  const lives = watchLives(dataDir, [...TRANSITIONS, ...(options.otherChanges ?? [])]);
  const api = await startApi(
    {
      redisUrl: redis.url,
      operatorKey: OPERATOR_KEY,
      secretKeys: SECRET_KEYS,
      port: 0,
      host: '127.0.0.1',
      dataDir,
      name: 'mail.test',
      maxBody: 25 * 1024 * 1024,
      // Redis itself says when it is full.
      memoryShare: 1,
      render: { threads: 2, trusted: false },
      allowPrivate: [],
      allowPrivateSmtp: [],
      grace: 5_000,
      stopDelay: 0,
      ...options.api,
    },
    log,
    undefined,
    options.verifyWaitMs,
  );
  const url = `http://127.0.0.1:${api.port}`;
  const call = client(url);
  const workers: RunningWorker[] = [];
  const service: Service = {
    url,
    dataDir,
    redis,
    api,
    workers,
    lives,
    call,
    async ok<T>(method: string, path: string, body?: unknown, callOptions?: CallOptions) {
      const answer = await call<T>(method, path, body, callOptions);
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    async addWorker(overrides = {}) {
      const worker = await startWorker(
        {
          redisUrl: redis.url,
          secretKeys: SECRET_KEYS,
          dataDir,
          name: 'mail.test',
          concurrency: 50,
          waiting: 500,
          maxOpenQueues: 500,
          render: { threads: 2, trusted: false },
          allowPrivate: [],
          allowPrivateSmtp: [],
          grace: 5_000,
          replica: `test-${replicas++}`,
          ...options.worker,
          ...overrides,
        },
        log,
        { ...BOUNDS, ...options.bounds },
      );
      workers.push(worker);
      return worker;
    },
    email: (queue, id) => service.ok<EmailBody>('GET', `/v1/queues/${queue}/emails/${id}`),
    async close() {
      await Promise.all(workers.map((worker) => worker.lifecycle.stop('end of test')));
      await api.lifecycle.stop('end of test');
      await service.redis.stop();
      try {
        await lives.end();
      } finally {
        await rm(dataDir, { recursive: true, force: true });
      }
    },
  };
  // The API listens before Redis is there; tests begin when it is.
  await eventually(async () => {
    if ((await call('GET', '/readyz')).status !== 200) throw new Error('the API is not ready');
  });
  for (let count = options.workers ?? 1; count > 0; count--) await service.addWorker();
  return service;
};

/** A tenant with a transport and a queue. @returns `tenant/application` and its path under `/v1/queues` */
export const setUpQueue = async (
  service: Service,
  queue: string,
  smtpPort: number,
  settings: Record<string, unknown> = {},
): Promise<{ queue: string; emails: string }> => {
  const [tenant = ''] = queue.split('/');
  await service.ok('PUT', `/v1/tenants/${tenant}`, {});
  await service.ok('PUT', `/v1/tenants/${tenant}/transports/default`, {
    host: '127.0.0.1',
    port: smtpPort,
    security: 'none',
  });
  await service.ok('PUT', `/v1/queues/${queue}`, { from: `Sender <sender@${tenant}.example>`, ...settings });
  return { queue, emails: `/v1/queues/${queue}/emails` };
};

/** A finished email, with changes. */
export const anEmail = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  to: ['Ann <ann@example.org>'],
  subject: 'Hello',
  text: 'Hello Ann',
  ...changes,
});
