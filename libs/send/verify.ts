// Tries a transport: connect, greet, encrypt, log in; tells in the server's own words.
import type { Connections, OpenTransport } from './connections';

export const verifyTransport = async (
  connections: Connections,
  transport: OpenTransport,
  now: () => number,
): Promise<{ ok: boolean; ms: number; reply: string }> => {
  const begun = now();
  try {
    const { smtp } = await connections.take(transport, { fresh: true });
    const reply = smtp.lastServerResponse || '';
    smtp.quit();
    return { ok: true, ms: now() - begun, reply };
  } catch (error) {
    const { message, response } = error as Error & { response?: string };
    return { ok: false, ms: now() - begun, reply: response || message };
  }
};
