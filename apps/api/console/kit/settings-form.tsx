// Forms over a document of settings: what is inherited stands beside each field, and only what was touched is changed.
import type { Visit } from '../page/page';
import { isWordKey, type WordKey } from '../words/all-words';
import { ChoiceField, TextField } from './form';

/** One setting in a form. */
export interface SettingField {
  /** Its place in the document, with dots between: `backoff.delay`. */
  path: string;
  label: WordKey;
  hint?: WordKey;
  /** `lines`: a list of texts, one a line; `block`: one text of several lines. */
  kind?: 'text' | 'number' | 'lines' | 'block' | 'yes-no';
  /** One of these. */
  choices?: readonly string[];
  /** They have words of their own (`settings.value.…`); others are shown as they are. */
  worded?: boolean;
  /** It always has a value. */
  always?: boolean;
  /** What holds where nothing is given, as it is written. */
  inherited?: string;
  /** What it is written like. */
  placeholder?: string;
}

/** Fields that belong together. */
export interface FieldGroup {
  title: WordKey;
  fields: readonly SettingField[];
}

type Document = Record<string, unknown>;

/** Names the hidden field with the value that the reader was shown. */
const wasName = ({ path }: SettingField): string => `was:${path}`;

const textAt = (document: Document, { path }: SettingField): string => {
  const value = path.split('.').reduce<unknown>((inner, name) => (inner as Document | undefined)?.[name], document);
  if (Array.isArray(value)) return value.join('\n');
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
};

const plain = (text: string | undefined): string => (text ?? '').trim();

export const isTouched = ({ form }: Pick<Visit, 'form'>, field: SettingField): boolean =>
  form.has(field.path) && plain(form.raw(field.path)) !== plain(form.raw(wasName(field)));

/** What is no number is left to the API, which says what is wrong with it. */
const valueOf = ({ kind }: SettingField, text: string): unknown => {
  if (text === '') return null;
  if (kind === 'number') return Number.isFinite(Number(text)) ? Number(text) : text;
  if (kind === 'lines') return text.split('\n').flatMap((line) => line.trim() || []);
  return kind === 'yes-no' ? text === 'true' : text;
};

/**
 * What the reader changed, as a merge patch. An object none of whose fields has a value any more is taken away.
 * @param fields that the form may have
 */
export const readPatch = (visit: Visit, fields: readonly SettingField[]): Document => {
  const patch: Document = {};
  for (const field of fields.filter((one) => isTouched(visit, one))) {
    const [first = '', second] = field.path.split('.');
    const value = valueOf(field, plain(visit.form.raw(field.path)));
    if (second === undefined) patch[first] = value;
    else patch[first] = { ...(patch[first] as Document | undefined), [second]: value };
  }
  const isEmptied = (name: string): boolean => {
    const members = fields.filter(({ path }) => path.startsWith(`${name}.`));
    return members.length > 0 && members.every(({ path }) => plain(visit.form.raw(path)) === '');
  };
  return Object.fromEntries(Object.entries(patch).map(([name, value]) => [name, isEmptied(name) ? null : value]));
};

/** A form that is being filled in. */
export interface Editing {
  /** For the fields: what nobody touched is shown as it is now. */
  visit: Visit;
  /** What the reader was shown: the ETag, and the value of a field. */
  version: string;
  was(field: SettingField): string;
  /** What somebody else changed meanwhile, of what the reader changed too. */
  conflicts: { field: SettingField; now: string; yours: string }[];
}

/**
 * @param present the document as it is now
 * @param etag of it
 */
