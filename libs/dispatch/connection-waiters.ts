// Queues that wait for a connection of their transport: who asked first is called first when one is free.

export interface ConnectionWaiters {
  /** All connections of the transport are in use. */
  join(transport: string, queue: string): void;
  /** One of them is free again. */
  next(transport: string): void;
}

/** @param call may find that there is nothing to do any more */
export const createConnectionWaiters = (call: (queue: string) => void): ConnectionWaiters => {
  const lines = new Map<string, Set<string>>();
  return {
    join(transport, queue) {
      const line = lines.get(transport);
      if (line === undefined) lines.set(transport, new Set([queue]));
      else line.add(queue);
    },
    next(transport) {
      const line = lines.get(transport);
      const [first] = line ?? [];
      if (line === undefined || first === undefined) return;
      line.delete(first);
      if (line.size === 0) lines.delete(transport);
      call(first);
    },
  };
};
