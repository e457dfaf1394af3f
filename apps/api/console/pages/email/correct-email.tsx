// The form that corrects an email: only what was touched is changed, what was typed is kept when it is refused.
import { problemAt } from '../../../../../libs/mail/input/problem';
import { FormRefusal, ChoiceField, TextField } from '../../kit/form';
import type { Page, Redirect, Visit } from '../../page/page';
import type { WordKey } from '../../words/all-words';
import {
  EMAIL_PAGE,
  emailParams,
  isAllowed,
  isConfidential,
  loadEmail,
  pathOf,
  subjectOf,
  type Details,
} from './loaded-email';

type Value = string | number | boolean | null | object | undefined;

interface FormField {
  name: string;
  label: WordKey;
  hint?: WordKey;
  /** Lines of its box; one line where it is left out. */
  lines?: number;
  /** What stands in the form for the email as it is. */
  shown(this: void, email: Details): string;
  /** What the API is given for what was typed; null takes the field away. @throws Problem where it cannot be read */
  read(this: void, typed: string): Value;
}

const textOrNothing = (typed: string): Value => (typed.trim() === '' ? null : typed);
const lines = (typed: string): Value => {
  const all = typed
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return all.length === 0 ? null : all;
};
const listed = (
  name: 'to' | 'cc' | 'bcc' | 'replyTo' | 'tags',
  label: WordKey,
  hint: WordKey,
  height = 2,
): FormField => ({
  name,
  label,
  hint,
  lines: height,
  shown: (email) => (email[name] ?? []).join('\n'),
  read: lines,
});
const plain = (name: string, label: WordKey, more: Partial<FormField> = {}): FormField => ({
  name,
  label,
  shown: (email) => {
    const value = (email as Record<string, unknown>)[name];
    return typeof value === 'string' ? value : '';
  },
  read: textOrNothing,
  ...more,
});

const RECIPIENTS: FormField[] = [
  listed('to', 'about.to', 'correct.addressEach'),
  listed('cc', 'about.cc', 'correct.addressEach'),
  listed('bcc', 'about.bcc', 'correct.addressEach'),
  plain('from', 'about.from'),
  listed('replyTo', 'about.replyTo', 'correct.addressEach'),
];

const json = (typed: string): Value => {
  if (typed.trim() === '') return null;
  try {
    return JSON.parse(typed) as object;
  } catch (error) {
    throw problemAt('invalid', ['data'], `is not JSON: ${(error as Error).message}`);
  }
};

const FINISHED: FormField[] = [
  plain('subject', 'correct.subject'),
  plain('text', 'correct.text', { lines: 8 }),
  plain('html', 'correct.html', { lines: 8 }),
];

const TEMPLATED: FormField[] = [
  {
    name: 'template',
    label: 'about.template',
    shown: ({ template }) => template?.name ?? '',
    read: textOrNothing,
  },
  {
    name: 'data',
    label: 'correct.data',
    hint: 'correct.json',
    lines: 10,
    shown: ({ data }) => (data === undefined ? '' : JSON.stringify(data, undefined, 2)),
    read: json,
  },
];

const WHEN: FormField[] = [
  plain('sendAt', 'about.sendAt'),
  plain('expiresAt', 'about.expiresAt'),
  listed('tags', 'about.tags', 'correct.lineEach'),
];

const fieldsOf = (email: Details): FormField[] => [
  ...RECIPIENTS,
  ...(email.template === undefined ? FINISHED : TEMPLATED),
  ...WHEN,
];

const was = (name: string): string => `was:${name}`;

/** What was touched, as the API takes it. */
const correction = (visit: Visit, email: Details): Record<string, Value> => {
  const { form } = visit;
  const patch: Record<string, Value> = {};
  for (const { name, read } of fieldsOf(email)) {
    const typed = form.raw(name);
    if (typed !== undefined && typed.trimEnd() !== (form.raw(was(name)) ?? '').trimEnd()) patch[name] = read(typed);
  }
  const priority = form.get('priority');
  if (priority !== undefined && priority !== form.get(was('priority'))) patch['priority'] = priority;
  return patch;
};

