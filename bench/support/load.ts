// Puts load on an HTTP server over a fixed number of connections, each asking again as soon as it is answered.
import { Client } from 'undici';

/** A request; made anew for each, so that bodies may differ. */
export interface Ask {
  method: 'GET' | 'POST';
  path: string;
  key?: string;
  body?: string;
}

export interface Load {
  /** Answers per second. */
  rate: number;
  /** ms of each answer, from the request to the end of its body. */
  latencies: number[];
}

const askOnce = async (client: Client, { method, path, key, body }: Ask): Promise<void> => {
  const { statusCode, body: answer } = await client.request({
    method,
    path,
    headers: {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body }),
  });
  const text = await answer.text();
  if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${text}`);
};

/**
 * Asks until `enough` says so. @throws at the first answer that is no success
 * @param enough told how many requests were begun and for how many ms
 */
export const load = async (
  port: number,
  connections: number,
  ask: (n: number) => Ask,
  enough: (begun: number, ms: number) => boolean,
): Promise<Load> => {
  const clients = Array.from({ length: connections }, () => new Client(`http://127.0.0.1:${port}`));
  const latencies: number[] = [];
  const start = performance.now();
  let begun = 0;
  const askOn = async (client: Client): Promise<void> => {
    while (!enough(begun, performance.now() - start)) {
      const asked = performance.now();
      await askOnce(client, ask(begun++));
      latencies.push(performance.now() - asked);
    }
  };
  try {
    await Promise.all(clients.map(askOn));
    return { rate: (latencies.length * 1_000) / (performance.now() - start), latencies };
  } finally {
    await Promise.all(clients.map((client) => client.destroy()));
  }
};

/** Loads for so many seconds. */
export const forSeconds =
  (seconds: number) =>
  (_begun: number, ms: number): boolean =>
    ms >= seconds * 1_000;

/** Loads until so many were asked. */
export const times =
  (count: number) =>
  (begun: number): boolean =>
    begun >= count;
