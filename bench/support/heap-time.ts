// Things that happen at a time, the earliest first.

interface Entry<T> {
  at: number;
  value: T;
}

/** A binary heap. */
export const heapTime = <T>() => {
  const heap: Entry<T>[] = [];
  const at = (index: number): number => heap[index]?.at ?? Infinity;
  const swap = (one: number, other: number): void => {
    const [a, b] = [heap[one], heap[other]];
    if (a === undefined || b === undefined) return;
    heap[one] = b;
    heap[other] = a;
  };

  const popMin = (): Entry<T> | undefined => {
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let index = 0; ;) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      const least = at(right) < at(left) ? right : left;
      if (at(least) >= at(index)) return first;
      swap(index, least);
      index = least;
    }
  };

  return {
    push(when: number, value: T): void {
      heap.push({ at: when, value });
      for (let index = heap.length - 1; index > 0;) {
        const parent = (index - 1) >> 1;
        if (at(parent) <= at(index)) return;
        swap(parent, index);
        index = parent;
      }
    },
    /** The next one that is not later than this. */
    popUntil: (when: number): Entry<T> | undefined => (at(0) <= when ? popMin() : undefined),
  };
};
