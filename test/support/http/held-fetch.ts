// fetch for tests: whatever the API answers is held against what it declares and publishes.
import { requireDeclared } from './declared-answer';

/** Bodies that have no end are read by who asked (event-reader.ts), others are looked at in a copy. */
const bodyOf = async (response: Response): Promise<unknown> => {
  const type = response.headers.get('content-type') ?? '';
  return /json/.test(type) ? await response.clone().json() : undefined;
};

/** As fetch does. @throws Error that says what of the answer is not declared */
export const heldFetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
  const response = await fetch(url, init);
  const { pathname, search } = new URL(url);
  const { status, headers } = response;
  requireDeclared(init.method ?? 'GET', `${pathname}${search}`, { status, headers, body: await bodyOf(response) });
  return response;
};
