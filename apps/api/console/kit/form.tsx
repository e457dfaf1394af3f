// Parts of forms: a field with its label, hint and complaint; what was refused, and why.
import type { Child } from 'hono/jsx';
import type { Problem } from '../../../../libs/mail/input/problem';
import type { Visit } from '../page/page';
import { isWordKey } from '../words/all-words';

interface FieldProps {
  /** Name and id of the input within. */
  name: string;
  label: string;
  hint?: string | undefined;
  /** Said beside the label where it may be left out. */
  optional?: string | undefined;
  /** What is wrong with it. */
  fault?: string | undefined;
  children: Child;
}

/** The input within describes itself by `<name>-hint` and, where it is wrong, `<name>-fault`. */
export const Field = ({ name, label, hint, optional, fault, children }: FieldProps) => (
  <div class={fault === undefined ? 'field' : 'field faulty'}>
    <label for={name}>
      {label} {optional !== undefined && <span class="optional">{optional}</span>}
    </label>
    {children}
    {hint !== undefined && (
      <p class="hint" id={`${name}-hint`}>
        {hint}
      </p>
    )}
    {fault !== undefined && (
      <p class="fault" id={`${name}-fault`}>
        {fault}
      </p>
    )}
  </div>
);

/** What was refused, in words that say what to do. */
export const Refusal = ({ title, text, kept }: { title: string; text: string; kept?: string }) => (
  <div class="refusal" role="alert">
    <strong>{title}</strong>
    <p>{text}</p>
    {kept !== undefined && <p class="hint">{kept}</p>}
  </div>
);

/** The refusal of the form that was just sent, where there was one. */
export const FormRefusal = ({ visit: { problem, say } }: { visit: Visit }) => {
  if (problem === undefined) return null;
  const key = `refused.${problem.code}`;
  return <Refusal title={say(isWordKey(key) ? key : 'form.refused')} text={problem.message} kept={say('form.kept')} />;
};

/** What is wrong with a field. @param path JSON Pointer of its place in what the API was given; what lies below counts too */
export const faultAt = (problem: Problem | undefined, path: string): string | undefined =>
  problem?.errors.find((one) => one.path === path || one.path.startsWith(`${path}/`))?.message;

interface InputProps {
  visit: Visit;
  name: string;
  label: string;
  /** What stands there unless something else was typed. */
  value?: string | undefined;
  hint?: string | undefined;
  optional?: boolean;
  /** JSON Pointer by which the API complains of it; `/name` where it is left out. */
  at?: string;
  type?: string;
  /** How many lines; one where it is left out. */
  lines?: number;
  /** Further attributes of the input. */
  more?: Record<string, string | number | boolean>;
}

/** A field of text that keeps what was typed when the form is shown again. */
export const TextField = ({ visit, name, label, value, hint, optional, at, type, lines, more }: InputProps) => {
  const fault = faultAt(visit.problem, at ?? `/${name}`);
  const typed = visit.form.raw(name) ?? value ?? '';
  const described = [hint !== undefined && `${name}-hint`, fault !== undefined && `${name}-fault`].filter(Boolean);
  const common = {
    id: name,
    name,
    ...(described.length > 0 && { 'aria-describedby': described.join(' ') }),
    ...(fault !== undefined && { 'aria-invalid': 'true' }),
    ...more,
  };
  return (
    <Field
      name={name}
      label={label}
      hint={hint}
      fault={fault}
      optional={optional ? visit.say('form.optional') : undefined}
    >
      {lines === undefined ? (
        <input {...common} type={type ?? 'text'} value={type === 'password' ? '' : typed} />
      ) : (
        // A line break at the beginning is lost otherwise (HTML 4.10.11).
        <textarea {...common} rows={lines}>
          {`\n${typed}`}
        </textarea>
      )}
    </Field>
  );
};

interface ChoiceProps extends Omit<InputProps, 'type' | 'lines'> {
  /** Values and what is read. */
  choices: readonly (readonly [value: string, text: string])[];
}

/** One of several. */
export const ChoiceField = ({ visit, name, label, value, hint, optional, at, choices, more }: ChoiceProps) => {
  const fault = faultAt(visit.problem, at ?? `/${name}`);
  const chosen = visit.form.get(name) ?? value ?? '';
  return (
    <Field
      name={name}
      label={label}
      hint={hint}
      fault={fault}
      optional={optional ? visit.say('form.optional') : undefined}
    >
      <select id={name} name={name} {...(hint !== undefined && { 'aria-describedby': `${name}-hint` })} {...more}>
        {choices.map(([key, text]) => (
          <option value={key} selected={key === chosen}>
            {text}
          </option>
        ))}
      </select>
    </Field>
  );
};

/** A button that is a form of its own: what it does is sent as `do`. */
export const ActionButton = ({
  action,
  does,
  text,
  kind,
  fields = {},
}: {
  action: string;
  does: string;
  text: string;
  kind?: 'primary' | 'danger';
  fields?: Record<string, string>;
}) => (
  <form method="post" action={action} class="inline">
    {Object.entries(fields).map(([name, value]) => (
      <input type="hidden" name={name} value={value} />
    ))}
    <button type="submit" name="do" value={does} {...(kind !== undefined && { class: kind })}>
      {text}
    </button>
  </form>
);
