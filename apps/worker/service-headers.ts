// Headers that the service adds to what an email says: that no person wrote it, and how to be left alone by it.
import type { Address } from '../../libs/mail/address';
import type { StoredEmail } from '../../libs/mail/stored-email';
import { recipientsOf } from '../../libs/mail/stored-email';
import type { ListUnsubscribe } from '../../libs/mail/settings';

/** RFC 2369 3.2, and one click by RFC 8058 where there is an address to post to. */
const unsubscribeHeaders = (given: ListUnsubscribe, id: string, recipients: Address[]): Record<string, string> => {
  const [{ address: recipient } = { address: '' }, ...others] = recipients;
  // Refused when it comes in; a setting that is younger than the email must not tell one recipient to the others.
  const usable = (way: string | undefined): string | undefined =>
    others.length > 0 && way?.includes('{recipient}') ? undefined : way;
  const [url, mailto] = [usable(given.url), usable(given.mailto)];
  if (url === undefined && mailto === undefined) return {};
  const filled = (text: string): string =>
    text.replaceAll('{id}', encodeURIComponent(id)).replaceAll('{recipient}', encodeURIComponent(recipient));
  const ways = [
    ...(url === undefined ? [] : [filled(url)]),
    ...(mailto === undefined ? [] : [`mailto:${filled(mailto)}`]),
  ];
  return {
    'List-Unsubscribe': ways.map((way) => `<${way}>`).join(', '),
    ...(url !== undefined && { 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }),
  };
};

/** The email's own headers win over these. */
export const serviceHeaders = (
  id: string,
  email: Pick<StoredEmail, 'to' | 'cc' | 'bcc'>,
  listUnsubscribe: ListUnsubscribe | undefined,
): Record<string, string> => ({
  // RFC 3834 5: answering machines stay silent.
  'Auto-Submitted': 'auto-generated',
  ...(listUnsubscribe && unsubscribeHeaders(listUnsubscribe, id, recipientsOf(email))),
});
