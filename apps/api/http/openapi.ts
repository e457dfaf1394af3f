// The OpenAPI document, made from the schemas that validate.
import { createDocument, type ZodOpenApiPathsObject, type ZodOpenApiOperationObject } from 'zod-openapi';
import { z } from 'zod';
import { ApiKeyInput } from '../../../libs/mail/settings/api-key';
import { EmailInput } from '../../../libs/mail/email/email';
import { QueueSettings, TenantSettings } from '../../../libs/mail/settings/settings';
import { TemplateInput } from '../../../libs/mail/settings/template';
import { TransportInput } from '../../../libs/mail/settings/transport';
import { VERSION } from '../../../libs/runtime/version';
import { BulkInput } from '../../../libs/administration/bulk/bulk-input';
import { PageQuery } from './page';
import { PauseInput } from '../../../libs/administration/pause';
import { ResendInput } from '../../../libs/administration/resend';
import { AuditQuery } from '../routes/audit';
import { ResolveInput } from '../routes/email-actions';
import { BatchInput } from '../../../libs/intake/batch-lines';
import { ListQuery } from '../routes/emails';
import { RevokeQuery } from '../routes/keys';
import { CompareQuery, TemplateData } from '../routes/templates';

const problem = { description: 'A problem document (RFC 9457)', content: { 'application/problem+json': {} } };

interface Operation {
  summary: string;
  status?: number;
  body?: z.ZodType;
  query?: z.ZodObject;
  /** The body may be left out. */
  optional?: true;
  /** What the result of a merge patch must be like. */
  patch?: z.ZodObject;
  contentType?: string;
  /** Headers that it heeds. */
  headers?: string[];
  /** Type of the answer, where it is not JSON. */
  answer?: string;
  /** It may answer 202 too, with the place where its result will be found. */
  later?: boolean;
}

const operation = (
  path: string,
  {
    summary,
    status = 200,
    body,
    optional,
    patch,
    query,
    contentType,
    headers = [],
    answer = 'application/json',
    later,
  }: Operation,
): ZodOpenApiOperationObject => ({
  summary,
  parameters: [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
      name,
      in: 'path' as const,
      required: true,
      schema: { type: 'string' as const },
    })),
    ...headers.map((name) => ({ name, in: 'header' as const, schema: { type: 'string' as const } })),
  ],
  ...(query && { requestParams: { query } }),
  ...(body && { requestBody: { required: optional !== true, content: { 'application/json': { schema: body } } } }),
  ...(patch && { requestBody: { required: true, content: mergePatchOf(patch) } }),
  ...(contentType && { requestBody: { required: true, content: { [contentType]: {} } } }),
  responses: {
    [String(status)]: status === 204 ? { description: 'Done' } : { description: 'Done', content: { [answer]: {} } },
    ...(later && {
      202: {
        description: 'It takes longer: its result will be in the operation that Location names',
        headers: { Location: { schema: { type: 'string' as const } } },
        content: { 'application/json': {} },
      },
    }),
    default: problem,
  },
});

/** Any of its fields; null takes one away, in objects within it too. */
const mergePatchOf = (document: z.ZodObject) => {
  const fields = Object.fromEntries(Object.entries(document.shape).map(([name]) => [name, z.unknown().optional()]));
  const schema = z.object(fields);
  return { 'application/merge-patch+json': { schema }, 'application/json': { schema } };
};

/** Its fields are those of an email; checked once they are merged. */
const Patch = z.record(z.string(), z.unknown()).meta({ id: 'Correction' });

/** What is changed may be named by its ETag. */
const GUARDED = ['If-Match'];

const EMAILS = '/v1/queues/{tenant}/{application}/emails';
const TENANT = '/v1/tenants/{tenant}';
const QUEUE = '/v1/queues/{tenant}/{application}';

