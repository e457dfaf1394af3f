// Two people at one email: what the other one saved beside what this one typed, which is kept.
import type { Form, Visit } from '../../../page/page';
import type { Details } from '../loaded-email';
import { ExactTime } from '../../../kit/time';
import { isTouched, readBase, zoneOf, type Base } from './typed-email';
import { ALL_FIELDS, type FormField, type Given } from './fields';

export interface Difference {
  field: FormField;
  /** As it is saved now. */
  saved: string;
  /** As it was typed; undefined where it was not touched. */
  typed: string | undefined;
}

/** The fields in which the email and the form are not the same any more. @param present what the email is now */
export const differences = (visit: Visit, given: Given, present: Base): Difference[] => {
  const base = readBase(visit.form);
  return ALL_FIELDS.flatMap((field): Difference[] => {
    const touched = isTouched(visit.form, base, field);
    if (!touched && base[field.name] === present[field.name]) return [];
    const saved = field.shown(given, zoneOf(visit));
    return [{ field, saved, typed: touched ? (visit.form.raw(field.name) ?? '') : undefined }];
  });
};

/** The form with what was touched alone: everything else is as the email is now. */
export const touchedOnly = (form: Form): Form => {
  const base = readBase(form);
  const untouched = new Set(ALL_FIELDS.filter((field) => !isTouched(form, base, field)).map(({ name }) => name));
  return {
    ...form,
    raw: (name) => (untouched.has(name) ? undefined : form.raw(name)),
    get: (name) => (untouched.has(name) ? undefined : form.get(name)),
  };
};

const LONGEST = 600;
const short = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

interface ConflictProps {
  visit: Visit;
  email: Details;
  found: Difference[];
}

export const Conflict = ({ visit, email, found }: ConflictProps) => {
  const { say } = visit;
  const last = email.changes.at(-1);
  return (
    <div class="refusal" role="alert">
      <strong>{say('clash.title')}</strong>
      {last !== undefined && (
        <p>
          {last.by}, <ExactTime visit={visit} at={last.at} />
        </p>
      )}
      <p>{say('clash.what')}</p>
      <div class="scroll">
        <table class="cards">
          <caption class="unseen">{say('clash.title')}</caption>
          <thead>
            <tr>
              <th scope="col">{say('timeline.field')}</th>
              <th scope="col">{say('clash.saved')}</th>
              <th scope="col">{say('clash.yours')}</th>
            </tr>
          </thead>
          <tbody>
            {found.map(({ field, saved, typed }) => (
              <tr>
                <th scope="row">{say(field.label)}</th>
                <td data-label={say('clash.saved')} class="typed">
                  {saved === '' ? say('timeline.none') : short(saved)}
                </td>
                <td data-label={say('clash.yours')} class="typed">
                  {typed === undefined ? (
                    <span class="hint">{say('clash.untouched')}</span>
                  ) : typed === '' ? (
                    say('timeline.none')
                  ) : (
                    short(typed)
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
};
