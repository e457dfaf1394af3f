// Requests to a bucket of S3: signed, bounded in time, tried again.
import { createHash } from 'node:crypto';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { AwsV4Signer } from 'aws4fetch';
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
/** How long nothing may move: until the answer begins, between two pieces of it or of what is sent, ms. */
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

/** An answer. Its body must be read to its end, or dropped; it ends in an error where it breaks off. */
export type S3Answer = IncomingMessage;

/** Lets go of a body that nobody wants to know. */
export const dropped = (answer: S3Answer): void => void answer.on('error', () => undefined).resume();

/**
 * Asks; 404 is an answer.
 * @throws ContentStoreFull where S3 says that it has no room; ContentStoreAway after some more tries, and at once where it
 *   will not do it
 */
export type AskS3 = (request: S3Request) => Promise<S3Answer>;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** How servers that speak like S3 say that they are full: MinIO, Ceph; the status is of RFC 4918 11.5. */
const FULL = /<Code>(QuotaExceeded|XMinioStorageFull|XMinioAdminBucketQuotaExceeded|InsufficientCapacity)<\/Code>/;

const refusal = (status: number, said: string, what: string): ContentStoreAway => {
  const words = `S3 answered ${status} to ${what}: ${said.slice(0, 300)}`;
  return status === 507 || FULL.test(said) ? new ContentStoreFull(words) : new ContentStoreAway(words);
};

/** What is the same whoever is asked, and repeated in vain. */
const isFinal = (status: number, fault: ContentStoreAway): boolean =>
  fault instanceof ContentStoreFull || (status < 500 && status !== 429);

/**
 * Node's own client: the global fetch takes no length of a body that is a stream, which S3 needs, and is another's where
 * undici is loaded beside it.
 */
const createExchange = () => {
  const options = { keepAlive: true, maxSockets: 50 };
  const agents = { http: new HttpAgent(options), https: new HttpsAgent(options) };
  return (
    url: URL,
    { method, body, patience = PATIENCE_MS }: S3Request,
    headers: OutgoingHttpHeaders,
  ): Promise<S3Answer> =>
    new Promise((resolve, reject) => {
      const request =
        url.protocol === 'https:'
          ? httpsRequest(url, { method, headers, agent: agents.https }, resolve)
          : httpRequest(url, { method, headers, agent: agents.http }, resolve);
      // Of Node 18 and newer, but not in its types: a body of another length than was said is an error at once.
      Object.assign(request, { strictContentLength: true });
      request.on('error', reject);
      request.setTimeout(patience, () => request.destroy(new Error(`nothing moved for ${patience} ms`)));
      const bytes = body?.open();
      if (bytes === undefined || Buffer.isBuffer(bytes)) request.end(bytes);
      else pipeline(bytes, request, (error) => error && request.destroy(error));
    });
};

export const createS3Client = (place: S3Place): AskS3 => {
  const { accessKeyId, secretAccessKey, region } = place;
  const base = `${place.endpoint.replace(/\/$/, '')}/${place.bucket}`;
  const exchange = createExchange();

  const once = async (request: S3Request): Promise<S3Answer> => {
    const { method, key, body } = request;
    const { url, headers } = await new AwsV4Signer({
      method,
      url: key === '' ? base : `${base}/${key}`,
      headers: { 'x-amz-content-sha256': body?.sha256 ?? EMPTY },
      accessKeyId,
      secretAccessKey,
      region,
      service: 's3',
    }).sign();
    const length = body === undefined ? {} : { 'content-length': body.size };
    return exchange(url, request, { ...Object.fromEntries(headers), ...length });
  };

  return async (request) => {
    const { tries: most = TRIES } = request;
    for (let tries = 1; ; tries++) {
      const answer = await once(request).catch((error: unknown) => {
        if (tries >= most) throw new ContentStoreAway(`S3 cannot be reached: ${place.endpoint}`, { cause: error });
        return undefined;
      });
      if (answer !== undefined) {
        const { statusCode: status = 0 } = answer;
        if ((status >= 200 && status < 300) || status === 404) return answer;
        const said = await text(answer).catch(() => '');
        const fault = refusal(status, said, `${request.method} in ${place.bucket}`);
        if (isFinal(status, fault) || tries >= most) throw fault;
      }
      await pause(PAUSE_MS * 2 ** tries);
    }
  };
};
