// The stamp that says in which format this Redis holds emails, so that no version touches what it does not understand.
import { KEYS } from './keys';
import type { Redis } from './redis';

/** Rises when keys or the email's format change in a way that older processes would misread. */
export const DATA_FORMAT = 1;

/** This Redis cannot be used until a person changes something: a process ends. Whatever else Redis says is waited for. */
export class UnusableRedis extends Error {
  override name = 'UnusableRedis';
}

/** The data is of another version of the service. */
export class OtherFormat extends UnusableRedis {
  override name = 'OtherFormat';
}

/**
 * Sets the stamp in an empty Redis. One that has a stamp is only read: a full Redis, or a replica, allows no more.
 * @throws OtherFormat
 */
export const claimFormat = async (redis: Redis): Promise<void> => {
  if ((await redis.get(KEYS.format)) === null && (await redis.setnx(KEYS.format, DATA_FORMAT)) === 1)
    await redis.set(KEYS.whereaboutsWhole, 1);
  const found = Number(await redis.get(KEYS.format));
  if (found !== DATA_FORMAT) {
    throw new OtherFormat(
      `this Redis holds data in format ${found}, this version of Rohrpost reads ${DATA_FORMAT}: ` +
        'run the version that wrote it, or point REDIS_URL at another Redis',
    );
  }
};
