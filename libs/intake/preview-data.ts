// Data of a preview: asked for at the same source, by the same rules, as a worker will at its time.
import { randomUUID } from 'node:crypto';
import { fetchData } from '../fetch/fetch-data';
import { FetchFailure, type FetchFailureKind } from '../fetch/failure';
import { problemAt } from '../mail/input/problem';
import type { QueueAddress } from '../mail/address/queue-address';
import type { StoredEmail } from '../mail/email/stored-email';
import type { Fetcher } from '../fetch/fetcher';
import type { Clock } from '../runtime/clock';
import type { SigningSecretStore } from '../store/registries/signing-secrets';
import type { Tenants } from '../store/registries/tenants';

export interface PreviewDataDeps {
  clock: Clock;
  fetcher: Fetcher;
  signingSecrets: SigningSecretStore;
  tenants: Tenants;
}

/** Somebody waits for the answer: shorter than a worker's patience, ms. */
const LONGEST_MS = 5_000;

const CODES: Record<FetchFailureKind, string> = {
  refused: 'source-not-allowed',
  gone: 'data-gone',
  invalid: 'data-invalid',
  'for-now': 'data-unavailable',
};

/** The email with the data of now. @throws Problem that says why there is none */
export const withData = async <E extends Pick<StoredEmail, 'dataUrl'>>(
  deps: PreviewDataDeps,
  address: QueueAddress,
  email: E,
): Promise<E & { fetched?: Record<string, unknown> }> => {
  const { dataUrl: url } = email;
  if (url === undefined) return email;
  const { dataSources: prefixes } = await deps.tenants.settings(address);
  try {
    const secrets = await deps.signingSecrets.current(address.tenant);
    const signing = { id: `preview_${randomUUID()}`, at: deps.clock.now(), secrets };
    return { ...email, fetched: await fetchData(deps.fetcher, { url, prefixes, signing, ms: LONGEST_MS }) };
  } catch (error) {
    if (!(error instanceof FetchFailure)) throw error;
    throw problemAt(CODES[error.kind], ['dataUrl'], error.message);
  }
};
