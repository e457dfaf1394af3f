// The attack in the size of `npm run attack`, with a seed of its own each time: the table tells which.
import { attack } from '../attack/run/attack';

const SECONDS = 75;

test('hostile requests for more than a minute', async () => {
  expect(await attack({ seconds: SECONDS, seed: Date.now() % 1_000_000 })).toEqual({
    broken: [],
    notes: expect.any(Array) as string[],
  });
}, 400_000);
