// The settings of a queue: each with what it would inherit beside it; only what was touched is changed.
import { ChoiceField, FormRefusal, TextField } from '../../kit/form';
import type { Page, Redirect, Visit } from '../../page/page';
import { isWordKey } from '../../words/all-words';
import {
  FIELDS,
  inheritedAt,
  isTouched,
  patchOf,
  valueAt,
  wasName,
  type SettingField,
  type SettingPath,
} from './settings-fields';

type Document = Record<string, unknown>;

interface Shown {
  queue: Document;
  tenant: Document | undefined;
}

const pathOf = ({ params }: Visit): string =>
  `/queues/${encodeURIComponent(params['tenant'] ?? '')}/${encodeURIComponent(params['application'] ?? '')}`;

/** A value of a list in words; others are shown as they are. */
const worded = (say: Visit['say'], value: string): string => {
  const key = `settings.value.${value}`;
  return isWordKey(key) ? say(key) : value;
};

/** What was typed stays where it was touched; what somebody else has changed meanwhile is shown elsewhere. */
const untouchedForgotten = (visit: Visit, path: string): Visit =>
  visit.form.isSent && !isTouched(visit.form, path)
    ? { ...visit, form: { ...visit.form, raw: () => undefined, get: () => undefined } }
    : visit;

const SettingInput = ({
  visit,
  shown,
  field,
}: {
  visit: Visit;
  shown: Shown;
  field: SettingField & { path: SettingPath };
}) => {
  const { say } = visit;
  const { path, kind, choices } = field;
  const value = valueAt(shown.queue, path);
  const inherited = path.startsWith('rate.') ? '' : inheritedAt(shown.tenant, path);
  const common = {
    visit: untouchedForgotten(visit, path),
    name: path,
    label: say(`settings.${path}`),
    value,
    hint: say('form.inherited', { value: inherited === '' ? say('settings.nothing') : worded(say, inherited) }),
    at: `/${path.replace('.', '/')}`,
  };
  return (
    <div>
      <input type="hidden" name={wasName(path)} value={value} />
      {choices === undefined ? (
        <TextField
          {...common}
          {...(kind === 'lines' && { lines: 2 })}
          more={{ autocomplete: 'off', ...(kind === 'number' && { inputmode: 'numeric' }) }}
        />
      ) : (
        <ChoiceField
          {...common}
          choices={[['', say('settings.inherit')], ...choices.map((choice) => [choice, worded(say, choice)] as const)]}
        />
      )}
    </div>
  );
};

const settings: Page = {
  path: '/queues/:tenant/:application/settings',
  async get(visit) {
    const { say, params, identity } = visit;
    const { tenant = '', application = '' } = params;
    const { body, headers } = await visit.ask.answer('getQueue', { params });
    // A key of one application does not reach its tenant: it sees the defaults.
    const inherited =
      identity.application === undefined ? await visit.ask<Document>('getTenant', { params: { tenant } }) : undefined;
    const shown = { queue: body as Document, tenant: inherited };
    const title = say('settings.title', { queue: `${tenant}/${application}` });
    const mayChange = identity.role === 'operator' || identity.role === 'admin';
    return {
      title,
      body: (
        <>
          <p class="crumbs">
            <a href={pathOf(visit)}>{`${tenant}/${application}`}</a>
          </p>
          <h1>{title}</h1>
          <FormRefusal visit={visit} />
          <p class="hint">{say('settings.lead')}</p>
          <form method="post" action={visit.path} class="form card">
            <input type="hidden" name="version" value={headers?.ETag ?? ''} />
            <div class="settings-grid">
              {FIELDS.map((field) => (
                <SettingInput visit={visit} shown={shown} field={field} />
              ))}
            </div>
            <div class="actions">
              {mayChange && (
                <button type="submit" class="primary">
                  {say('form.save')}
                </button>
              )}
              <a href={pathOf(visit)} class="button">
                {say('form.cancel')}
              </a>
            </div>
          </form>
        </>
      ),
    };
  },
  async post(visit): Promise<Redirect> {
    const { form, params } = visit;
    const queue = `${params['tenant'] ?? ''}/${params['application'] ?? ''}`;
    const patch = patchOf(form);
    if (patch === undefined) return { redirect: pathOf(visit), notice: 'settings.same' };
    const version = form.get('version');
    await visit.ask('patchQueue', { params, body: patch, ...(version && { ifMatch: version }) });
    return { redirect: pathOf(visit), notice: 'settings.saved', values: { queue } };
  },
};

export const QUEUE_SETTINGS_PAGES: readonly Page[] = [settings];
