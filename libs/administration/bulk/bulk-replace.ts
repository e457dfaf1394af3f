// Mends addresses of many emails by a table of old and new ones; never hands one person the mail of another.
import { z } from 'zod';
import { addressFault, normalizeAddress, type Address } from '../../mail/address/address';
import { pointer, Problem, type InputError } from '../../mail/input/problem';
import type { StoredEmail } from '../../mail/email/stored-email';
import type { Patch } from '../draft-correction';

const MOST = 1_000;
const Table = z
  .record(z.string().max(320), z.string().max(320))
  .refine((table) => Object.keys(table).length <= MOST, `must be at most ${MOST}`);

export const ReplaceInput = z
  .strictObject({ recipientDomain: Table.optional(), recipient: Table.optional() })
  .refine(({ recipientDomain = {}, recipient = {} }) => Object.keys({ ...recipientDomain, ...recipient }).length > 0, {
    message: 'must say what is replaced by what: {"recipientDomain": {"gmial.com": "gmail.com"}}',
  });
export type ReplaceInput = z.infer<typeof ReplaceInput>;

/** Old -> new, in the form in which addresses are compared. A new address is kept as it was written. */
export interface Replacement {
  domains: ReadonlyMap<string, string>;
  addresses: ReadonlyMap<string, string>;
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);
const normalDomain = (domain: string): string => domainOf(normalizeAddress(`any@${domain}`));

type Kind = 'recipientDomain' | 'recipient';

const readTable = (kind: Kind, table: Record<string, string>, errors: InputError[]): Map<string, string> => {
  const isDomain = kind === 'recipientDomain';
  const faultOf = (text: string): string | undefined => addressFault(isDomain ? `any@${text}` : text);
  const normal = isDomain ? normalDomain : normalizeAddress;
  const read = new Map<string, string>();
  const targets = new Map<string, string>();
  for (const [old, next] of Object.entries(table)) {
    const complain = (message: string) => errors.push({ path: pointer(['replace', kind, old]), message });
    const fault = faultOf(old) ?? faultOf(next);
    const [from, to] = [normal(old), normal(next)];
    const other = targets.get(to);
    if (fault !== undefined) complain(fault);
    else if (from === to) complain('is replaced by itself');
    else if (read.has(from)) complain('stands here twice');
    else if (other !== undefined && !isDomain)
      complain(`would go to ${next} like the mail of ${other}: one person would get the mail of two`);
    else {
      read.set(from, next);
      targets.set(to, old);
    }
  }
  return read;
};

/**
 * @throws Problem `invalid` that points at each entry that cannot be: no address, two people made one, or a new address
 * that is replaced itself, so that whoever is asked twice would be mended twice
 */
export const readReplacement = (input: ReplaceInput): Replacement => {
  const errors: InputError[] = [];
  const domains = readTable('recipientDomain', input.recipientDomain ?? {}, errors);
  const addresses = readTable('recipient', input.recipient ?? {}, errors);
  const isReplaced = (address: string): boolean =>
    addresses.has(normalizeAddress(address)) || domains.has(domainOf(normalizeAddress(address)));
  const chained = (kind: Kind, table: ReadonlyMap<string, string>, toAddress: (text: string) => string) => {
    for (const [old, next] of table)
      if (isReplaced(toAddress(next)))
        errors.push({
          path: pointer(['replace', kind, old]),
          message: `becomes ${next}, which is replaced too: make two operations of it`,
        });
  };
  chained('recipientDomain', domains, (domain) => `any@${domain}`);
  chained('recipient', addresses, (address) => address);
  const [first] = errors;
  if (first !== undefined) throw new Problem('invalid', `${first.path} ${first.message}`, errors);
  return { domains, addresses };
};

const replaced = (address: string, { domains, addresses }: Replacement): string | undefined => {
  const normal = normalizeAddress(address);
  const domain = domains.get(domainOf(normal));
  return addresses.get(normal) ?? (domain && `${address.slice(0, address.lastIndexOf('@') + 1)}${domain}`);
};

/**
 * What of an email's recipients is replaced; names stay. Whoever would then stand in it twice stays where he stands first.
 * @param onReplaced told of each old and new address
 * @returns undefined where there is nothing to be replaced
 */
export const replacedIn = (
  email: Pick<StoredEmail, 'to' | 'cc' | 'bcc'>,
  replacement: Replacement,
  onReplaced: (old: string, next: string) => void,
): Patch | undefined => {
  const seen = new Set<string>();
  let touched = false;
  const mend = (list: Address[] | undefined): Address[] =>
    (list ?? []).flatMap((one) => {
      const next = replaced(one.address, replacement);
      if (next !== undefined) {
        touched = true;
        onReplaced(one.address, next);
      }
      const address = next ?? one.address;
      const isTwice = seen.has(normalizeAddress(address));
      seen.add(normalizeAddress(address));
      return isTwice ? [] : [{ ...one, address }];
    });
  const patch = { to: mend(email.to), cc: mend(email.cc), bcc: mend(email.bcc) };
  return touched ? patch : undefined;
};

/**
 * Keeps watch over one operation: different addresses that became the same one are different people until somebody says
 * otherwise.
 * @throws Problem `recipients-merge`
 */
export const createMergeWatch = () => {
  const origins = new Map<string, string>();
  return (old: string, next: string): void => {
    const [from, to] = [normalizeAddress(old), normalizeAddress(next)];
    const first = origins.get(to);
    if (first === undefined) origins.set(to, from);
    else if (first !== from)
      throw new Problem(
        'recipients-merge',
        `${next} would get the mail of ${old} after that of ${first}: are they one person? Then replace ${old} by an operation of its own`,
      );
  };
};