/** Every call under `/v1`. */
export const OPERATIONS: [method: 'get' | 'put' | 'post' | 'patch' | 'delete', path: string, operation: Operation][] = [
  ['post', EMAILS, { summary: 'Accept one email', status: 202, body: EmailInput, headers: ['Idempotency-Key'] }],
  [
    'post',
    `${EMAILS}/batch`,
    {
      summary: 'Accept up to 1,000 emails, each by itself; a key holds for the whole batch',
      status: 202,
      body: BatchInput,
      headers: ['Idempotency-Key'],
    },
  ],
  ['post', `${EMAILS}/render`, { summary: 'What would be sent, without sending', body: EmailInput }],
  ['get', EMAILS, { summary: 'List emails, newest first', query: ListQuery }],
  ['get', `${EMAILS}/{id}`, { summary: 'One email with its attempts and changes' }],
  [
    'patch',
    `${EMAILS}/{id}`,
    { summary: 'Correct an email: fields of it given replace, null removes', body: Patch, headers: ['If-Match'] },
  ],
  [
    'delete',
    `${EMAILS}/{id}`,
    { summary: 'Erase every trace, unless it is being sent', status: 204, headers: ['If-Match'] },
  ],
  ['get', `${EMAILS}/{id}/explain`, { summary: 'Why it has not been sent' }],
  [
    'get',
    `${EMAILS}/{id}/content`,
    { summary: 'Subject, html and text: as sent where that is archived, else as they would be rendered now' },
  ],
  [
    'get',
    `${EMAILS}/{id}/message`,
    { summary: 'The archived message as it was sent, byte for byte', answer: 'message/rfc822' },
  ],
  ['post', `${EMAILS}/{id}/hold`, { summary: 'Stop it until it is released', headers: ['If-Match'] }],
  ['post', `${EMAILS}/{id}/release`, { summary: 'Let it go: attempts and expiry start anew', headers: ['If-Match'] }],
  ['post', `${EMAILS}/{id}/cancel`, { summary: 'End it for good, kept in the error log', headers: ['If-Match'] }],
  ['post', `${EMAILS}/{id}/send-now`, { summary: 'Forget sendAt, send at once', headers: ['If-Match'] }],
  [
    'post',
    `${EMAILS}/{id}/resend`,
    {
      summary: 'Send it again from the history',
      status: 202,
      body: ResendInput,
      headers: ['Idempotency-Key', 'If-Match'],
    },
  ],
  ['post', `${EMAILS}/{id}/resolve`, { summary: 'Say what became of an uncertain email', body: ResolveInput }],
  ['post', `${EMAILS}/bulk`, { summary: 'One action on all emails of a filter', status: 202, body: BulkInput }],
  [
    'post',
    `${TENANT}/bulk`,
    { summary: 'One action on emails of all queues of a tenant', status: 202, body: BulkInput },
  ],
  ['get', '/v1/operations/{id}', { summary: 'Progress of a bulk operation, or what came of a try of a transport' }],
  [
    'get',
    '/v1/workers',
    { summary: 'Which workers run: since when, with how many places, when each was last heard of' },
  ],
  ['get', '/v1/audit', { summary: 'Who changed what, when', query: AuditQuery }],
  [
    'post',
    `${QUEUE}/content`,
    { summary: 'Upload bytes for an attachment', status: 201, contentType: 'application/octet-stream' },
  ],
  ['get', '/v1/queues', { summary: 'All queues that the key reaches, by name', query: PageQuery }],
  ['get', '/v1/queues/{tenant}', { summary: 'The queues of a tenant, by name', query: PageQuery }],
  ['get', QUEUE, { summary: 'A queue, its settings and counts' }],
  ['put', QUEUE, { summary: 'Put a queue: replaces all its settings', body: QueueSettings, headers: GUARDED }],
  ['patch', QUEUE, { summary: 'Change settings of a queue (RFC 7396)', patch: QueueSettings, headers: GUARDED }],
  ['delete', QUEUE, { summary: 'Delete a queue that has nothing unsent', status: 204, headers: GUARDED }],
  [
    'post',
    `${QUEUE}/pause`,
    { summary: 'Send nothing until resumed', body: PauseInput, optional: true, headers: GUARDED },
  ],
  ['post', `${QUEUE}/resume`, { summary: 'Send again', body: PauseInput, optional: true, headers: GUARDED }],
  ['get', '/v1/pause', { summary: 'Whether the whole installation is paused, by whom and why' }],
  [
    'post',
    '/v1/pause',
    { summary: 'The whole installation accepts and keeps, and sends nothing', body: PauseInput, optional: true },
  ],
  ['post', '/v1/resume', { summary: 'The whole installation sends again', body: PauseInput, optional: true }],
  ['get', '/v1/tenants', { summary: 'All tenants, by name', query: PageQuery }],
  ['put', TENANT, { summary: 'Put a tenant: replaces all its settings', body: TenantSettings, headers: GUARDED }],
  ['patch', TENANT, { summary: 'Change settings of a tenant (RFC 7396)', patch: TenantSettings, headers: GUARDED }],
  ['get', TENANT, { summary: 'A tenant and its settings' }],
  ['delete', TENANT, { summary: 'Delete a tenant without queues', status: 204, headers: GUARDED }],
  ['get', `${TENANT}/signing-secret`, { summary: 'What data sources check our requests with' }],
  ['post', `${TENANT}/signing-secret`, { summary: 'A new signing secret; the old one holds for a day', status: 201 }],
  ['get', `${TENANT}/transports`, { summary: 'The transports of a tenant' }],
  [
    'put',
    `${TENANT}/transports/{name}`,
    { summary: 'Put a transport: replaces all its settings', body: TransportInput, headers: GUARDED },
  ],
  [
    'patch',
    `${TENANT}/transports/{name}`,
    { summary: 'Change settings of a transport (RFC 7396)', patch: TransportInput, headers: GUARDED },
  ],
  ['get', `${TENANT}/transports/{name}`, { summary: 'A transport, without its secrets' }],
  ['delete', `${TENANT}/transports/{name}`, { summary: 'Delete a transport', status: 204, headers: GUARDED }],
  ['post', `${TENANT}/transports/{name}/verify`, { summary: 'Connect, greet and log in now', later: true }],
  ['get', `${TENANT}/templates`, { summary: 'The templates of a tenant' }],
  [
    'put',
    `${TENANT}/templates/{name}`,
    { summary: 'Put a template: a new version where it changed', body: TemplateInput, headers: GUARDED },
  ],
  ['get', `${TENANT}/templates/{name}`, { summary: 'The present version of a template' }],
  ['delete', `${TENANT}/templates/{name}`, { summary: 'Delete a template', status: 204 }],
  ['get', `${TENANT}/templates/{name}/versions`, { summary: 'The versions of a template' }],
  ['get', `${TENANT}/templates/{name}/versions/{version}`, { summary: 'One version of a template' }],
  [
    'get',
    `${TENANT}/templates/{name}/compare`,
    {
      summary: 'What changed between two versions, per part; to the present one where to is left out',
      query: CompareQuery,
    },
  ],
  [
    'post',
    `${TENANT}/templates/{name}/versions/{version}/restore`,
    { summary: 'Make an old version current again: a new version with its content', status: 201 },
  ],
  ['post', `${TENANT}/templates/{name}/render`, { summary: 'Render a template with data', body: TemplateData }],
  ['post', '/v1/keys', { summary: 'Issue a key; it is shown this once', status: 201, body: ApiKeyInput }],
  ['get', '/v1/keys', { summary: 'The keys that the key administers' }],
  ['delete', '/v1/keys/{id}', { summary: 'Revoke a key', status: 204, query: RevokeQuery }],
];

const paths = (): ZodOpenApiPathsObject => {
  const all: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const [method, path, described] of OPERATIONS)
    all[path] = { ...all[path], [method]: operation(path, described) };
  return all;
};

let made: ReturnType<typeof createDocument> | undefined;

/** OpenAPI 3.1; made at the first question. */
export const openapiDocument = (): ReturnType<typeof createDocument> =>
  (made ??= createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Rohrpost',
      version: VERSION,
      description: 'Outbound e-mail queue for many tenants and applications',
    },
    security: [{ bearer: [] }],
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    paths: paths(),
  }));
