// Runs a process of its own that keeps contents on S3: jest's globals are not those of Node.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { S3Place } from '../../../libs/content/s3-request';

/** What the process says where everything is well. */
export const ALL_WELL = ['nothing: well', 'at once: well', 'at once, large: well', 'as a stream: well', 'problems: []'];

/** @param node the program that runs it @returns the lines that it wrote */
export const keepOnS3 = async (place: S3Place, node = process.execPath): Promise<string[]> => {
  const { stdout } = await promisify(execFile)(node, [join(__dirname, 's3-round-trip.mjs'), JSON.stringify(place)], {
    timeout: 60_000,
  });
  return stdout.trim().split('\n');
};
