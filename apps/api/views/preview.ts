// What an email says: as it was sent where that is kept, else as it would be made now.
import { contentWiped } from '../../../libs/administration/allowed-by-state';
import { createGunzip, gunzip } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { EmailInput } from '../../../libs/mail/email/email';
import type { ParsedMessage } from '../../../libs/mail/message/parsed-message';
import { Problem } from '../../../libs/mail/input/problem';
import type { QueueAddress } from '../../../libs/mail/address/queue-address';
import { type StoredRaw } from '../../../libs/mail/email/stored-email';
import { toStoredEmail } from '../../../libs/mail/email/to-stored-email';
import type { ResolvedSettings } from '../../../libs/mail/settings/settings';
import { formatAddress } from '../../../libs/mail/address/address';
import { sentMessage, type EmailRecord } from '../../../libs/jobs/layout/email-record';
import { RenderFailure } from '../../../libs/render/source/failure';
import { codeOf } from '../../../libs/runtime/fault';
import type { Answer } from '../http/endpoint/endpoint';
import { withData, type PreviewDataDeps } from '../../../libs/intake/preview-data';
import type { ContentStore } from '../../../libs/content/store';
import type { Renderer } from '../../../libs/render/render';
import type { Templating } from '../../../libs/render/templating';

export interface PreviewDeps extends PreviewDataDeps {
  content: ContentStore;
  renderer: Renderer;
  templating: Templating;
}

/** Headers, boundaries and line breaks that come on top of the parts, roughly. Bytes. */
const FRAME_SIZE = 1_024;

type Renderable = Parameters<Renderer['render']>[1];

/** @throws Problem that says where the template failed */
export const asProblem = async <T>(render: () => Promise<T>): Promise<T> => {
  try {
    return await render();
  } catch (error) {
    if (!(error instanceof RenderFailure)) throw error;
    const { place } = error;
    const errors = place ? [{ path: `/${place.part}`, message: error.message }] : [];
    throw new Problem(error.code, error.message, errors, place && { ...place });
  }
};

/** Renders as a worker would. @throws Problem that says where the template failed */
export const rendered = (deps: PreviewDeps, address: QueueAddress, email: Renderable) =>
  asProblem(() => deps.renderer.render(address.tenant, email));

/** A message for people to look at. @throws Problem `message-invalid` where it cannot be taken apart */
const shown = async (deps: PreviewDeps, { tenant }: QueueAddress, bytes: Buffer): Promise<ParsedMessage> => {
  try {
    return await deps.templating.parseMessage(tenant, bytes);
  } catch (error) {
    throw error instanceof RenderFailure ? new Problem(error.code, error.message) : error;
  }
};

/** @throws Problem `confidential` where nobody is shown what it says, `content-wiped` where that is gone */
export const requireShown = ({ email }: EmailRecord): void => {
  if (email.contentWiped === true) throw contentWiped();
  if (email.confidential !== true) return;
  throw new Problem('confidential', 'this email is confidential: what it says is shown to nobody but its recipients');
};

const missing = (): Problem =>
  new Problem('content-missing', 'the message of this email is not in the content store any more');

const bytesOf = async (deps: PreviewDeps, raw: StoredRaw): Promise<Buffer> => {
  try {
    const stored = await deps.content.readAll(raw.contentId);
    return raw.gzip ? await promisify(gunzip)(stored) : stored;
  } catch (error) {
    throw codeOf(error) === 'ENOENT' ? missing() : error;
  }
};

/** What a kept message, or one that is to be sent as it is, says. */
const contentOfMessage = async (deps: PreviewDeps, address: QueueAddress, message: StoredRaw) =>
  shown(deps, address, await bytesOf(deps, message));

/** As it would be made now, whatever is archived. */
export const contentOfNow = async (deps: PreviewDeps, address: QueueAddress, record: EmailRecord) => {
  requireShown(record);
  const { email } = record;
  if (email.raw !== undefined)
    return { rendered: 'now' as const, ...(await contentOfMessage(deps, address, email.raw)) };
  const { subject, html, text, version } = await rendered(deps, address, await withData(deps, address, email));
  return {
    rendered: 'now' as const,
    subject,
    ...(html !== undefined && { html }),
    text,
    ...(version !== undefined && { templateVersion: version }),
  };
};

const notArchived = (): Problem =>
  new Problem(
    'not-archived',
    'there is no message of this email as it was sent: it was not sent yet, or not archived (setting "archive")',
  );

/** As it was sent. @throws Problem `not-archived` */
export const contentAsSent = async (deps: PreviewDeps, address: QueueAddress, record: EmailRecord) => {
  requireShown(record);
  const archive = sentMessage(record);
  if (archive === undefined) throw notArchived();
  return { rendered: 'sent' as const, ...(await contentOfMessage(deps, address, archive)) };
};

/** As it was sent where that is archived, else as it would be made now. */
export const contentOf = (deps: PreviewDeps, address: QueueAddress, record: EmailRecord) =>
  sentMessage(record) === undefined ? contentOfNow(deps, address, record) : contentAsSent(deps, address, record);

/** What an email without a complete message would say. */
export const previewOf = async (
  deps: PreviewDeps & { config: { name: string } },
  address: QueueAddress,
  input: EmailInput,
  settings: ResolvedSettings,
) => {
  const email = toStoredEmail(input, { domain: deps.config.name, expiresAt: deps.clock.now(), attachments: [] });
  const { subject, html, text, version } = await rendered(deps, address, await withData(deps, address, email));
  const headers = {
    ...(settings.from && { From: formatAddress(settings.from) }),
    To: email.to.map(formatAddress).join(', '),
    ...(email.cc && { Cc: email.cc.map(formatAddress).join(', ') }),
    ...(settings.replyTo.length > 0 && { 'Reply-To': settings.replyTo.map(formatAddress).join(', ') }),
    Subject: subject,
    ...email.headers,
  };
  const attached = (input.attachments ?? []).reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
  const size = Buffer.byteLength(html ?? '') + Buffer.byteLength(text) + attached + FRAME_SIZE;
  const templateVersion = version === undefined ? {} : { templateVersion: version };
  return { subject, ...(html !== undefined && { html }), text, headers, size, ...templateVersion };
};

/** What `POST .../render` answers for a complete message. */
export const previewOfRaw = async (deps: PreviewDeps, address: QueueAddress, raw: NonNullable<EmailInput['raw']>) => {
  const bytes = typeof raw === 'string' ? Buffer.from(raw, 'base64') : await deps.content.readAll(raw.contentId);
  return { ...(await shown(deps, address, bytes)), size: bytes.length };
};

/** The same for one that is kept, also compressed. */
export const previewOfStored = async (deps: PreviewDeps, address: QueueAddress, raw: StoredRaw) => {
  const bytes = await bytesOf(deps, raw);
  return { ...(await shown(deps, address, bytes)), size: bytes.length };
};

/** An answer with the message itself, byte for byte as it was handed over. @throws Problem `not-archived` */
export const messageFile = async ({ content }: Pick<PreviewDeps, 'content'>, record: EmailRecord): Promise<Answer> => {
  requireShown(record);
  const archive = sentMessage(record);
  if (archive === undefined) throw notArchived();
  if ((await content.size(archive.contentId)) === undefined) throw missing();
  return {
    headers: { 'Content-Disposition': `attachment; filename="${record.id}.eml"` },
    write: (response) => {
      response.type('message/rfc822').set('Content-Length', String(archive.size));
      return pipeline(content.read(archive.contentId), createGunzip(), response);
    },
  };
};
