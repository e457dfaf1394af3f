// Ways off a list: each recipient's own, or none.
import { serviceHeaders } from './service-headers';

const ways = { url: 'https://acme.example/off?{id}&{recipient}', mailto: 'off@acme.example?subject={id}' };

test('one recipient gets addresses of his own', () => {
  expect(serviceHeaders('m_1', { to: [{ address: 'a+b@example.org' }] }, ways)).toMatchObject({
    'List-Unsubscribe': '<https://acme.example/off?m_1&a%2Bb%40example.org>, <mailto:off@acme.example?subject=m_1>',
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
  });
});

test('several get no address that names one of them, where the setting came after they were accepted', () => {
  const email = { to: [], bcc: [{ address: 'secret@example.org' }, { address: 'b@example.org' }] };
  const headers = serviceHeaders('m_1', email, ways);
  expect(headers).toEqual({
    'Auto-Submitted': 'auto-generated',
    'List-Unsubscribe': '<mailto:off@acme.example?subject=m_1>',
  });
  expect(serviceHeaders('m_1', email, { url: ways.url })).toEqual({ 'Auto-Submitted': 'auto-generated' });
});
