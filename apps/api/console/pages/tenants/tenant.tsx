// A tenant: what it has, whether it sends, its settings, and its end.
import type { z } from 'zod';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { AuditPage } from '../../../answers/installation';
import type { TenantDetails } from '../../../answers/tenants-and-queues';
import { FormRefusal, TextField } from '../../kit/form';
import { pathTo } from '../../kit/paths';
import { Conflicts, editing, readPatch, Seen, SettingGroup, type Editing } from '../../kit/settings-form';
import type { Page, Redirect, View, Visit } from '../../page/page';
import { AtAGlance, readGlance, type Glance } from './at-a-glance';
import { OPERATOR_GROUP, TENANT_FIELDS, TENANT_GROUPS } from './tenant-fields';

type Tenant = z.infer<typeof TenantDetails>;

const nameOf = ({ params }: Visit): string => params['tenant'] ?? '';

/** Who paused it, and why. */
const readPause = async ({ ask, identity }: Visit, { tenant, enabled }: Tenant) => {
  if (enabled || !may(identity, 'administer')) return undefined;
  const query = { tenant, about: 'tenant paused', limit: '1' };
  return (await ask<z.infer<typeof AuditPage>>('readAudit', { query })).entries[0];
};

const Pause = ({
  visit,
  enabled,
  pause,
}: {
  visit: Visit;
  enabled: boolean;
  pause: Awaited<ReturnType<typeof readPause>>;
}) => {
  const { say, identity } = visit;
  return (
    <>
      {!enabled && (
        <div class="warning">
          <strong>‖ {say('tenant.paused')}</strong>
          <p>{say('tenant.pausedText')}</p>
          {pause !== undefined && (
            <p>{say('tenant.pausedBy', { by: pause.by, reason: pause.reason ?? say('tenant.noReason') })}</p>
          )}
        </div>
      )}
      {may(identity, 'administer') && (
        <details class="card" open={!enabled}>
          <summary>{say(enabled ? 'tenant.pause' : 'tenant.resume')}</summary>
          <form method="post" class="form">
            <TextField
              visit={visit}
              name="reason"
              label={say('tenant.reason')}
              hint={say('tenant.reasonHint')}
              optional
              more={{ maxlength: 500 }}
            />
            <div class="actions">
              <button type="submit" name="do" value={enabled ? 'pause' : 'resume'}>
                {say(enabled ? 'tenant.pause' : 'tenant.resume')}
              </button>
            </div>
          </form>
        </details>
      )}
    </>
  );
};

const SettingsForm = ({ edit }: { edit: Editing }) => {
  const { say, identity } = edit.visit;
  const mayChange = may(identity, 'administer');
  return (
    <section class="card" id="settings">
      <h2>{say('tenant.settings')}</h2>
      <p class="hint">{say('tenant.settingsHint')}</p>
      <form method="post" class="form">
        <Seen edit={edit} />
        {TENANT_GROUPS.map((group) => (
          <SettingGroup edit={edit} group={group} locked={!mayChange} />
        ))}
        <SettingGroup edit={edit} group={OPERATOR_GROUP} locked={!may(identity, 'operate')} />
        {mayChange && (
          <div class="actions">
            <button type="submit" name="do" value="save" class="primary">
              {say('form.save')}
            </button>
          </div>
        )}
      </form>
    </section>
  );
};

const Delete = ({ visit: { say }, glance }: { visit: Visit; glance: Glance }) => {
  const queues = glance.queues.queues.length;
  return (
    <details class="card">
      <summary>{say('tenant.delete')}</summary>
      {queues > 0 ? (
        <p>{say('tenant.deleteQueues', { n: queues })}</p>
      ) : (
        <form method="post" class="form">
          <p>
            {say('tenant.deleteText', {
              name: glance.tenant,
              transports: glance.transports.length,
              templates: glance.templates,
              keys: glance.keys ?? 0,
            })}
          </p>
          <div class="actions">
            <button type="submit" name="do" value="delete" class="danger">
              {say('tenant.delete')}
            </button>
          </div>
        </form>
      )}
    </details>
  );
};

const show = async (visit: Visit): Promise<View> => {
  const { say, ask, identity } = visit;
  const tenant = nameOf(visit);
  const { body, headers } = await ask.answer('getTenant', { params: { tenant } });
  const details = body as Tenant;
  const edit = editing(visit, TENANT_FIELDS, details, headers?.ETag ?? '');
  const [glance, pause] = await Promise.all([readGlance(visit, tenant), readPause(visit, details)]);
  return {
    title: tenant,
    body: (
      <>
        {may(identity, 'operate') && (
          <p class="crumbs">
            <a href="/tenants">{say('tenants.title')}</a>
          </p>
        )}
        <h1>{tenant}</h1>
        {visit.problem?.code !== 'version-mismatch' && <FormRefusal visit={visit} />}
        <Conflicts edit={edit} />
        <AtAGlance visit={visit} glance={glance} />
        <Pause visit={visit} enabled={details.enabled} pause={pause} />
        <SettingsForm edit={edit} />
        {may(identity, 'operate') && <Delete visit={visit} glance={glance} />}
      </>
    ),
  };
};

const save = async (visit: Visit, tenant: string): Promise<Redirect> => {
  const patch = readPatch(visit, TENANT_FIELDS);
  const here = pathTo('tenants', tenant);
  if (Object.keys(patch).length === 0) return { redirect: here, notice: 'tenant.unchanged' };
  const ifMatch = visit.form.get('version');
  await visit.ask('patchTenant', { params: { tenant }, body: patch, ...(ifMatch && { ifMatch }) });
  return { redirect: here, notice: 'tenant.saved' };
};

const change = async (visit: Visit): Promise<Redirect> => {
  const { ask, form } = visit;
  const tenant = nameOf(visit);
  const params = { tenant };
  const reason = form.get('reason');
  const told = { params, body: reason ? { reason } : {} };
  const values = { name: tenant };
  switch (form.get('do')) {
    case 'pause':
      await ask('pauseTenant', told);
      return { redirect: pathTo('tenants', tenant), notice: 'tenant.pauseNote', values };
    case 'resume':
      await ask('resumeTenant', told);
      return { redirect: pathTo('tenants', tenant), notice: 'tenant.resumeNote', values };
    case 'delete':
      await ask('deleteTenant', { params });
      return { redirect: '/tenants', notice: 'tenant.deleted', values };
    default:
      return save(visit, tenant);
  }
};

export const TENANT_PAGE: Page = { path: '/tenants/:tenant', get: show, post: change };
