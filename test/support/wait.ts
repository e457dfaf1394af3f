// The one place of the tests that asks again and again: for what announces itself to nobody.

/** Retries an assertion until it holds; after the timeout its last error is thrown. */
export const eventually = async <T>(
  assertion: () => Promise<T> | T,
  { timeout = 10_000, every = 20 }: { timeout?: number; every?: number } = {},
): Promise<T> => {
  const until = Date.now() + timeout;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() >= until) throw error;
      await new Promise((resolve) => setTimeout(resolve, every));
    }
  }
};
