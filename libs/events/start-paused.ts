// ROHRPOST_START_PAUSED: a process that begins by pausing the whole installation, to look at a restored Redis first.
import type { Log } from '../runtime/log';
import { BY_START, type Installation } from '../store/registries/installation';
import type { Audit } from './audit';

/**
 * Pauses the installation where it is not paused; an earlier pause keeps its reason. May be broken off and begun anew: it is in the
 * audit first.
 */
export const startPaused = async (installation: Installation, audit: Audit, log: Log): Promise<void> => {
  const before = await installation.readPause();
  if (before === undefined) await audit.record({ by: BY_START, what: 'installation paused' });
  const pause = await installation.pause(BY_START, 'a process was started so', 'keep');
  log.warn({ pause }, 'the installation is paused: nothing is sent until POST /v1/resume');
};
