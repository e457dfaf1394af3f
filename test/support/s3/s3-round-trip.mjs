// A process that keeps contents on S3 and reads them again, with the globals of a real Node: run by the tests, never by jest.
import { createHash, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

const { createS3Store } = createRequire(import.meta.url)('../../../dist/libs/content/s3-store.js');
// Whoever else loads undici makes its dispatcher that of the global fetch.
createRequire(import.meta.url)('undici');

const store = createS3Store(JSON.parse(process.argv[2] ?? ''), tmpdir());
const done = [];
for (const [how, size] of [
  ['nothing', 0],
  ['at once', 3],
  ['at once, large', 3 * 1024 * 1024 + 1],
  ['as a stream', 3 * 1024 * 1024 + 1],
]) {
  const bytes = randomBytes(size);
  const contentId = `sha256-${createHash('sha256').update(bytes).digest('hex')}`;
  const given = how === 'as a stream' ? Readable.from([bytes.subarray(0, 10), bytes.subarray(10)]) : bytes;
  const stored = await store.put(given);
  const read = [await store.readAll(contentId), await buffer(store.read(contentId))];
  const size2 = await store.size(contentId);
  await store.remove(contentId);
  const gone = await store.readAll(contentId).catch((error) => error.code);
  const well = stored.contentId === contentId && size2 === size && read.every((one) => one.equals(bytes));
  done.push(`${how}: ${well && gone === 'ENOENT' ? 'well' : JSON.stringify({ stored, size2, gone })}`);
}
done.push(`problems: ${JSON.stringify(await store.problems())}`);
process.stdout.write(`${done.join('\n')}\n`);
process.exit(0);
