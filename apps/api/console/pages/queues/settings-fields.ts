// The settings of a queue, as its form has them.
import { PRIORITIES } from '../../../../../libs/mail/settings/settings';
import { COMMON_GROUPS, DATA_SOURCES, fieldsOf, inheriting } from '../../kit/setting-groups';
import type { FieldGroup, SettingField } from '../../kit/settings-form';

/** What no tenant has: how a queue is worked off. */
const PACE: FieldGroup = {
  title: 'group.pace',
  fields: [
    { path: 'priority', label: 'set.priority', choices: PRIORITIES, worded: true },
    { path: 'concurrency', label: 'set.concurrency', hint: 'set.concurrencyHint', kind: 'number' },
    { path: 'rate.max', label: 'set.rateMax', kind: 'number' },
    { path: 'rate.per', label: 'set.ratePer', hint: 'set.span' },
  ],
};

/** Whether its emails go to those who are on the tenant's suppression list. */
const RECIPIENTS: FieldGroup = {
  title: 'group.recipients',
  fields: [
    {
      path: 'suppressions',
      label: 'set.suppressions',
      hint: 'set.suppressionsHint',
      choices: ['honor', 'ignore'],
      worded: true,
    },
    {
      path: 'redirectTo',
      label: 'set.redirectTo',
      hint: 'set.redirectToHint',
      placeholder: 'test@acme.example',
    },
  ],
};

/** What no tenant has: what its emails said goes first, and to an archive. */
const CONTENT: FieldGroup = {
  title: 'group.content',
  fields: [
    { path: 'contentDays', label: 'set.contentDays', hint: 'set.contentDaysHint', kind: 'number' },
    {
      path: 'archiveTo.address',
      label: 'set.archiveAddress',
      hint: 'set.archiveAddressHint',
      placeholder: 'journal@archive.example',
    },
    {
      path: 'archiveTo.url',
      label: 'set.archiveUrl',
      hint: 'set.archiveUrlHint',
      placeholder: 'https://archive.example/messages',
    },
  ],
};

/** Which of its emails a second person must let go. */
const APPROVAL: FieldGroup = {
  title: 'group.approval',
  fields: [
    { path: 'approval.recipientsAbove', label: 'set.approvalAbove', hint: 'set.approvalAboveHint', kind: 'number' },
    {
      path: 'approval.templates',
      label: 'set.approvalTemplates',
      hint: 'set.approvalTemplatesHint',
      kind: 'lines',
    },
  ],
};

/** What the operator alone may change. */
const SOURCES: FieldGroup = { title: 'group.sources', fields: [DATA_SOURCES] };

const OWN: readonly FieldGroup[] = [...COMMON_GROUPS, PACE, RECIPIENTS, APPROVAL, CONTENT];

/** @param tenant its settings; undefined where the reader may not see them */
export const queueGroups = (tenant: Record<string, unknown> | undefined) => {
  const withInherited = inheriting(tenant);
  return { own: OWN.map(withInherited), ofOperator: withInherited(SOURCES) };
};

/** All that the form may have. */
export const QUEUE_FIELDS: readonly SettingField[] = fieldsOf([...OWN, SOURCES]);