const AFTER: Record<string, { id: string; notice: WordKey }> = {
  release: { id: 'releaseEmail', notice: 'do.released' },
  'send-now': { id: 'sendEmailNow', notice: 'do.sentNow' },
};

const save = async (visit: Visit): Promise<Redirect> => {
  const params = emailParams(visit);
  const { email } = await loadEmail(visit);
  const patch = correction(visit, email);
  const seen = visit.form.get('etag');
  if (Object.keys(patch).length > 0)
    await visit.ask('correctEmail', {
      params,
      body: patch,
      ...(seen !== undefined && seen !== '' && { ifMatch: seen }),
    });
  const after = AFTER[visit.form.get('do') ?? ''];
  if (after !== undefined) await visit.ask(after.id, { params });
  return { redirect: pathOf(email), notice: after?.notice ?? 'do.corrected' };
};

const Fields = ({
  visit,
  email,
  fields,
  title,
}: {
  visit: Visit;
  email: Details;
  fields: FormField[];
  title: WordKey;
}) => (
  <fieldset>
    <legend>{visit.say(title)}</legend>
    {fields.map(({ name, label, hint, lines: height, shown }) => (
      <>
        <input type="hidden" name={was(name)} value={visit.form.raw(was(name)) ?? shown(email)} />
        <TextField
          visit={visit}
          name={name}
          label={visit.say(label)}
          value={shown(email)}
          {...(hint !== undefined && { hint: visit.say(hint) })}
          {...(height !== undefined && { lines: height })}
        />
      </>
    ))}
  </fieldset>
);

const PRIORITIES = ['high', 'normal', 'low'] as const;

const Form = ({ visit, email, etag }: { visit: Visit; email: Details; etag: string }) => {
  const { say } = visit;
  const { priority } = email.settings;
  const isRefused = isAllowed(visit, email, 'release');
  return (
    <form method="post" action={`${pathOf(email)}/correct`} class="card form">
      <input type="hidden" name="etag" value={visit.form.get('etag') ?? etag} />
      <p class="hint">{say('correct.only')}</p>
      <Fields visit={visit} email={email} fields={RECIPIENTS} title="correct.recipients" />
      {email.template === undefined ? (
        <Fields visit={visit} email={email} fields={FINISHED} title="correct.content" />
      ) : (
        <Fields visit={visit} email={email} fields={TEMPLATED} title="correct.templated" />
      )}
      <Fields visit={visit} email={email} fields={WHEN} title="correct.when" />
      <input type="hidden" name={was('priority')} value={priority} />
      <ChoiceField
        visit={visit}
        name="priority"
        label={say('about.priority')}
        value={priority}
        choices={PRIORITIES.map((one) => [one, say(`priority.${one}`)] as const)}
      />
      <div class="actions">
        <button type="submit" name="do" value={isRefused ? 'release' : 'send-now'} class="primary">
          {say(isRefused ? 'correct.saveRelease' : 'correct.saveSend')}
        </button>
        <button type="submit" name="do" value="save">
          {say('correct.save')}
        </button>
        <a class="button" href={pathOf(email)}>
          {say('form.cancel')}
        </a>
      </div>
    </form>
  );
};

const correct: Page = {
  path: `${EMAIL_PAGE}/correct`,
  async get(visit) {
    const { email, etag } = await loadEmail(visit);
    const title = visit.say('correct.titleOf', { subject: subjectOf(visit, email) });
    const mayCorrect = isAllowed(visit, email, 'correct') && !isConfidential(email);
    return {
      title,
      body: (
        <>
          <p class="crumbs">
            <a href={pathOf(email)}>{subjectOf(visit, email)}</a>
          </p>
          <h1>{title}</h1>
          <FormRefusal visit={visit} />
          {mayCorrect ? (
            <Form visit={visit} email={email} etag={etag} />
          ) : (
            <p class="warning">{visit.say('correct.not')}</p>
          )}
        </>
      ),
    };
  },
  post: save,
};

export const CORRECT_PAGES: readonly Page[] = [correct];
