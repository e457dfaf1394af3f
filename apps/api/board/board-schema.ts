// What Bull Board's editor knows of an email's data: hints while typing; the rules are those of a correction.
import { z } from 'zod';
import { EmailInput } from '../../../libs/mail/email/email';

const address = {
  type: 'object',
  properties: { name: { type: 'string' }, address: { type: 'string' } },
  required: ['address'],
};
const addresses = { type: 'array', items: address };

let made: Record<string, unknown> | undefined;

/** A JSON schema of an email as it is stored; made at the first question. */
export const boardSchema = (): Record<string, unknown> => {
  if (made !== undefined) return made;
  const input = z.toJSONSchema(EmailInput, { io: 'input', unrepresentable: 'any' });
  const properties = {
    ...input.properties,
    from: address,
    to: addresses,
    cc: addresses,
    bcc: addresses,
    replyTo: addresses,
  };
  made = { type: 'object', properties, required: ['to'], $defs: input.$defs };
  return made;
};
