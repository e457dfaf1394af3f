// S3 with each version of Node that Rohrpost runs on: each has an undici of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALL_WELL, keepOnS3 } from '../support/s3/s3-process';
import { startS3Server, type S3Server } from '../support/s3/s3-server';

const NODES = (process.env['ROHRPOST_TEST_NODES'] ?? process.execPath).split(':');

let folder: string;
let s3: S3Server;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-s3-'));
  s3 = await startS3Server(folder);
});
afterAll(async () => {
  await s3.close();
  await rm(folder, { recursive: true, force: true });
});

test.each(NODES)('%s', async (node) => {
  expect(await keepOnS3(s3.place, node)).toEqual(ALL_WELL);
});
