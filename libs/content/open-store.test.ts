// What the environment says of the content store.
import { z } from 'zod';
import { CONTENT_ENV, requireS3, toContentPlace } from './open-store';

const Env = z.object(CONTENT_ENV).superRefine(requireS3);
const S3 = {
  ROHRPOST_CONTENT_STORE: 's3',
  ROHRPOST_S3_ENDPOINT: 'https://s3.example.org',
  ROHRPOST_S3_BUCKET: 'letters',
  ROHRPOST_S3_ACCESS_KEY_ID: 'id',
  ROHRPOST_S3_SECRET_ACCESS_KEY: 'secret',
};

test('a folder, unless S3 is asked for', () => {
  expect(toContentPlace(Env.parse({}))).toEqual({ dataDir: '.rohrpost' });
  expect(toContentPlace(Env.parse(S3)).s3).toEqual({
    endpoint: 'https://s3.example.org',
    bucket: 'letters',
    region: 'us-east-1',
    accessKeyId: 'id',
    secretAccessKey: 'secret',
  });
});

test.each(Object.keys(S3).slice(1))('S3 without %s is refused at the start, by name', (name) => {
  const { error } = Env.safeParse({ ...S3, [name]: undefined });
  expect(error?.issues.map(({ path, message }) => [path, message])).toEqual([
    [[name], 'is needed with ROHRPOST_CONTENT_STORE=s3'],
  ]);
});

test.each([
  ['ROHRPOST_S3_ENDPOINT', 's3.example.org'],
  ['ROHRPOST_S3_BUCKET', 'a/b'],
  ['ROHRPOST_CONTENT_STORE', 'cloud'],
])('%s=%s is refused', (name, value) => {
  expect(Env.safeParse({ ...S3, [name]: value }).success).toBe(false);
});
