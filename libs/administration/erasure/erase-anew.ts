// After a backup was put back: whoever was erased since is erased again. Nobody has kept their addresses, so that each one is looked at.
import { ContentStoreAway } from '../../content/store-fault';
import { newOperationId } from '../../jobs/layout/email-id';
import { addressesIn } from '../../jobs/read/by-address';
import type { Audit } from '../../events/audit';
import { hashOfPerson, type ErasureMark, type ErasureMarks } from '../../store/suppressions/erasure-marks';
import { redisFault } from '../../store/redis/redis';
import type { Suppressions } from '../../store/suppressions/registry';
import { takeOverIndex } from '../../jobs/layout/index-entries';
import { erasePerson, StillUnderWay, type ErasePersonDeps } from './erase-person';
import { ERASURES, sealRecipient, type ErasureOrder } from './erasure-order';

export interface EraseAnewDeps extends ErasePersonDeps {
  audit: Pick<Audit, 'record'>;
  suppressions: Pick<Suppressions, 'list'>;
  /** Goes on with what cannot be done at once. */
  goOn: (order: ErasureOrder) => Promise<void>;
}

const PAGE = 1_000;

/** Every address that an email of the tenant is found by, or that it suppresses. */
async function* addressesOf(deps: EraseAnewDeps, tenant: string): AsyncGenerator<string[]> {
  for (const { application } of await deps.tenants.queues(tenant)) {
    const { keys } = deps.queues.open({ tenant, application });
    await takeOverIndex(deps.redis, keys);
    yield* addressesIn(deps.redis, keys.byAddress);
  }
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await deps.suppressions.list(tenant, {
      prefix: '',
      limit: PAGE,
      ...(after !== undefined && { after }),
    });
    yield page.map(({ address }) => address);
    after = page.length === PAGE ? page.at(-1)?.address : undefined;
  }
}

const keyOf = ({ hash }: ErasureMark): string => hash.split('.')[0] ?? '';

/** @returns those of the addresses that a mark is of */
const findErased = async (deps: EraseAnewDeps, tenant: string, marks: ErasureMark[]): Promise<Set<string>> => {
  const hashes = new Set(marks.map(({ hash }) => hash));
  const keys = [...new Set(marks.map(keyOf))].filter((key) => deps.secrets.keys.includes(key));
  const found = new Set<string>();
  const known = new Set<string>();
  for await (const addresses of addressesOf(deps, tenant))
    for (const address of addresses) {
      if (known.has(address)) continue;
      known.add(address);
      if (keys.some((key) => hashes.has(hashOfPerson(deps.secrets, tenant, address, key)))) found.add(address);
    }
  return found;
};

/** What holds up everybody is thrown; what is wrong with one person's traces must not keep the others from being erased. */
const holdsUpAll = (error: unknown): boolean => error instanceof ContentStoreAway || redisFault(error) !== undefined;

const eraseOne = async (
  deps: EraseAnewDeps,
  tenant: string,
  recipient: string,
  { by, before }: { by: string; before: number },
): Promise<void> => {
  const id = newOperationId(deps.clock.now());
  const order = { id, tenant, sealed: sealRecipient(deps.secrets, id, recipient), dryRun: false, by, before };
  await deps.audit.record({ by, what: 'person erased again after a restore', tenant, target: id });
  try {
    await erasePerson(deps, order, { ...ERASURES.nothingYet }, () => Promise.resolve());
  } catch (error) {
    if (holdsUpAll(error)) throw error;
    await deps.goOn(order);
    if (error instanceof StillUnderWay) return;
    await deps.audit.record({ by, what: 'person could not be erased again at once: tried again', tenant, target: id });
  }
};

/**
 * To be called while nothing is sent. May be repeated.
 * @param asked.since when the backup was made, ms since 1970
 * @param asked.before what is of later was not in the backup and stays, ms since 1970
 * @returns how many persons were found and erased; and how many marks cannot be checked, since their secret key is not here
 * @throws ContentStoreAway, and what Redis says against it
 */
export const eraseAnew = async (
  deps: EraseAnewDeps,
  marks: Pick<ErasureMarks, 'since'>,
  asked: { since: number; before: number; by: string },
): Promise<{ erased: number; unchecked: number }> => {
  const all = await marks.since(asked.since);
  const byTenant = new Map<string, ErasureMark[]>();
  for (const mark of all) byTenant.set(mark.tenant, [...(byTenant.get(mark.tenant) ?? []), mark]);
  let erased = 0;
  for (const [tenant, own] of byTenant)
    for (const address of await findErased(deps, tenant, own)) {
      await eraseOne(deps, tenant, address, asked);
      erased++;
    }
  const unchecked = all.filter((mark) => !deps.secrets.keys.includes(keyOf(mark))).length;
  return { erased, unchecked };
};
