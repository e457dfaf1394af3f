// Tries a transport: connect, greet, encrypt, log in; tells in the server's own words.
import { readReply } from '../../mail/smtp/reply';
import { refusesName } from '../../mail/smtp/session';
import type { Connections, OpeningError, OpenTransport } from './connections';
import { nameHint } from './fault-words';
import type { Phase } from '../../mail/smtp/phase';
import { createTranscript } from '../../mail/smtp/transcript';

/** What came of it: the server's words, and ours where it said none or may be helped. */
const wordsOf = ({ phase, response, words, hint }: OpeningError, name: string): string => {
  if (!response) return words;
  const advice = hint ?? (refusesName(phase, readReply(response)) ? nameHint(name) : undefined);
  return advice === undefined ? response : `${response} (${advice})`;
};

interface Verified {
  ok: boolean;
  /** How long it took. */
  ms: number;
  /** The server's last words, or what was wrong. */
  reply: string;
  /** The step that failed. */
  phase?: Phase;
  /** What was said, line by line: `C: EHLO ...`, `S: 250 ...`; credentials are struck out (`Dialogue.hear`). */
  dialogue: string[];
}

/**
 * @param signal gives it up
 * @returns what came of it; its connection is closed then
 */
export const verifyTransport = async (
  connections: Connections,
  transport: OpenTransport,
  { now, signal }: { now: () => number; signal: AbortSignal },
): Promise<Verified> => {
  const begun = now();
  const transcript = createTranscript();
  try {
    const connection = await connections.take(transport, { fresh: true, signal, hear: transcript.hear });
    const reply = connection.smtp.lastServerResponse || '';
    const ms = now() - begun;
    const dialogue = transcript.lines();
    await connections.leave(connection, 'quit');
    return { ok: true, ms, reply, dialogue };
  } catch (error) {
    const failed = error as OpeningError;
    return {
      ok: false,
      ms: Math.round(now() - begun),
      reply: wordsOf(failed, connections.nameFor(transport)),
      phase: failed.phase,
      dialogue: transcript.lines(),
    };
  }
};
