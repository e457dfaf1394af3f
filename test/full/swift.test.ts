// S3 as Swift speaks it.
import { keepOnS3, ALL_WELL } from '../support/s3/s3-process';
import { startSwift, type Swift } from '../support/s3/swift';

let swift: Swift;
beforeAll(async () => {
  swift = await startSwift();
});
afterAll(() => swift.close());

test('contents are kept, read and removed', async () => {
  expect(await keepOnS3(swift.place)).toEqual(ALL_WELL);
});

test('a wrong secret and a bucket that is not there are told', async () => {
  const problems = async (changes: object): Promise<unknown> =>
    (await keepOnS3({ ...swift.place, ...changes }).catch(({ stderr }: { stderr: string }) => [stderr])).join('\n');
  expect(await problems({ secretAccessKey: 'wrong' })).toMatch(/S3 answered 403/);
  expect(await problems({ bucket: 'nowhere' })).toMatch(/the bucket nowhere does not exist: create it/);
});
