// A message that came whole becomes an email in its queue; the client hears of it when Redis has it.
import type { ContentStore } from '../../../libs/content/store';
import type { Accept } from '../../../libs/intake/accept';
import { checkMessage } from '../../../libs/intake/check-message';
import { shareMessage } from '../../../libs/intake/shared-parts';
import { readMailboxes } from '../../../libs/mail/address/mailbox';
import { normalizeAddress } from '../../../libs/mail/address/address';
import { readControlFields, takeControlFields } from '../../../libs/mail/message/control-fields';
import { CONTROL_TYPE, readControlPart, takeControlParts, type Taken } from '../../../libs/mail/message/control-part';
import { bodyAt, valuesIn } from '../../../libs/mail/message/head';
import { RawFault, withCrlf } from '../../../libs/mail/message/raw-message';
import { handOf, signatureOf } from '../../../libs/mail/settings/api-key';
import { Refusal } from './refusal';
import type { Login } from './login';
import { repetitionKey, type Envelope } from './repetition';

export interface Submitted {
  id: string;
  /** It came before: nothing was added. */
  replayed: boolean;
}

const ofMessage = (error: unknown): never => {
  if (error instanceof RawFault) throw new Refusal(554, '5.6.0', `the message ${error.message}`, 'invalid');
  throw error;
};

/** Whoever stands in no header must not be seen by the others. */
const recipientsOf = (head: string, to: string[]): Record<'to' | 'cc' | 'bcc', string[]> => {
  const named = (name: string): Set<string> => {
    const read = readMailboxes(valuesIn(head, name).join(', '));
    return new Set('fault' in read ? [] : read.addresses.map(normalizeAddress));
  };
  const [inTo, inCc] = [named('to'), named('cc')];
  const place = (address: string): 'to' | 'cc' | 'bcc' => {
    const normal = normalizeAddress(address);
    return inTo.has(normal) ? 'to' : inCc.has(normal) ? 'cc' : 'bcc';
  };
  const of = (wanted: string): string[] => to.filter((address) => place(address) === wanted);
  return { to: of('to'), cc: of('cc'), bcc: of('bcc') };
};

/** The email that a control part asks for. @throws Refusal where more than text stands beside it */
const fromTemplate = async ({ from, to }: Envelope, whole: Buffer, { parts, hasFiles }: Taken) => {
  const [part, ...more] = parts;
  if (part === undefined || more.length > 0 || hasFiles)
    throw new Refusal(
      554,
      '5.6.0',
      `a message with a part ${CONTROL_TYPE} has one of it, and text alone beside it: the template makes the email`,
      'invalid',
    );
  const head = whole.toString('latin1', 0, bodyAt(whole));
  return { from, ...recipientsOf(head, to), ...(await readControlPart(part)) };
};

/** @throws Refusal for a message that was nothing else than a control part */
const requireRest = ({ message }: Taken): Buffer => {
  if (message !== undefined) return message;
  throw new Refusal(
    550,
    '5.7.1',
    `this key may not send from a template: issue one with smtpControl; without the part ${CONTROL_TYPE} nothing is left`,
    'forbidden',
  );
};

export interface SubmitDeps {
  accept: Pick<Accept, 'one'>;
  content: ContentStore;
}

export const createSubmit = ({ accept, content }: SubmitDeps) => {
  /** What the message asks for, and what it brings. */
  const request = async ({ identity }: Login, envelope: Envelope, whole: Buffer) => {
    const taken = takeControlFields(whole);
    const parted = takeControlParts(taken.message);
    const control = identity.smtpControl === true;
    const said = control ? await readControlFields(taken.fields) : {};
    if (control && parted.parts.length > 0)
      return { body: { ...(await fromTemplate(envelope, whole, parted)), ...said } };
    const { bytes, raw } = checkMessage(requireRest(parted));
    return {
      body: { ...envelope, raw: { contentId: raw.contentId }, ...said },
      shared: shareMessage(content, bytes, raw),
    };
  };

  /**
   * @param message as it came
   * @throws Refusal, Problem
   */
  return async (login: Login, envelope: Envelope, message: Buffer): Promise<Submitted> => {
    const whole = withCrlf(message);
    const key = repetitionKey(envelope, whole);
    const asked = await request(login, envelope, whole).catch(ofMessage);
    const { receipt, replayed } = await accept.one(login.address, {
      ...asked,
      by: signatureOf(login.identity),
      hand: handOf(login.identity),
      ...(key !== undefined && { idempotencyKey: key, asked: key }),
    });
    return { id: receipt.id, replayed };
  };
};
