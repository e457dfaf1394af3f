// The form of a transport: server, login, certificates, limits, signature.
import type { z } from 'zod';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { TransportDetails } from '../../../answers/transports';
import { ChoiceField, TextField } from '../../kit/form';
import { Seen, Setting, type Editing, type SettingField } from '../../kit/settings-form';
import type { WordKey } from '../../words/all-words';
import { DKIM, LIMITS, MORE, OAUTH, SERVER, TLS, USER } from './transport-fields';

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

const loginOf = (present: Present): 'none' | 'password' | 'oauth2' => {
  if (present?.auth === undefined) return 'none';
  return 'oauth2' in present.auth ? 'oauth2' : 'password';
};

const Login = ({ edit, present }: { edit: Editing; present: Present }) => {
  const { visit } = edit;
  const { say } = visit;
  const login = loginOf(present);
  const oauth2 = present?.auth !== undefined && 'oauth2' in present.auth ? present.auth.oauth2 : undefined;
  const choices = [
    ['none', say('transport.loginNone')],
    ['password', say('transport.loginPassword')],
    ['oauth2', say('transport.loginOAuth')],
  ] as const;
  return (
    <fieldset class="login">
      <legend>{say('transport.login')}</legend>
      <input type="hidden" name="was:login" value={visit.form.get('was:login') ?? login} />
      <div class="two">
        <ChoiceField visit={visit} name="login" label={say('transport.loginBy')} value={login} choices={choices} />
        <div class="login-any">
          <Setting edit={edit} field={USER} />
        </div>
      </div>
      <div class="login-password">
        <Secret edit={edit} name="auth.pass" label="transport.pass" isSet={login === 'password'} />
      </div>
      <div class="login-oauth2 form">
        <Fields edit={edit} fields={OAUTH} />
        <Secret
          edit={edit}
          name="auth.oauth2.clientSecret"
          label="transport.clientSecret"
          isSet={oauth2?.clientSecret !== undefined}
        />
        <Secret
          edit={edit}
          name="auth.oauth2.refreshToken"
          label="transport.refreshToken"
          isSet={oauth2?.refreshToken !== undefined}
        />
        <Secret
          edit={edit}
          name="auth.oauth2.privateKey"
          label="transport.privateKey"
          isSet={oauth2?.privateKey !== undefined}
          lines={4}
        />
      </div>
    </fieldset>
  );
};

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
      <Login edit={edit} present={present} />
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
