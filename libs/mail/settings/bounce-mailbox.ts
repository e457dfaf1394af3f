// A mailbox that reports of a transport's emails come to, where no server hands them to us: read by IMAP (RFC 9051, RFC 3501).
import { z } from 'zod';
import { Host, Login, SECURITIES, ServerTls, type HostAuthor, type StoredLogin } from '../login/server';

/** What becomes of a report that was taken. Whatever is no report of ours stays as it is. */
export const PROCESSED = ['seen', 'delete', 'move'] as const;

/** As people write it, with the server's own separator between levels. */
const Folder = z
  .string()
  .min(1)
  .max(500)
  .regex(/^[^\u0000-\u001f\u007f*%]+$/, 'must be the name of a folder, without control characters, * and %');

/** INBOX is one folder however it is written (RFC 9051 5.1); of all others a server may make different ones. */
const folderForm = (folder: string): string => (/^inbox$/i.test(folder) ? 'INBOX' : folder);

export const BounceMailbox = z
  .strictObject({
    host: Host,
    port: z.int().min(1).max(65_535).optional(),
    security: z.enum(SECURITIES).default('tls'),
    auth: Login,
    tls: ServerTls.optional(),
    folder: Folder.default('INBOX'),
    processed: z.enum(PROCESSED).default('seen'),
    /** Where reports go that were taken, with `processed: "move"`. */
    moveTo: Folder.optional(),
  })
  .superRefine(({ folder, processed, moveTo }, context) => {
    const say = (message: string): void => context.addIssue({ code: 'custom', path: ['moveTo'], message });
    if (processed === 'move' && moveTo === undefined) say('must be given where processed is move');
    if (processed !== 'move' && moveTo !== undefined) say(`is of no use where processed is ${processed}: leave it out`);
    if (moveTo !== undefined && folderForm(moveTo) === folderForm(folder))
      say('must be another folder than the one that is read');
  });

export type BounceMailbox = z.infer<typeof BounceMailbox>;

/** As it is kept: secrets sealed, the port decided. */
export interface StoredMailbox {
  host: string;
  port: number;
  /** Not there: an operator who named it is not known; it counts as an administrator's. */
  hostBy?: HostAuthor;
  security: (typeof SECURITIES)[number];
  auth: StoredLogin;
  tls?: { ca?: string; servername?: string; minVersion?: 'TLSv1.2' | 'TLSv1.3' };
  folder: string;
  processed: (typeof PROCESSED)[number];
  moveTo?: string;
}

/** Of RFC 8314 3.2 (993) and RFC 9051 2.1 (143). */
export const defaultMailboxPort = (security: StoredMailbox['security']): number => (security === 'tls' ? 993 : 143);

/** Server, user and folder that numbers of messages are of. */
export const mailboxPlace = ({ host, port, auth, folder }: StoredMailbox): string =>
  JSON.stringify([host, port, auth.user, folder]);
