// What an administrator may give for a login by OAuth2: keys that can sign, and what each grant needs.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OAuth2 } from './oauth';

const file = (name: string): string => readFileSync(join(__dirname, '../../../test/support/smtp/tls', name), 'utf8');
const [serverKey, serverCertificate] = [file('server.key'), file('server.crt')];

const pemOf = (key: { export(options: { type: 'pkcs8'; format: 'pem' }): string | Buffer }): string =>
  key.export({ type: 'pkcs8', format: 'pem' }).toString();
const rsa = (modulusLength: number): string => pemOf(generateKeyPairSync('rsa', { modulusLength }).privateKey);
const ec = (namedCurve: string): string => pemOf(generateKeyPairSync('ec', { namedCurve }).privateKey);

const faults = (given: Record<string, unknown>): string[] => {
  const base = { tokenUrl: 'https://login.example/token', clientId: 'app', grant: 'client_credentials' };
  return OAuth2.safeParse({ ...base, ...given }).error?.issues.map(({ path }) => path.join('.')) ?? [];
};

test.each([
  { what: 'RSA', privateKey: rsa(2_048), fine: true },
  { what: 'RSA that is too short to sign with', privateKey: rsa(1_024), fine: false },
  { what: 'EC P-256', privateKey: ec('P-256'), fine: true },
  { what: 'EC of another curve', privateKey: ec('P-384'), fine: false },
  { what: 'its certificate beside it', privateKey: serverKey + serverCertificate, fine: true },
  { what: 'the certificate of another key beside it', privateKey: rsa(2_048) + serverCertificate, fine: false },
  {
    what: 'a broken certificate beside it',
    privateKey: `${serverKey}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    fine: false,
  },
  { what: 'a certificate alone', privateKey: serverCertificate, fine: false },
])('a private key: $what', ({ privateKey, fine }) => {
  expect(faults({ privateKey })).toEqual(fine ? [] : ['privateKey']);
});

test.each([
  { given: {}, at: ['clientSecret'] },
  { given: { clientSecret: 'x', privateKey: serverKey }, at: ['clientSecret'] },
  { given: { clientSecret: 'x', refreshToken: 'x' }, at: ['refreshToken'] },
  { given: { grant: 'refresh_token', clientSecret: 'x' }, at: ['refreshToken'] },
  { given: { grant: 'refresh_token', refreshToken: 'x' }, at: [] },
  { given: { grant: 'jwt_bearer', clientSecret: 'x' }, at: ['privateKey'] },
  { given: { clientSecret: 'x', tokenUrl: 'ftp://login.example/token' }, at: ['tokenUrl'] },
  { given: { clientSecret: 'x', clientId: 'a\r\nb' }, at: ['clientId'] },
])('what each grant needs: $given', ({ given, at }) => {
  expect(faults(given)).toEqual(at);
});
