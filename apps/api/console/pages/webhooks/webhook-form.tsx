// The form of a webhook's settings, and what was typed into it as the API takes it.
import type { z } from 'zod';
import { EVENT_TYPES } from '../../../../../libs/mail/email/event';
import type { WebhookDetails } from '../../../answers/webhooks';
import { faultAt, TextField } from '../../kit/form';
import type { Visit } from '../../page/page';

export type Webhook = z.infer<typeof WebhookDetails>;

const Events = ({ visit, chosen }: { visit: Visit; chosen: readonly string[] }) => {
  const { say, form, problem } = visit;
  const ticked = form.isSent ? form.all('events') : chosen;
  return (
    <fieldset class="field">
      <legend>{say('webhook.events')}</legend>
      <p class="hint">{say('webhook.eventsHint')}</p>
      <div class="ticks">
        {EVENT_TYPES.map((type) => (
          <label>
            <input type="checkbox" name="events" value={type} checked={ticked.includes(type)} /> <code>{type}</code>
          </label>
        ))}
      </div>
      {faultAt(problem, '/events') !== undefined && <p class="fault">{faultAt(problem, '/events')}</p>}
    </fieldset>
  );
};

/** @param present undefined for a new one, which gets its name here */
export const WebhookForm = ({ visit, present }: { visit: Visit; present?: Webhook }) => {
  const { say } = visit;
  return (
    <form method="post" class="form">
      {present === undefined && (
        <TextField
          visit={visit}
          name="name"
          label={say('webhook.name')}
          hint={say('webhook.nameHint')}
          more={{ required: true, autocomplete: 'off' }}
        />
      )}
      <TextField
        visit={visit}
        name="url"
        label={say('webhook.url')}
        hint={say('webhook.urlHint')}
        value={present?.url}
        more={{ required: true, inputmode: 'url', autocomplete: 'off' }}
      />
      <Events visit={visit} chosen={present?.events ?? []} />
      <TextField
        visit={visit}
        name="applications"
        label={say('webhook.applications')}
        hint={say('webhook.applicationsHint')}
        value={present?.applications?.join('\n')}
        lines={2}
        optional
      />
      <div class="actions">
        <button type="submit" name="do" value="save" class="primary">
          {say(present === undefined ? 'webhooks.make' : 'webhook.save')}
        </button>
      </div>
    </form>
  );
};

/** What is empty is null: as a merge patch it takes the setting away. */
export const typedWebhook = ({ form }: Visit) => {
  const events = form.all('events');
  const applications = (form.raw('applications') ?? '').split('\n').flatMap((line) => line.trim() || []);
  return {
    url: form.get('url') ?? '',
    events: events.length === 0 ? null : events,
    applications: applications.length === 0 ? null : applications,
  };
};
