// The threads of a process as Linux counts them, and the CPU time of each.
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time by thread id, in ticks of a hundredth of a second. @param pid a process of this machine */
export const threadsOf = (pid: number | 'self'): Map<string, number> =>
  new Map(
    readdirSync(`/proc/${pid}/task`).flatMap((id): [string, number][] => {
      try {
        // User and system time; the name before them may hold spaces (proc_pid_stat(5)).
        const text = readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8');
        const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
        return [[id, Number(fields[11]) + Number(fields[12])]];
      } catch {
        return [];
      }
    }),
  );
