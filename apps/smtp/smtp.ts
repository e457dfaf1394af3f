// Mail by SMTP: everything it is taken with, put together; started and stopped as one.
import type { Metrics } from '../../libs/runtime/telemetry/metrics';
import { watchLoopDelay } from '../../libs/runtime/telemetry/loop-delay';
import { createLifecycle, type Lifecycle } from '../../libs/runtime/lifecycle';
import type { Log } from '../../libs/runtime/log';
import { claimRedis, untilDone } from '../../libs/store/redis/check-redis';
import { createDurability, type Durability } from '../../libs/store/durability/durability';
import { connectRedis, redisProblems, type Patience, type Redis } from '../../libs/store/redis/redis';
import { createChanges } from '../../libs/store/redis/settings-cache';
import type { SmtpConfig } from './config';
import { createCertificate } from './door/certificate';
import { openDoors } from './door/doors';
import { openBounceDoor } from './door/bounce-door';
import { createHandlers } from './door/handlers';
import { openRooms } from './rooms';

export interface RunningSmtp {
  lifecycle: Lifecycle;
  /** Where it listens; 0 where it does so with TLS alone. */
  port: number;
  /** The port with TLS from the first byte; 0 where there is none. */
  tlsPort: number;
  /** What keeps it from taking mail now, a sentence each. */
  problems: () => Promise<string[]>;
  /** Reads the certificate again. */
  reloadCertificate: () => void;
}

/** What a person must change is final: the process ends. Everything else is waited for. */
const claimOrEnd = (redis: Redis, { requireFit }: Durability, log: Log, lifecycle: Lifecycle): void => {
  const start = { redis, log, ended: () => lifecycle.stopping };
  const claim = async (): Promise<void> => {
    await claimRedis(start);
    await untilDone(start, requireFit);
  };
  claim().catch((error: unknown) => {
    log.fatal({ error }, 'this Redis cannot be used');
    void lifecycle.stop('unusable Redis').then(() => process.exit(1));
  });
};

/**
 * Listens at once, also without Redis: mail is refused for now until Redis is there.
 * @param lifecycle stops what has been started so far, also before this has returned
 * @throws ConfigError where the certificate cannot be used, Error where a port is taken
 */
export const startSmtp = async (
  config: SmtpConfig,
  log: Log,
  metrics: Metrics,
  lifecycle: Lifecycle = createLifecycle({ log, grace: config.grace }),
): Promise<RunningSmtp> => {
  const { redisUrl: url, redisSecrets: secrets } = config;
  const connect = (name: string, patience: Patience, listens = false): Redis => {
    const redis = connectRedis({ url, secrets, patience, name: `smtp:${name}`, listens, log });
    lifecycle.add({ name: `redis ${name}`, stop: () => redis.disconnect() });
    return redis;
  };
  const certificate = createCertificate(config.certificate, log);
  lifecycle.add({ name: 'certificate', stop: () => certificate.stop() });
  lifecycle.add({ name: 'loop delay', stop: watchLoopDelay(log, metrics.loopDelay) });
  const redis = connect('main', 'fail-fast');
  const changes = createChanges({ redis, subscriber: connect('subscriber', 'wait', true) });
  const open = (): Redis => connect('durability', 'fail-fast');
  const durability = createDurability({ choice: config.durability, main: redis, open });
  const rooms = openRooms({ config, log, metrics, lifecycle, durably: durability.durably }, redis, changes);
  const handlers = createHandlers({
    ...rooms,
    log,
    maxBody: config.maxBody,
    connections: config.connections,
    hasTls: config.certificate !== undefined,
    stopping: () => lifecycle.stopping,
  });
  const doors = await openDoors(config, handlers, certificate, log);
  lifecycle.add({ name: 'smtp doors', stop: (left) => doors.close(left) });
  const stopping = (): boolean => lifecycle.stopping;
  const bounces = await openBounceDoor(config, { ...rooms, log, stopping }, certificate);
  if (bounces !== undefined) lifecycle.add({ name: 'bounce door', stop: (left) => bounces.close(left) });
  claimOrEnd(redis, durability, log, lifecycle);
  const { port, tlsPort } = doors;
  log.info({ port, tlsPort, bouncePort: bounces?.port ?? 0 }, 'mail is taken by SMTP');
  if (config.certificate === undefined)
    log.warn(
      'no certificate is given (ROHRPOST_SMTP_TLS_CERT, ROHRPOST_SMTP_TLS_KEY): STARTTLS is not offered, and only programs on this machine may log in',
    );
  return {
    lifecycle,
    port,
    tlsPort,
    problems: async () => {
      const [ofRedis, notDurable, ofContent] = await Promise.all([
        redisProblems(redis),
        durability.problem(),
        rooms.content.problems(),
      ]);
      return [...ofRedis, notDurable ?? [], ...ofContent.map(({ text }) => text)].flat();
    },
    reloadCertificate: () => certificate.reload(),
  };
};
