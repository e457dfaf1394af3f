// Templates of a tenant: versions put, read, compared, made current again, rendered.
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Identity } from '../../../libs/mail/settings/api-key';
import { Slug, SLUG } from '../../../libs/mail/address/queue-address';
import { TemplateInput, type TemplateVersion } from '../../../libs/mail/settings/template';
import { param, signatureOf } from '../http/auth';
import { changesBetween } from '../../../libs/administration/field-diff';
import { COMPUTED } from '../views/documents';
import { parseBody, parseQuery } from '../http/input';
import type { Rooms } from '../http/rooms';
import { sendDocument, settingsIn, versionGuard } from '../http/settings-change';
import { rendered } from '../views/preview';
import { notFound } from '../../../libs/mail/input/problem';
import { parseInput } from '../../../libs/mail/input/parse-input';

export const TemplateData = z.strictObject({
  data: z.record(z.string(), z.unknown()).optional(),
  version: z.int().min(1).optional(),
});

const Version = z.coerce.number().int().min(1);
export const CompareQuery = z.strictObject({ from: Version, to: Version.optional() });

/** What a person wrote of a version. */
const sourceOf = (version: TemplateVersion | undefined): object => {
  if (version === undefined) return {};
  return Object.fromEntries(Object.entries(version).filter(([name]) => !COMPUTED.template.has(name)));
};

/**
 * Puts a version and answers with the one that is present now.
 * @throws Problem `version-mismatch` where an If-Match names another one than the present
 */
const putVersion = async (
  { templates, audit }: Rooms,
  request: Request,
  response: Response,
  given: { identity: Identity; tenant: string; input: TemplateInput; why: string },
): Promise<void> => {
  const { identity, tenant, input, why } = given;
  const name = param(request, 'name');
  const { version, created } = await templates.put(tenant, name, input, versionGuard(request));
  if (created) {
    // Numbers rise by one; where the one before is gone, the template was removed in between.
    const before = await templates.get(tenant, name, version.version - 1);
    await audit.record({
      by: signatureOf(identity),
      what: `template ${why}, version ${version.version}`,
      tenant,
      target: name,
      fields: changesBetween(sourceOf(before), sourceOf(version)),
    });
  }
  sendDocument(response, created ? 201 : 200, String(version.version), { name, ...version });
};

export const templateRoutes = (rooms: Rooms): Router => {
  const { guard, templates, templating } = rooms;
  const router = Router({ mergeParams: true });
  /** Templates that run in no sandbox can do whatever the service can: only the operator may bring any. */
  const mayChange = rooms.config.render.trusted ? 'operate' : 'administer';

  /** A version, or the present one. @throws Problem `not-found` */
  const existing = async (tenant: string, name: string, version?: number | string): Promise<TemplateVersion> => {
    const number = version === undefined ? undefined : Number(version);
    const isNumber = number === undefined || (Number.isInteger(number) && number > 0);
    const found = isNumber && SLUG.test(name) ? await templates.get(tenant, name, number) : undefined;
    if (found !== undefined) return found;
    throw notFound(version === undefined ? `template ${name}` : `template ${name}, version ${version}`);
  };

  const put = async (request: Request, response: Response, input: TemplateInput, why: string): Promise<void> => {
    const { identity, tenant } = await guard.tenant(request, response, mayChange);
    await putVersion(rooms, request, response, { identity, tenant, input, why });
  };

  router.get('/', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    response.json({ templates: await templates.list(tenant) });
  });

  router.put('/:name', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, mayChange);
    parseInput(Slug, param(request, 'name'), ['name']);
    const none = { identity: { name: param(request, 'name') }, computed: COMPUTED.template };
    const input = parseInput(TemplateInput, settingsIn((request.body as unknown) ?? {}, none));
    await templating.check(tenant, input);
    await put(request, response, input, 'put');
  });

  router.get('/:name', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const name = param(request, 'name');
    const found = await existing(tenant, name);
    sendDocument(response, 200, String(found.version), { name, ...found });
  });

  router.delete('/:name', async (request, response) => {
    const { identity, tenant } = await guard.tenant(request, response, mayChange);
    const name = param(request, 'name');
    const before = await templates.get(tenant, name);
    if (!(await templates.remove(tenant, name))) throw notFound(`template ${name}`);
    await rooms.audit.record({
      by: signatureOf(identity),
      what: 'template deleted',
      tenant,
      target: name,
      fields: changesBetween(sourceOf(before), {}),
    });
    response.status(204).end();
  });

  router.get('/:name/versions', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const name = param(request, 'name');
    const versions = await templates.versions(tenant, name);
    if (versions.length === 0) throw notFound(`template ${name}`);
    response.json({ versions: versions.map(({ version, createdAt }) => ({ version, createdAt })) });
  });

  router.get('/:name/versions/:version', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const name = param(request, 'name');
    response.json({ name, ...(await existing(tenant, name, param(request, 'version'))) });
  });

  router.get('/:name/compare', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const name = param(request, 'name');
    const { from, to } = parseQuery(CompareQuery, request);
    const [before, after] = [await existing(tenant, name, from), await existing(tenant, name, to)];
    const diffs = await templating.compare(tenant, before, after);
    response.json({ name, from: before.version, to: after.version, diffs });
  });

  router.post('/:name/versions/:version/restore', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, mayChange);
    const version = param(request, 'version');
    const { subject, html, text, layout, inlineCss, schema } = await existing(tenant, param(request, 'name'), version);
    await put(request, response, { subject, html, text, layout, inlineCss, schema }, `version ${version} restored`);
  });

  router.post('/:name/render', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const name = param(request, 'name');
    const { data, version: wanted } = parseBody(TemplateData, request);
    await existing(tenant, name);
    const template = { name, ...(wanted !== undefined && { version: wanted }) };
    const { subject, html, text, version } = await rendered(
      rooms,
      { tenant, application: '' },
      { template, ...(data && { data }) },
    );
    response.json({ subject, ...(html !== undefined && { html }), text, templateVersion: version });
  });

  return router;
};
