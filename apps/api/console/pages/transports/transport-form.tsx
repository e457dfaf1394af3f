// The form of a transport: server, login, certificates, limits, signature.
import type { z } from 'zod';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { TransportDetails } from '../../../answers/transports';
import { ChoiceField, TextField } from '../../kit/form';
import { Seen, Setting, type Editing, type SettingField } from '../../kit/settings-form';
import type { WordKey } from '../../words/all-words';
import {
  DKIM,
  LIMITS,
  MAILBOX,
  MAILBOX_OAUTH,
  MAILBOX_SERVER,
  MAILBOX_USER,
  MORE,
  OAUTH,
  RETURN_PATH,
  SERVER,
  TLS,
  USER,
} from './transport-fields';

export type Transport = z.infer<typeof TransportDetails>;

/** `undefined`: it is made now. */
type Present = Transport | undefined;

const Fields = ({ edit, fields }: { edit: Editing; fields: readonly SettingField[] }) => (
  <div class="two">
    {fields.map((field) => (
      <Setting edit={edit} field={field} />
    ))}
  </div>
);

/** A secret is never shown; it stays where nothing is typed. */
const Secret = ({
  edit: { visit },
  name,
  label,
  isSet,
  lines,
}: {
  edit: Editing;
  name: string;
  label: WordKey;
  isSet: boolean;
  lines?: number;
}) => {
  const { form, ...rest } = visit;
  // Not even to whoever typed it.
  const unseen = { ...rest, form: { ...form, raw: () => undefined } };
  return (
    <TextField
      visit={unseen}
      name={name}
      label={visit.say(label)}
      hint={visit.say(isSet ? 'transport.isSet' : 'transport.notSet')}
      at={`/${name.replaceAll('.', '/')}`}
      type="password"
      more={{ autocomplete: 'new-password', spellcheck: 'false' }}
      {...(lines !== undefined && { lines })}
    />
  );
};

type Auth = NonNullable<Transport['auth']>;

const loginOf = (auth: Auth | undefined): 'none' | 'password' | 'oauth2' => {
  if (auth === undefined) return 'none';
  return 'oauth2' in auth ? 'oauth2' : 'password';
};

/** The secrets of a login by OAuth2. */
const OAuthSecrets = ({ edit, at, auth }: { edit: Editing; at: string; auth: Auth | undefined }) => {
  const oauth2 = auth !== undefined && 'oauth2' in auth ? auth.oauth2 : undefined;
  return (
    <>
      {(['clientSecret', 'refreshToken', 'privateKey'] as const).map((secret) => (
        <Secret
          edit={edit}
          name={`${at}auth.oauth2.${secret}`}
          label={`transport.${secret}`}
          isSet={oauth2?.[secret] !== undefined}
          {...(secret === 'privateKey' && { lines: 4 })}
        />
      ))}
    </>
  );
};

/** How one logs in: to the server, or to the mailbox. @param at how the names of its fields begin */
const Login = ({
  edit,
  auth,
  kind,
  at,
  user,
  oauth,
  words,
}: {
  edit: Editing;
  auth: Auth | undefined;
  kind: string;
  at: string;
  user: SettingField;
  oauth: readonly SettingField[];
  words: { title: WordKey; none: WordKey; pass: WordKey };
}) => {
  const { visit } = edit;
  const { say } = visit;
  const login = loginOf(auth);
  const choices = [
    ['none', say(words.none)],
    ['password', say('transport.loginPassword')],
    ['oauth2', say('transport.loginOAuth')],
  ] as const;
  return (
    <fieldset class="login">
      <legend>{say(words.title)}</legend>
      <input type="hidden" name={`was:${kind}`} value={visit.form.get(`was:${kind}`) ?? login} />
      <div class="two">
        <ChoiceField visit={visit} name={kind} label={say('transport.loginBy')} value={login} choices={choices} />
        <div class="login-any">
          <Setting edit={edit} field={user} />
        </div>
      </div>
      <div class="login-password">
        <Secret edit={edit} name={`${at}auth.pass`} label={words.pass} isSet={login === 'password'} />
      </div>
      <div class="login-oauth2 form">
        <Fields edit={edit} fields={oauth} />
        <OAuthSecrets edit={edit} at={at} auth={auth} />
      </div>
    </fieldset>
  );
};

/** Where reports come back to, and the mailbox that they are read from. */
const ReturnPath = ({ edit, present }: { edit: Editing; present: Present }) => (
  <Group edit={edit} title="transport.returnPathGroup" fields={[RETURN_PATH]}>
    <p class="hint">{edit.visit.say('mailbox.hint')}</p>
    <Login
      edit={edit}
      auth={present?.returnPath?.mailbox?.auth}
      kind="mailboxLogin"
      at={`${MAILBOX}.`}
      user={MAILBOX_USER}
      oauth={MAILBOX_OAUTH}
      words={{ title: 'mailbox.login', none: 'mailbox.none', pass: 'mailbox.pass' }}
    />
    <Fields edit={edit} fields={MAILBOX_SERVER} />
  </Group>
);

/** Fields that few need: open where one of them is in use. */
const Group = ({
  edit,
  title,
  fields,
  children,
}: {
  edit: Editing;
  title: WordKey;
  fields: readonly SettingField[];
  children?: unknown;
}) => {
  const { problem } = edit.visit;
  const isWrong = problem?.errors.some(({ path }) =>
    fields.some((field) => path.startsWith(`/${field.path.split('.')[0]}`)),
  );
  return (
    <details class="group" open={isWrong === true || fields.some((field) => edit.was(field) !== '')}>
      <summary>{edit.visit.say(title)}</summary>
      <div class="form">
        <Fields edit={edit} fields={fields} />
        {children}
      </div>
    </details>
  );
};

export const TransportForm = ({ edit, present }: { edit: Editing; present: Present }) => {
  const { say, identity } = edit.visit;
  const mayChange = may(identity, 'administer');
  return (
    <form method="post" class="form">
      <Seen edit={edit} />
      {present === undefined && (
        <TextField
          visit={edit.visit}
          name="transport"
          label={say('transport.newName')}
          hint={say('transport.newNameHint')}
          value="default"
          at="/name"
          more={{ required: true, maxlength: 63 }}
        />
      )}
      <fieldset disabled={!mayChange}>
        <legend>{say('transport.server')}</legend>
        <Fields edit={edit} fields={SERVER} />
      </fieldset>
      <Login
        edit={edit}
        auth={present?.auth}
        kind="login"
        at=""
        user={USER}
        oauth={OAUTH}
        words={{ title: 'transport.login', none: 'transport.loginNone', pass: 'transport.pass' }}
      />
      <Group edit={edit} title="transport.tls" fields={TLS} />
      <Group edit={edit} title="transport.limits" fields={LIMITS} />
      <Group edit={edit} title="transport.dkim" fields={DKIM}>
        <Secret
          edit={edit}
          name="dkim.privateKey"
          label="transport.dkimKey"
          isSet={present?.dkim !== undefined}
          lines={4}
        />
      </Group>
      <Group edit={edit} title="transport.more" fields={MORE} />
      <ReturnPath edit={edit} present={present} />
      {mayChange && (
        <div class="actions">
          <button type="submit" name="do" value="save-test" class="primary" data-busy={say('test.running')}>
            {say('transport.saveTest')}
          </button>
          <button type="submit" name="do" value="save">
            {say('form.save')}
          </button>
        </div>
      )}
    </form>
  );
};
