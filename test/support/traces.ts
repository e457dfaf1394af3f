// Looks for one address in everything that is kept: each key of Redis, read as what it is, and each file, also unpacked.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, inflateRawSync } from 'node:zlib';
import type { Redis } from 'ioredis';
import type { RedisServer } from '../../dev/redis';
import { ask, nodesOf } from './redis/redis-cluster';

const readers: Record<string, (redis: Redis, key: string) => Promise<unknown>> = {
  string: (redis, key) => redis.getBuffer(key),
  hash: (redis, key) => redis.callBuffer('HGETALL', key),
  list: (redis, key) => redis.lrangeBuffer(key, 0, '-1'),
  set: (redis, key) => redis.smembersBuffer(key),
  zset: (redis, key) => redis.zrangeBuffer(key, 0, '-1'),
  stream: (redis, key) => redis.callBuffer('XRANGE', key, '-', '+'),
};

const bytesOf = (value: unknown): Buffer[] => {
  if (Buffer.isBuffer(value)) return [value];
  return Array.isArray(value) ? value.flatMap(bytesOf) : [];
};

const unpacked = (bytes: Buffer): Buffer[] => {
  const tries = [
    () => gunzipSync(bytes),
    () => inflateRawSync(Buffer.from(bytes.toString('latin1').split('\n').at(-1) ?? '', 'base64')),
  ];
  return tries.flatMap((unpack) => {
    try {
      return [unpack()];
    } catch {
      return [];
    }
  });
};

/**
 * How an address may stand somewhere: as it is and no longer one's end, as the index has it, in base64 wherever in its groups of three
 * bytes it begins, in hex.
 */
const formsOf = (address: string): RegExp[] => {
  const literal = (text: string): string => text.replace(/[.+*?^$()[\]{}|\\/]/g, '\\$&');
  const [local = '', domain = ''] = address.split('@');
  const encoded = [0, 1, 2].map((before) =>
    Buffer.from(`${' '.repeat(before)}${address}`)
      .toString('base64')
      .slice(before === 0 ? 0 : 4, -4),
  );
  return [
    new RegExp(`(?<![\\w.])${literal(local)}(@|%40)${literal(domain)}`, 'i'),
    new RegExp(`${literal(domain)}\\0${literal(local)}\\0`, 'i'),
    ...encoded.map((text) => new RegExp(literal(text))),
    new RegExp(Buffer.from(address).toString('hex'), 'i'),
  ];
};

/** @returns in which of the texts it stands, by their names */
export const standsIn = (address: string, texts: [string, Buffer | string][]): string[] => {
  const forms = formsOf(address);
  return texts
    .filter(([, bytes]) => {
      const all = typeof bytes === 'string' ? [Buffer.from(bytes)] : [bytes, ...unpacked(bytes)];
      return all.some((one) => forms.some((form) => form.test(one.toString('latin1'))));
    })
    .map(([name]) => name);
};

export const everyKey = async (server: RedisServer, redis: Redis): Promise<[string, Buffer][]> => {
  const keys = (await Promise.all(nodesOf(server).map((node) => ask(node, 'KEYS', '*')))).flat() as string[];
  const all = await Promise.all(
    keys.map(async (key): Promise<[string, Buffer][]> => {
      const type = await redis.type(key);
      const read = readers[type];
      if (read === undefined) return [];
      return [
        [`name of ${key}`, Buffer.from(key)],
        ...bytesOf(await read(redis, key)).map((one): [string, Buffer] => [key, one]),
      ];
    }),
  );
  return all.flat();
};

export const everyFile = async (folder: string): Promise<[string, Buffer][]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (file): Promise<[string, Buffer]> => [file, await readFile(file)]));
};
