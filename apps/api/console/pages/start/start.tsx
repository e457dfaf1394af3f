// The start page: what needs somebody now, then the numbers.
import type { z } from 'zod';
import type { Overview } from '../../../answers/overview';
import type { VerifyResult } from '../../../answers/transports';
import { FormRefusal } from '../../kit/form';
import { Live } from '../../kit/parts';
import type { Page, Redirect, Visit } from '../../page/page';
import { Needs } from './needs';
import { NumbersPart } from './numbers';

type Overview = z.infer<typeof Overview>;

const tryTransport = async ({ ask, form }: Visit): Promise<Redirect> => {
  const params = { tenant: form.get('tenant') ?? '', name: form.get('transport') ?? '' };
  const result = await ask<Partial<z.infer<typeof VerifyResult>>>('verifyTransport', { params });
  if (result.ok === undefined) return { redirect: '/', notice: 'start.triedLonger' };
  const notice = result.ok ? 'start.tried' : 'start.triedFailed';
  return { redirect: '/', notice, values: { reply: (result.reply ?? '').slice(0, 300) } };
};

const resumeQueue = async ({ ask, form }: Visit): Promise<Redirect> => {
  const params = { tenant: form.get('tenant') ?? '', application: form.get('application') ?? '' };
  await ask('resumeQueue', { params, body: {} });
  return { redirect: '/', notice: 'start.resumed', values: { queue: `${params.tenant}/${params.application}` } };
};

const start: Page = {
  path: '/',
  async get(visit) {
    const overview = await visit.ask<Overview>('readOverview');
    return {
      title: 'Rohrpost',
      body: (
        <>
          <h1>{visit.say('start.title')}</h1>
          <FormRefusal visit={visit} />
          <Live visit={{ ...visit, url: '/' }} id="start">
            <Needs visit={visit} overview={overview} />
            <NumbersPart visit={visit} numbers={overview.numbers} />
          </Live>
        </>
      ),
    };
  },
  async post(visit) {
    switch (visit.form.get('do')) {
      case 'try':
        return tryTransport(visit);
      case 'resume':
        return resumeQueue(visit);
      case 'resume-all':
        await visit.ask('resumeInstallation', { body: {} });
        return { redirect: '/', notice: 'start.resumedAll' };
      default:
        return { redirect: '/' };
    }
  },
};

export const START_PAGES: readonly Page[] = [start];
