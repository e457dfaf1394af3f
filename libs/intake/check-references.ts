// What an input refers to: does it exist, and which settings hold for it.
import type { EmailInput } from '../mail/email/email';
import { isAllowedSource } from '../mail/settings/data-source';
import { pointer, Problem, problemAt } from '../mail/input/problem';
import { recipientsOf, sendersOf, type StoredRaw } from '../mail/email/stored-email';
import type { TemplateVersion } from '../mail/settings/template';
import { mayBeFrom } from '../mail/settings/transport';
import type { QueueAddress } from '../mail/address/queue-address';
import type { ResolvedSettings } from '../mail/settings/settings';
import type { Templating } from '../render/templating';
import type { Templates } from '../store/registries/templates';
import type { Transports } from '../store/registries/transports';

/** The addresses that an email is to be completed from at its time, each with its place in the input. */
const sourcesOf = (input: EmailInput): { path: (string | number)[]; url: string }[] => [
  ...(input.dataUrl === undefined ? [] : [{ path: ['dataUrl'], url: input.dataUrl }]),
  ...(input.attachments ?? []).flatMap(({ url }, index) =>
    url === undefined ? [] : [{ path: ['attachments', index, 'url'], url }],
  ),
];

/** @throws Problem `source-not-allowed` that points at each address outside the prefixes */
const checkSources = (input: EmailInput, prefixes: readonly string[], base: readonly PropertyKey[]): void => {
  const outside = sourcesOf(input).filter(({ url }) => !isAllowedSource(url, prefixes));
  if (outside.length === 0) return;
  const message = 'is under none of the data sources of this queue and tenant: the operator sets them (dataSources)';
  const errors = outside.map(({ path }) => ({ path: pointer([...base, ...path]), message }));
  throw new Problem('source-not-allowed', `${errors[0]?.path} ${message}`, errors);
};

const noSender = ({ tenant, application }: QueueAddress, base: readonly PropertyKey[]): Problem =>
  problemAt(
    'invalid',
    [...base, 'from'],
    `must be given: neither the queue ${tenant}/${application} nor its tenant has a default sender; give it with the email, or have an administrator set from at the queue`,
  );

/** @throws Problem where the address of listUnsubscribe names a recipient, and there are several */
const checkUnsubscribe = (input: EmailInput, settings: ResolvedSettings, base: readonly PropertyKey[]): void => {
  const { url = '', mailto = '' } = settings.listUnsubscribe ?? {};
  const recipients = recipientsOf({ to: input.to ?? [], cc: input.cc ?? [], bcc: input.bcc ?? [] });
  if (recipients.length <= 1 || !(url + mailto).includes('{recipient}')) return;
  throw problemAt(
    'invalid',
    [...base, 'to'],
    'must be one recipient alone: the address of listUnsubscribe names the recipient, and all would get the same one',
  );
};

/** @throws Problem where it does not exist, or is none of an email */
const templateOf = async (
  templates: Templates,
  tenant: string,
  template: NonNullable<EmailInput['template']>,
  base: readonly PropertyKey[],
): Promise<TemplateVersion> => {
  const wanted = typeof template === 'string' ? { name: template } : template;
  const version = await templates.get(tenant, wanted.name, wanted.version);
  if (version === undefined) {
    const which = wanted.version === undefined ? wanted.name : `${wanted.name}, version ${wanted.version},`;
    throw problemAt('template-unknown', [...base, 'template'], `the template ${which} does not exist`);
  }
  if (version.subject === undefined) {
    throw problemAt(
      'invalid',
      [...base, 'template'],
      `the template ${wanted.name} has no subject: it is a part for others`,
    );
  }
  return version;
};

/** @throws Problem that points at what the template's schema does not allow */
const checkData = async (
  templating: Templating,
  tenant: string,
  version: TemplateVersion,
  data: Record<string, unknown>,
  base: readonly PropertyKey[],
): Promise<void> => {
  const found = await templating.checkData(tenant, version, data);
  const [first] = found;
  if (first === undefined) return;
  const errors = found.map(({ path, message }) => ({ path: `${pointer([...base, 'data'])}${path}`, message }));
  throw new Problem(
    'data-invalid',
    `the data are not as the template wants them: ${errors[0]?.path} ${first.message}`,
    errors,
  );
};

export const createReferences = (deps: {
  transports: Pick<Transports, 'get'>;
  templates: Templates;
  templating: Templating;
}) => {
  /** What the schema cannot know: does what the email names exist? */
  const checkReferences = async (
    address: QueueAddress,
    input: EmailInput,
    settings: ResolvedSettings,
    base: readonly PropertyKey[],
    raw: StoredRaw | undefined,
  ): Promise<void> => {
    const { tenant } = address;
    const from = input.from?.address ?? raw?.from ?? settings.from?.address;
    if (from === undefined) throw noSender(address, base);
    const transport = await deps.transports.get(tenant, settings.transport);
    if (input.transport !== undefined && transport === undefined) {
      throw problemAt('transport-unknown', [...base, 'transport'], `the transport ${input.transport} does not exist`);
    }
    for (const sender of raw === undefined ? [from] : [from, ...sendersOf(raw)]) {
      if (mayBeFrom(transport?.allowedFrom, sender)) continue;
      throw problemAt(
        'from-not-allowed',
        [...base, raw !== undefined && sendersOf(raw).includes(sender) ? 'raw' : 'from'],
        `must be a sender that the transport ${settings.transport} allows: ${sender} is none`,
      );
    }
    // Nothing is put into a complete message.
    if (raw === undefined) checkUnsubscribe(input, settings, base);
    checkSources(input, settings.dataSources, base);
    if (input.template === undefined) return;
    const version = await templateOf(deps.templates, tenant, input.template, base);
    // Data that come later are checked when they are there.
    if (input.dataUrl === undefined) await checkData(deps.templating, tenant, version, input.data ?? {}, base);
  };

  return checkReferences;
};

export type CheckReferences = ReturnType<typeof createReferences>;
