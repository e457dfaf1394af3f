// What is said in a login by token, and what is made of the server's answers.
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import { MECHANISMS, oauthHandlers, offeredMechanism, TokenRefused } from './oauth-login';

const transport = {
  host: 'smtp.example',
  port: 587,
  security: 'starttls' as const,
  version: 1,
  createdAt: '',
  updatedAt: '',
};

/** Logs in against these answers. @returns what was said, and how it ended */
const logIn = async (mechanism: string, answers: string[], user = 'ann@example.org') => {
  const said: string[] = [];
  const talk = {
    auth: { credentials: { user, pass: 'the-token' } },
    sendCommand: (line: string) => (said.push(line), Promise.resolve({ response: answers.shift() ?? '' })),
  } as unknown as SMTPConnection.CustomAuthenticationContext;
  const error: unknown = await Promise.resolve(oauthHandlers(transport)[mechanism]?.(talk)).catch(
    (thrown: unknown) => thrown,
  );
  return { said, error };
};
const decoded = (line = ''): string =>
  Buffer.from(line.split(' ')[2] ?? '', 'base64')
    .toString()
    .replaceAll('\u0001', '^');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('XOAUTH2 says all at once', async () => {
  const { said, error } = await logIn('XOAUTH2', ['235 ok']);
  expect(error).toBeUndefined();
  expect(said).toHaveLength(1);
  expect(decoded(said[0])).toBe('user=ann@example.org^auth=Bearer the-token^^');
});

test('OAUTHBEARER escapes the name (RFC 5801 section 4)', async () => {
  const { said } = await logIn('OAUTHBEARER', ['235 ok'], 'a=b,c@example.org');
  expect(decoded(said[0])).toBe('n,a=a=3Db=2Cc@example.org,^host=smtp.example^port=587^auth=Bearer the-token^^');
});

test.each([
  { mechanism: 'XOAUTH2', answer: '' },
  { mechanism: 'OAUTHBEARER', answer: 'AQ==' },
])('$mechanism hears the reason, and then the refusal', async ({ mechanism, answer }) => {
  const reason = base64('{"status":"invalid_token","schemes":"bearer","scope":""}');
  const { said, error } = await logIn(mechanism, [`334 ${reason}`, '535 5.7.8 no']);
  expect(said.slice(1)).toEqual([answer]);
  expect(error).toBeInstanceOf(TokenRefused);
  expect(error).toMatchObject({ reason: 'status invalid_token, schemes bearer' });
});

test.each(['334 ', '334 not base64 of JSON', `334 ${base64('[]')}`, `334 ${base64('null')}`, '535 5.7.8 no'])(
  'a refusal without a reason that can be read: %s',
  async (answer) => {
    const { error } = await logIn('XOAUTH2', [answer, '535 5.7.8 no']);
    expect(error).toMatchObject({ name: 'TokenRefused', reason: undefined });
  },
);

test.each([
  ['250-smtp.example\r\n250-AUTH LOGIN XOAUTH2 OAUTHBEARER\r\n250 SIZE', MECHANISMS[0]],
  ['250-smtp.example\r\n250 auth plain oauthbearer', 'OAUTHBEARER'],
  ['250-smtp.example\r\n250-AUTH=LOGIN XOAUTH2\r\n250 SIZE', 'XOAUTH2'],
  ['250-smtp.example\r\n250 AUTH PLAIN XOAUTH', undefined],
  ['250-xoauth2.example\r\n250 SIZE', undefined],
])('what %j offers', (ehlo, mechanism) => {
  expect(offeredMechanism(ehlo)).toBe(mechanism);
});
