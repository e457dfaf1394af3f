// What Redis cannot do now, as a problem that a client understands.
import { Problem } from '../../mail/input/problem';
import { NotDurable, redisFault, redisRefusal } from './redis';

/** @returns undefined for a fault that is not Redis's */
export const redisProblem = (error: unknown): Problem | undefined => {
  if (error instanceof NotDurable)
    return new Problem(
      'not-durable',
      `${error.message}; try again, with the same Idempotency-Key: what was accepted is kept`,
    );
  switch (redisFault(error)) {
    case 'full':
      return new Problem(
        'queue-full',
        'the memory of Redis is used up: nothing was accepted; make room or give Redis more memory',
      );
    case 'away':
      return new Problem(
        'unavailable',
        `${redisRefusal(error) ?? 'Redis does not answer'}: try again, with the same Idempotency-Key if you gave one, since the request may have been done`,
      );
    case undefined:
      return undefined;
  }
};
