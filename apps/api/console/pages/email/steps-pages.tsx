// Steps that are asked for once more, and say what will happen: to cancel an email, and to erase it.
import { Problem } from '../../../../../libs/mail/input/problem';
import { ActionButton, FormRefusal } from '../../kit/form';
import type { Page, Visit } from '../../page/page';
import { seenVersion } from './email-page';
import {
  EMAIL_PAGE,
  emailParams,
  isAllowed,
  loadEmail,
  pathOf,
  queuePath,
  recipientsInShort,
  subjectOf,
  type Details,
} from './loaded-email';

/** The way back to the email. */
export const Crumbs = ({ visit, email }: { visit: Visit; email: Details }) => (
  <p class="crumbs">
    <a href={queuePath(email)}>{`${email.tenant}/${email.application}`}</a>
    {' › '}
    <a href={pathOf(email)}>{subjectOf(visit, email)}</a>
  </p>
);

const about = (visit: Visit, email: Details) => ({
  subject: subjectOf(visit, email),
  to: recipientsInShort(visit, email),
});

const cancel: Page = {
  path: `${EMAIL_PAGE}/cancel`,
  async get(visit) {
    const { say } = visit;
    const { email, etag } = await loadEmail(visit);
    const mayHold = isAllowed(visit, email, 'hold');
    const action = pathOf(email);
    return {
      title: say('cancel.title'),
      body: (
        <>
          <Crumbs visit={visit} email={email} />
          <h1>{say('cancel.title')}</h1>
          <div class="card">
            <p>{say('cancel.what', about(visit, email))}</p>
            {mayHold && <p>{say('cancel.instead')}</p>}
            <div class="actions">
              {mayHold && (
                <ActionButton action={action} does="hold" text={say('cancel.hold')} kind="primary" fields={{ etag }} />
              )}
              {isAllowed(visit, email, 'cancel') && (
                <ActionButton action={action} does="cancel" text={say('cancel.yes')} kind="danger" fields={{ etag }} />
              )}
              <a class="button" href={action}>
                {say('form.cancel')}
              </a>
            </div>
          </div>
        </>
      ),
    };
  },
};

const erase: Page = {
  path: `${EMAIL_PAGE}/erase`,
  async get(visit) {
    const { say } = visit;
    const { email, etag } = await loadEmail(visit);
    const { attempts, changes } = email;
    return {
      title: say('erase.title'),
      body: (
        <>
          <Crumbs visit={visit} email={email} />
          <h1>{say('erase.title')}</h1>
          <FormRefusal visit={visit} />
          <form method="post" class="card form">
            <input type="hidden" name="etag" value={etag} />
            <p>{say('erase.what', { ...about(visit, email), attempts: attempts.length, changes: changes.length })}</p>
            <p class="hint">{say('erase.audit')}</p>
            <label>
              <input type="checkbox" name="sure" value="yes" />
              {say('erase.sure', { id: email.id })}
            </label>
            <div class="actions">
              {isAllowed(visit, email, 'delete') && (
                <button type="submit" class="danger">
                  {say('erase.yes')}
                </button>
              )}
              <a class="button" href={pathOf(email)}>
                {say('form.cancel')}
              </a>
            </div>
          </form>
        </>
      ),
    };
  },
  async post(visit) {
    const params = emailParams(visit);
    if (visit.form.get('sure') !== 'yes') throw new Problem('invalid', visit.say('erase.needsSure'));
    await visit.ask('eraseEmail', { params, ...seenVersion(visit) });
    const { tenant = '', application = '', id = '' } = params;
    return { redirect: queuePath({ tenant, application }), notice: 'do.erased', values: { id } };
  },
};

export const STEP_PAGES: readonly Page[] = [cancel, erase];
