// Calls of the launcher to the API that it has started.

export type Json = Record<string, unknown>;
export interface Answered {
  status: number;
  body: Json;
}
export type Call = (method: string, path: string, body?: unknown, key?: string) => Promise<Answered>;

/** @param api where it listens, without a slash at the end @param operatorKey used where no other key is given */
export const caller =
  ({ api, operatorKey }: { api: string; operatorKey: string }): Call =>
  async (method, path, body, key = operatorKey) => {
    const response = await fetch(`${api}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    const answer = { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as Json) : {} };
    if (response.ok || response.status === 404 || response.status === 401) return answer;
    throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`);
  };
