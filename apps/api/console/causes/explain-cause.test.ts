// What replies and codes mean in plain words.
import { explainCause, type Cause } from './explain-cause';

const cause = (reply: string | undefined, code: Cause['code'] = 'refused', text = 'x') =>
  explainCause({ code, text, ...(reply !== undefined && { reply }) });

test.each([
  ['550 5.1.1', 'cause.noAddress', 'recipient'],
  ['550', 'cause.noAddress', 'recipient'],
  ['556 5.1.10', 'cause.noMail', 'recipient'],
  ['553 5.1.8', 'cause.sender', 'from'],
  ['552 5.2.2', 'cause.full', 'again'],
  ['552 5.3.4', 'cause.tooBig', 'content'],
  ['535 5.7.8', 'cause.login', 'transport'],
  ['535', 'cause.login', 'transport'],
  // Some servers ask for a login with an enhanced code of rules.
  ['530 5.7.1', 'cause.login', 'transport'],
  ['451 4.7.1', 'cause.throttled', 'again'],
  ['421 4.7.0', 'cause.throttled', 'again'],
  ['421', 'cause.busy', 'again'],
  ['550 5.7.1', 'cause.policy', 'content'],
  ['550 5.7.26', 'cause.authentication', 'from'],
  ['554', 'cause.policy', 'content'],
  ['599 5.9.9', 'cause.other', 'again'],
])('%s: %s', (reply, what, mend) => {
  expect(cause(reply)).toEqual({ what, mend });
});

test.each([
  ['attempts-exhausted', '550 5.1.1', 'x', 'cause.noAddress'],
  ['attempts-exhausted', undefined, 'the connection timed out', 'cause.noConnection'],
  ['attempts-exhausted', undefined, 'x', 'cause.exhausted'],
  ['template-failed', undefined, 'cannot read name', 'cause.templateFailed'],
  ['uncertain', '250', 'the connection broke', 'cause.uncertain'],
  ['expired', undefined, 'was not sent in time', 'cause.expired'],
] as const)('%s, %s, %s: %s', (code, reply, text, what) => {
  expect(cause(reply, code, text).what).toBe(what);
});
