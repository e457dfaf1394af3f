// Whether an email needs an approval, and what it is then held to: those that made it, and the version of its template.
import type { QueueAddress } from '../mail/address/queue-address';
import { neededAnew, type Involved } from '../mail/email/approval';
import { recipientsOf, type StoredEmail } from '../mail/email/stored-email';
import { asksApproval, type Approval } from '../mail/settings/approval-setting';
import type { Templates } from '../store/registries/templates';

/** An email that another one is made of, by a correction or to be sent again. */
export type Forerunner = Pick<StoredEmail, 'needsApproval' | 'template'>;

/** What is approved is what is sent: its template stays as whoever approves has seen it. */
const pinned = async (templates: Templates, tenant: string, email: StoredEmail): Promise<StoredEmail> => {
  const { template } = email;
  if (template === undefined || template.version !== undefined) return email;
  const present = await templates.get(tenant, template.name);
  return present === undefined ? email : { ...email, template: { name: template.name, version: present.version } };
};

/**
 * @param approval the queue's setting now
 * @param who makes it
 * @param before what it is made of: where that needed an approval, it does too, whatever the setting says now
 * @returns the email, with the approval that it needs
 */
export const withApproval = async (
  { templates }: { templates: Templates },
  { tenant }: QueueAddress,
  email: StoredEmail,
  approval: Approval | undefined,
  who: Involved | undefined,
  before?: Forerunner,
): Promise<StoredEmail> => {
  const recipients = recipientsOf(email).length;
  const asked = [email.template, before?.template].some((template) =>
    asksApproval(approval, { template: template?.name, recipients }),
  );
  if (!asked && before?.needsApproval === undefined) return email;
  return { ...(await pinned(templates, tenant, email)), needsApproval: neededAnew(before?.needsApproval, who) };
};
