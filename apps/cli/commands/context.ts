// What a command works with: the API, its output, and where it looks for emails.
import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import { createApi, type Api } from '../calls/api';
import { findConnection, type Env } from '../calls/connection';
import { usage } from '../terminal/exit';
import { createOutput, type Output } from '../terminal/output';

/** The process around the command line. */
export interface World {
  env: Env;
  stdin: Readable;
  stdout: Writable & { columns?: number; isTTY?: boolean };
  stderr: Writable & { isTTY?: boolean };
  /** Aborted by Ctrl-C. */
  stopped: AbortSignal;
}

export interface Context {
  world: World;
  api: Api;
  out: Output;
  /** `tenant/application`: given, of ROHRPOST_QUEUE, or the demo's. @throws Stop where there is none */
  queue(given: string | undefined): string;
  /** The same for a tenant. @throws Stop */
  tenant(given: string | undefined): string;
}

interface GlobalOptions {
  url?: string;
  keyFile?: string;
  json?: boolean;
}

const DEMO = 'demo/app';

const checkedQueue = (text: string): string => {
  if (!/^[a-z0-9-]+\/[a-z0-9-]+$/.test(text)) throw usage(`a queue is given as tenant/application, not as "${text}"`);
  return text;
};

const createContext = (world: World, options: GlobalOptions): Context => {
  const api = createApi(findConnection(options, world.env));
  const usual = world.env['ROHRPOST_QUEUE'] || (api.connection.isDemo ? DEMO : undefined);
  return {
    world,
    api,
    out: createOutput(world.stdout, world.stderr, options.json === true),
    queue(given) {
      const queue = given ?? usual;
      if (queue === undefined) throw usage('which queue? Give --queue tenant/application, or set ROHRPOST_QUEUE');
      return checkedQueue(queue);
    },
    tenant(given) {
      const tenant = given ?? usual?.split('/')[0];
      if (tenant === undefined) throw usage('which tenant? Give --tenant, or set ROHRPOST_QUEUE to tenant/application');
      return tenant;
    },
  };
};

/**
 * Makes an action of commander's of one that takes the context, the arguments and the options.
 * @typeParam O options of the command
 */
export const withContext =
  <A extends unknown[], O extends object>(
    world: World,
    work: (context: Context, options: O, ...args: A) => Promise<void>,
  ) =>
  async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const context = createContext(world, command.optsWithGlobals<GlobalOptions>());
    await work(context, command.opts<O>(), ...(given.slice(0, -2) as A));
  };

/** Collects an option that may be given several times. */
export const several = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

/** Examples below the help of a command. */
export const examples = (...lines: string[]): string =>
  ['', 'Examples:', ...lines.map((line) => `  $ rohrpost ${line}`)].join('\n');
