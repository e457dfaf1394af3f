// Requests to a bucket of S3: signed, bounded in time, tried again.
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AwsV4Signer } from 'aws4fetch';
import { Agent, request as send, type Dispatcher } from 'undici';
import { ContentStoreAway, ContentStoreFull } from './store-fault';

export interface S3Place {
  /** Like `https://s3.eu-central-1.amazonaws.com`; the bucket is named in the path. */
  endpoint: string;
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** SHA-256 of nothing: the body of everything but PUT. */
const EMPTY = createHash('sha256').digest('hex');
const TRIES = 3;
const PAUSE_MS = 200;
/** Until the answer begins, or the bytes are there where they are sent; and between two pieces of an answer. ms */
const PATIENCE_MS = 60_000;

export interface S3Body {
  /** Begins to read it; once for each try. */
  open: () => Buffer | Readable;
  /** Bytes. */
  size: number;
  /** In hex; S3 refuses what was damaged on its way. */
  sha256: string;
}

export interface S3Request {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** Empty: the bucket itself. */
  key: string;
  body?: S3Body;
  /** How often it is asked at most, and how long for each answer (ms), where that is not as usual. */
  tries?: number;
  patience?: number;
}

/** Its body must be read to its end, or dumped. */
export type S3Answer = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>;

/**
 * Asks; 404 is an answer.
 * @throws ContentStoreFull where S3 says that it has no room; ContentStoreAway after some more tries, and at once where it
 *   will not do it
 */
export type AskS3 = (request: S3Request) => Promise<S3Answer>;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** How servers that speak like S3 say that they are full: MinIO, Ceph; the status is of RFC 4918 11.5. */
const FULL = /<Code>(QuotaExceeded|XMinioStorageFull|XMinioAdminBucketQuotaExceeded|InsufficientCapacity)<\/Code>/;

const refusal = (status: number, text: string, what: string): ContentStoreAway => {
  const words = `S3 answered ${status} to ${what}: ${text.slice(0, 300)}`;
  return status === 507 || FULL.test(text) ? new ContentStoreFull(words) : new ContentStoreAway(words);
};

/** What is the same whoever is asked, and repeated in vain. */
const isFinal = (status: number, fault: ContentStoreAway): boolean =>
  fault instanceof ContentStoreFull || (status < 500 && status !== 429);

export const createS3Client = (place: S3Place): AskS3 => {
  const { accessKeyId, secretAccessKey, region } = place;
  const base = `${place.endpoint.replace(/\/$/, '')}/${place.bucket}`;
  // A dispatcher of our own: the global one may be another version's, that of Node or of whoever loads this.
  const agent = new Agent();

  const once = async ({ method, key, body, patience = PATIENCE_MS }: S3Request): Promise<S3Answer> => {
    const { url, headers } = await new AwsV4Signer({
      method,
      url: key === '' ? base : `${base}/${key}`,
      headers: { 'x-amz-content-sha256': body?.sha256 ?? EMPTY },
      accessKeyId,
      secretAccessKey,
      region,
      service: 's3',
    }).sign();
    const tooLong = new AbortController();
    const timer = setTimeout(() => tooLong.abort(new Error(`no answer within ${patience} ms`)), patience);
    try {
      return await send(url, {
        dispatcher: agent,
        method,
        // S3 takes no body of unknown length; what is shorter or longer than this ends in an error here.
        headers: { ...Object.fromEntries(headers), ...(body && { 'content-length': String(body.size) }) },
        ...(body && { body: body.open() }),
        signal: tooLong.signal,
        headersTimeout: 0,
        bodyTimeout: patience,
      });
    } finally {
      clearTimeout(timer);
    }
  };

  return async (request) => {
    const { tries: most = TRIES } = request;
    for (let tries = 1; ; tries++) {
      const answer = await once(request).catch((error: unknown) => {
        if (tries >= most) throw new ContentStoreAway(`S3 cannot be reached: ${place.endpoint}`, { cause: error });
        return undefined;
      });
      if (answer !== undefined) {
        const { statusCode: status } = answer;
        if ((status >= 200 && status < 300) || status === 404) return answer;
        const text = await answer.body.text().catch(() => '');
        const fault = refusal(status, text, `${request.method} in ${place.bucket}`);
        if (isFinal(status, fault) || tries >= most) throw fault;
      }
      await pause(PAUSE_MS * 2 ** tries);
    }
  };
};
