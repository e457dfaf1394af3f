// The form that corrects an email: its fields in groups, its attachments, and what it would be like.
import type { Child } from 'hono/jsx';
import { PRIORITIES } from '../../../../../../libs/mail/settings/settings';
import { ChoiceField, TextField } from '../../../kit/form';
import { exact } from '../../../kit/time';
import type { Visit } from '../../../page/page';
import type { WordKey } from '../../../words/all-words';
import { isAllowed, isConfidential, pathOf, type Details } from '../loaded-email';
import { CheckPanel, type Checked } from './check-panel';
import { attachmentKey, baseField, type Base } from './typed-email';
import { FINISHED, NOTES, RECIPIENTS, REPLY_TO, TEMPLATED, WHEN, type FormField, type Given } from './fields';

export interface FormState {
  /** With what stands in the form, where something was typed. */
  visit: Visit;
  email: Details;
  given: Given;
  etag: string;
  base: Base;
  /** Time zone in which the form shows times. */
  zone: string;
  /** Names of the tenant's transports. */
  transports: string[];
}

/** What holds where the field is empty. */
const inheritedOf = ({ visit, email }: FormState, name: string): string | undefined => {
  switch (name) {
    case 'sendAt':
    case 'expiresAt':
      return exact(visit, Date.parse(email[name]));
    case 'from':
      return email.settings.from;
    case 'replyTo':
      return email.settings.replyTo?.join(', ');
    default:
      return undefined;
  }
};

const choicesOf = ({ visit, email, given, transports }: FormState, name: string) => {
  const { settings } = email;
  const values = name === 'priority' ? [...PRIORITIES] : transports;
  const present = typeof given[name] === 'string' ? given[name] : undefined;
  const all = present === undefined || values.some((one) => one === present) ? values : [...values, present];
  const word = (value: string): string => {
    const priority = PRIORITIES.find((one) => one === value);
    return name === 'priority' && priority !== undefined ? visit.say(`priority.${priority}`) : value;
  };
  const inherited = name === 'priority' ? settings.priority : settings.transport;
  const nothing =
    present === undefined ? visit.say('form.inherited', { value: word(inherited) }) : visit.say('correct.inherited');
  return [['', nothing] as const, ...all.map((value) => [value, word(value)] as const)];
};

const OneField = ({ state, field }: { state: FormState; field: FormField }) => {
  const { visit, given, zone } = state;
  const { name, label, hint, lines, type, at, shown } = field;
  const common = { visit, name, label: visit.say(label), value: shown(given, zone), ...(at !== undefined && { at }) };
  if (type === 'select') return <ChoiceField {...common} choices={choicesOf(state, name)} />;
  const inherited = common.value === '' ? inheritedOf(state, name) : undefined;
  const hints = [
    hint !== undefined && visit.say(hint),
    type === 'datetime-local' && visit.say('correct.zone', { zone }),
    inherited !== undefined && inherited !== '' && visit.say('correct.inherits', { value: inherited }),
  ].filter((one) => one !== false);
  return (
    <TextField
      {...common}
      {...(hints.length > 0 && { hint: hints.join(' · ') })}
      {...(lines !== undefined && { lines })}
      {...(type !== undefined && { type })}
      {...(type === 'datetime-local' && { more: { step: 1 } })}
    />
  );
};

const Group = ({ state, title, fields }: { state: FormState; title: WordKey; fields: readonly FormField[] }) => (
  <fieldset>
    <legend>{state.visit.say(title)}</legend>
    {fields.map((field) => (
      <OneField state={state} field={field} />
    ))}
  </fieldset>
);

/** A group that few need; open where something stands in it. */
const Folded = ({ state, title, fields }: { state: FormState; title: WordKey; fields: readonly FormField[] }) => (
  <details open={fields.some(({ name }) => (state.visit.form.raw(name) ?? '') !== '')}>
    <summary>{state.visit.say(title)}</summary>
    <div class="form">
      {fields.map((field) => (
        <OneField state={state} field={field} />
      ))}
    </div>
  </details>
);

