// Uploads: bytes for attachments of emails to come, kept by their hash.
import { Transform } from 'node:stream';
import { Problem } from '../../../../libs/mail/input/problem';
import { StoredContent } from '../../answers/content';
import { bytes } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import { QUEUE } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';

/** Passes bytes through, up to a limit. */
const limited = (most: number): Transform => {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > most) done(new Problem('too-large', `the upload is larger than ${most} bytes`));
      else done(null, chunk);
    },
  });
};

const uploadContent = endpoint({
  method: 'post',
  path: `${QUEUE}/content`,
  id: 'uploadContent',
  tag: 'Content',
  summary: 'Upload bytes for an attachment or a complete message',
  description:
    'Emails of this queue name the bytes by the `contentId` that is answered. What no email names is removed after a day.',
  may: { action: 'send', over: 'queue' },
  body: bytes(),
  grows: 'always',
  answers: { 201: { description: 'The bytes are kept.', schema: StoredContent } },
  problems: ['content-full', 'storage-full'],
  async handle(deps: Pick<RouteDeps, 'config' | 'tenants' | 'content' | 'budget' | 'refs'>, { address, request }) {
    const most = deps.config.maxBody;
    if (Number(request.headers['content-length'] ?? 0) > most)
      throw new Problem('too-large', `the upload is larger than ${most} bytes`);
    await deps.tenants.ensureQueue(address, () => deps.budget.bound(address.tenant, 'maxQueues'));
    const body = request.pipe(limited(most));
    // Whoever reads the body is told; until then an aborted upload must not end the process.
    body.on('error', () => undefined);
    request.once('error', (error) => body.destroy(error));
    request.once('aborted', () => body.destroy(new Problem('bad-request', 'the upload ended before it was whole')));
    const stored = await deps.content.put(body, async (content) => {
      await deps.budget.requireContent(address, [content]);
      await deps.refs.claimUpload(address, content);
    });
    return { status: 201, body: stored };
  },
});

export const CONTENT_ENDPOINTS = [uploadContent];
