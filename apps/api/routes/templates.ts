// Templates of a tenant: versions put, read, rendered.
import { Router } from 'express';
import { z } from 'zod';
import { Slug } from '../../../libs/mail/queue-address';
import { TemplateInput } from '../../../libs/mail/template';
import { checkTemplate } from '../../../libs/render/templates';
import { param, signatureOf } from '../auth';
import { notFound } from '../errors';
import { parseBody, parseInput } from '../input';
import type { Rooms } from '../rooms';
import { rendered } from '../content';

export const TemplateData = z.strictObject({
  data: z.record(z.string(), z.unknown()).optional(),
  version: z.int().min(1).optional(),
});

export const templateRoutes = (rooms: Rooms): Router => {
  const { guard, templates } = rooms;
  const router = Router({ mergeParams: true });

  router.get('/', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    response.json({ templates: await templates.list(tenant) });
  });

  // Templates are code: until they run in a sandbox only the operator may bring any.
  router.put('/:name', async (request, response) => {
    const { identity, tenant } = await guard.tenant(request, response, 'operate');
    const name = parseInput(Slug, param(request, 'name'), ['name']);
    const input = parseBody(TemplateInput, request);
    checkTemplate(input);
    const { version, created } = await templates.put(tenant, name, input);
    if (created)
      await rooms.audit.record({
        by: signatureOf(identity),
        what: `template put, version ${version.version}`,
        tenant,
        target: name,
      });
    response.status(created ? 201 : 200).json({ name, ...version });
  });

  router.get('/:name', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const name = param(request, 'name');
    const version = await templates.get(tenant, name);
    if (version === undefined) throw notFound(`template ${name}`);
    response.json({ name, ...version });
  });

  router.delete('/:name', async (request, response) => {
    const { identity, tenant } = await guard.tenant(request, response, 'operate');
    const name = param(request, 'name');
    if (!(await templates.remove(tenant, name))) throw notFound(`template ${name}`);
    await rooms.audit.record({ by: signatureOf(identity), what: 'template deleted', tenant, target: name });
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
    const [name, number] = [param(request, 'name'), Number(param(request, 'version'))];
    const version = Number.isInteger(number) && number > 0 ? await templates.get(tenant, name, number) : undefined;
    if (version === undefined) throw notFound(`template ${name}, version ${param(request, 'version')}`);
    response.json({ name, ...version });
  });

  router.post('/:name/render', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const name = param(request, 'name');
    if ((await templates.get(tenant, name)) === undefined) throw notFound(`template ${name}`);
    const { data, version: wanted } = parseBody(TemplateData, request);
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
