// The page where people sign in with a key.
import type { Identity } from '../../../../libs/mail/settings/api-key';
import { Field, Refusal } from '../kit/form';
import type { Say } from '../words/all-words';

/** Roles that have something to do here. */
export const maySignIn = ({ role }: Identity): boolean => role !== 'sender';

export interface SignInState {
  say: Say;
  /** Why it did not work. */
  refusal?: string | undefined;
  notice?: string | undefined;
  person?: string | undefined;
  /** Where the reader wanted to go. */
  to: string;
  /** The identity provider, and the link that leads there. */
  provider?: { host: string; href: string } | undefined;
}

export const SignIn = ({ say, refusal, notice, person, to, provider }: SignInState) => (
  <main id="main" class="narrow">
    <h1>
      <span class="brand-mark" aria-hidden="true" /> Rohrpost
    </h1>
    {notice !== undefined && (
      <p class="notice" role="status">
        {notice}
      </p>
    )}
    {refusal !== undefined && <Refusal title={say('form.refused')} text={refusal} />}
    {provider !== undefined && (
      <>
        <p>
          <a class="button primary" href={provider.href}>
            {say('signIn.with', { host: provider.host })}
          </a>
        </p>
        <p class="hint">{say('signIn.orKey')}</p>
      </>
    )}
    <form method="post" action="/session" class="card form">
      <input type="hidden" name="to" value={to} />
      <Field name="key" label={say('signIn.key')} hint={say('signIn.keyHint')}>
        <input
          id="key"
          name="key"
          type="password"
          required
          autofocus={provider === undefined}
          autocomplete="current-password"
          aria-describedby="key-hint"
        />
      </Field>
      <Field name="person" label={say('signIn.person')} hint={say('signIn.personHint')} optional={say('form.optional')}>
        <input
          id="person"
          name="person"
          maxlength={60}
          value={person ?? ''}
          autocomplete="name"
          aria-describedby="person-hint"
        />
      </Field>
      <button type="submit" class={provider === undefined ? 'primary' : undefined}>
        {say('signIn.submit')}
      </button>
    </form>
  </main>
);
