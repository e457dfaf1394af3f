// Which content store the environment asks for, and where bytes are kept on their way.
import { join } from 'node:path';
import { z } from 'zod';
import { createFileStore, incomingFolder } from './file-store';
import type { S3Place } from './s3-request';
import { createS3Store } from './s3-store';
import type { ContentStore } from './store';

/** Variables of every process that reads or writes contents. */
export const CONTENT_ENV = {
  /** The folder of attachments and large bodies, unless they are on S3; and of what is fetched for a moment. */
  ROHRPOST_DATA_DIR: z.string().default('.rohrpost'),
  ROHRPOST_CONTENT_STORE: z.enum(['folder', 's3']).default('folder'),
  ROHRPOST_S3_ENDPOINT: z.url({ protocol: /^https?$/, error: 'must be like https://s3.example.org' }).optional(),
  ROHRPOST_S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket')
    .optional(),
  ROHRPOST_S3_REGION: z.string().default('us-east-1'),
  ROHRPOST_S3_ACCESS_KEY_ID: z.string().optional(),
  ROHRPOST_S3_SECRET_ACCESS_KEY: z.string().optional(),
};

type ContentEnv = z.infer<z.ZodObject<typeof CONTENT_ENV>>;

const FOR_S3 = [
  'ROHRPOST_S3_ENDPOINT',
  'ROHRPOST_S3_BUCKET',
  'ROHRPOST_S3_ACCESS_KEY_ID',
  'ROHRPOST_S3_SECRET_ACCESS_KEY',
] as const;

/** A rule for the schema of the environment: whoever wants S3 says all of it. */
export const requireS3 = (env: ContentEnv, context: z.RefinementCtx): void => {
  if (env.ROHRPOST_CONTENT_STORE !== 's3') return;
  for (const name of FOR_S3.filter((one) => env[one] === undefined)) {
    context.addIssue({ code: 'custom', path: [name], message: 'is needed with ROHRPOST_CONTENT_STORE=s3' });
  }
};

export interface ContentPlace {
  dataDir: string;
  /** Not given: in a folder of `dataDir`. */
  s3?: S3Place;
}

export const toContentPlace = (env: ContentEnv): ContentPlace => ({
  dataDir: env.ROHRPOST_DATA_DIR,
  ...(env.ROHRPOST_CONTENT_STORE === 's3' && {
    s3: {
      endpoint: env.ROHRPOST_S3_ENDPOINT ?? '',
      bucket: env.ROHRPOST_S3_BUCKET ?? '',
      region: env.ROHRPOST_S3_REGION,
      accessKeyId: env.ROHRPOST_S3_ACCESS_KEY_ID ?? '',
      secretAccessKey: env.ROHRPOST_S3_SECRET_ACCESS_KEY ?? '',
    },
  }),
});

/** Where bytes lie until they are where they belong, or are not needed any more. */
export const spoolFolder = ({ dataDir }: ContentPlace): string => join(dataDir, 'spool');

const contentFolder = ({ dataDir }: ContentPlace): string => join(dataDir, 'content');

/** Every folder where a process that is killed may leave bytes that nobody needs. */
export const leftoverFolders = (place: ContentPlace): string[] =>
  place.s3 === undefined ? [spoolFolder(place), incomingFolder(contentFolder(place))] : [spoolFolder(place)];

export const openContentStore = (place: ContentPlace): ContentStore =>
  place.s3 === undefined ? createFileStore(contentFolder(place)) : createS3Store(place.s3, spoolFolder(place));
