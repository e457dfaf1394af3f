// Uploads: bytes for attachments of emails to come, kept by their hash.
import { StoredContent } from '../../answers/content';
import { bytes } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import { QUEUE } from '../../http/endpoint/paths';
import { limitedBody, requireShort } from '../../http/endpoint/limited-body';
import type { RouteDeps } from '../../http/route-deps';

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
    requireShort(request, most);
    await deps.tenants.ensureQueue(address, () => deps.budget.bound(address.tenant, 'maxQueues'));
    const body = limitedBody(request, most);
    const stored = await deps.content.put(body, async (content) => {
      await deps.budget.requireContent(address, [content]);
      await deps.refs.claimUpload(address, content);
    });
    return { status: 201, body: stored };
  },
});

export const CONTENT_ENDPOINTS = [uploadContent];
