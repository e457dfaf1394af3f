// Headers that the service adds to what an email says: that no person wrote it, and how to be left alone by it.
import type { StoredEmail } from '../../mail/email/stored-email';
import { recipientsOf } from '../../mail/email/stored-email';
import type { ListUnsubscribe } from '../../mail/settings/settings';
import type { Field } from './header-field';
import { envelopeAddress } from './message';

/** RFC 2369 3.2, and one click by RFC 8058 where there is an address to post to. */
const unsubscribeHeaders = (
  { url, mailto }: ListUnsubscribe,
  id: string,
  recipients: string[],
): Record<string, string> => {
  const filled = (text: string): string =>
    text.replaceAll('{id}', encodeURIComponent(id)).replaceAll('{recipient}', encodeURIComponent(recipients[0] ?? ''));
  // A setting of after the acceptance: nobody gets an address that names another one.
  const names = (text: string): boolean => recipients.length === 1 || !text.includes('{recipient}');
  const ways = [
    ...(url !== undefined && names(url) ? [filled(url)] : []),
    ...(mailto !== undefined && names(mailto) ? [`mailto:${filled(mailto)}`] : []),
  ];
  if (ways.length === 0) return {};
  return {
    'List-Unsubscribe': ways.map((way) => `<${way}>`).join(', '),
    ...(url !== undefined && names(url) && { 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }),
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
  ...(listUnsubscribe && unsubscribeHeaders(listUnsubscribe, id, recipientsOf(email).map(envelopeAddress))),
});

/** Whom a redirected email was meant for; also those that no other header names. */
export const originalRecipients = (email: Pick<StoredEmail, 'to' | 'cc' | 'bcc'>): Field => [
  ORIGINAL_TO,
  [...new Set(recipientsOf(email).map(envelopeAddress))].join(', '),
];

export const ORIGINAL_TO = 'X-Rohrpost-Original-To';
