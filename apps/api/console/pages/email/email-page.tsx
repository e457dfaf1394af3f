// The page of one email: where it stands and why, its way, what happened, what it says, and what can be done.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import type { Explanation } from '../../../answers/content';
import { FormRefusal } from '../../kit/form';
import { Live } from '../../kit/parts';
import type { Given, Page, Redirect, Visit } from '../../page/page';
import type { WordKey } from '../../words/all-words';
import { About } from './about';
import { contentInFrame, readContent, wanted } from './shown-content';
import { EMAIL_PAGE, emailParams, loadEmail, pathOf, queuePath, recipientsInShort, subjectOf } from './loaded-email';
import { Preview } from './preview';
import { Standing } from './standing';
import { Steps } from './steps';
import { Timeline } from './timeline';
import { Way } from './way';

/** What the buttons of the page do: the operation of the API, its body, and what is told afterwards. */
const DEEDS: Record<string, { id: string; body?: object; notice: WordKey }> = {
  hold: { id: 'holdEmail', notice: 'do.held' },
  release: { id: 'releaseEmail', notice: 'do.released' },
  'send-now': { id: 'sendEmailNow', notice: 'do.sentNow' },
  cancel: { id: 'cancelEmail', notice: 'do.canceled' },
  'resolve-sent': { id: 'resolveEmail', body: { as: 'sent' }, notice: 'do.resolved' },
  'resolve-resend': { id: 'resolveEmail', body: { as: 'resend' }, notice: 'do.resolved' },
  'resolve-failed': { id: 'resolveEmail', body: { as: 'failed' }, notice: 'do.resolved' },
};

/** The version that the reader has seen, as the form kept it. */
export const seenVersion = ({ form }: Pick<Visit, 'form'>): Pick<Given, 'ifMatch'> => {
  const etag = form.get('etag');
  return etag === undefined || etag === '' ? {} : { ifMatch: etag };
};

const act = async (visit: Visit): Promise<Redirect> => {
  const deed = DEEDS[visit.form.get('do') ?? ''];
  if (deed === undefined) throw new Problem('bad-request', 'this button is not known here: load the page again');
  const { id, body, notice } = deed;
  const params = emailParams(visit);
  await visit.ask(id, { params, ...(body && { body }), ...seenVersion(visit) });
  return { redirect: visit.path, notice };
};

const page: Page = {
  path: EMAIL_PAGE,
  async get(visit) {
    const [{ email, etag }, { reasons }] = await Promise.all([
      loadEmail(visit),
      visit.ask<z.infer<typeof Explanation>>('explainEmail', { params: emailParams(visit) }),
    ]);
    const subject = subjectOf(visit, email);
    return {
      title: subject,
      body: (
        <>
          <p class="crumbs">
            <a href={queuePath(email)}>{`${email.tenant}/${email.application}`}</a>
            {' › '}
            {visit.say('email.of', { to: recipientsInShort(visit, email) })}
          </p>
          <h1>{subject}</h1>
          <FormRefusal visit={visit} />
          <Live visit={{ ...visit, url: pathOf(email) }} id="stands">
            <section class="card" aria-label={visit.say('email.stands')}>
              <Standing visit={visit} email={email} reasons={reasons} />
              <Steps visit={visit} email={email} etag={etag} />
              <Way visit={visit} email={email} />
            </section>
          </Live>
          <div class="email">
            <Live visit={{ ...visit, url: pathOf(email) }} id="happened">
              <Timeline visit={visit} email={email} />
            </Live>
            <About visit={visit} email={email} />
          </div>
          <Preview visit={visit} email={email} />
        </>
      ),
    };
  },
  post: act,
};

/** The HTML of an email, as an answer of its own with a policy of its own. */
const frame: Page = {
  path: `${EMAIL_PAGE}/frame`,
  async get(visit) {
    const { email } = await loadEmail(visit);
    return contentInFrame(await readContent(visit, email, wanted(visit, email)), visit);
  },
};

const message: Page = {
  path: `${EMAIL_PAGE}/message.eml`,
  async get(visit) {
    const { headers = {}, write } = await visit.ask.answer('getEmailMessage', { params: emailParams(visit) });
    if (write === undefined) throw new Problem('not-archived', visit.say('preview.noSource'));
    return { type: 'message/rfc822', body: (response) => Promise.resolve(write(response)), headers };
  },
};

export const EMAIL_PAGES: readonly Page[] = [page, frame, message];
