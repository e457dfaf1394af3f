// What came of trying a transport: in a plain sentence, in the server's words, and line by line.
import type { z } from 'zod';
import type { VerifyResult } from '../../../answers/transports';
import { count } from '../../kit/parts';
import type { Visit } from '../../page/page';
import { meaningOf } from './failure-meaning';

/** Who said it, for everybody: by an arrow, a colour and a word. */
const Line = ({ visit, line }: { visit: Visit; line: string }) => {
  const [, side, text] = /^([CS]): (.*)$/s.exec(line) ?? [];
  if (side === undefined) return <li class="hint">{line}</li>;
  const ours = side === 'C';
  return (
    <li class={ours ? 'ours' : 'theirs'}>
      <span class="unseen">{visit.say(ours ? 'test.we' : 'test.server')}</span>
      <span aria-hidden="true">{ours ? '→' : '←'}</span> <code>{text}</code>
    </li>
  );
};

export const TestResult = ({ visit, result }: { visit: Visit; result: z.infer<typeof VerifyResult> }) => {
  const { say } = visit;
  const meaning = meaningOf(result);
  const { ok, ms, reply, phase, dialogue = [] } = result;
  return (
    <section class={ok ? 'card well' : 'card ill'} aria-labelledby="test-title">
      <div role="status">
        <h2 id="test-title">
          {ok ? '● ' : '▲ '}
          {say(ok ? 'test.ok' : 'test.failed')}
        </h2>
      </div>
      {meaning === undefined ? <p>{say('test.okText')}</p> : <p class="lead">{say(meaning)}</p>}
      <dl class="pairs">
        <dt>{say('test.words')}</dt>
        <dd>
          <q class="said">{reply}</q>
        </dd>
        {phase !== undefined && (
          <>
            <dt>{say('test.step')}</dt>
            <dd>{say(`phase.${phase}`)}</dd>
          </>
        )}
        <dt>{say('test.took')}</dt>
        <dd>{count(visit, Math.round(ms))} ms</dd>
      </dl>
      {dialogue.length > 0 && (
        <details open={!ok}>
          <summary>{say('test.dialogue')}</summary>
          <ol class="dialogue">
            {dialogue.map((line) => (
              <Line visit={visit} line={line} />
            ))}
          </ol>
        </details>
      )}
    </section>
  );
};
