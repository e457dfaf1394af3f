// Reads a process' configuration from its environment: once, validated, every mistake reported at once.
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';

/** The configuration is wrong; the message lists every mistake. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * Parses the environment by a schema whose keys are names of variables. `X_FILE` may name a file that holds the value
 * of `X` (how container engines hand over secrets); an empty variable counts as not set.
 * @returns the parsed values, frozen
 * @throws ConfigError that names every wrong variable and what it takes
 */
export const readEnv = <T extends z.ZodObject>(schema: T, env: NodeJS.ProcessEnv): Readonly<z.infer<T>> => {
  const given: Record<string, string> = {};
  const unreadable: string[] = [];
  for (const name of Object.keys(schema.shape)) {
    const file = env[`${name}_FILE`];
    try {
      const value = env[name] ?? (file === undefined ? undefined : readFileSync(file, 'utf8').trim());
      if (value !== undefined && value !== '') given[name] = value;
    } catch (error) {
      unreadable.push(`✖ ${name}_FILE: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const result = schema.safeParse(given);
  if (!result.success || unreadable.length > 0) {
    const wrong = (result.error?.issues ?? []).map((issue) => {
      const name = issue.path.join('.');
      return `✖ ${name}: ${given[name] === undefined ? 'must be set' : issue.message}`;
    });
    throw new ConfigError(`The configuration is wrong:\n${[...wrong, ...unreadable].join('\n')}`);
  }
  return Object.freeze(result.data);
};

/** A variable that is on or off. */
export const Switch = z.enum(['true', 'false', '1', '0'], { error: 'must be true or false' }).default('false');

export const isOn = (value: z.infer<typeof Switch>): boolean => value === 'true' || value === '1';

/** The installation's name, a domain: in Message-IDs, and how it greets SMTP servers. The host's name where it is not set. */
export const InstallationName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, 'must be a domain name')
  .default(
    hostname()
      .toLowerCase()
      .replace(/[^a-z0-9.-]/g, '-') || 'rohrpost.localhost',
  );
