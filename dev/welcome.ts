// What the launcher prints once everything runs: where it is, how to get in, and a mail to send.
import type { Demo } from './demo/demo';
import type { Options } from './options';
import type { Secrets } from './secrets';
import { shownPath } from './telling';

interface Running {
  options: Options;
  api: string;
  inbox: string;
  /** Which Redis, in words. */
  redis: string;
  secrets: Secrets;
  demo: Demo | undefined;
  /** Signs in at the console, once. */
  link: string | undefined;
}

const curl = (api: string, key: string, body: unknown): string =>
  `curl -sS ${api}/v1/queues/demo/app/emails -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' ` +
  `-d '${JSON.stringify(body)}'`;

const tryIt = (api: string, demo: Demo | undefined): string[] => {
  if (demo === undefined) return [];
  const finished = {
    to: ['ann@rohrpost.example'],
    subject: 'Hello',
    html: '<p>It <b>works</b>.</p>',
    text: 'It works.',
  };
  const rendered = { to: ['ann@rohrpost.example'], template: 'welcome', data: { name: 'Ann' } };
  return [
    '',
    'Send a mail:',
    curl(api, demo.key, finished),
    '',
    'Send one from a template:',
    curl(api, demo.key, rendered),
  ];
};

/** @returns the lines */
export const welcome = ({ options, api, inbox, redis, secrets, demo, link }: Running): string => {
  const { dataDir, workers, httpPort, smtpPort, grace } = options;
  const place = secrets.operatorKeyPlace;
  const lines = [
    ...(link === undefined
      ? [['Console', `${api}/   (sign in with the operator key)`]]
      : [
          ['Console', link],
          ['', 'signs you in as the demo administrator, once, for ten minutes; later with the operator key'],
        ]),
    ['API', `${api}   (every call: ${api}/docs)`],
    ['Queues', `${api}/board   (Bull Board; signed in like the console)`],
    ...(smtpPort === undefined || smtpPort === 0
      ? []
      : [
          [
            'SMTP',
            `127.0.0.1:${smtpPort}   (for applications that speak nothing else: any user name, a key as the password)`,
          ],
        ]),
    ['Inbox', `${inbox}   (every mail of the tenant "demo" arrives here, none leaves this machine)`],
    [
      'Operator key',
      place === 'ROHRPOST_OPERATOR_KEY' ? `(from ${place})` : `${secrets.operatorKey}   (kept in ${shownPath(place)})`,
    ],
    ...(demo === undefined ? [] : [['Demo key', `${demo.key}   (may only send to demo/app)`]]),
    ['Redis', redis],
    ['Workers', `${workers}   (npm start -- --workers N for more)`],
    ['Logs', shownPath(`${dataDir}/logs`)],
  ];
  return [
    '',
    `Rohrpost runs on port ${httpPort}. Ctrl-C stops it (within ${grace / 1000} s); nothing is lost.`,
    '',
    ...lines.map(([name = '', value = '']) => `  ${name.padEnd(13)} ${value}`),
    ...tryIt(api, demo),
    ...(demo === undefined ? [] : ['', 'The demo has emails in every state; npm run demo:clear takes them away.']),
    '',
  ].join('\n');
};
