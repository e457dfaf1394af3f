// The ten tasks for which the console is there, as somebody does them who may administer one tenant.
import type { Page } from 'playwright-core';
import type { Say } from '../../../apps/api/console/words/all-words';
import { untilState } from '../../support/emails';
import { anEmail, setUpQueue, type EmailBody, type Service } from '../../support/service';
import type { SmtpServer } from '../../support/smtp/smtp-server';
import { testCa } from '../../support/smtp/tls';
import { eventually } from '../../support/wait';
import type { Hand } from './hands';

/** Whoever sends at the test's SMTP server must log in so; nobody at gmial.com is known there. */
export const LOGIN = { user: 'billing', pass: 'right horse' };
const TYPOS = 40;

export interface Person {
  page: Page;
  hand: Hand;
  say: Say;
  /** Its own, with a wrong password to its SMTP server. */
  tenant: string;
  key: string;
  hasScript: boolean;
}

export interface World {
  service: Service;
  smtp: SmtpServer;
}

export interface Task {
  name: string;
  /** What has happened before. */
  given?(this: void, world: World, person: Person): Promise<void>;
  /** What the person does, and sees. */
  does(this: void, world: World, person: Person): Promise<void>;
}

const billing = ({ tenant }: Person): string => `${tenant}/billing`;
const letters = ({ tenant }: Person): string => `${tenant}/letters`;

const post = async ({ service }: World, queue: string, changes: object): Promise<string> =>
  (await service.ok<EmailBody>('POST', `/v1/queues/${queue}/emails`, anEmail({ ...changes }))).id;

/** A page without script shows what has changed when it is loaded again. */
const seen = (person: Person, assertion: () => Promise<void>): Promise<void> =>
  eventually(async () => {
    if (!person.hasScript) await person.page.reload();
    await assertion();
  });

/** A tenant with two queues, a template, and a wrong password. @returns the key of its administrator */
export const makeTenant = async ({ service, smtp }: World, tenant: string): Promise<string> => {
  for (const queue of ['billing', 'letters'])
    await setUpQueue(service, `${tenant}/${queue}`, smtp.port, { backoff: { delay: '1s', jitter: 0 } });
  // An administrator may give credentials to encrypted servers alone.
  await service.ok('PUT', `/v1/tenants/${tenant}/transports/default`, {
    host: '127.0.0.1',
    port: smtp.port,
    security: 'starttls',
    tls: { ca: testCa },
    auth: { ...LOGIN, pass: 'wrong' },
  });
  await service.ok('PUT', `/v1/tenants/${tenant}/templates/invoice`, {
    subject: 'Invoice',
    html: '<h1>Dear <%= it.name %></h1>',
  });
  return (await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant })).key;
};

const signIn: Task = {
  name: 'sign in',
  async does(_world, { page, hand, say, key }) {
    await hand.type(page.locator('#key'), key);
    await hand.type(page.locator('#person'), 'M. Weber');
    await hand.press(page.getByRole('button', { name: say('signIn.submit') }));
    await page.getByText('M. Weber').waitFor();
  },
};

const downItem = ({ page, say, tenant }: Person) =>
  page.getByRole('listitem').filter({ hasText: say('start.down', { tenant, transport: 'default' }) });

const seeWhatIsStuck: Task = {
  name: 'see that a queue is stuck, and why',
  async given(world, person) {
    for (let n = 0; n < 6; n++) await post(world, billing(person), { to: [`waits${n}@example.org`] });
  },
  async does(_world, person) {
    await seen(person, async () => {
      await downItem(person).getByText('535 5.7.8').waitFor({ timeout: 500 });
      await downItem(person)
        .getByText(person.say('start.wait', { n: 6 }))
        .waitFor({ timeout: 500 });
    });
  },
};

