// Which persons were erased, as keyed hashes: kept here and in the content store, which a restore of Redis leaves as it is.
import { suppressionForm } from '../../mail/suppressions/suppression';
import { KEYS } from '../redis/keys';
import type { Redis } from '../redis/redis';
import type { SecretBox } from '../redis/secret-box';

/** One erasure that names nobody: whoever has the key and the address sees that it is theirs. */
export interface ErasureMark {
  /** Of the operation. */
  id: string;
  tenant: string;
  /** When it was begun; ISO 8601 in UTC. */
  at: string;
  /** `SecretBox.hash` of tenant and address: it begins with the name of the key. */
  hash: string;
}

/** The content store, as far as it keeps the marks beside the contents. */
export interface MarkStore {
  /** @throws ContentStoreAway */
  readErasures(): Promise<string | undefined>;
  /** @throws ContentStoreAway, ContentStoreFull */
  writeErasures(text: string): Promise<void>;
}

/** No backup is older that somebody would put back, ms. */
const KEPT_MS = 2 * 366 * 86_400_000;

/** @param keyId the newest key where it is not given. @throws SecretKeyMissing */
export const hashOfPerson = (secrets: SecretBox, tenant: string, address: string, keyId?: string): string =>
  secrets.hash(`erased ${tenant} ${suppressionForm(address)}`, keyId);

const marksIn = (text: string | undefined): ErasureMark[] =>
  text === undefined ? [] : (JSON.parse(text) as ErasureMark[]);

const readOwn = async (redis: Redis): Promise<ErasureMark[]> =>
  (await redis.hvals(KEYS.erasures)).map((text) => JSON.parse(text) as ErasureMark);

/** Each once, in the order of time. */
const united = (...lists: ErasureMark[][]): ErasureMark[] =>
  [...new Map(lists.flat().map((mark) => [mark.id, mark])).values()].sort((one, other) => (one.at < other.at ? -1 : 1));

export interface ErasureMarks {
  /**
   * Keeps the mark in both places, and throws away those that are too old. May be repeated.
   * @throws ContentStoreAway, ContentStoreFull
   */
  keep(mark: ErasureMark): Promise<void>;
  /** Those that either place has. @param since ms since 1970. @throws ContentStoreAway */
  since(since: number): Promise<ErasureMark[]>;
}

export const createErasureMarks = (deps: { redis: Redis; content: MarkStore; now: () => number }): ErasureMarks => {
  const { redis, content, now } = deps;
  const isOld = ({ at }: ErasureMark): boolean => Date.parse(at) <= now() - KEPT_MS;
  return {
    async keep(mark) {
      await redis.hset(KEYS.erasures, mark.id, JSON.stringify(mark));
      const old = (await readOwn(redis)).filter(isOld).map(({ id }) => id);
      if (old.length > 0) await redis.hdel(KEYS.erasures, ...old);
      // The store has no lock: whoever writes what lacks a mark that came meanwhile sees that here, and writes once more.
      for (let own = await readOwn(redis), before = -1; own.length !== before; own = await readOwn(redis)) {
        before = own.length;
        const all = united(marksIn(await content.readErasures()), own);
        await content.writeErasures(JSON.stringify(all.filter((one) => !isOld(one))));
      }
    },
    since: async (since) =>
      united(marksIn(await content.readErasures()), await readOwn(redis)).filter(({ at }) => Date.parse(at) >= since),
  };
};
