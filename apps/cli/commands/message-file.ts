// A complete message in a file (.eml): its bytes, and to whom its header says that it goes.
import { readFile } from 'node:fs/promises';
import { readMailboxes } from '../../../libs/mail/address/mailbox';
import { reasonOf, usage } from '../terminal/exit';

/** @throws Stop where it cannot be read */
export const readBytes = async (file: string): Promise<Buffer> => {
  try {
    return await readFile(file);
  } catch (error) {
    throw usage(`${file} cannot be read: ${reasonOf(error)}`);
  }
};

/** @throws Stop where it is no object in JSON */
export const readObject = async (file: string): Promise<Record<string, unknown>> => {
  const text = (await readBytes(file)).toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw usage(`${file} is not JSON: ${reasonOf(error)}`);
  }
  throw usage(`${file} must hold an object, like {"name": "Ann"}`);
};

/** Fields of the header with their values unfolded (RFC 5322 2.2.3). */
const fieldsOf = (message: Buffer): [string, string][] => {
  const [head = ''] = message.toString('utf8').split(/\r?\n\r?\n/, 1);
  const lines = head.replace(/\r?\n(?=[ \t])/g, '').split(/\r?\n/);
  return lines.map((line): [string, string] => {
    const [name = '', ...value] = line.split(':');
    return [name.trim().toLowerCase(), value.join(':').trim()];
  });
};

/**
 * To whom a message goes by its To, Cc and Bcc.
 * @throws Stop where one of them cannot be understood, or there is none
 */
export const recipientsOf = (message: Buffer): { to?: string[]; cc?: string[]; bcc?: string[] } => {
  const found: Record<string, string[]> = {};
  for (const [name, value] of fieldsOf(message)) {
    if (!['to', 'cc', 'bcc'].includes(name) || value === '') continue;
    const read = readMailboxes(value);
    if ('fault' in read) throw usage(`the message has a ${name} that ${read.fault}: say by --to who gets it`);
    found[name] = [...(found[name] ?? []), ...read.addresses];
  }
  if (Object.keys(found).length === 0) throw usage('the message has no To, Cc or Bcc: say by --to who gets it');
  return found;
};
