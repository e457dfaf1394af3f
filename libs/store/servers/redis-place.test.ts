// What REDIS_URL may be, and what is said of one that cannot be used.
import { z } from 'zod';
import { readRedisUrl, REDIS_ENV, requireRedisPlace, shownRedisUrl } from './redis-place';

test('one server, as ever', () => {
  expect(readRedisUrl('redis://:secret@host:6379/1')).toEqual({
    kind: 'server',
    tls: false,
    url: 'redis://:secret@host:6379/1',
  });
  expect(readRedisUrl('rediss://host')).toMatchObject({ kind: 'server', tls: true });
});

test('Sentinels, with what is usual left out', () => {
  expect(readRedisUrl('redis-sentinel://ann:s%40c%2Fret@one,two:26380,[::1]:26381/mail?db=3')).toEqual({
    kind: 'sentinel',
    tls: false,
    username: 'ann',
    password: 's@c/ret',
    sentinels: [
      { host: 'one', port: 26_379 },
      { host: 'two', port: 26_380 },
      { host: '::1', port: 26_381 },
    ],
    primary: 'mail',
    db: 3,
  });
  expect(readRedisUrl('rediss-sentinel://one/mail')).toMatchObject({ tls: true, db: 0 });
});

test('a cluster, and a socket', () => {
  expect(readRedisUrl('rediss-cluster://:secret@one:7000,two/')).toEqual({
    kind: 'cluster',
    tls: true,
    password: 'secret',
    nodes: [
      { host: 'one', port: 7_000 },
      { host: 'two', port: 6_379 },
    ],
  });
  expect(readRedisUrl('unix:///run/redis/redis.sock?db=2')).toEqual({
    kind: 'socket',
    path: '/run/redis/redis.sock',
    db: 2,
  });
  expect(readRedisUrl('unix://:secret@/run/redis.sock')).toMatchObject({ password: 'secret', path: '/run/redis.sock' });
});

test.each([
  ['localhost:6379', 'must begin with redis:// or rediss://'],
  ['http://host', 'must begin with redis:// or rediss://'],
  ['redis://', 'must be like redis://:password@host:6379'],
  ['redis://one,two', 'names several servers'],
  ['redis://host:banana', 'must be like redis://:password@host:6379'],
  ['redis-sentinel://one:26379', 'must end with the name under which the Sentinels watch the primary'],
  ['redis-sentinel://one/mail/1', 'must end with the name under which the Sentinels watch the primary'],
  ['redis-sentinel://one/mail?db=first', 'must name the database by a number'],
  ['redis-sentinel://one/mail?family=6', 'knows no parameter "family"'],
  ['redis-sentinel:///mail', 'names no server in ""'],
  ['redis-cluster://one,,two', 'names no server in ""'],
  ['redis-cluster://one:99999', 'names a port in "one:99999" that is not between 1 and 65535'],
  ['redis-cluster://one:7000/1', 'a Redis Cluster has only number 0'],
  ['redis-cluster://:100%@one:7000', 'write it as %25'],
  ['redis-cluster://:a/b@one:7000', 'write / ? # @ as %2F %3F %23 %40'],
  ['unix://run/redis.sock', 'must name the socket by its whole path'],
])('%s is refused by a sentence', (url, sentence) => {
  expect(() => readRedisUrl(url)).toThrow(sentence);
});

test('what is printed holds no password', () => {
  expect(shownRedisUrl('redis-sentinel://ann:secret@one,two/mail')).toBe('redis-sentinel://one,two/mail');
});

test('a wait for the disk or for replicas is refused with a cluster, and nowhere else', () => {
  const Env = z.object({ ...REDIS_ENV, ROHRPOST_DURABILITY: z.string() }).superRefine(requireRedisPlace);
  const refused = (url: string, durability: string) =>
    Env.safeParse({ REDIS_URL: url, ROHRPOST_DURABILITY: durability }).error?.issues.map(({ path }) => path[0]);
  expect(refused('redis-cluster://one:7000', 'replica')).toEqual(['ROHRPOST_DURABILITY']);
  expect(refused('redis-cluster://one:7000', 'memory')).toBeUndefined();
  expect(refused('redis-sentinel://one/mail', 'replica')).toBeUndefined();
});