const mendPassword: Task = {
  name: 'mend an SMTP password and test it',
  async does({ service }, person) {
    const { page, hand, say } = person;
    await hand.press(downItem(person).getByRole('link', { name: say('start.mend') }));
    await hand.type(page.getByLabel(say('transport.pass'), { exact: true }), LOGIN.pass);
    await hand.press(page.getByRole('button', { name: say('transport.saveTest') }));
    await page.getByRole('heading', { name: say('test.ok') }).waitFor();
    await eventually(
      async () =>
        expect(await service.ok('GET', `/v1/queues/${billing(person)}`)).toMatchObject({ counts: { sent: 6 } }),
      { timeout: 30_000 },
    );
  },
};

const find: Task = {
  name: 'find an email by its recipient over all queues',
  async given(world, person) {
    for (const queue of [billing(person), letters(person)])
      await post(world, queue, { to: ['zoe@example.org'], subject: `Of ${queue}` });
  },
  async does(_world, { page, hand, tenant }) {
    await hand.type(page.locator('#q'), 'zoe@example.org');
    await hand.enter();
    await page.getByText(`Of ${tenant}/billing`).waitFor();
    expect(await page.locator('tbody tr').count()).toBe(2);
  },
};

let typo = '';
const correct: Task = {
  name: 'correct its address and release it',
  async given(world, person) {
    typo = await post(world, billing(person), { to: ['ann@gmial.com'], subject: 'To Ann' });
    await untilState(world.service, billing(person), typo, 'failed');
  },
  async does({ service }, person) {
    const { page, hand, say } = person;
    await hand.type(page.locator('#q'), 'ann@gmial.com');
    await hand.enter();
    await hand.press(page.locator('tbody').getByRole('link', { name: 'ann@gmial.com' }));
    await hand.press(page.getByRole('link', { name: say('do.correct'), exact: true }));
    await hand.type(page.locator('#to'), 'ann@gmail.com');
    await hand.press(page.getByRole('button', { name: say('correct.saveRelease') }));
    await page.getByText(say('do.correctedReleased')).waitFor();
    await untilState(service, billing(person), typo, 'sent');
  },
};

const resend: Task = {
  name: 'send one again, to one of its recipients',
  async given(world, person) {
    const to = ['carl@example.org', 'dora@example.org'];
    await untilState(world.service, letters(person), await post(world, letters(person), { to }), 'sent');
  },
  async does({ smtp }, { page, hand, say }) {
    const before = smtp.messages.length;
    await hand.type(page.locator('#q'), 'dora@example.org');
    await hand.enter();
    await hand.press(page.locator('tbody').getByRole('link', { name: 'carl@example.org' }));
    await hand.press(page.getByRole('link', { name: say('do.resend') }));
    await hand.press(page.getByRole('checkbox', { name: 'dora@example.org' }));
    await hand.press(page.getByRole('button', { name: say('resend.yes') }));
    await page.getByText(say('do.resent')).waitFor();
    const [again] = (await smtp.waitForMessages(before + 1)).slice(before);
    expect(again?.to).toEqual(['dora@example.org']);
  },
};

const pause: Task = {
  name: 'pause a queue with a reason, and resume it',
  async does({ service }, person) {
    const { page, hand, say } = person;
    const path = `/v1/queues/${letters(person)}`;
    await hand.press(page.getByRole('navigation').getByRole('link', { name: say('nav.queues') }));
    await hand.press(page.getByRole('link', { name: letters(person) }));
    await hand.press(page.locator('summary', { hasText: say('queue.pauseTitle') }));
    await hand.type(page.getByLabel(say('queue.pauseReason')), 'wrong date');
    await hand.press(page.getByRole('button', { name: say('queue.pause'), exact: true }));
    await page.getByText(say('queue.reason', { reason: 'wrong date' })).waitFor();
    expect(await service.ok('GET', path)).toMatchObject({ paused: true, pause: { reason: 'wrong date' } });
    await hand.press(page.getByRole('button', { name: say('queue.resume'), exact: true }));
    await page.getByText(say('queue.didResume', { queue: letters(person) })).waitFor();
    expect(await service.ok('GET', path)).toMatchObject({ paused: false });
  },
};

