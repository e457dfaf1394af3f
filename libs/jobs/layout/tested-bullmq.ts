// The bullmq that our scripts were compared with; a process refuses to touch a queue beside any other.
import { createRequire } from 'node:module';
import { ConfigError } from '../../runtime/env';

/** The same as in package.json (test/contract/transitions.test.ts). */
export const TESTED_BULLMQ = '6.7.0';

/**
 * Scripts of ours write the keys that BullMQ keeps (docs/decisions/0006-transitions.md). What is in these keys is no part of BullMQ's
 * interface, so that its version numbers promise nothing about it: only the very version that was compared will do.
 * @throws ConfigError where another one is installed
 */
export const requireTestedBullmq = (): void => {
  const { version } = createRequire(__filename)('bullmq/package.json') as { version: string };
  if (version === TESTED_BULLMQ) return;
  throw new ConfigError(
    `bullmq ${version} is installed, and this version of Rohrpost was tested with bullmq ${TESTED_BULLMQ} alone. It writes the keys ` +
      'that BullMQ keeps, and another version may keep them otherwise: emails could be lost, or sent twice. ' +
      `Install what package-lock.json names (npm ci), or a version of Rohrpost that was tested with bullmq ${version}.`,
  );
};
