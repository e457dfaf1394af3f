// The process that takes mail by SMTP: hears signals first, reads the environment, starts, stops on a signal.
import { ConfigError, readEnv } from '../../libs/runtime/env';
import { createLifecycle } from '../../libs/runtime/lifecycle';
import { createLog } from '../../libs/runtime/log';
import { startProbe } from '../../libs/runtime/probe';
import { handleSignals } from '../../libs/runtime/signals';
import { widenThreadPool } from '../../libs/runtime/thread-pool';

widenThreadPool(process.env);
// Before the rest is loaded, which takes most of a start.
const signals = handleSignals();

const main = async (): Promise<void> => {
  const { requireTestedBullmq } = await import('../../libs/jobs/layout/tested-bullmq.js');
  requireTestedBullmq();
  const { requireS3 } = await import('../../libs/content/open-store.js');
  const { requireRedisPlace } = await import('../../libs/store/servers/redis-place.js');
  const { requirePair, SmtpEnv, toSmtpConfig } = await import('./config.js');
  const { createMetrics } = await import('../../libs/runtime/telemetry/metrics.js');
  const { startSmtp } = await import('./smtp.js');
  const env = readEnv(
    SmtpEnv.superRefine(requireS3).superRefine(requireRedisPlace).superRefine(requirePair),
    process.env,
  );
  const log = createLog('smtp', env.ROHRPOST_LOG_LEVEL);
  const config = toSmtpConfig(env);
  if (config.port === 0 && config.tlsPort === 0 && config.bounces === undefined) {
    log.info('no mail is taken by SMTP: ROHRPOST_SMTP_PORT is 0, and ROHRPOST_BOUNCE_PORT as well');
    process.exit(0);
  }
  const lifecycle = createLifecycle({ log, grace: config.grace });
  signals.attach(lifecycle, log);
  const metrics = createMetrics('smtp');
  metrics.watchProcess();
  let problems = (): Promise<string[]> => Promise.resolve(['the process is starting']);
  // First, so that one that stops is alive to whoever asks.
  if (env.ROHRPOST_PROBE_PORT > 0) {
    const probe = await startProbe({
      port: env.ROHRPOST_PROBE_PORT,
      host: env.ROHRPOST_PROBE_HOST,
      ready: async () => (lifecycle.stopping ? ['this process is stopping'] : problems()),
      metrics,
    });
    lifecycle.add({ name: 'probe', stop: () => probe.close() });
  }
  const running = await startSmtp(config, log, metrics, lifecycle);
  problems = running.problems;
  process.on('SIGHUP', () => running.reloadCertificate());
  process.send?.({ ready: true, port: running.port });
};

main().catch((error: unknown) => {
  if (error instanceof ConfigError) signals.failed(error.message, 78);
  else signals.failed(String(error instanceof Error ? error.stack : error), 1);
});
