// What an input refers to: does it exist, and which settings hold for it.
import type { EmailInput } from '../../libs/mail/email';
import { isAllowedSource } from '../../libs/mail/data-source';
import { pointer, Problem, problemAt } from '../../libs/mail/problem';
import type { QueueAddress } from '../../libs/mail/queue-address';
import { resolveSettings, type ResolvedSettings, type SettingsLevel } from '../../libs/mail/settings';
import type { Templates } from '../../libs/store/templates';
import type { Tenants } from '../../libs/store/tenants';
import type { Transports } from '../../libs/store/transports';

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

export const createReferences = (deps: { tenants: Tenants; transports: Transports; templates: Templates }) => {
  /** What the schema cannot know: does what the email names exist? */
  const checkReferences = async (
    address: QueueAddress,
    input: EmailInput,
    settings: ResolvedSettings,
    base: readonly PropertyKey[],
  ): Promise<void> => {
    const { tenant } = address;
    if (settings.from === undefined) {
      throw problemAt(
        'invalid',
        [...base, 'from'],
        'must be given: neither the queue nor the tenant has a default sender',
      );
    }
    if (input.transport !== undefined && (await deps.transports.get(tenant, input.transport)) === undefined) {
      throw problemAt('transport-unknown', [...base, 'transport'], `the transport ${input.transport} does not exist`);
    }
    checkSources(input, settings.dataSources, base);
    if (input.template === undefined) return;
    const wanted = typeof input.template === 'string' ? { name: input.template } : input.template;
    if ((await deps.templates.get(tenant, wanted.name, wanted.version)) === undefined) {
      const which = wanted.version === undefined ? wanted.name : `${wanted.name}, version ${wanted.version},`;
      throw problemAt('template-unknown', [...base, 'template'], `the template ${which} does not exist`);
    }
  };

  /** The settings that hold for an input now. */
  const settingsFor = async (address: QueueAddress, input: SettingsLevel): Promise<ResolvedSettings> => {
    const [tenant, queue] = await Promise.all([deps.tenants.tenant(address.tenant), deps.tenants.queue(address)]);
    return resolveSettings(tenant?.settings, queue?.settings, input);
  };

  return { settingsFor, checkReferences };
};
