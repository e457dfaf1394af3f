// How a transport is: well, down since when and in whose words, or with fewer connections.
import type { z } from 'zod';
import type { TransportState } from '../../answers/transports';
import type { Visit } from '../page/page';
import { Time } from './time';

/** Says nothing of one that is well. */
export const TransportStanding = ({ visit, state }: { visit: Visit; state: z.infer<typeof TransportState> }) => {
  const { say } = visit;
  const { breaker, down, lowered } = state;
  return (
    <>
      {down !== undefined && (
        <p class={breaker === 'open' ? 'bad-text' : 'state-deferred'}>
          <strong>
            {breaker === 'open' ? '▲' : '↻'} {say(breaker === 'open' ? 'standing.down' : 'standing.recovering')}{' '}
            <Time visit={visit} at={down.since} />
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
