// The form by which a key is issued.
import { ROLES } from '../../../../../libs/mail/settings/api-key';
import { ChoiceField, TextField } from '../../kit/form';
import type { Visit } from '../../page/page';

/** What bounds the key: until when, from where, how often. */
const Bounds = ({ visit }: { visit: Visit }) => {
  const { say } = visit;
  const each = { visit, optional: true };
  return (
    <>
      <TextField {...each} name="expiresAt" label={say('key.expires')} hint={say('key.expiresHint')} type="date" />
      <TextField {...each} name="addresses" label={say('key.addresses')} hint={say('key.addressesHint')} lines={2} />
      <TextField {...each} name="rate.max" at="/rate/max" label={say('key.rateMax')} more={{ inputmode: 'numeric' }} />
      <TextField
        visit={visit}
        name="rate.per"
        at="/rate/per"
        label={say('key.ratePer')}
        hint={say('key.ratePerHint')}
        value="1m"
      />
    </>
  );
};

/** Where it reaches; not beyond the reader's own key. */
const Reach = ({ visit }: { visit: Visit }) => {
  const { say, identity, query } = visit;
  const given = (own: string | undefined) => ({ ...(own !== undefined && { readonly: true }), autocomplete: 'off' });
  return (
    <>
      <TextField
        visit={visit}
        name="tenant"
        label={say('key.tenant')}
        hint={say('key.tenantHint')}
        value={identity.tenant ?? query['tenant']}
        more={given(identity.tenant)}
      />
      <TextField
        visit={visit}
        name="application"
        label={say('key.application')}
        hint={say('key.applicationHint')}
        value={identity.application}
        optional
        more={given(identity.application)}
      />
    </>
  );
};

export const IssueForm = ({ visit }: { visit: Visit }) => {
  const { say, identity } = visit;
  const roles = ROLES.filter((role) => role !== 'operator' || identity.role === 'operator');
  return (
    <form method="post" class="form">
      <div class="two">
        <ChoiceField
          visit={visit}
          name="role"
          label={say('key.role')}
          hint={say('key.roleHint')}
          value="sender"
          choices={roles.map((role) => [role, say(`role.${role}`)] as const)}
        />
        <TextField
          visit={visit}
          name="name"
          label={say('key.name')}
          hint={say('key.nameHint')}
          optional
          more={{ maxlength: 100 }}
        />
        <Reach visit={visit} />
        <Bounds visit={visit} />
        <ChoiceField
          visit={visit}
          name="smtpControl"
          label={say('key.smtpControl')}
          hint={say('key.smtpControlHint')}
          value=""
          choices={[
            ['', say('key.smtpControlNo')],
            ['1', say('key.smtpControlYes')],
          ]}
        />
      </div>
      <div class="actions">
        <button type="submit" name="do" value="issue" class="primary">
          {say('key.issue')}
        </button>
      </div>
    </form>
  );
};
