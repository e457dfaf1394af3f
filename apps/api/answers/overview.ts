// What is answered of how everything stands.
import { z } from 'zod';
import { EXAMPLE_AT, PauseNote, Time } from './fields';
import { IncidentList } from './incidents';

const Count = z.int().min(0);

const numbers = {
  waiting: Count.meta({ description: 'For their time, or for another attempt.' }),
  due: Count.meta({ description: 'For a worker.' }),
  sending: Count,
  uncertain: Count,
  failed: Count,
  sentByHour: z.array(Count).meta({ description: 'Of the last 24 hours; the present one last.' }),
  failedByHour: z.array(Count),
};

const DownTransport = z.strictObject({
  tenant: z.string(),
  transport: z.string(),
  state: z.enum(['open', 'recovering']),
  since: Time,
  nextProbeAt: Time.meta({ description: 'When an email is let through to try it, where one is due.' }),
  waiting: Count.optional().meta({ description: 'Emails due or deferred in the queues that send over it.' }),
  words: z.string().optional().meta({ description: 'How the last fault was told: the server’s words, or ours.' }),
});

const queue = { tenant: z.string(), application: z.string() };

const hours = (last: number): number[] => [...new Array<number>(23).fill(0), last];
const NUMBERS = {
  waiting: 12,
  due: 3,
  sending: 1,
  uncertain: 0,
  failed: 2,
  sentByHour: hours(120),
  failedByHour: hours(2),
};

export const Overview = z
  .strictObject({
    pause: PauseNote.optional().meta({ description: 'The whole installation is paused.' }),
    workers: Count.meta({ description: 'How many run.' }),
    redis: z.array(z.string()).meta({ description: 'What is wrong with Redis.' }),
    transports: z.array(DownTransport),
    paused: z.array(z.strictObject({ ...queue, pause: PauseNote.optional() })),
    late: z
      .array(z.strictObject({ ...queue, oldestDueAt: Time, due: Count }))
      .meta({ description: 'Queues whose oldest email is due for more than a minute, and no worker has taken it.' }),
    incidents: IncidentList.shape.incidents
      .optional()
      .meta({ description: 'Ten at most. Left out while they are read for the first time.' }),
    numbers: z
      .strictObject({
        at: Time,
        newerIn: Count.meta({
          description: 'After how many ms newer ones can be had; 0 where these are of this moment.',
        }),
        total: z.strictObject(numbers),
        rows: z.array(z.strictObject({ tenant: z.string(), application: z.string().optional(), ...numbers })),
        more: Count.meta({ description: 'Rows beyond the limit.' }),
      })
      .optional()
      .meta({
        description:
          'Counted at `at`: of very many queues not at every request. A row for each tenant, or for each queue where the key has a tenant; the busiest first. Left out while they are counted for the first time.',
      }),
  })
  .meta({
    id: 'Overview',
    description: 'What needs a person (a hundred of each kind are looked at), and the numbers.',
    examples: [
      {
        workers: 1,
        redis: [],
        transports: [],
        paused: [{ tenant: 'acme', application: 'reminders', pause: { by: 'operator', at: EXAMPLE_AT } }],
        late: [],
        incidents: [],
        numbers: { at: EXAMPLE_AT, newerIn: 0, total: NUMBERS, rows: [{ tenant: 'acme', ...NUMBERS }], more: 0 },
      },
    ],
  });
