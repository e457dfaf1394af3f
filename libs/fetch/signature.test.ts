// The signature of Standard Webhooks, against the example of their specification.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { signatureHeaders } from './signature';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

test('the example of the specification', () => {
  const headers = signatureHeaders({
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    at: 1_614_265_330_999,
    secrets: [SECRET],
    body: Buffer.from('{"test": 2432232314}'),
  });
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('each secret makes a signature of its own; no body is an empty one', () => {
  const other = `whsec_${Buffer.from('other').toString('base64')}`;
  const { 'webhook-signature': signatures } = signatureHeaders({ id: 'a', at: 1_000, secrets: [SECRET, other] });
  const expected = createHmac('sha256', 'other').update('a.1.').digest('base64');
  expect(signatures?.split(' ')).toHaveLength(2);
  expect(signatures?.split(' ')[1]).toBe(`v1,${expected}`);
});

test('the check that docs/documents.md gives takes what we sign, and nothing else', () => {
  const docs = readFileSync(join(__dirname, '../../docs/documents.md'), 'utf8');
  const [, code = ''] = /```js\nimport .*\n([\s\S]+?)```/.exec(docs) ?? [];
  type Check = (headers: Record<string, string>, secret: string) => boolean;
  const isFromRohrpost = runInNewContext(`${code}; isFromRohrpost`, { Buffer, createHmac, timingSafeEqual }) as Check;
  const other = `whsec_${Buffer.from('other').toString('base64')}`;
  const sign = (at: number) => signatureHeaders({ id: 'm_1', at, secrets: [SECRET, other] });
  const now = sign(Date.now());
  expect([isFromRohrpost(now, SECRET), isFromRohrpost(now, other)]).toEqual([true, true]);
  expect(isFromRohrpost(now, `whsec_${Buffer.from('third').toString('base64')}`)).toBe(false);
  expect(isFromRohrpost({ ...now, 'webhook-id': 'm_2' }, SECRET)).toBe(false);
  expect(isFromRohrpost(sign(Date.now() - 600_000), SECRET)).toBe(false);
  expect(isFromRohrpost({}, SECRET)).toBe(false);
});
