// The form that says what is done to many emails: which action, and what they have in common is mended how.
import type { Child } from 'hono/jsx';
import { ChoiceField, Field, TextField } from '../../kit/form';
import type { Visit } from '../../page/page';
import type { DomainGuess } from '../../../../../libs/mail/address/guess-domains';
import { CHOICES, orderFields, wordOf, type Choice, type Order } from './order';

/** Domains that one form offers to replace. */
const MOST_DOMAINS = 8;

interface Props {
  visit: Visit;
  order: Order;
  /** Actions that make sense; all where nothing is known of the emails. */
  choices?: readonly Choice[];
  domains: DomainGuess[];
  /** Names of transports, where they are known. */
  transports: string[];
  /** Which of the fields stand first; the others are folded. */
  first: 'domains' | 'transport' | 'from' | 'none';
  /** Of what the domains are. */
  hint?: string | undefined;
  children?: Child;
}

const DomainFields = ({ visit, order, domains, hint }: Props) => {
  const { say } = visit;
  const chosen = new Map(order.domains);
  const shown = domains.slice(0, MOST_DOMAINS);
  const others = order.domains.filter(([old]) => !shown.some(({ domain }) => domain === old));
  return (
    <fieldset>
      <legend>{say('mend.domains')}</legend>
      {hint !== undefined && <p class="hint">{hint}</p>}
      {shown.map(({ domain, count, meant }, index) => (
        <div class="field">
          <input type="hidden" name="old" value={domain} />
          <label for={`new-${index}`}>{say('mend.domain', { domain, n: count })}</label>
          <input
            id={`new-${index}`}
            name="new"
            value={chosen.get(domain) ?? meant ?? ''}
            autocapitalize="none"
            spellcheck={false}
          />
        </div>
      ))}
      {(others.length > 0 ? others : [['', ''] as const]).map(([old, next], index) => (
        <div class="two">
          <Field name={`other-old-${index}`} label={say('mend.otherOld')} optional={say('form.optional')}>
            <input id={`other-old-${index}`} name="old" value={old} autocapitalize="none" spellcheck={false} />
          </Field>
          <Field name={`other-new-${index}`} label={say('mend.otherNew')}>
            <input id={`other-new-${index}`} name="new" value={next} autocapitalize="none" spellcheck={false} />
          </Field>
        </div>
      ))}
    </fieldset>
  );
};

const TransportFieldOf = ({ visit, order, transports }: Props) => (
  <ChoiceField
    visit={visit}
    name="transport"
    label={visit.say('mend.transport')}
    value={order.transport}
    at="/patch/transport"
    choices={[
      ['', visit.say('mend.asBefore')],
      ...[...new Set([...transports, ...(order.transport === '' ? [] : [order.transport])])].map(
        (name) => [name, name] as const,
      ),
    ]}
  />
);

const FromField = ({ visit, order }: Props) => (
  <TextField
    visit={visit}
    name="from"
    label={visit.say('mend.from')}
    value={order.from}
    hint={visit.say('mend.fromHint')}
    at="/patch/from"
  />
);

export const MendForm = (props: Props) => {
  const { visit, order, first, choices = CHOICES, children } = props;
  const { say } = visit;
  const { at = '', q = '', asOf = '', id = '' } = orderFields(order);
  const rest = [
    ...(first === 'domains' ? [] : [<DomainFields {...props} />]),
    ...(first === 'transport' ? [] : [<TransportFieldOf {...props} />]),
    ...(first === 'from' ? [] : [<FromField {...props} />]),
  ];
  return (
    <form method="post" action="/bulk" class="form">
      {children ?? <input type="hidden" name="at" value={at} />}
      {Object.entries({ q, asOf, id }).map(
        ([name, value]) => value !== '' && <input type="hidden" name={name} value={value} />,
      )}
      {first === 'domains' && <DomainFields {...props} />}
      {first === 'transport' && <TransportFieldOf {...props} />}
      {first === 'from' && <FromField {...props} />}
      <ChoiceField
        visit={visit}
        name="action"
        label={say('bulk.do')}
        value={order.choice}
        choices={choices.map((choice) => [choice, say(wordOf(choice))] as const)}
      />
      <details>
        <summary>{say('mend.more')}</summary>
        <div class="form folded">
          {rest}
          <TextField
            visit={visit}
            name="expiresAfter"
            label={say('mend.expires')}
            value={order.expiresAfter}
            hint={say('mend.expiresHint')}
            at="/patch/expiresAfter"
          />
        </div>
      </details>
      <div class="actions">
        <button type="submit" name="do" value="try" class="primary">
          {say('mend.submit')}
        </button>
      </div>
    </form>
  );
};
