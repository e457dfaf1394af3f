// How much of Redis does a waiting email take?
import { Queue } from 'bullmq';
import { fill } from './support/drain';
import { setUpTenant, type Lab } from './support/lab';
import { TEMPLATE, templated } from './support/mail';
import { bench } from './support/run';

const MOST_RATIO = 1.3;

/** Bytes that the data of Redis takes, without its own buffers. */
const usedBytes = async ({ client }: Lab): Promise<number> =>
  Number(/^used_memory_dataset:(\d+)/m.exec(await client.info('memory'))?.[1]);

const growth = async (lab: Lab, work: () => Promise<void>): Promise<number> => {
  const before = await usedBytes(lab);
  await work();
  return (await usedBytes(lab)) - before;
};

bench(
  'memory: Redis bytes of a waiting templated email with 300 bytes of data; baseline: a bare BullMQ job of the same body',
  { quick: { emails: 5_000 }, usual: { emails: 50_000 } },
  async (lab, { emails }) => {
    const api = await lab.start('api');
    await setUpTenant(lab, api, 'acme', 1, TEMPLATE);
    await lab.call(api, 'PUT', '/queues/acme/app', {});
    const queue = new Queue('bare', { connection: lab.client });
    // Scripts and connections are there before the counting begins.
    await fill(lab, api, 'acme/warm', 1, templated);
    await queue.add('email', templated(0));

    const ours = await growth(lab, () => fill(lab, api, 'acme/app', emails, templated));
    const bare = await growth(lab, async () => {
      for (let from = 0; from < emails; from += 1_000) {
        await queue.addBulk(
          Array.from({ length: Math.min(1_000, emails - from) }, (_, n) => ({
            name: 'email',
            data: templated(from + n),
          })),
        );
      }
    });
    await queue.close();
    const ratio = ours / bare;
    return [
      {
        name: 'bytes of an email',
        ours: String(Math.round(ours / emails)),
        baseline: String(Math.round(bare / emails)),
        ratio: ratio.toFixed(2),
        reach: `<= ${MOST_RATIO}`,
        met: ratio <= MOST_RATIO,
      },
    ];
  },
);
