// Templates of a tenant: put, looked at, rendered, deleted.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { changesBetween } from '../../../../libs/events/field-diff';
import { Slug, SLUG } from '../../../../libs/mail/address/queue-address';
import { parseInput } from '../../../../libs/mail/input/parse-input';
import { notFound } from '../../../../libs/mail/input/problem';
import { TemplateInput, type TemplateVersion } from '../../../../libs/mail/settings/template';
import { TemplatePreview } from '../../answers/content';
import { TemplateDetails, TemplateList } from '../../answers/templates';
import { json, uncheckedJson } from '../../http/endpoint/body';
import { endpoint, type Asked } from '../../http/endpoint/endpoint';
import { TENANT } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';
import { settingsIn, versionGuard } from '../../http/settings-change';
import { documentAnswer, COMPUTED } from '../../views/settings-documents';
import { asProblem, rendered, type PreviewDeps } from '../../views/preview';
import { RENDER_PROBLEMS } from '../emails/email-content';

const TEMPLATES = `${TENANT}/templates` as const;
export const TEMPLATE = `${TEMPLATES}/{name}` as const;
export const MAY_READ = { action: 'read', over: 'tenant' } as const;
export const MAY_CHANGE = { action: 'administer', over: 'tenant', whenTrusted: 'operate' } as const;

export type TemplateStore = Pick<RouteDeps, 'templates'>;
export type PutDeps = Pick<RouteDeps, 'templates' | 'audit' | 'budget'>;

const TemplateData = z
  .strictObject({
    data: z.record(z.string(), z.unknown()).optional(),
    version: z.int().min(1).optional(),
  })
  .meta({ id: 'TemplateData', examples: [{ data: { name: 'Ann' } }] });

/** What a person wrote of a version. */
const sourceOf = (version: TemplateVersion | undefined): object => {
  if (version === undefined) return {};
  return Object.fromEntries(Object.entries(version).filter(([name]) => !COMPUTED.template.has(name)));
};

/** @throws Problem `not-found` */
export const existingVersion = async (
  { templates }: TemplateStore,
  tenant: string,
  name: string,
  version?: string | number,
) => {
  const number = version === undefined ? undefined : Number(version);
  const isNumber = number === undefined || (Number.isSafeInteger(number) && number > 0);
  const found = isNumber && SLUG.test(name) ? await templates.get(tenant, name, number) : undefined;
  if (found !== undefined) return found;
  throw notFound(version === undefined ? `template ${name}` : `template ${name}, version ${version}`);
};

/**
 * Puts a version and answers with the one that is present now.
 * @throws Problem `version-mismatch` where an If-Match names another one than the present
 */
export const putVersion = async (
  { templates, audit, budget }: PutDeps,
  { tenant, by, params: { name }, ifMatch }: Asked<'tenant', typeof TEMPLATE, never, unknown>,
  input: TemplateInput,
  why: string,
) => {
  const room = {
    templates: await budget.bound(tenant, 'maxTemplates'),
    bytes: await budget.bound(tenant, 'maxTemplateBytes'),
  };
  const { version, created } = await templates.put(tenant, name, input, versionGuard(ifMatch), room, by);
  if (created) {
    // Numbers rise by one; where the one before is gone, the template was removed in between.
    const before = await templates.get(tenant, name, version.version - 1);
    await audit.record({
      by,
      what: `template ${why}, version ${version.version}`,
      tenant,
      target: name,
      fields: changesBetween(sourceOf(before), sourceOf(version)),
    });
  }
  return documentAnswer(created ? 201 : 200, String(version.version), { name, ...version });
};

export const PUT_ANSWERS = {
  200: { description: 'Nothing changed: the present version.', schema: TemplateDetails, headers: ['ETag'] },
  201: { description: 'The new version.', schema: TemplateDetails, headers: ['ETag'] },
} as const;

const listTemplates = endpoint({
  method: 'get',
  path: TEMPLATES,
  id: 'listTemplates',
  tag: 'Templates',
  summary: 'The templates of a tenant',
  description: 'Their names, and the number of the present version of each.',
  may: MAY_READ,
  answers: { 200: { description: 'The templates.', schema: TemplateList } },
  handle: async ({ templates }: TemplateStore, { tenant }) => ({ body: { templates: await templates.list(tenant) } }),
});

const putTemplate = endpoint({
  method: 'put',
  path: TEMPLATE,
  id: 'putTemplate',
  tag: 'Templates',
  summary: 'Put a template',
  description:
    'Makes a new version where it changed. Emails are rendered from the version that is present when they are sent.',
  may: MAY_CHANGE,
  body: uncheckedJson(TemplateInput),
  heeds: ['If-Match'],
  grows: 'sometimes',
  answers: PUT_ANSWERS,
  problems: ['template-syntax'],
  async handle(deps: PutDeps & Pick<RouteDeps, 'templating'>, asked) {
    const name = parseInput(Slug, asked.params.name, ['name']);
    const input = parseInput(
      TemplateInput,
      settingsIn(asked.body, { identity: { name }, computed: COMPUTED.template }),
    );
    await deps.templating.check(asked.tenant, input);
    return putVersion(deps, asked, input, 'put');
  },
});

