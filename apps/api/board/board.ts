// Bull Board over the tenants' queues: a row per queue in a tree, and nothing that would go round our rules.
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { Router, type Express, type NextFunction, type Request, type Response } from 'express';
import { may, reaches, type Identity } from '../../../libs/mail/settings/api-key';
import { formatAddress } from '../../../libs/mail/address/address';
import { queueName, type QueueAddress } from '../../../libs/mail/address/queue-address';
import { bullQueueOf } from '../../../libs/jobs/layout/queues';
import { ASIDE_STATES } from '../../../libs/mail/email/state';
import { recipientsOf, subjectOf, type StoredEmail } from '../../../libs/mail/email/stored-email';
import type { Changes } from '../../../libs/store/redis/settings-cache';
import { boardActions } from './board-actions';
import { boardSchema } from './board-schema';
import type { Commands } from '../../../libs/administration/commands';
import type { RouteDeps } from '../http/route-deps';
import { identityOf, permit } from '../http/auth';
import { refuseForeign } from '../session/same-origin';
import type { SessionGate } from '../session/session-gate';
import { sendAnswer } from '../http/endpoint/router';
import { emailAnswer } from '../views/email-answer';
import { existingQueue, existingEmail } from '../../../libs/administration/existing';

export const BOARD_PATH = '/board';

/** What Bull Board's page needs; its font of elsewhere stays blocked and falls back. */
const POLICY =
  "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/** The key in HTTP Basic (RFC 7617): any user name, the key as the password. */
const keyOf = (authorization: string | undefined): string | undefined => {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  return decoded.slice(decoded.indexOf(':') + 1);
};

/** By a session of the console, or a key. @param identify whose key it is @param signedIn whose session it is */
const identifyBoard = async (
  authorization: string | undefined,
  identify: (key: string) => Promise<Identity | undefined>,
  signedIn: () => Promise<Identity | undefined>,
): Promise<Identity | undefined> => {
  const key = keyOf(authorization);
  const identity = key === undefined ? await signedIn() : await identify(key);
  return identity !== undefined && may(identity, 'administer') ? identity : undefined;
};

/** A job as the board has it in a list. */
interface Row {
  data?: Partial<StoredEmail>;
  finishedOn?: number | null;
  failedReason?: string | null;
}

/** What stands among the failed ones and did not fail. */
const NOT_FAILED: readonly string[] = ASIDE_STATES;

const stateWord = ({ data: email = {}, finishedOn, failedReason }: Row, now: number): string => {
  const [code = ''] = (failedReason ?? '').split(':');
  if (finishedOn) return NOT_FAILED.includes(code) ? `${code} · ` : '';
  return email.expiresAt !== undefined && Date.parse(email.expiresAt) <= now ? 'expired · ' : '';
};

/**
 * `ann@example.org · Invoice 114`, as a row of the board; one that is held, canceled, uncertain or expired says so, since the board
 * shows it among the failed ones, or among those that wait.
 * @param now ms since 1970
 */
const rowName = (row: Row, now: number): string => {
  const { data: email = {} } = row;
  const [first, ...others] = email.to === undefined ? [] : recipientsOf({ ...email, to: email.to });
  const what = subjectOf(email) ?? (email.template ? `template ${email.template.name}` : '');
  const more = others.length > 0 ? ` +${others.length}` : '';
  return `${stateWord(row, now)}${first === undefined ? 'email' : formatAddress(first)}${more} · ${what}`;
};

const adapterOf = (rooms: RouteDeps, gate: SessionGate, address: QueueAddress): BullMQAdapter => {
  const bull = bullQueueOf(rooms.queues.open(address));
  const { tenant, application } = address;
  const adapter = new BullMQAdapter(bull, {
    delimiter: '.',
    description: `${tenant}/${application}`,
    jobDataSchema: boardSchema(),
    externalJobUrl: ({ id }) => ({
      displayText: 'Email in the console',
      href: `/queues/${tenant}/${application}/emails/${encodeURIComponent(String(id))}`,
    }),
  });
  // What was sent is sent again as an email of its own, in the console.
  Object.assign(adapter, { allowCompletedRetries: false });
  adapter.setFormatter('name', (job: Row) => rowName(job, rooms.clock.now()));
  adapter.setVisibilityGuard(async ({ headers }) => {
    // Where the request comes from was asked before it came here.
    const signedIn = () => gate.identityOf({ headers });
    const identity = await identifyBoard(headers['authorization'], (key) => rooms.keys.identify(key), signedIn);
    return identity !== undefined && reaches(identity, address);
  });
  return adapter;
};

const UI = {
  boardTitle: 'Rohrpost',
  overview: { groupByDelimiter: true },
  sortQueues: true,
  showWorkers: false,
  showMetrics: false,
  hideRedisDetails: true,
  hideDocsLink: true,
  miscLinks: [{ text: 'Console', url: '/' }],
  pollingInterval: { forceInterval: 5 },
};

/** @returns a router for `/board` */
export const createBoard = (rooms: RouteDeps, changes: Changes, commands: Commands, gate: SessionGate): Router => {
  const server = new ExpressAdapter().setBasePath(BOARD_PATH);
  const board = createBullBoard({
    queues: [],
    serverAdapter: server,
    options: { uiConfig: UI },
  });

  const load = async (): Promise<void> => {
    const tenants = await rooms.tenants.list();
    const queues = (await Promise.all(tenants.map(({ tenant }) => rooms.tenants.queues(tenant)))).flat();
    queues.sort((a, b) => queueName(a).localeCompare(queueName(b)));
    board.replaceQueues(queues.map(({ tenant, application }) => adapterOf(rooms, gate, { tenant, application })));
  };
  // Whoever asks while the list is loaded waits for it; a change meanwhile loads it once more for those who come after.
  let loaded: Promise<void> | undefined;
  changes.onChange((kind) => {
    if (kind === 'tenant' || kind === 'queue') loaded = undefined;
  });
  const refresh = (): Promise<void> => {
    const loading = (loaded ??= load());
    return loading.catch((error: unknown) => {
      if (loaded === loading) loaded = undefined;
      throw error;
    });
  };

  const who = { tenants: rooms.tenants, trusted: rooms.config.render.trusted };
  const router = Router();
  router.use(async (request: Request, response: Response, next: NextFunction) => {
    response.set('Content-Security-Policy', POLICY);
    const identify = (key: string) => rooms.credentials.identify(request, key);
    const identity = await identifyBoard(request.get('Authorization'), identify, () => gate.identityOf(request));
    if (identity === undefined) {
      response.set('WWW-Authenticate', 'Basic realm="Rohrpost", charset="UTF-8"').status(401).type('text/plain');
      response.send('Log in with any user name and a key of an operator or administrator as the password.\n');
      return;
    }
    response.locals['identity'] = identity;
    refuseForeign(request);
    await refresh();
    next();
  });
  router.get('/email/:tenant/:application/:id', async (request, response) => {
    const { tenant, application, id } = request.params;
    const address = { tenant, application };
    await permit(who, identityOf(response), { action: 'read', over: 'queue' }, address);
    const queue = await existingQueue(rooms, address);
    await sendAnswer(response, await emailAnswer(rooms, queue, await existingEmail(rooms, queue, id)));
  });
  router.use(boardActions(rooms, commands));
  // An application of its own, with a header of its own.
  router.use((server.getRouter() as Express).disable('x-powered-by'));
  return router;
};
