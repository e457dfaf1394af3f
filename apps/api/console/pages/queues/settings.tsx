// The settings of a queue: each with what it would inherit beside it; only what was touched is changed.
import { may } from '../../../../../libs/mail/settings/api-key';
import { FormRefusal } from '../../kit/form';
import { pathTo } from '../../kit/paths';
import { Conflicts, editing, readPatch, Seen, SettingGroup } from '../../kit/settings-form';
import type { Page, Redirect, Visit } from '../../page/page';
import { fieldsOf } from '../../kit/setting-groups';
import { QUEUE_FIELDS, queueGroups } from './settings-fields';

type Document = Record<string, unknown>;

const pathOf = ({ params }: Visit): string => pathTo('queues', params['tenant'] ?? '', params['application'] ?? '');

const settings: Page = {
  path: '/queues/:tenant/:application/settings',
  async get(visit) {
    const { say, params, identity } = visit;
    const { tenant = '', application = '' } = params;
    const { body, headers } = await visit.ask.answer('getQueue', { params });
    // A key of one application does not reach its tenant: it sees the defaults.
    const above =
      identity.application === undefined ? await visit.ask<Document>('getTenant', { params: { tenant } }) : undefined;
    const { own, ofOperator } = queueGroups(above);
    const edit = editing(visit, fieldsOf([...own, ofOperator]), body as Document, headers?.ETag ?? '');
    const mayChange = may(identity, 'administer');
    const title = say('settings.title', { queue: `${tenant}/${application}` });
    return {
      title,
      body: (
        <>
          <p class="crumbs">
            <a href={pathOf(visit)}>{`${tenant}/${application}`}</a>
          </p>
          <h1>{title}</h1>
          {visit.problem?.code !== 'version-mismatch' && <FormRefusal visit={visit} />}
          <Conflicts edit={edit} />
          <p class="hint">{say('settings.lead')}</p>
          <form method="post" action={visit.path} class="form card">
            <Seen edit={edit} />
            {own.map((group) => (
              <SettingGroup edit={edit} group={group} locked={!mayChange} />
            ))}
            <SettingGroup edit={edit} group={ofOperator} locked={!may(identity, 'operate')} />
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
    const patch = readPatch(visit, QUEUE_FIELDS);
    if (Object.keys(patch).length === 0) return { redirect: pathOf(visit), notice: 'settings.same' };
    const version = form.get('version');
    await visit.ask('patchQueue', { params, body: patch, ...(version && { ifMatch: version }) });
    return { redirect: pathOf(visit), notice: 'settings.saved', values: { queue } };
  },
};

export const QUEUE_SETTINGS_PAGES: readonly Page[] = [settings];
