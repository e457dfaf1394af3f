// Versions of a template: listed, read, compared, made current again.
import { z } from 'zod';
import { notFound } from '../../../../libs/mail/input/problem';
import { TemplateComparison, TemplateDetails, TemplateVersions } from '../../answers/templates';
import { endpoint } from '../../http/endpoint/endpoint';
import type { RouteDeps } from '../../http/route-deps';
import {
  existingVersion,
  MAY_CHANGE,
  MAY_READ,
  PUT_ANSWERS,
  putVersion,
  type PutDeps,
  TEMPLATE,
  type TemplateStore,
} from './templates';

const VERSION = `${TEMPLATE}/versions/{version}` as const;

const Version = z.coerce.number().int().min(1);
const CompareQuery = z.strictObject({
  from: Version.meta({ description: 'The number of the version that is compared.' }),
  to: Version.optional().meta({ description: 'The version that it is compared with; the present one without it.' }),
});

const listVersions = endpoint({
  method: 'get',
  path: `${TEMPLATE}/versions`,
  id: 'listTemplateVersions',
  tag: 'Templates',
  summary: 'The versions of a template',
  description: 'Those that are kept, with the time of each and who put it.',
  may: MAY_READ,
  answers: { 200: { description: 'The versions.', schema: TemplateVersions } },
  async handle({ templates }: TemplateStore, { tenant, params: { name } }) {
    const versions = await templates.versions(tenant, name);
    if (versions.length === 0) throw notFound(`template ${name}`);
    return {
      body: {
        versions: versions.map(({ version, createdAt, by }) => ({
          version,
          createdAt,
          ...(by !== undefined && { by }),
        })),
      },
    };
  },
});

const getVersion = endpoint({
  method: 'get',
  path: VERSION,
  id: 'getTemplateVersion',
  tag: 'Templates',
  summary: 'One version of a template',
  description: 'As it was put then.',
  may: MAY_READ,
  answers: { 200: { description: 'The version.', schema: TemplateDetails } },
  async handle(deps: TemplateStore, { tenant, params: { name, version } }) {
    return { body: { name, ...(await existingVersion(deps, tenant, name, version)) } };
  },
});

const compareVersions = endpoint({
  method: 'get',
  path: `${TEMPLATE}/compare`,
  id: 'compareTemplateVersions',
  tag: 'Templates',
  summary: 'What changed between two versions',
  description: 'A diff for each part; to the present version where `to` is left out.',
  may: MAY_READ,
  query: CompareQuery,
  answers: { 200: { description: 'The differences.', schema: TemplateComparison } },
  async handle(deps: Pick<RouteDeps, 'templates' | 'templating'>, { tenant, params: { name }, query: { from, to } }) {
    const [before, after] = [
      await existingVersion(deps, tenant, name, from),
      await existingVersion(deps, tenant, name, to),
    ];
    const diffs = await deps.templating.compare(tenant, before, after);
    return { body: { name, from: before.version, to: after.version, diffs } };
  },
});

const restoreVersion = endpoint({
  method: 'post',
  path: `${VERSION}/restore`,
  id: 'restoreTemplateVersion',
  tag: 'Templates',
  summary: 'Make an old version current again',
  description: 'Makes a new version with the content of the old one.',
  may: MAY_CHANGE,
  heeds: ['If-Match'],
  grows: 'sometimes',
  answers: PUT_ANSWERS,
  async handle(deps: PutDeps, asked) {
    const { name, version } = asked.params;
    const old = await existingVersion(deps, asked.tenant, name, version);
    const { subject, html, text, layout, inlineCss, schema } = old;
    return putVersion(deps, asked, { subject, html, text, layout, inlineCss, schema }, `version ${version} restored`);
  },
});

export const TEMPLATE_VERSION_ENDPOINTS = [listVersions, getVersion, compareVersions, restoreVersion];
