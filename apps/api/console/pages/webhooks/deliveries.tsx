// What a webhook was told, and what waits for it.
import type { z } from 'zod';
import type { WebhookDelivery, WebhookDeliveryPage } from '../../../answers/webhooks';
import { Empty, Pager } from '../../kit/parts';
import { Time } from '../../kit/time';
import type { Visit } from '../../page/page';

type Delivery = z.infer<typeof WebhookDelivery>;

const STATUS = {
  waiting: ['◌', 'deliveries.waiting'],
  delivered: ['●', 'deliveries.deliveredStatus'],
  failed: ['▲', 'deliveries.failedStatus'],
} as const;

const Row = ({ visit, one, mayChange }: { visit: Visit; one: Delivery; mayChange: boolean }) => {
  const { say } = visit;
  const { id, type, email, at, status, attempts, nextAt, answer } = one;
  const [shape, word] = STATUS[status];
  return (
    <tr>
      <td data-label={say('deliveries.event')}>
        <code>{type}</code>
        {email !== undefined && (
          <>
            <br />
            <a href={`/search?q=${encodeURIComponent(email)}`}>{email}</a>
          </>
        )}
      </td>
      <td data-label={say('deliveries.at')}>
        <Time visit={visit} at={at} />
      </td>
      <td data-label={say('deliveries.status')}>
        <span aria-hidden="true">{shape}</span> {say(word)}
        <br />
        <span class="hint">
          {attempts > 0 && say('deliveries.attempts', { n: attempts })}{' '}
          {nextAt !== undefined && <Time visit={visit} at={nextAt} />}
        </span>
      </td>
      <td data-label={say('deliveries.answer')}>
        {answer === undefined ? '–' : [answer.status, answer.text].filter((part) => part !== undefined).join(' ')}
      </td>
      {mayChange && (
        <td>
          <form method="post" class="inline">
            <input type="hidden" name="delivery" value={id} />
            <button type="submit" name="do" value="again" class="small">
              {say('deliveries.again')} <span class="unseen">{id}</span>
            </button>
          </form>
        </td>
      )}
    </tr>
  );
};

export const Deliveries = ({
  visit,
  page,
  mayChange,
}: {
  visit: Visit;
  page: z.infer<typeof WebhookDeliveryPage>;
  mayChange: boolean;
}) => {
  const { say } = visit;
  const heads = ['deliveries.event', 'deliveries.at', 'deliveries.status', 'deliveries.answer'] as const;
  return (
    <section class="card">
      <h2>{say('deliveries.title')}</h2>
      {page.deliveries.length === 0 ? (
        <Empty>{say('deliveries.none')}</Empty>
      ) : (
        <div class="scroll">
          <table class="cards" aria-label={say('deliveries.title')}>
            <thead>
              <tr>
                {heads.map((head) => (
                  <th scope="col">{say(head)}</th>
                ))}
                {mayChange && <th scope="col">{say('deliveries.what')}</th>}
              </tr>
            </thead>
            <tbody>
              {page.deliveries.map((one) => (
                <Row visit={visit} one={one} mayChange={mayChange} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Pager visit={visit} next={page.nextCursor} />
    </section>
  );
};
