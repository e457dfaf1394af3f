// A process whose clock is off, and can be set while it runs.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Service } from '../service';
import { eventually } from '../wait';
import { serviceEnv, startProcess, type ServiceProcess } from './process';

/** A process whose clock can be set. */
export interface SkewedProcess extends ServiceProcess {
  /** Its clock is off by so much from now on, ms. */
  set(ms: number): Promise<void>;
}

let files = 0;

/** What a process said of its clock. */
export const toldOfClock = (log: string[]): string[] => log.filter((line) => /this machine's clock is/.test(line));

/** @param folder for the file that says the time @param ms by how much its clock is off */
export const startSkewed = async (
  service: Service,
  folder: string,
  app: 'api' | 'worker',
  ms: number,
  more: NodeJS.ProcessEnv = {},
): Promise<SkewedProcess> => {
  const file = join(folder, `shift-${files++}`);
  const set = (to: number): Promise<void> => writeFile(file, String(to));
  await set(ms);
  const env = { ...serviceEnv(service.redis.url, service.dataDir), ...more, TEST_CLOCK_FILE: file };
  const started = await startProcess(app, env, 'shift-clock.mjs');
  if (app === 'api') {
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${started.port}/readyz`)).status).toBe(200));
  }
  return { ...started, set };
};
