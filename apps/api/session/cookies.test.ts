// Which cookie is the session, and under which names it is kept.
import { secureBy, sessionToken } from './cookies';

const withCookie = (cookie: string) => ({ headers: { cookie } });

test('over TLS only the name counts that no other host may set', () => {
  const planted = withCookie('rohrpost_session=planted');
  expect([sessionToken(planted, true), sessionToken(planted, false)]).toEqual([undefined, 'planted']);
  const both = withCookie('rohrpost_session=planted; __Host-rohrpost_session=own');
  expect([sessionToken(both, true), sessionToken(both, false)]).toEqual(['own', 'own']);
});

test('the address of the configuration says whether it is TLS, else the request', () => {
  expect([secureBy('https://mail.example')({}), secureBy('http://localhost')({ secure: true })]).toEqual([true, false]);
  expect([secureBy(undefined)({ secure: true }), secureBy(undefined)({})]).toEqual([true, false]);
});
