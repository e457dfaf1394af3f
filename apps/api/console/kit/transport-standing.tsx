// How a transport is: well, down since when and in whose words, or with fewer connections.
import type { z } from 'zod';
import type { TransportState } from '../../answers/transports';
import type { Visit } from '../page/page';
import { exact, span, Time } from './time';

/** For how long it has been so. @param at ISO 8601 */
const sinceThen = (visit: Visit, at: string): string => span(visit, Math.max(0, visit.now - Date.parse(at)));

/** Says nothing of one that is well. */
export const TransportStanding = ({ visit, state }: { visit: Visit; state: z.infer<typeof TransportState> }) => {
  const { say } = visit;
  const { breaker, down, lowered } = state;
  return (
    <>
      {down !== undefined && (
        <p class={breaker === 'open' ? 'bad-text' : 'state-deferred'}>
          <strong>
            {breaker === 'open' ? '▲' : '↻'}{' '}
            <time datetime={down.since} title={exact(visit, Date.parse(down.since))}>
              {say(breaker === 'open' ? 'standing.down' : 'standing.recovering', {
                time: sinceThen(visit, down.since),
              })}
            </time>
          </strong>
          {down.words !== undefined && <q class="said">{down.words}</q>}
        </p>
      )}
      {lowered !== undefined && (
        <p class="state-deferred">
          <strong>
            ↓ {say('standing.lowered')} <Time visit={visit} at={lowered.since} />
          </strong>
          {lowered.words !== undefined && <q class="said">{lowered.words}</q>}
        </p>
      )}
    </>
  );
};
