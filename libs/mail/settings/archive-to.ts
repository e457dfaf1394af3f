// Where a queue hands its messages over to an archive: a mailbox for journal reports, or an HTTP endpoint.
import { z } from 'zod';
import { EnvelopeAddress } from '../address/envelope-address';
import { PlainUrl } from '../input/plain-url';

export const ArchiveTo = z
  .strictObject({
    /** Gets a journal report with the message, by the transport of the email. */
    address: EnvelopeAddress.optional(),
    /** The message is posted there, signed with the tenant's secret. */
    url: PlainUrl('https://archive.example/messages').optional(),
  })
  .refine(({ address, url }) => (address === undefined) !== (url === undefined), 'must have address or url, not both');

export type ArchiveTo = z.infer<typeof ArchiveTo>;

/** For people: of a URL without what may be a secret in it. */
export const shownArchive = ({ address, url }: ArchiveTo): string =>
  address ?? (url === undefined ? '' : new URL(url).origin + new URL(url).pathname);
