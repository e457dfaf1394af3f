// The address that reports of an email come back to: a transport's return path with a tag that says which email it was.
import { z } from 'zod';
import { addressFault, wireForm } from '../address/address';

const PLACE = '{tag}';

/** In base32hex (RFC 4648 7) in lower case: servers may change the case of what stands before the @. */
const ID_DIGITS = 26;
const HOUR_DIGITS = 4;
const QUEUE_DIGITS = 5;
/** 80 bits. */
export const MAC_DIGITS = 16;
export const TAG_LENGTH = ID_DIGITS + HOUR_DIGITS + QUEUE_DIGITS + MAC_DIGITS;

const TAG = new RegExp(
  `^([0-9a-v]{${ID_DIGITS}})([0-9a-v]{${HOUR_DIGITS}})([0-9a-v]{${QUEUE_DIGITS}})([0-9a-v]{${MAC_DIGITS}})$`,
);
const TAG_IN_TEXT = new RegExp(`(?<![0-9a-z])[0-9a-v]{${TAG_LENGTH}}(?![0-9a-z])`, 'gi');
/** Of one text: every one that is looked at costs a hash. */
const MOST_IN_TEXT = 20;

const HOUR_MS = 3_600_000;
/** After its hand-over an email may be reported on for so long. */
export const TAG_LIFE_MS = 14 * 24 * HOUR_MS;

/** What a tag says; nothing of it is secret. */
export interface TaggedEmail {
  /** Of the email. */
  id: string;
  /** The number of its queue (libs/jobs/layout/whereabouts.ts). */
  queue: number;
  /** When it was handed over, to the hour; ms since 1970. */
  at: number;
}

const MUST = `must be an address with ${PLACE} before the @, like bounce+${PLACE}@acme.example`;

const returnPathFault = (text: string): string | undefined => {
  const [before = '', after = '', ...more] = text.split(PLACE);
  if (text.length > 320 || more.length > 0 || !text.includes(PLACE) || !after.includes('@')) return MUST;
  if (/[0-9a-z]$/i.test(before) || /^[0-9a-z]/i.test(after)) return `${MUST}: no letter or digit may touch ${PLACE}`;
  return addressFault(`${before}${'0'.repeat(TAG_LENGTH)}${after}`);
};

/** Where reports of a transport's emails come back to. */
export const ReturnPath = z.strictObject({
  address: z.string().superRefine((text, context) => {
    const fault = returnPathFault(text);
    if (fault !== undefined)
      context.addIssue({
        code: 'custom',
        message: fault.startsWith('has more than 64')
          ? `has more than 64 bytes before the @ with its tag of ${TAG_LENGTH} (RFC 5321 4.5.3.1.1): use a shorter name`
          : fault,
      });
  }),
});

export type ReturnPath = z.infer<typeof ReturnPath>;

/** @returns the address for MAIL FROM */
export const taggedAddress = ({ address }: ReturnPath, tag: string): string => wireForm(address.replace(PLACE, tag));

const digits = (number: number, length: number): string => number.toString(32).padStart(length, '0');

/**
 * All of a tag but its proof.
 * @returns undefined where there is no room for the number of the queue
 */
export const tagPayload = ({ id, queue, at }: TaggedEmail): string | undefined => {
  const [hour, number] = [digits(Math.floor(at / HOUR_MS), HOUR_DIGITS), digits(queue, QUEUE_DIGITS)];
  const isFitting = hour.length === HOUR_DIGITS && number.length === QUEUE_DIGITS;
  return isFitting ? `${id.slice(2)}${hour}${number}` : undefined;
};

/** @returns what a tag says, with its proof, which is still to be checked; undefined where it is none */
export const readTag = (tag: string): (TaggedEmail & { payload: string; mac: string }) | undefined => {
  const [, id, hour = '', queue = '', mac = ''] = TAG.exec(tag.toLowerCase()) ?? [];
  if (id === undefined) return undefined;
  return {
    id: `m_${id}`,
    queue: Number.parseInt(queue, 32),
    at: Number.parseInt(hour, 32) * HOUR_MS,
    payload: `${id}${hour}${queue}`,
    mac,
  };
};

/** What may be tags in a text, each once. */
export const tagsIn = (text: string): string[] => {
  const found = new Set<string>();
  for (const [tag] of text.matchAll(TAG_IN_TEXT)) {
    found.add(tag.toLowerCase());
    if (found.size === MOST_IN_TEXT) break;
  }
  return [...found];
};