export const editing = (visit: Visit, fields: readonly SettingField[], present: object, etag: string): Editing => {
  const { form, problem } = visit;
  const now = (field: SettingField): string => textAt(present as Document, field);
  const isOvertaken = problem?.code === 'version-mismatch';
  if (form.has('version') && !isOvertaken) {
    const was = (field: SettingField): string => form.raw(wasName(field)) ?? now(field);
    return { visit, version: form.get('version') ?? etag, was, conflicts: [] };
  }
  const touched = fields.filter((field) => isOvertaken && isTouched(visit, field));
  const isTyped = (name: string): boolean =>
    touched.some(({ path }) => path === name) || !fields.some(({ path }) => path === name);
  const kept = {
    ...form,
    raw: (name: string) => (isTyped(name) ? form.raw(name) : undefined),
    get: (name: string) => (isTyped(name) ? form.get(name) : undefined),
  };
  const conflicts = touched
    .map((field) => ({ field, now: now(field), yours: plain(form.raw(field.path)) }))
    .filter(({ field, now: value, yours }) => value !== plain(form.raw(wasName(field))) && value !== yours);
  return { visit: { ...visit, form: kept }, version: etag, was: now, conflicts };
};

/** The version that the reader has seen, for the form. */
export const Seen = ({ edit }: { edit: Editing }) => <input type="hidden" name="version" value={edit.version} />;

/** Both versions, where somebody else was faster. */
export const Conflicts = ({ edit }: { edit: Editing }) => {
  const { visit, conflicts } = edit;
  if (visit.problem?.code !== 'version-mismatch') return null;
  return (
    <div class="warning" role="alert">
      <strong>{visit.say('conflict.title')}</strong>
      <p>{visit.say(conflicts.length === 0 ? 'conflict.none' : 'conflict.some')}</p>
      {conflicts.length > 0 && (
        <dl class="pairs">
          {conflicts.map(({ field, now, yours }) => (
            <>
              <dt>{visit.say(field.label)}</dt>
              <dd>
                {visit.say('conflict.now')} <code>{now || '–'}</code> · {visit.say('conflict.yours')}{' '}
                <code>{yours || '–'}</code>
              </dd>
            </>
          ))}
        </dl>
      )}
    </div>
  );
};

/** A value as it is read. */
const worded = ({ say }: Visit, { worded: hasWords, kind }: SettingField, value: string): string => {
  if (kind === 'yes-no') return say(value === 'true' ? 'form.yes' : 'form.no');
  const key = `settings.value.${value}`;
  return hasWords && isWordKey(key) ? say(key) : value;
};

/** A setting: its field, and what the reader was shown. */
export const Setting = ({ edit, field }: { edit: Editing; field: SettingField }) => {
  const { visit } = edit;
  const { say } = visit;
  const inherited =
    field.inherited === undefined ? undefined : say('form.inherited', { value: worded(visit, field, field.inherited) });
  const hint = [field.hint && say(field.hint), inherited].filter(Boolean).join(' ') || undefined;
  const common = {
    ...{ visit, name: field.path, label: say(field.label), hint, value: edit.was(field) },
    at: `/${field.path.replaceAll('.', '/')}`,
  };
  const none = field.inherited === undefined ? say('form.notSet') : say('form.asInherited');
  const choices =
    field.kind === 'yes-no'
      ? ([
          ['', none],
          ['true', say('form.yes')],
          ['false', say('form.no')],
        ] as const)
      : field.choices && [
          ...(field.always ? [] : [['', none] as const]),
          ...field.choices.map((one) => [one, worded(visit, field, one)] as const),
        ];
  const more = { ...(field.placeholder && { placeholder: field.placeholder }), autocomplete: 'off' };
  return (
    <>
      <input type="hidden" name={wasName(field)} value={edit.was(field)} />
      {choices !== undefined ? (
        <ChoiceField {...common} choices={choices} />
      ) : (
        <TextField
          {...common}
          more={{ ...more, ...(field.kind === 'number' && { inputmode: 'decimal' }) }}
          {...(field.kind === 'lines' && { lines: 3 })}
          {...(field.kind === 'block' && { lines: 5 })}
        />
      )}
    </>
  );
};

/** @param locked the reader may look at them alone */
export const SettingGroup = ({ edit, group, locked }: { edit: Editing; group: FieldGroup; locked: boolean }) => (
  <fieldset disabled={locked}>
    <legend>{edit.visit.say(group.title)}</legend>
    <div class="two">
      {group.fields.map((field) => (
        <Setting edit={edit} field={field} />
      ))}
    </div>
  </fieldset>
);
