// The attack of `npm run attack`, for a few seconds: what must hold on any machine, holds.
import { attack } from './run/attack';

const SECONDS = 6;

test('hostile requests derived from the OpenAPI document: no 5xx, no crash, memory bounded, the neighbour loses nothing', async () => {
  expect(await attack({ seconds: SECONDS, seed: 1 })).toEqual({ broken: [], notes: expect.any(Array) as string[] });
}, 150_000);
