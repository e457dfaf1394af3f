// Reads what a Redis of the tests has written into its append-only file: every change, in order, transaction by transaction.
import { existsSync, readdirSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Lines of configuration that make the file readable here: with times, as commands only, and never written anew. */
export const JOURNALED = ['aof-timestamp-enabled yes', 'aof-use-rdb-preamble no', 'auto-aof-rewrite-percentage 0'];

/** What Redis changed in one step: one command, or the effects of one script or MULTI. */
export interface Transaction {
  /** By Redis' clock, to the second; ms since 1970. */
  at: number;
  commands: Buffer[][];
  /** It is part of the data that Redis wrote down as a whole: nothing happened then. */
  isBase: boolean;
}

const PIECE = 8 * 1024 * 1024;
const CR = 0x0d;
const [STAR, HASH] = [0x2a, 0x23];

/** One command from `at` on, or undefined where the rest of it has not been written yet. */
const commandAt = (bytes: Buffer, at: number): { command: Buffer[]; end: number } | undefined => {
  let position = at;
  const number = (): number | undefined => {
    const end = bytes.indexOf(CR, position);
    if (end === -1 || end + 2 > bytes.length) return undefined;
    const value = Number(bytes.toString('latin1', position + 1, end));
    position = end + 2;
    return value;
  };
  const count = number();
  if (count === undefined) return undefined;
  const command: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    const length = number();
    if (length === undefined || position + length + 2 > bytes.length) return undefined;
    command.push(bytes.subarray(position, position + length));
    position += length + 2;
  }
  return { command, end: position };
};

/** The whole transactions at the beginning of the bytes, and how many bytes these are. */
const transactionsIn = (bytes: Buffer, since: number, isBase: boolean) => {
  const transactions: Transaction[] = [];
  let [position, done, at] = [0, 0, since];
  let open: Buffer[][] | undefined;
  while (position < bytes.length) {
    if (bytes[position] === HASH) {
      const end = bytes.indexOf('\r\n', position);
      if (end === -1) break;
      const stamp = /^#TS:(\d+)$/.exec(bytes.toString('latin1', position, end));
      if (stamp !== null) at = Number(stamp[1]) * 1_000;
      position = end + 2;
      if (open === undefined) done = position;
      continue;
    }
    if (bytes[position] !== STAR) throw new Error(`the append-only file is not understood at byte ${position}`);
    const found = commandAt(bytes, position);
    if (found === undefined) break;
    position = found.end;
    const name = found.command[0]?.toString('latin1').toUpperCase();
    if (name === 'MULTI') open = [];
    else if (name === 'EXEC') {
      transactions.push({ at, commands: open ?? [], isBase });
      open = undefined;
    } else if (open === undefined) transactions.push({ at, commands: [found.command], isBase });
    else open.push(found.command);
    if (open === undefined) done = position;
  }
  return { transactions, done, at };
};

interface ManifestFile {
  name: string;
  isBase: boolean;
}

const manifestOf = async (folder: string): Promise<ManifestFile[]> => {
  const manifest = join(folder, 'appendonly.aof.manifest');
  if (!existsSync(manifest)) return [];
  return [...(await readFile(manifest, 'utf8')).matchAll(/^file (\S+) seq \d+ type ([bi])/gm)].map(
    ([, name = '', type]) => ({ name, isBase: type === 'b' }),
  );
};

/** The folders in which Redis runs: that of the data itself, or one for each node of a cluster. */
export const journalFolders = (dataDir: string): string[] => {
  const nodes = readdirSync(dataDir).filter((name) => name.startsWith('node-'));
  return nodes.length === 0 ? [dataDir] : nodes.map((name) => join(dataDir, name));
};

/** @param dataDir the folder that the Redis was started with, with the lines of `JOURNALED` */
export const createJournal = (dataDir: string) => {
  const folder = join(dataDir, 'redis', 'appendonlydir');
  const read = new Map<string, number>();
  let at = 0;

  async function* unread({ name, isBase }: ManifestFile): AsyncGenerator<Transaction> {
    const file = await open(join(folder, name));
    try {
      const { size } = await file.stat();
      let from = read.get(name) ?? 0;
      let piece = PIECE;
      while (from < size) {
        const bytes = Buffer.alloc(Math.min(piece, size - from));
        await file.read(bytes, 0, bytes.length, from);
        const found = transactionsIn(bytes, at, isBase);
        yield* found.transactions;
        from += found.done;
        at = found.at;
        read.set(name, from);
        // A transaction larger than the piece, or the last one, of which the rest is still to come.
        if (found.done === 0) {
          if (from + bytes.length >= size) return;
          piece *= 2;
        } else piece = PIECE;
      }
    } finally {
      await file.close();
    }
  }

  return {
    /** What was written since it was asked last. A base in Redis' own format (.rdb) tells nothing and is passed over. */
    async *next(): AsyncGenerator<Transaction> {
      for (const file of await manifestOf(folder)) if (!file.name.endsWith('.rdb')) yield* unread(file);
    },
  };
};
