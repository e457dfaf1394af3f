// Seals secrets with the newest key in the background, and says in the log what came of it.
import type { Log } from '../../../libs/runtime/log';
import type { SecretBox } from '../../../libs/store/redis/secret-box';
import type { createTagKeys } from '../../../libs/store/reports/tag-keys';
import type { createResealAll } from '../../../libs/store/registries/reseal';

export const resealAndTell =
  (deps: {
    log: Log;
    secrets: SecretBox;
    resealAll: ReturnType<typeof createResealAll>;
    tagKeys: Pick<ReturnType<typeof createTagKeys>, 'tidy'>;
  }) =>
  async (signal: AbortSignal): Promise<void> => {
    await deps.tagKeys.tidy();
    const { log, secrets } = deps;
    const report = await deps.resealAll(signal);
    if (report === undefined) return;
    const { resealed, counts, without } = report;
    const missing = Object.keys(counts).filter((key) => !secrets.keys.includes(key));
    if (missing.length > 0)
      log.warn(
        { keys: missing },
        'secrets are sealed with keys that ROHRPOST_SECRET_KEYS does not hold: add them and restart',
      );
    const older = Object.keys(counts).some((key) => key !== secrets.newestKey && secrets.keys.includes(key));
    if (without.length > 0 && older)
      log.warn(
        { workers: without, key: secrets.newestKey },
        'secrets stay sealed with an older key: these workers do not hold the newest one',
      );
    if (resealed === 0) return;
    const unused = secrets.keys.filter((key) => counts[key] === undefined && key !== secrets.newestKey);
    log.info(
      { resealed, counts, unused },
      'secrets were sealed anew with the newest key; no secret needs the unused ones',
    );
  };
