// What the API says to the form as it stands: what would change, or what is wrong with it. Nothing is saved by asking.
import type { z } from 'zod';
import type { Problem } from '../../../../../../libs/mail/input/problem';
import type { CorrectionPreview } from '../../../../answers/content';
import type { Visit } from '../../../page/page';
import { FieldTable } from '../field-table';
import { ALL_FIELDS } from './fields';

export type Checked = z.infer<typeof CorrectionPreview> | Problem | undefined;

const isProblem = (checked: NonNullable<Checked>): checked is Problem => checked instanceof Error;

/** The field of the form that a pointer is about. */
const fieldAt = (path: string) => {
  const known = ALL_FIELDS.filter(({ name, at = `/${name}` }) => path === at || path.startsWith(`${at}/`));
  return known.at(-1);
};

const Faults = ({ visit, problem }: { visit: Visit; problem: Problem }) => {
  const placed = problem.errors.flatMap(({ path, message }) => {
    const field = fieldAt(path);
    return field === undefined ? [] : [{ field, message }];
  });
  if (placed.length === 0) return <p>{problem.message}</p>;
  return (
    <ul class="plain">
      {placed.map(({ field, message }) => (
        <li>
          <a href={`#${field.name}`}>{visit.say(field.label)}</a> {message}
        </li>
      ))}
    </ul>
  );
};

export const CheckPanel = ({ visit, checked }: { visit: Visit; checked: Checked }) => {
  const { say } = visit;
  const fields = checked === undefined || isProblem(checked) ? {} : checked.fields;
  const n = Object.keys(fields).length;
  return (
    <section id="check" class="check" aria-label={say('check.title')} aria-live="polite">
      {checked !== undefined && isProblem(checked) ? (
        <div class="warning">
          <strong>{say('check.bad')}</strong>
          <Faults visit={visit} problem={checked} />
        </div>
      ) : n === 0 ? (
        <p class="hint">{say('check.none')}</p>
      ) : (
        <>
          <p class="good-text">✓ {say('check.good', { n })}</p>
          <FieldTable visit={visit} fields={fields} />
        </>
      )}
    </section>
  );
};
