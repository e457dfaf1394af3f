// Of a dialogue that is far too long the beginning and the end are kept, and it is said how much is not.
import { createTranscript } from './transcript';

test('a usual dialogue is kept whole, in order', () => {
  const transcript = createTranscript();
  const said = Array.from({ length: 100 }, (_, n) => `S: 250 line ${n}`);
  said.forEach(transcript.hear);
  expect(transcript.lines()).toEqual(said);
});

test('a flood leaves its first and last lines, and their count', () => {
  const transcript = createTranscript();
  const said = Array.from({ length: 20_000 }, (_, n) => `S: 250-${n} ${'x'.repeat(900)}`);
  said.forEach(transcript.hear);
  const lines = transcript.lines();
  expect(lines.join('').length).toBeLessThan(33 * 1024);
  expect([lines[0], lines.at(-1)]).toEqual([said[0], said.at(-1)]);
  const [, count] = /^… (\d+) lines left out$/.exec(lines.find((line) => line.startsWith('…')) ?? '') ?? [];
  expect(Number(count)).toBe(said.length - (lines.length - 1));
});
