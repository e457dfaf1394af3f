// What was changed in an email, or would be: each field before and after.
import { formatAddress, type Address } from '../../../../../libs/mail/address/address';
import type { Visit } from '../../page/page';

const isAddress = (value: unknown): value is Address =>
  typeof value === 'object' && value !== null && typeof (value as Partial<Address>).address === 'string';

/** A value of a field as people read it; null stands for none. */
export const inWords = (visit: Pick<Visit, 'say'>, value: unknown): string => {
  if (value === null || value === undefined) return visit.say('timeline.none');
  if (isAddress(value)) return formatAddress(value);
  if (Array.isArray(value) && value.every((one) => typeof one === 'string' || isAddress(one)))
    return value.map((one: unknown) => inWords(visit, one)).join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
};

export const FieldTable = ({
  visit,
  fields,
}: {
  visit: Visit;
  fields: Record<string, { before?: unknown; after?: unknown }>;
}) => {
  const { say } = visit;
  return (
    <div class="scroll">
      <table class="cards diff">
        <caption class="unseen">{say('timeline.changed')}</caption>
        <thead>
          <tr>
            <th scope="col">{say('timeline.field')}</th>
            <th scope="col">{say('timeline.before')}</th>
            <th scope="col">{say('timeline.after')}</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(fields).map(([name, { before, after }]) => (
            <tr>
              <th scope="row">{name}</th>
              <td data-label={say('timeline.before')}>
                <del>{inWords(visit, before)}</del>
              </td>
              <td data-label={say('timeline.after')}>
                <ins>{inWords(visit, after)}</ins>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};
