// Messages that are in memory at once are bounded by their bytes: checked and stored each takes several times its size.

export type BytesInWork = <T>(size: number, work: () => Promise<T>) => Promise<T>;

/**
 * Work waits its turn, in the order in which it came; a large one is not passed by small ones for ever.
 * @param most bytes at once; what is larger is in work alone
 */
export const createBytesInWork = (most: number): BytesInWork => {
  const waiting: { need: number; begin: () => void }[] = [];
  let free = most;

  const beginNext = (): void => {
    for (let [next] = waiting; next !== undefined && next.need <= free; [next] = waiting) {
      waiting.shift();
      free -= next.need;
      next.begin();
    }
  };

  return async (size, work) => {
    const need = Math.min(size, most);
    await new Promise<void>((begin) => {
      waiting.push({ need, begin });
      beginNext();
    });
    try {
      return await work();
    } finally {
      free += need;
      beginNext();
    }
  };
};
