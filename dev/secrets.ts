// The secrets that the first start makes and later starts find again, each in a file that only its owner reads.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf, StopError } from './telling';

export interface Secrets {
  operatorKey: string;
  secretKeys: string;
  /** Where people find the operator's key again. */
  operatorKeyPlace: string;
}

/** Writes a file that only its owner reads, whole or not at all. */
export const writePrivate = (file: string, text: string): void => {
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, text, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
};

/** Makes the data folder. @throws StopError where it cannot be written */
export const openDataDir = (dataDir: string): void => {
  try {
    mkdirSync(join(dataDir, 'logs'), { recursive: true, mode: 0o700 });
    const probe = join(dataDir, '.writable');
    writePrivate(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new StopError(`The data folder cannot be written: ${reasonOf(error)}. Set ROHRPOST_DATA_DIR to another one.`);
  }
};

/** A variable, or the content of the file that `<name>_FILE` names. */
const fromEnv = (env: NodeJS.ProcessEnv, name: string): string | undefined => {
  if (env[name] !== undefined && env[name] !== '') return env[name];
  const file = env[`${name}_FILE`];
  if (file === undefined || file === '') return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new StopError(`${name}_FILE cannot be read: ${reasonOf(error)}`);
  }
};

const kept = (file: string): string | undefined => {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8').trim();
  return text === '' ? undefined : text;
};

const keep = (file: string, text: string): string => {
  writePrivate(file, `${text}\n`);
  return text;
};

/**
 * The operator's key and the keys that encrypt stored secrets; the environment wins, then the data folder.
 * @throws StopError where encrypted data may exist but its key does not: a new key would not open them
 */
export const loadSecrets = (dataDir: string, env: NodeJS.ProcessEnv): Secrets => {
  const operatorFile = join(dataDir, 'operator-key');
  const secretFile = join(dataDir, 'secret-keys');
  const operatorKey = fromEnv(env, 'ROHRPOST_OPERATOR_KEY');
  const secretKeys = fromEnv(env, 'ROHRPOST_SECRET_KEYS') ?? kept(secretFile);
  if (secretKeys === undefined && existsSync(join(dataDir, 'redis.json'))) {
    throw new StopError(
      `${secretFile} is missing, and what ${dataDir} holds may be encrypted with it. Put the file back or set ` +
        'ROHRPOST_SECRET_KEYS; to start with nothing, delete the whole folder.',
    );
  }
  return {
    operatorKey:
      operatorKey ?? kept(operatorFile) ?? keep(operatorFile, `operator_${randomBytes(24).toString('base64url')}`),
    secretKeys: secretKeys ?? keep(secretFile, `k1:${randomBytes(32).toString('base64')}`),
    operatorKeyPlace: operatorKey === undefined ? operatorFile : 'ROHRPOST_OPERATOR_KEY',
  };
};
