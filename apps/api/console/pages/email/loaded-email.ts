// One email as its pages read it: from the API, with what this reader may do to it.
import type { z } from 'zod';
import { ALLOWED, type Action } from '../../../../../libs/mail/email/state';
import { handOf, may } from '../../../../../libs/mail/settings/api-key';
import type { EmailDetails } from '../../../answers/emails';
import type { Visit } from '../../page/page';

export type Details = z.infer<typeof EmailDetails>;

export interface Loaded {
  email: Details;
  /** Its version: what the reader has seen is what is acted on. */
  etag: string;
}

export const EMAIL_PAGE = '/queues/:tenant/:application/emails/:id';

/** The address of an email's page. */
export const pathOf = ({ tenant, application, id }: Pick<Details, 'tenant' | 'application' | 'id'>): string =>
  `${queuePath({ tenant, application })}/emails/${encodeURIComponent(id)}`;

export const queuePath = ({ tenant, application }: Pick<Details, 'tenant' | 'application'>): string =>
  `/queues/${encodeURIComponent(tenant)}/${encodeURIComponent(application)}`;

/** What the path of the visit names, as the API takes it. */
export const emailParams = ({ params }: Pick<Visit, 'params'>): Record<string, string> => ({
  tenant: params['tenant'] ?? '',
  application: params['application'] ?? '',
  id: params['id'] ?? '',
});

/** @throws Problem `not-found` */
export const loadEmail = async (visit: Visit): Promise<Loaded> => {
  const { body, headers } = await visit.ask.answer('getEmail', { params: emailParams(visit) });
  return { email: body as Details, etag: headers?.ETag ?? '' };
};

/** May this reader ask for it, in the state that the email is in? */
export const isAllowed = ({ identity }: Pick<Visit, 'identity'>, { state }: Details, action: Action): boolean =>
  may(identity, action === 'resolve' ? 'administer' : 'send') && ALLOWED[action].includes(state);

/** Does it wait until a second person lets it go, whatever state it is in? */
export const needsApproval = ({ approval }: Details): boolean => approval?.state === 'needed';

/** Is this reader such a person? */
export const mayApprove = ({ identity }: Pick<Visit, 'identity'>, { approval }: Details): boolean => {
  const { id, approves } = handOf(identity);
  return approves && !(approval?.involved ?? []).some(({ hand }) => hand === id);
};

/** The one place that says whose content is never shown: not on the page, in its frame, in its form, nor in what was changed. */
export const isConfidential = ({ settings }: Details): boolean => settings.confidential;

/** Everybody who gets it. */
export const recipientsOf = ({ to, cc, bcc }: Details): string[] => [...to, ...cc, ...bcc];

/** `ann@example.org and 3 others`. */
export const recipientsInShort = ({ say }: Pick<Visit, 'say'>, email: Details): string => {
  const [first = '', ...others] = recipientsOf(email);
  return others.length === 0 ? first : `${first} + ${say('email.more', { n: others.length })}`;
};

/** The bare address of `Ann <ann@example.org>`. */
export const bareAddress = (formatted: string): string => /<([^<>]*)>\s*$/.exec(formatted)?.[1] ?? formatted;

/** An email whose subject only its rendering tells is called by its template. */
const titleOf = (say: Visit['say'], { template }: Details): string =>
  template === undefined ? say('email.noSubject') : say('list.template', { name: template.name });

export const subjectOf = ({ say }: Pick<Visit, 'say'>, email: Details): string =>
  isConfidential(email) ? '…' : (email.subject ?? titleOf(say, email));
