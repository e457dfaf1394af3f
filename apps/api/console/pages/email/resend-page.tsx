// An email from the history is sent again: as it was or made anew, to its recipients, to some of them, or to others.
import { randomUUID } from 'node:crypto';
import { Problem } from '../../../../../libs/mail/input/problem';
import { FormRefusal, TextField } from '../../kit/form';
import type { Page, Visit } from '../../page/page';
import { EMAIL_PAGE, emailParams, loadEmail, pathOf, recipientsOf, type Details } from './loaded-email';
import { Crumbs } from './steps-pages';

const LISTS = ['to', 'cc', 'bcc'] as const;

const Modes = ({ visit, email }: { visit: Visit; email: Details }) => {
  const { say, form } = visit;
  const chosen = form.get('mode') ?? (email.archived ? 'as-sent' : 'render');
  return (
    <fieldset>
      <legend>{say('resend.mode')}</legend>
      {email.archived && (
        <label>
          <input type="radio" name="mode" value="as-sent" checked={chosen === 'as-sent'} />
          {say('resend.asSent')}
        </label>
      )}
      <label>
        <input type="radio" name="mode" value="render" checked={chosen !== 'as-sent'} />
        {say('resend.render')}
      </label>
      {!email.archived && <p class="hint">{say('resend.notArchived')}</p>}
    </fieldset>
  );
};

const Who = ({ visit, email }: { visit: Visit; email: Details }) => {
  const { say, form } = visit;
  const isOne = recipientsOf(email).length === 1;
  const isChecked = (name: string, index: number): boolean =>
    form.isSent ? form.all('who').includes(`${name}/${index}`) : isOne;
  return (
    <fieldset>
      <legend>{say('resend.who')}</legend>
      {!isOne && (
        <label data-check-all hidden>
          <input type="checkbox" data-check-all="who" />
          {say('resend.everybody')}
        </label>
      )}
      {LISTS.flatMap((name) =>
        email[name].map((address, index) => (
          <label>
            <input type="checkbox" name="who" value={`${name}/${index}`} checked={isChecked(name, index)} />
            {name === 'to' ? address : `${address} (${say(`about.${name}`)})`}
          </label>
        )),
      )}
      <TextField
        visit={visit}
        name="others"
        label={say('resend.others')}
        hint={say('resend.othersHint')}
        at="/to"
        lines={2}
        optional
      />
    </fieldset>
  );
};

/** The recipients of the form, by the header in which they stand; what is new stands in To. */
const chosenOf = (visit: Visit, email: Details): Partial<Record<(typeof LISTS)[number], string[]>> => {
  const who = visit.form.all('who');
  const others = (visit.form.get('others') ?? '').split('\n').flatMap((line) => line.trim() || []);
  const chosen = LISTS.map((name): [(typeof LISTS)[number], string[]] => [
    name,
    [...email[name].filter((_, index) => who.includes(`${name}/${index}`)), ...(name === 'to' ? others : [])],
  ]);
  return Object.fromEntries(chosen.filter(([, list]) => list.length > 0));
};

const resend: Page = {
  path: `${EMAIL_PAGE}/resend`,
  async get(visit) {
    const { say, form } = visit;
    const { email } = await loadEmail(visit);
    return {
      title: say('resend.title'),
      body: (
        <>
          <Crumbs visit={visit} email={email} />
          <h1>{say('resend.title')}</h1>
          <FormRefusal visit={visit} />
          <form method="post" class="card form">
            {/* One form sends one email, however often its button is pressed. */}
            <input type="hidden" name="once" value={form.get('once') ?? randomUUID()} />
            <p>{say('resend.what')}</p>
            <Modes visit={visit} email={email} />
            <Who visit={visit} email={email} />
            <div class="actions">
              <button type="submit" class="primary">
                {say('resend.yes')}
              </button>
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
    const { email } = await loadEmail(visit);
    const chosen = chosenOf(visit, email);
    if (Object.keys(chosen).length === 0) throw new Problem('invalid', visit.say('resend.nobody'));
    const once = visit.form.get('once');
    const { id } = await visit.ask<{ id: string }>('resendEmail', {
      params: emailParams(visit),
      body: { mode: visit.form.get('mode') === 'as-sent' ? 'as-sent' : 'render', ...chosen },
      ...(once && { idempotencyKey: once }),
    });
    return { redirect: pathOf({ ...email, id }), notice: 'do.resent' };
  },
};

export const RESEND_PAGES: readonly Page[] = [resend];