const ContentGroups = ({ state }: { state: FormState }) => {
  const { visit, email, given } = state;
  if (isConfidential(email)) return <p class="hint">{visit.say('preview.confidential')}</p>;
  if (given['raw'] !== undefined) return <p class="hint">{visit.say('correct.raw')}</p>;
  return given['template'] === undefined ? (
    <>
      <Group state={state} title="correct.content" fields={FINISHED} />
      <Folded state={state} title="correct.useTemplate" fields={TEMPLATED} />
    </>
  ) : (
    <>
      <Group state={state} title="correct.templated" fields={TEMPLATED} />
      <Folded state={state} title="correct.finished" fields={FINISHED} />
    </>
  );
};

const Attachments = ({ visit, given }: FormState) => {
  const all = Array.isArray(given['attachments']) ? (given['attachments'] as { filename?: string }[]) : [];
  if (all.length === 0) return null;
  const gone = visit.form.all('remove');
  return (
    <fieldset>
      <legend>{visit.say('correct.attachments')}</legend>
      {all.map((attachment) => (
        <label>
          <input
            type="checkbox"
            name="remove"
            value={attachmentKey(attachment)}
            checked={gone.includes(attachmentKey(attachment))}
          />
          {visit.say('correct.remove')}: {attachment.filename}
        </label>
      ))}
    </fieldset>
  );
};

const Buttons = ({ visit, email }: FormState) => {
  const { say } = visit;
  const after = isAllowed(visit, email, 'release') ? 'release' : isAllowed(visit, email, 'send-now') ? 'send-now' : '';
  return (
    <div class="actions">
      {after !== '' && (
        <button type="submit" name="do" value={after} class="primary">
          {say(after === 'release' ? 'correct.saveRelease' : 'correct.saveSend')}
        </button>
      )}
      <button type="submit" name="do" value="save">
        {say('correct.save')}
      </button>
      <button type="submit" name="do" value="check">
        {say('correct.check')}
      </button>
      <a class="button" href={pathOf(email)}>
        {say('form.cancel')}
      </a>
    </div>
  );
};

/** The mail as the form makes it; each key in the form shows it anew where there is JavaScript (assets/console.js). */
const LivePreview = ({ visit, email }: FormState): Child =>
  isConfidential(email) ? null : (
    <section class="preview" aria-labelledby="draft-title">
      <h2 id="draft-title">{visit.say('correct.preview')}</h2>
      <p class="hint">{visit.say('correct.previewHint')}</p>
      <button type="submit" name="do" value="frame" formtarget="preview" class="small" data-preview>
        {visit.say('correct.showPreview')}
      </button>
      <iframe
        name="preview"
        class="mail"
        sandbox=""
        referrerpolicy="no-referrer"
        title={visit.say('preview.frame')}
        src={`${pathOf(email)}/frame?as=now`}
      />
    </section>
  );

export const CorrectForm = ({ state, checked }: { state: FormState; checked: Checked }) => {
  const { visit, email, given, etag, base, zone } = state;
  const action = `${pathOf(email)}/correct`;
  const isRaw = given['raw'] !== undefined;
  return (
    <form
      method="post"
      action={action}
      class="correct"
      novalidate
      hx-post={action}
      hx-trigger="input delay:400ms"
      hx-vals='{"do":"check"}'
      hx-select="#check"
      hx-target="#check"
      hx-swap="outerHTML"
      hx-sync="this:replace"
    >
      <div class="card form">
        <input type="hidden" name="etag" value={etag} />
        <input type="hidden" name="zone" value={zone} />
        <input type="hidden" {...baseField(base)} />
        <p class="hint">{visit.say('correct.only')}</p>
        <Group state={state} title="correct.recipients" fields={isRaw ? RECIPIENTS : [...RECIPIENTS, REPLY_TO]} />
        <ContentGroups state={state} />
        <Attachments {...state} />
        <Group state={state} title="correct.when" fields={WHEN} />
        <Group state={state} title="correct.about" fields={NOTES} />
        <CheckPanel visit={visit} checked={checked} />
        <Buttons {...state} />
      </div>
      <LivePreview {...state} />
    </form>
  );
};
