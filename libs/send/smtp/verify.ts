// Tries a transport: connect, greet, encrypt, log in; tells in the server's own words.
import { readReply } from '../../mail/smtp/reply';
import { refusesName } from '../../mail/smtp/session';
import type { Connections, OpeningError, OpenTransport } from './connections';
import { nameHint } from './fault-words';

/** What came of it: the server's words, and ours where it said none or may be helped. */
const wordsOf = ({ phase, response, words, hint }: OpeningError, name: string): string => {
  if (!response) return words;
  const advice = hint ?? (refusesName(phase, readReply(response)) ? nameHint(name) : undefined);
  return advice === undefined ? response : `${response} (${advice})`;
};

/**
 * @param signal gives it up
 * @returns `ms`: how long it took; `reply`: the server's last words, or what was wrong. Its connection is closed then
 */
export const verifyTransport = async (
  connections: Connections,
  transport: OpenTransport,
  { now, signal }: { now: () => number; signal: AbortSignal },
): Promise<{ ok: boolean; ms: number; reply: string }> => {
  const begun = now();
  try {
    const connection = await connections.take(transport, { fresh: true, signal });
    const reply = connection.smtp.lastServerResponse || '';
    const ms = now() - begun;
    await connections.leave(connection, 'quit');
    return { ok: true, ms, reply };
  } catch (error) {
    return {
      ok: false,
      ms: Math.round(now() - begun),
      reply: wordsOf(error as OpeningError, connections.nameFor(transport)),
    };
  }
};
