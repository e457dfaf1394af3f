// Lua scripts under the rules of a Redis Cluster: each key that one touches, also one that it makes up, is in the slot of the first.
// Redis 7 holds scripts to it that begin with `#!lua`; the service's own do not, since Redis 6.2 knows no such line. It also refuses such
// scripts where it is full or a replica, so what is tested under such faults runs as it is.

const PLAIN = /\/test\/fault\//;

type Module = Record<'defineScript', (lua: string) => unknown>;

if (process.env['ROHRPOST_TEST_REDIS_CLUSTER'] === '1' && !PLAIN.test(expect.getState().testPath ?? '')) {
  jest.doMock('../../../libs/store/redis/script', () => {
    const actual = jest.requireActual<Module>('../../../libs/store/redis/script');
    return { ...actual, defineScript: (lua: string) => actual.defineScript(`#!lua\n${lua}`) };
  });
}

export {};
