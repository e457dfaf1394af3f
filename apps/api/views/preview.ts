// What an email says: as it was sent where that is kept, else as it would be made now.
import { createGunzip, gunzip } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { EmailInput } from '../../../libs/mail/email/email';
import type { ParsedMessage } from '../../../libs/mail/message/parsed-message';
import { Problem } from '../../../libs/mail/input/problem';
import type { QueueAddress } from '../../../libs/mail/address/queue-address';
import type { StoredRaw } from '../../../libs/mail/email/stored-email';
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

/** What `GET .../content` answers. */
export const contentOf = async (deps: PreviewDeps, address: QueueAddress, record: EmailRecord) => {
  const archive = sentMessage(record);
  const whole = archive ?? record.email.raw;
  if (whole !== undefined) {
    return {
      rendered: archive === undefined ? ('now' as const) : ('sent' as const),
      ...(await shown(deps, address, await bytesOf(deps, whole))),
    };
  }
  const { subject, html, text, version } = await rendered(deps, address, await withData(deps, address, record.email));
  return {
    rendered: 'now' as const,
    subject,
    ...(html !== undefined && { html }),
    text,
    ...(version !== undefined && { templateVersion: version }),
  };
};

/** What `POST .../render` answers for a complete message. */
export const previewOfRaw = async (deps: PreviewDeps, address: QueueAddress, raw: NonNullable<EmailInput['raw']>) => {
  const bytes = typeof raw === 'string' ? Buffer.from(raw, 'base64') : await deps.content.readAll(raw.contentId);
  return { ...(await shown(deps, address, bytes)), size: bytes.length };
};

/** An answer with the message itself, byte for byte as it was handed over. @throws Problem `not-archived` */
export const messageFile = async ({ content }: Pick<PreviewDeps, 'content'>, record: EmailRecord): Promise<Answer> => {
  const archive = sentMessage(record);
  if (archive === undefined) {
    throw new Problem(
      'not-archived',
      'there is no message of this email as it was sent: it was not sent yet, or not archived (setting "archive")',
    );
  }
  if ((await content.size(archive.contentId)) === undefined) throw missing();
  return {
    headers: { 'Content-Disposition': `attachment; filename="${record.id}.eml"` },
    write: (response) => {
      response.type('message/rfc822').set('Content-Length', String(archive.size));
      return pipeline(content.read(archive.contentId), createGunzip(), response);
    },
  };
};
