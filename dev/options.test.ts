// What the launcher refuses, and what it says to it.
import { createServer } from 'node:net';
import { freePort, requirePorts } from './ports';
import { readOptions } from './options';

test('without anything: one worker, the usual ports, eight seconds to stop', () => {
  expect(readOptions([], {})).toMatchObject({
    workers: 1,
    httpPort: 3000,
    inboxSmtpPort: 1025,
    inboxHttpPort: 8025,
    grace: 8_000,
  });
});

test.each([
  [['--workers', '0'], {}, '--workers takes a whole number from 1 to 64, not "0"'],
  [['--workers=two'], {}, 'not "two"'],
  [['--workers', '1.5'], {}, 'not "1.5"'],
  [['--worker', '2'], {}, "Unknown option '--worker'"],
  [['2'], {}, "Unexpected argument '2'"],
  [[], { ROHRPOST_HTTP_PORT: '70000' }, 'ROHRPOST_HTTP_PORT takes a whole number from 0 to 65535'],
  [[], { ROHRPOST_GRACE: '8' }, 'ROHRPOST_GRACE takes a span'],
])('%j %j: %s', (args, env, message) => {
  expect(() => readOptions(args, env)).toThrow(message);
});

test('help is help, an empty variable is none', () => {
  expect(readOptions(['--help'], {})).toBe('help');
  expect(readOptions([], { ROHRPOST_HTTP_PORT: '', REDIS_URL: '' })).toMatchObject({
    httpPort: 3000,
    redisUrl: undefined,
  });
});

test('every port that is taken is named with its variable, in one message', async () => {
  const other = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  const want = (variable: string, number: number) => ({ variable, host: '127.0.0.1', port: number });
  try {
    const wanted = [want('ROHRPOST_HTTP_PORT', port), want('ROHRPOST_INBOX_SMTP_PORT', 0)];
    await expect(requirePorts(wanted, 0)).rejects.toThrow(
      `Port ${port} on 127.0.0.1 is taken by another program. Set ROHRPOST_HTTP_PORT`,
    );
    const twice = [want('ROHRPOST_HTTP_PORT', 3), want('ROHRPOST_INBOX_HTTP_PORT', 3)];
    await expect(requirePorts(twice, 0)).rejects.toThrow('ROHRPOST_INBOX_HTTP_PORT=3: another part');
  } finally {
    await new Promise((resolve) => other.close(resolve));
  }
});
