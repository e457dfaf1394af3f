// How a queue stands, in a line: whether it sends, who stopped it and why, whether its transport is up, what is due since when.
import type { z } from 'zod';
import type { QueueDetails } from '../../../answers/tenants-and-queues';
import { count } from '../../kit/parts';
import { exact, Time } from '../../kit/time';
import type { Visit } from '../../page/page';

export type Queue = z.infer<typeof QueueDetails>;

const Paused = ({ visit, queue }: { visit: Visit; queue: Queue }) => {
  const { pause } = queue;
  const { say } = visit;
  return (
    <span class="state state-held">
      <span aria-hidden="true">‖</span>{' '}
      {pause === undefined ? say('queue.paused') : say('queue.pausedBy', { by: pause.by })}
    </span>
  );
};

/** @param short for a row of a table */
export const Standing = ({ visit, queue }: { visit: Visit; queue: Queue }) => {
  const { say } = visit;
  const { paused, breaker, pause } = queue;
  if (!paused && breaker === 'closed')
    return (
      <span class="state state-sent">
        <span aria-hidden="true">●</span> {say('queue.running')}
      </span>
    );
  return (
    <>
      {paused && <Paused visit={visit} queue={queue} />}
      {pause?.reason !== undefined && <span class="hint"> {say('queue.reason', { reason: pause.reason })}</span>}{' '}
      {breaker !== 'closed' && (
        <span class={`state ${breaker === 'open' ? 'state-failed' : 'state-deferred'}`}>
          <span aria-hidden="true">▲</span> {say(`queue.breaker.${breaker}`)}
        </span>
      )}
    </>
  );
};

/** What waits for its archive, and why. */
const Archiving = ({ visit, queue }: { visit: Visit; queue: Queue }) => {
  const { waiting = 0, failingSince, error = '' } = queue.archiving ?? {};
  if (waiting === 0) return null;
  const n = count(visit, waiting);
  if (failingSince === undefined) return <p>{visit.say('queue.archiveWaiting', { n })}</p>;
  return <p>{visit.say('queue.archiveFails', { n, error, when: exact(visit, Date.parse(failingSince)) })}</p>;
};

export const QueueStanding = ({ visit, queue }: { visit: Visit; queue: Queue }) => {
  const { say } = visit;
  const transport = queue.transport ?? 'default';
  const isWarning = queue.paused || queue.breaker === 'open' || queue.archiving?.failingSince !== undefined;
  return (
    <div class={isWarning ? 'warning' : 'standing'}>
      <p>
        <Standing visit={visit} queue={queue} />
        {queue.pause !== undefined && (
          <>
            {' '}
            · <Time visit={visit} at={queue.pause.at} />
          </>
        )}
        {queue.oldestDueAt !== undefined && (
          <>
            {' '}
            · {say('queues.oldest')}: <Time visit={visit} at={queue.oldestDueAt} />
          </>
        )}
      </p>
      {queue.breaker === 'open' && (
        <p>
          {say('queue.breakerText')}{' '}
          <a href={`/tenants/${encodeURIComponent(queue.tenant)}/transports/${encodeURIComponent(transport)}`}>
            {say('queue.toTransport', { name: transport })}
          </a>
        </p>
      )}
      <Archiving visit={visit} queue={queue} />
    </div>
  );
};
