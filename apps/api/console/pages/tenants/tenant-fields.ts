// The settings of a tenant, as its form has them.
import { TENANT_BOUNDS } from '../../../../../libs/mail/settings/tenant-bounds';
import { COMMON_GROUPS, DATA_SOURCES, fieldsOf, inheriting } from '../../kit/setting-groups';
import type { FieldGroup, SettingField } from '../../kit/settings-form';
import type { WordKey } from '../../words/all-words';

export const TENANT_GROUPS: readonly FieldGroup[] = COMMON_GROUPS.map(inheriting());

/** What the operator alone may change. */
export const OPERATOR_GROUP: FieldGroup = {
  title: 'group.operator',
  fields: [
    ...['maxWaiting', 'maxContentBytes', ...Object.keys(TENANT_BOUNDS)].map((path): SettingField => ({
      path,
      label: `set.${path}` as WordKey,
      kind: 'number',
    })),
    DATA_SOURCES,
  ],
};

export const TENANT_FIELDS: readonly SettingField[] = fieldsOf([...TENANT_GROUPS, OPERATOR_GROUP]);
