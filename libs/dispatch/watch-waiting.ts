// Tells an email that is being worked on from one that waits for somebody else.

/** What is there within this time is not worth a change of hands. ms */
const SLOW_MS = 500;

/**
 * @param slow called once, when it has taken so long
 * @returns to be called when it is over
 */
export const watchWaiting = (slow: () => void): (() => void) => {
  let over = false;
  // Where this process was busy itself, what is waited for may be there, unread: it is read first.
  const timer = setTimeout(() => setImmediate(() => over || slow()), SLOW_MS);
  return () => {
    over = true;
    clearTimeout(timer);
  };
};
