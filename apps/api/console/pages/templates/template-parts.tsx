// What the pages of a template and of a new one have in common: its head, what comes of what was typed, and putting it.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import type { EmailPage } from '../../../answers/emails';
import type { TemplateList } from '../../../answers/templates';
import { pathTo } from '../../kit/paths';
import type { View, Visit } from '../../page/page';
import { CheckAnswer, type Checked } from './editor';
import { framed, renderTyped } from './preview';
import { typedTemplate, type Template } from './template-form';

export const placeOf = ({ params }: Visit) => ({ tenant: params['tenant'] ?? '', name: params['name'] ?? '' });

/** Of a template that is being made there is no name yet. */
const nameOf = (visit: Visit): string => placeOf(visit).name || visit.form.get('name') || 'new';

export const asChecked = async (make: () => Promise<NonNullable<Checked['preview']>>): Promise<Checked> => {
  try {
    return { preview: await make() };
  } catch (error) {
    if (error instanceof Problem) return { problem: error };
    throw error;
  }
};

export const namesOf = async ({ ask }: Visit, tenant: string, but?: string): Promise<string[]> =>
  (await ask<z.infer<typeof TemplateList>>('listTemplates', { params: { tenant } })).templates
    .map(({ name }) => name)
    .filter((name) => name !== but);

/** Pages that are counted through. */
const MOST_PAGES = 2;

/** Emails that are still to be made of it. */
export const waitingFor = async (visit: Visit, tenant: string, template: string) => {
  let [n, cursor] = [0, undefined as string | undefined];
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { template, state: 'scheduled,queued,deferred,held', limit: '200', cursor };
    const { emails, nextCursor } = await visit.ask<z.infer<typeof EmailPage>>('listTenantEmails', {
      params: { tenant },
      query,
    });
    n += emails.length;
    if (nextCursor === null) return { n, isAll: true };
    cursor = nextCursor;
  }
  return { n, isAll: false };
};

export type Waiting = Awaited<ReturnType<typeof waitingFor>>;

export const Head = ({
  visit,
  tenant,
  title,
  waiting,
  template,
}: {
  visit: Visit;
  tenant: string;
  title: string;
  waiting?: Waiting;
  template?: Template;
}) => {
  const { say } = visit;
  return (
    <>
      <p class="crumbs">
        <a href={pathTo('tenants', tenant)}>{tenant}</a> ·{' '}
        <a href={pathTo('tenants', tenant, 'templates')}>{say('templates.title')}</a>
      </p>
      <h1>{title}</h1>
      {template !== undefined && waiting !== undefined && (
        <p class="hint">
          {say('versions.present', { version: template.version })} ·{' '}
          <a href={`/search?q=${encodeURIComponent(`template:${template.name}`)}`}>
            {say(waiting.isAll ? 'template.waiting' : 'template.waitingMore', { n: waiting.n })}
          </a>
        </p>
      )}
    </>
  );
};

export const put = async (visit: Visit, name: string, present: Template | undefined) => {
  const { tenant } = placeOf(visit);
  const ifMatch = visit.form.get('version');
  return visit.ask.answer('putTemplate', {
    params: { tenant, name },
    body: typedTemplate(visit, present),
    ...(ifMatch && { ifMatch }),
  });
};

/** What comes of what was typed, for htmx. */
export const check = async (visit: Visit): Promise<View> => {
  const { tenant } = placeOf(visit);
  const checked = await asChecked(() => renderTyped(visit, tenant, nameOf(visit)));
  const here = visit.path.replace(/\/check$/, '');
  return {
    title: visit.say('template.checkTitle'),
    body: <CheckAnswer visit={visit} here={here} checked={checked} />,
  };
};

export const previewTyped = (visit: Visit) =>
  framed(visit, () => renderTyped(visit, placeOf(visit).tenant, nameOf(visit)));
