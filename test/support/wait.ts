// The one place of the tests that asks again and again: for what announces itself to nobody.
import { setTimeout as pause } from 'node:timers/promises';

/** Retries an assertion until it holds; after the timeout (ms), which leaves room for a machine that is busy, its last error is thrown. */
export const eventually = async <T>(
  assertion: () => Promise<T> | T,
  { timeout = 25_000, every = 20 }: { timeout?: number; every?: number } = {},
): Promise<T> => {
  const until = Date.now() + timeout;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() >= until) throw error;
      await pause(every);
    }
  }
};

export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

/** A promise that a test settles when it wants: to hold something at a point without sleeping. */
export const deferred = <T = void>(): Deferred<T> => {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
};
