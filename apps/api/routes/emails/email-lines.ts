// Emails as lines of JSON, as many as anybody has: accepted as they come, each answered by a line, in bounded memory.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Request as HttpRequest, Response } from 'express';
import type { BatchAnswer } from '../../../../libs/intake/accept-batch';
import { readStreamed } from '../../../../libs/intake/batch-lines';
import type { Request } from '../../../../libs/intake/draft';
import type { QueueAddress } from '../../../../libs/mail/address/queue-address';
import { handOf, type Identity } from '../../../../libs/mail/settings/api-key';
import { Problem } from '../../../../libs/mail/input/problem';
import { toDocument } from '../../../../libs/mail/input/problem-document';
import { linesOf, type Line } from '../../../../libs/mail/json/json-lines';
import { readJson } from '../../../../libs/mail/json/json-text';
import { SMALL_BODY, type BodiesInWork } from '../../http/bodies-in-work';
import { LINES_TYPE } from '../../http/endpoint/body';
import type { Answer } from '../../http/endpoint/endpoint';
import { toProblem } from '../../http/errors';
import type { RouteDeps } from '../../http/route-deps';

/** Lines that are accepted at once, and how often that is under way for one request. */
const GROUP = 100;
const GROUPS_AT_ONCE = 2;
/** Results that a client has not read: who reads only when he has sent all is heard up to here, 100,000 emails and more. Bytes. */
const MOST_UNREAD = 16 * 1024 * 1024;
/** Who waits for room for a large line asks again after this. ms */
const ROOM_MS = 50;

export type LinesDeps = Pick<RouteDeps, 'accept' | 'mailLog'> & { bodies: BodiesInWork };

interface Asked {
  address: QueueAddress;
  by: string;
  identity: Identity;
  request: HttpRequest;
  idempotencyKey: string | undefined;
}

/** @throws Problem for a header that says nothing of a stream */
const requirePlain = ({ request, idempotencyKey }: Asked): void => {
  if (idempotencyKey !== undefined)
    throw new Problem('invalid', 'a stream of lines has no key of its own', [
      { path: '/Idempotency-Key', message: 'give each line an "idempotencyKey" instead' },
    ]);
  if (request.headers['content-encoding'] !== undefined)
    throw new Problem('unsupported-media-type', 'lines are read as they come: send them without Content-Encoding');
};

/** Bytes to an email that may be accepted, or what is wrong with them. */
const readLine = async (
  { bytes }: Line,
  most: number,
  who: Pick<Request, 'by' | 'hand'>,
): Promise<Request | Problem> => {
  try {
    if (bytes === undefined)
      throw new Problem('too-large', `the line is larger than ${most} bytes: upload attachments to /content`);
    return readStreamed(await readJson(bytes, 'the line'), who);
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    return problem;
  }
};

/** Accepts a group. @param first index of its first line @returns its results, a line each */
const acceptGroup = async (
  { accept, mailLog, bodies }: LinesDeps,
  { address, by, identity }: Asked,
  lines: Line[],
  first: number,
): Promise<string> => {
  const who = { by, hand: handOf(identity) };
  const read = await Promise.all(lines.map((line) => readLine(line, bodies.largest, who)));
  const requests = read.filter((one): one is Request => !(one instanceof Problem));
  // What meets all of them, such as a full queue or a Redis that is away, is each one's problem.
  const answered = await (requests.length === 0 ? undefined : accept.many(address, requests))?.catch(
    (error: unknown) => {
      const problem = toProblem(error);
      if (problem === undefined) throw error;
      return problem;
    },
  );
  let at = 0;
  const results = read.map((one, index) => {
    const problem = one instanceof Problem ? one : answered instanceof Problem ? answered : undefined;
    if (problem !== undefined) return { index: first + index, problem: toDocument(problem) };
    return { ...(answered as BatchAnswer).results[at++], index: first + index };
  });
  const codes = results.flatMap((result) => ('problem' in result && result.problem ? [result.problem.code] : []));
  if (codes.length > 0) mailLog.linesRefused(address, { by, of: lines.length, codes });
  return results.map((result) => `${JSON.stringify(result)}\n`).join('');
};

/** Writes results; waits where the client does not read them. @throws where it is gone meanwhile, which `signal` says */
const write = async (response: Response, text: string, signal: AbortSignal): Promise<void> => {
  response.write(text);
  if (response.writableLength <= MOST_UNREAD) return;
  await once(response, 'drain', { signal });
};

/** Room for a line that has become large; the stream waits for it. */
const createRoom = (bodies: BodiesInWork, tenant: string, response: Response) => {
  let giveBack: (() => void) | undefined;
  return {
    async require(bytes: number): Promise<void> {
      while (bytes > SMALL_BODY && giveBack === undefined && !response.destroyed) {
        const taken = bodies.take(tenant, bodies.largest);
        if (typeof taken === 'string') await pause(ROOM_MS);
        else giveBack = taken;
      }
    },
    /** The line is whole: who has it gives the room back. */
    handOn(): (() => void) | undefined {
      const held = giveBack;
      giveBack = undefined;
      return held;
    },
  };
};

const groupsOf = (lines: Line[]): Line[][] =>
  Array.from({ length: Math.ceil(lines.length / GROUP) }, (_, nth) => lines.slice(nth * GROUP, (nth + 1) * GROUP));

const stream = async (deps: LinesDeps, asked: Asked, response: Response): Promise<void> => {
  const { bodies } = deps;
  const room = createRoom(bodies, asked.address.tenant, response);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const underWay: Promise<void>[] = [];
  let count = 0;
  let last: Promise<void> = Promise.resolve();
  const begin = async (group: Line[], release: (() => void) | undefined): Promise<void> => {
    try {
      if (underWay.length >= GROUPS_AT_ONCE) await underWay.shift();
    } catch (error) {
      // What came before has failed, or the client is gone: the room of this group is not kept for ever.
      release?.();
      throw error;
    }
    const accepted = acceptGroup(deps, asked, group, count).finally(release);
    count += group.length;
    last = Promise.all([accepted, last]).then(([text]) => write(response, text, gone.signal));
    // Whoever waits for one of them hears of it.
    last.catch(() => undefined);
    underWay.push(last);
  };
  try {
    for await (const lines of linesOf(asked.request, bodies.largest, (bytes) => room.require(bytes))) {
      for (const group of groupsOf(lines)) await begin(group, room.handOn());
    }
    await last;
  } finally {
    room.handOn()?.();
  }
};

/**
 * Accepts a stream of lines. It is answered at once, and each line by one of its own when Redis has its email.
 * @throws Problem before anything is answered
 */
export const acceptLines = (deps: LinesDeps, asked: Asked): Answer => {
  requirePlain(asked);
  return {
    async write(response) {
      response.setHeader('Content-Type', LINES_TYPE);
      response.flushHeaders();
      try {
        await stream(deps, asked, response);
        response.end();
      } catch (error) {
        // The client is gone: what was accepted is found by its keys. Else he must see that the answer is not whole.
        if (response.destroyed || asked.request.destroyed) return;
        response.destroy();
        throw error;
      }
    },
  };
};
