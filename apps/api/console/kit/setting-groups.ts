// The settings that tenants and queues have alike, as fields of a form, in groups.
import { resolveSettings } from '../../../../libs/mail/settings/settings';
import type { FieldGroup, SettingField } from './settings-form';

type Document = Record<string, unknown>;

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

const usual = resolveSettings();
/** What holds where nobody says anything, as it is written in settings. */
const DEFAULTS: Document = {
  ...usual,
  expiresAfter: asSpan(usual.expiresAfter),
  backoff: { ...usual.backoff, delay: asSpan(usual.backoff.delay), maxDelay: asSpan(usual.backoff.maxDelay) },
};

const textAt = (document: Document, path: string): string => {
  const value = path.split('.').reduce<unknown>((part, name) => (part as Document | undefined)?.[name], document);
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
};

/**
 * @param above the settings of the tenant, for those of a queue
 * @returns adds to fields what holds where they are empty
 */
export const inheriting =
  (above: Document = {}) =>
  (group: FieldGroup): FieldGroup => ({
    ...group,
    fields: group.fields.map((field) => {
      const inherited = textAt(above, field.path) || textAt(DEFAULTS, field.path);
      return inherited === '' ? field : { ...field, inherited };
    }),
  });

/** What a tenant and a queue may say alike. */
export const COMMON_GROUPS: readonly FieldGroup[] = [
  {
    title: 'group.usual',
    fields: [
      { path: 'from', label: 'set.from', placeholder: 'Acme <mail@acme.example>' },
      { path: 'transport', label: 'set.transport' },
      { path: 'replyTo', label: 'set.replyTo', hint: 'set.replyToHint', kind: 'lines' },
    ],
  },
  {
    title: 'group.retry',
    fields: [
      { path: 'attempts', label: 'set.attempts', kind: 'number' },
      { path: 'expiresAfter', label: 'set.expiresAfter', hint: 'set.span' },
      { path: 'backoff.type', label: 'set.backoffType', choices: ['exponential', 'fixed'], worded: true },
      { path: 'backoff.delay', label: 'set.backoffDelay', hint: 'set.span' },
      { path: 'backoff.maxDelay', label: 'set.backoffMax', hint: 'set.span' },
      { path: 'backoff.jitter', label: 'set.jitter', kind: 'number' },
      {
        path: 'onUncertain',
        label: 'set.onUncertain',
        hint: 'set.onUncertainHint',
        choices: ['resend', 'hold'],
        worded: true,
      },
    ],
  },
  {
    title: 'group.keep',
    fields: [
      { path: 'history.keep', label: 'set.historyKeep', kind: 'yes-no' },
      { path: 'history.days', label: 'set.historyDays', kind: 'number' },
      { path: 'errors.days', label: 'set.errorsDays', kind: 'number' },
      { path: 'log', label: 'set.log', choices: ['none', 'attempts', 'dialogue'], worded: true },
      { path: 'archive', label: 'set.archive', kind: 'yes-no' },
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

/** Where emails may fetch from: the operator alone says so, of a tenant or of a queue. */
export const DATA_SOURCES: SettingField = {
  path: 'dataSources',
  label: 'set.dataSources',
  hint: 'set.dataSourcesHint',
  kind: 'lines',
};

export const fieldsOf = (groups: readonly FieldGroup[]): readonly SettingField[] =>
  groups.flatMap(({ fields }) => fields);
