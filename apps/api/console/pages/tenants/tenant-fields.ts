// The settings of a tenant, as its form has them.
import { resolveSettings } from '../../../../../libs/mail/settings/settings';
import { TENANT_BOUNDS } from '../../../../../libs/mail/settings/tenant-bounds';
import type { SettingField } from '../../kit/settings-form';
import type { WordKey } from '../../words/all-words';

export interface FieldGroup {
  title: WordKey;
  fields: readonly SettingField[];
}

/** What holds where no tenant says anything. */
const usual = resolveSettings();

/** A span as people write it: in the largest unit that fits. @param ms of it */
const asSpan = (ms: number): string => {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const;
  const [unit, size] = units.find(([, one]) => ms % one === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
};

/** What a tenant and a queue may say alike. */
export const TENANT_GROUPS: readonly FieldGroup[] = [
  {
    title: 'group.usual',
    fields: [
      { path: 'from', label: 'set.from', placeholder: 'Acme <mail@acme.example>' },
      { path: 'transport', label: 'set.transport', inherited: usual.transport },
      { path: 'replyTo', label: 'set.replyTo', hint: 'set.replyToHint', kind: 'lines' },
    ],
  },
  {
    title: 'group.retry',
    fields: [
      { path: 'attempts', label: 'set.attempts', kind: 'number', inherited: String(usual.attempts) },
      { path: 'expiresAfter', label: 'set.expiresAfter', hint: 'set.span', inherited: asSpan(usual.expiresAfter) },
      {
        path: 'backoff.type',
        label: 'set.backoffType',
        choices: ['exponential', 'fixed'],
        inherited: usual.backoff.type,
      },
      { path: 'backoff.delay', label: 'set.backoffDelay', hint: 'set.span', inherited: asSpan(usual.backoff.delay) },
      {
        path: 'backoff.maxDelay',
        label: 'set.backoffMax',
        hint: 'set.span',
        inherited: asSpan(usual.backoff.maxDelay),
      },
      { path: 'backoff.jitter', label: 'set.jitter', kind: 'number', inherited: String(usual.backoff.jitter) },
      {
        path: 'onUncertain',
        label: 'set.onUncertain',
        hint: 'set.onUncertainHint',
        choices: ['resend', 'hold'],
        inherited: usual.onUncertain,
      },
    ],
  },
  {
    title: 'group.keep',
    fields: [
      { path: 'history.keep', label: 'set.historyKeep', kind: 'yes-no', inherited: String(usual.history.keep) },
      { path: 'history.days', label: 'set.historyDays', kind: 'number', inherited: String(usual.history.days) },
      { path: 'errors.days', label: 'set.errorsDays', kind: 'number', inherited: String(usual.errors.days) },
      { path: 'log', label: 'set.log', choices: ['none', 'attempts', 'dialogue'], inherited: usual.log },
      { path: 'archive', label: 'set.archive', kind: 'yes-no', inherited: String(usual.archive) },
    ],
  },
  {
    title: 'group.unsubscribe',
    fields: [
      { path: 'listUnsubscribe.url', label: 'set.unsubscribeUrl', placeholder: 'https://acme.example/off?{id}' },
      { path: 'listUnsubscribe.mailto', label: 'set.unsubscribeMailto', placeholder: 'off@acme.example?subject={id}' },
    ],
  },
];

/** What the operator alone may change. */
export const OPERATOR_GROUP: FieldGroup = {
  title: 'group.operator',
  fields: [
    ...['maxWaiting', 'maxContentBytes', ...Object.keys(TENANT_BOUNDS)].map((path): SettingField => ({
      path,
      label: `set.${path}` as WordKey,
      kind: 'number',
    })),
    { path: 'dataSources', label: 'set.dataSources', hint: 'set.dataSourcesHint', kind: 'lines' },
  ],
};

export const TENANT_FIELDS: readonly SettingField[] = [...TENANT_GROUPS, OPERATOR_GROUP].flatMap(
  ({ fields }) => fields,
);