const mendForty: Task = {
  name: 'mend forty emails with the same typo',
  async given(world, person) {
    const emails = Array.from({ length: TYPOS }, (_, n) => anEmail({ to: [`ann${n}@gmial.com`] }));
    await world.service.ok('POST', `/v1/queues/${letters(person)}/emails/batch`, { emails });
    await eventually(async () =>
      expect(await world.service.ok('GET', `/v1/queues/${letters(person)}`)).toMatchObject({
        counts: { failed: TYPOS },
      }),
    );
  },
  async does({ service }, person) {
    const { page, hand, say } = person;
    await hand.press(page.getByRole('navigation').getByRole('link', { name: say('nav.incidents') }));
    await hand.press(page.getByRole('link', { name: say('cause.noAddress') }));
    await hand.press(page.getByRole('button', { name: say('mend.submit') }));
    const words = { action: say('bulk.release'), n: TYPOS };
    await hand.press(page.getByRole('button', { name: say('bulk.mendAndBegin', words) }));
    await seen(person, async () => expect(await page.getByText(say('operation.done')).count()).toBeGreaterThan(0));
    await eventually(async () =>
      expect(await service.ok('GET', `/v1/queues/${letters(person)}`)).toMatchObject({ counts: { failed: 0 } }),
    );
  },
};

const editTemplate: Task = {
  name: 'edit a template, see its preview and the difference',
  async does({ service }, { page, hand, say, tenant, hasScript }) {
    await hand.press(page.getByRole('navigation').getByRole('link', { name: say('nav.tenants') }));
    await hand.press(page.getByRole('link', { name: say('tenant.templateCount', { n: 1 }) }));
    await hand.press(page.getByRole('link', { name: 'invoice' }));
    const preview = page.frameLocator('iframe.mail:not(.coming)');
    await preview.getByRole('heading', { name: 'Dear name' }).waitFor();
    await hand.type(page.getByLabel('HTML', { exact: true }), '<h1>Good day <%= it.name %></h1>');
    if (!hasScript) await hand.press(page.getByRole('button', { name: say('template.showPreview') }));
    await preview.getByRole('heading', { name: 'Good day name' }).waitFor();
    await hand.press(page.getByRole('button', { name: say('form.save'), exact: true }));
    await page.getByRole('insertion').filter({ hasText: 'Good day' }).waitFor();
    expect(await service.ok('GET', `/v1/tenants/${tenant}/templates/invoice`)).toMatchObject({ version: 2 });
  },
};

const keys: Task = {
  name: 'issue a key and revoke it',
  async does({ service }, { page, hand, say, tenant }) {
    await hand.press(page.getByRole('navigation').getByRole('link', { name: say('nav.keys') }));
    await hand.type(page.getByLabel(say('key.name')), 'Night shift');
    await hand.press(page.getByRole('button', { name: say('key.issue') }));
    const key = (await page.locator('.secret code').textContent()) ?? '';
    const path = `/v1/queues/${tenant}/billing/emails`;
    expect((await service.call('POST', path, anEmail(), { key })).status).toBe(202);
    await hand.press(page.getByRole('link', { name: say('key.back') }));
    const row = page.getByRole('row').filter({ hasText: 'Night shift' });
    await hand.press(row.locator('summary'));
    await hand.press(row.getByRole('button', { name: say('key.revokeNow', { name: 'Night shift' }) }));
    await page.getByRole('status').waitFor();
    expect((await service.call('POST', path, anEmail(), { key })).status).toBe(401);
  },
};

export const TEN_TASKS: readonly Task[] = [
  signIn,
  seeWhatIsStuck,
  mendPassword,
  find,
  correct,
  resend,
  pause,
  mendForty,
  editTemplate,
  keys,
];