const getTemplate = endpoint({
  method: 'get',
  path: TEMPLATE,
  id: 'getTemplate',
  tag: 'Templates',
  summary: 'The present version of a template',
  description: 'As it was put.',
  may: MAY_READ,
  answers: { 200: { description: 'The version.', schema: TemplateDetails, headers: ['ETag'] } },
  async handle(deps: TemplateStore, { tenant, params: { name } }) {
    const found = await existingVersion(deps, tenant, name);
    return documentAnswer(200, String(found.version), { name, ...found });
  },
});

const deleteTemplate = endpoint({
  method: 'delete',
  path: TEMPLATE,
  id: 'deleteTemplate',
  tag: 'Templates',
  summary: 'Delete a template',
  description: 'With all its versions. Emails that name it fail with `template-unknown` when they are due.',
  may: MAY_CHANGE,
  answers: { 204: { description: 'It is gone.' } },
  async handle({ templates, audit }: Pick<RouteDeps, 'templates' | 'audit'>, { tenant, by, params: { name } }) {
    const before = await templates.get(tenant, name);
    if (!(await templates.remove(tenant, name))) throw notFound(`template ${name}`);
    await audit.record({
      by,
      what: 'template deleted',
      tenant,
      target: name,
      fields: changesBetween(sourceOf(before), {}),
    });
    return { status: 204 };
  },
});

const renderTemplate = endpoint({
  method: 'post',
  path: `${TEMPLATE}/render`,
  id: 'renderTemplate',
  tag: 'Templates',
  summary: 'Render a template with data',
  description: 'As a worker would, for people to look at; nothing is sent.',
  may: MAY_READ,
  body: json(TemplateData),
  grows: 'never',
  answers: { 200: { description: 'What it makes of the data.', schema: TemplatePreview } },
  problems: RENDER_PROBLEMS,
  async handle(deps: PreviewDeps & TemplateStore, { tenant, params: { name }, body: { data, version: wanted } }) {
    await existingVersion(deps, tenant, name);
    const template = { name, ...(wanted !== undefined && { version: wanted }) };
    const { subject, html, text, version } = await rendered(
      deps,
      { tenant, application: '' },
      { template, ...(data && { data }) },
    );
    return { body: { subject, ...(html !== undefined && { html }), text, templateVersion: version } };
  },
});

const Draft = z
  .strictObject({
    template: z.unknown().meta({ override: { $ref: '#/components/schemas/Template' } }),
    data: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({
    id: 'TemplateDraft',
    examples: [{ template: { subject: 'Welcome', text: 'Hello <%= it.name %>' }, data: { name: 'Ann' } }],
  });

/** Programs of templates are kept by time and number: a draft is its own, by what is in it. */
const draftOf = (input: TemplateInput, version: number): TemplateVersion => {
  const hash = createHash('sha256').update(JSON.stringify(input)).digest('base64url');
  return { ...input, version, createdAt: `draft ${hash}` };
};

const renderDraft = endpoint({
  method: 'post',
  path: `${TEMPLATE}/draft`,
  id: 'renderTemplateDraft',
  tag: 'Templates',
  summary: 'Render a template that is not put yet',
  description:
    'As `renderTemplate`, from the sources in the body; nothing is kept. Whoever may put the template may do so.',
  may: MAY_CHANGE,
  body: json(Draft),
  grows: 'never',
  answers: { 200: { description: 'What it makes of the data.', schema: TemplatePreview } },
  problems: [...RENDER_PROBLEMS, 'template-syntax'],
  async handle(
    { templating, templates }: Pick<RouteDeps, 'templating' | 'templates'>,
    { tenant, params, body: { template, data = {} } },
  ) {
    const name = parseInput(Slug, params.name, ['name']);
    const none = { identity: { name }, computed: COMPUTED.template };
    const input = parseInput(TemplateInput, settingsIn(template, none), ['template']);
    await templating.check(tenant, input);
    const draft = draftOf(input, ((await templates.get(tenant, name))?.version ?? 0) + 1);
    const made = await asProblem(() => templating.render(tenant, name, draft, JSON.stringify(data)));
    const text = made.text ?? (await templating.textOf(tenant, made.html ?? ''));
    return {
      body: { subject: (made.subject ?? '').trim(), ...(made.html !== undefined && { html: made.html }), text },
    };
  },
});

export const TEMPLATE_ENDPOINTS = [
  listTemplates,
  putTemplate,
  getTemplate,
  deleteTemplate,
  renderTemplate,
  renderDraft,
];
