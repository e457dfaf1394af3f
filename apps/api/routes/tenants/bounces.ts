// Reports on a tenant's emails that somebody else received: given in as they came.
import type { Readable } from 'node:stream';
import { existingTenant } from '../../../../libs/administration/existing';
import { goodTag } from '../../../../libs/intake/reports/good-tag';
import { takeReport } from '../../../../libs/intake/reports/take-report';
import { Problem } from '../../../../libs/mail/input/problem';
import { MOST_READ, readReport } from '../../../../libs/mail/reports/read-report';
import { TakenReport } from '../../answers/bounces';
import { bytes } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import { limitedBody } from '../../http/endpoint/limited-body';
import { TENANT } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';

const TYPES = ['message/rfc822', 'message/global'] as const;

const requireMessage = (type = ''): void => {
  const [name = ''] = type.toLowerCase().split(';');
  if ((TYPES as readonly string[]).includes(name.trim())) return;
  throw new Problem('unsupported-media-type', 'the report must be a message: send it as Content-Type: message/rfc822');
};

/** What of a body is read; the rest is heard and let go. */
const headOf = async (body: Readable): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    if (size < MOST_READ) pieces.push(piece);
    size += piece.length;
  }
  return Buffer.concat(pieces);
};

type Deps = Pick<
  RouteDeps,
  'config' | 'tenants' | 'queues' | 'redis' | 'clock' | 'suppressions' | 'budget' | 'audit' | 'mailLog' | 'checkTag'
>;

const takeBounce = endpoint({
  method: 'post',
  path: `${TENANT}/bounces`,
  id: 'takeBounce',
  tag: 'Bounces',
  summary: 'Give in a bounce or a complaint',
  description:
    'The report as it came, a whole message. The email is found by the tag of its return path, wherever it stands in the report: in its header, in the part for machines, or in the message that came back. What the report says is written beside the email, whose state stays; hard bounces and complaints put addresses on the suppression list. Automatic replies, and what is no report, change nothing.',
  may: { action: 'administer', over: 'tenant' },
  body: { ...bytes(), types: TYPES },
  grows: 'never',
  answers: { 200: { description: 'What it is, and what came of it.', schema: TakenReport } },
  problems: ['unsupported-media-type', 'report-unknown'],
  async handle(deps: Deps, { tenant, request }) {
    requireMessage(request.headers['content-type']);
    await existingTenant(deps, tenant);
    const { report, tags } = await readReport(await headOf(limitedBody(request, deps.config.maxBody)));
    if (report.kind === 'auto-reply' || report.kind === 'other')
      return { body: { report: report.kind, recipients: [], suppressed: [] } };
    const tag = await goodTag(deps, tags, tenant);
    const taken = tag && (await takeReport(deps, tag, report));
    if (taken === undefined)
      throw new Problem(
        'report-unknown',
        'the report names no email of this tenant that is kept and was sent within 14 days: it must hold the address of the return path, as its recipient or in the message that came back',
      );
    const { id, address, recipients, suppressed } = taken;
    return { body: { report: report.kind, email: { id, ...address }, recipients, suppressed } };
  },
});

export const BOUNCE_ENDPOINTS = [takeBounce];
