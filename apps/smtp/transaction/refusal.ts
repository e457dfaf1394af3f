// What a client is told where something is refused: reply (RFC 5321 4.2), enhanced status (RFC 3463) and our words.
import { contentProblem } from '../../../libs/content/content-problem';
import { Problem } from '../../../libs/mail/input/problem';
import { redisProblem } from '../../../libs/store/redis/redis-problem';

/** An SMTP reply that refuses; 4xx: for now, 5xx: for good. */
export class Refusal extends Error {
  override name = 'Refusal';
  constructor(
    readonly responseCode: number,
    /** `5.7.1` */
    status: string,
    text: string,
    /** Of the problem that it comes from, for the log. */
    readonly code?: string,
  ) {
    super(`${status} ${text}`);
  }
}

/** Replies of problems; every other one is 554 5.6.0: the message was understood and cannot be taken. */
const REPLIES: Record<string, [reply: number, status: string]> = {
  unavailable: [451, '4.3.0'],
  'content-missing': [451, '4.3.0'],
  'queue-full': [452, '4.3.1'],
  'storage-full': [452, '4.3.1'],
  'not-durable': [451, '4.3.0'],
  'content-full': [452, '4.3.1'],
  'tenant-full': [452, '4.3.1'],
  'rate-limited': [452, '4.4.5'],
  'too-many-wrong-keys': [454, '4.7.0'],
  'address-not-allowed': [535, '5.7.8'],
  'from-not-allowed': [550, '5.7.1'],
  forbidden: [550, '5.7.1'],
  confidential: [550, '5.7.1'],
  'not-found': [550, '5.7.1'],
};

/** Every mistake: a client by SMTP sees no list beside it. */
const wordsOf = ({ message, errors }: Problem): string =>
  errors.length < 2 ? message : errors.map((one) => `${one.path} ${one.message}`).join('; ');

/** @returns undefined for a fault that nobody expected */
export const toRefusal = (error: unknown): Refusal | undefined => {
  if (error instanceof Refusal) return error;
  const problem = error instanceof Problem ? error : (contentProblem(error) ?? redisProblem(error));
  if (problem === undefined) return undefined;
  const [reply, status] = REPLIES[problem.code] ?? [554, '5.6.0'];
  return new Refusal(reply, status, wordsOf(problem), problem.code);
};

/** What is said of a fault that nobody expected. */
export const brokenHere = (): Refusal => new Refusal(451, '4.3.0', 'something broke here; the log has it: try again');
