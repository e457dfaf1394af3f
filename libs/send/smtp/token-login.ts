// The access token that a connection logs in with, and one more try with another one where the server refuses it.
import type { NoAccessToken, OpeningError, OpenTransport } from './unsealed-transport';

/** A server that takes no token says so with a reply for good (RFC 4954 6). */
const REFUSED_FROM = 500;

/** Without a token nothing is said to the server. @throws OpeningError */
export const tokenOf = async ({ tokens }: OpenTransport): Promise<string | undefined> => {
  try {
    return await tokens?.get();
  } catch (thrown) {
    const error = thrown as NoAccessToken;
    // Only an endpoint that said no tells of the transport; where Redis is away or a key is missing, the email waits too.
    const notBefore = error.kind === 'refused' ? {} : { notBefore: { ms: error.retryAfter ?? 0 } };
    throw Object.assign(error, { phase: 'auth' as const, words: error.message, ...notBefore });
  }
};

/**
 * Opens a connection; where the server refuses the token that it was opened with, once more with another one.
 * @param open fails with the token that it used
 */
export const withToken = async <T>({ tokens }: OpenTransport, open: () => Promise<T>): Promise<T> => {
  try {
    return await open();
  } catch (thrown) {
    const { phase, token, responseCode = 0 } = thrown as OpeningError;
    if (tokens === undefined || token === undefined || phase !== 'auth' || responseCode < REFUSED_FROM) throw thrown;
    if (!(await tokens.refused(token))) throw thrown;
    return open();
  }
};
