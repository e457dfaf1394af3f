// A link that signs in at the console of a service on this machine, once.

/** @returns the link; undefined where the service gives none: then people sign in with a key */
export const signInLink = async (api: string, key: string): Promise<string | undefined> => {
  const response = await fetch(`${api}/session/once`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) return undefined;
  const { path } = (await response.json()) as { path: string };
  return `${api}${path}`;
};
