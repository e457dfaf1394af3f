// Threads for what Node does in one: files, and names of servers that only the system's resolver knows.

/** Node's own number is 4: four syncs of a slow disk, or four names that nobody answers for, would hold up everything else. */
const THREADS = '32';

/**
 * To be called before the first use of a file.
 * @param environment of the process; where the operator has set `UV_THREADPOOL_SIZE`, that stands
 */
export const widenThreadPool = (environment: NodeJS.ProcessEnv): void => {
  environment['UV_THREADPOOL_SIZE'] ??= THREADS;
};
