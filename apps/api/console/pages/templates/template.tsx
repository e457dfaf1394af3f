// A template: edited, looked at, its versions, who waits for it, and its end.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { TemplateVersions } from '../../../answers/templates';
import { FormRefusal } from '../../kit/form';
import { pathTo } from '../../kit/paths';
import type { Page, Redirect, View, Visit } from '../../page/page';
import { Editor } from './editor';
import { framed, renderStored, renderTyped } from './preview';
import type { Template } from './template-form';
import {
  asChecked,
  check,
  Head,
  namesOf,
  placeOf,
  previewTyped,
  put,
  waitingFor,
  type Waiting,
} from './template-parts';
import { Differences, VersionList, type Comparison } from './versions';

const comparisonOf = async ({ ask, query, problem, form }: Visit, params: { tenant: string; name: string }) => {
  // Somebody else was faster: what they changed since.
  const from = problem?.code === 'version-mismatch' ? form.get('version')?.replace(/"/g, '') : query['from'];
  if (!from) return undefined;
  const to = problem?.code === 'version-mismatch' ? undefined : query['to'];
  return ask<Comparison>('compareTemplateVersions', { params, query: { from, to } }).catch((error: unknown) => {
    if (error instanceof Problem) return undefined;
    throw error;
  });
};

const Delete = ({ visit: { say }, name, waiting }: { visit: Visit; name: string; waiting: Waiting }) => (
  <details class="card">
    <summary>{say('template.delete')}</summary>
    <form method="post" class="form">
      <p>{say(waiting.isAll ? 'template.deleteText' : 'template.deleteTextMore', { name, n: waiting.n })}</p>
      <div class="actions">
        <button type="submit" name="do" value="delete" class="danger">
          {say('template.delete')}
        </button>
      </div>
    </form>
  </details>
);

const show = async (visit: Visit): Promise<View> => {
  const { ask, form, problem, identity } = visit;
  const { tenant, name } = placeOf(visit);
  const params = { tenant, name };
  const { body, headers } = await ask.answer('getTemplate', { params });
  const present = body as Template;
  const isTyped = form.has('version') && may(identity, 'administer');
  const isOvertaken = problem?.code === 'version-mismatch';
  const [names, { versions }, waiting, comparison, checked] = await Promise.all([
    namesOf(visit, tenant, name),
    ask<z.infer<typeof TemplateVersions>>('listTemplateVersions', { params }),
    waitingFor(visit, tenant, name),
    comparisonOf(visit, params),
    asChecked(() => (isTyped ? renderTyped(visit, tenant, name) : renderStored(visit, tenant, present))),
  ]);
  const here = pathTo('tenants', tenant, 'templates', name);
  const seen = isTyped && !isOvertaken ? form.get('version') : undefined;
  return {
    title: `${name} · ${tenant}`,
    body: (
      <>
        <Head visit={visit} tenant={tenant} title={name} waiting={waiting} template={present} />
        {isOvertaken ? <Overtaken visit={visit} version={present.version} /> : <FormRefusal visit={visit} />}
        {comparison !== undefined && <Differences visit={visit} comparison={comparison} />}
        <Editor {...{ visit, here, present, names, checked }} version={seen ?? headers?.ETag ?? ''} />
        <VersionList visit={visit} here={here} versions={versions} />
        {may(identity, 'administer') && <Delete visit={visit} name={name} waiting={waiting} />}
      </>
    ),
  };
};

const Overtaken = ({ visit: { say }, version }: { visit: Visit; version: number }) => (
  <div class="warning" role="alert">
    <strong>{say('conflict.title')}</strong>
    <p>{say('template.overtaken', { version })}</p>
  </div>
);

const change = async (visit: Visit): Promise<Redirect> => {
  const { ask, form } = visit;
  const params = placeOf(visit);
  const here = pathTo('tenants', params.tenant, 'templates', params.name);
  const values = { name: params.name };
  switch (form.get('do')) {
    case 'delete':
      await ask('deleteTemplate', { params });
      return { redirect: pathTo('tenants', params.tenant, 'templates'), notice: 'template.deleted', values };
    case 'restore': {
      const version = form.get('restore') ?? '';
      const ifMatch = `"${form.get('present') ?? ''}"`;
      await ask('restoreTemplateVersion', { params: { ...params, version }, ifMatch });
      return { redirect: here, notice: 'template.restored', values: { version } };
    }
    default: {
      const present = await ask<Template>('getTemplate', { params });
      const { status, body } = await put(visit, params.name, present);
      const { version } = body as Template;
      if (status !== 201) return { redirect: here, notice: 'tenant.unchanged' };
      const shown = version > 1 ? `${here}?from=${version - 1}&to=${version}` : here;
      return { redirect: shown, notice: 'template.saved', values: { version } };
    }
  }
};

const previewStored = async (visit: Visit) => {
  const params = placeOf(visit);
  const template = await visit.ask<Template>('getTemplate', { params });
  return framed(visit, () => renderStored(visit, params.tenant, template));
};

const PATH = '/tenants/:tenant/templates/:name';

export const TEMPLATE_PAGES: readonly Page[] = [
  { path: PATH, get: show, post: change },
  { path: `${PATH}/preview`, get: previewStored, post: previewTyped },
  { path: `${PATH}/check`, post: check },
];
