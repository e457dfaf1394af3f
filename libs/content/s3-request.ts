// Requests to a bucket of S3: signed, bounded in time, tried again.
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AwsV4Signer } from 'aws4fetch';
import { ContentStoreAway } from './store';

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
/** Until the answer begins, or the bytes are there where they are sent, ms. */
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
  key: string;
  body?: S3Body;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks; 404 is an answer. @throws ContentStoreAway after some more tries; Error where S3 will not do it */
export type AskS3 = (request: S3Request) => Promise<Response>;

export const createS3Client = (place: S3Place): AskS3 => {
  const { accessKeyId, secretAccessKey, region } = place;
  const base = `${place.endpoint.replace(/\/$/, '')}/${place.bucket}/`;

  const once = async ({ method, key, body }: S3Request): Promise<Response> => {
    const signed = await new AwsV4Signer({
      method,
      url: base + key,
      headers: { 'x-amz-content-sha256': body?.sha256 ?? EMPTY },
      accessKeyId,
      secretAccessKey,
      region,
      service: 's3',
    }).sign();
    if (body !== undefined) signed.headers.set('content-length', String(body.size));
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS);
    try {
      return await fetch(signed.url, {
        method,
        headers: signed.headers,
        signal: patience.signal,
        ...(body && { body: body.open(), duplex: 'half' }),
      });
    } finally {
      clearTimeout(timer);
    }
  };

  return async (request) => {
    for (let tries = 1; ; tries++) {
      const answer = await once(request).catch((error: unknown) => {
        if (tries === TRIES) throw new ContentStoreAway(`S3 cannot be reached: ${place.endpoint}`, { cause: error });
        return undefined;
      });
      if (answer?.ok === true || answer?.status === 404) return answer;
      if (answer !== undefined) {
        const text = `S3 answered ${answer.status} to ${request.method} in ${place.bucket}: ${(await answer.text()).slice(0, 300)}`;
        if (answer.status < 500 && answer.status !== 429) throw new Error(text);
        if (tries === TRIES) throw new ContentStoreAway(text);
      }
      await pause(PAUSE_MS * 2 ** tries);
    }
  };
};
