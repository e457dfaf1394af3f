// What the service adds to a message tells nobody of another recipient.
import { serviceHeaders } from './service-headers';

const [ANN, BOB] = [{ address: 'ann@example.org' }, { address: 'bob@example.org' }];
const ways = { url: 'https://acme.example/off?who={recipient}', mailto: 'off@acme.example?subject={id}' };

test('the address of the only recipient is filled in', () => {
  expect(serviceHeaders('m_1', { to: [ANN] }, ways)['List-Unsubscribe']).toBe(
    '<https://acme.example/off?who=ann%40example.org>, <mailto:off@acme.example?subject=m_1>',
  );
});

test('that of one of several is not, whatever was set after the email was accepted', () => {
  const email = { to: [], bcc: [ANN, BOB] };
  expect(serviceHeaders('m_1', email, ways)).toEqual({
    'Auto-Submitted': 'auto-generated',
    'List-Unsubscribe': '<mailto:off@acme.example?subject=m_1>',
  });
  expect(serviceHeaders('m_1', email, { url: ways.url })).toEqual({ 'Auto-Submitted': 'auto-generated' });
});
