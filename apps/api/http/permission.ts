// Who may call an endpoint: which action of a role, over what.
import type { Action } from '../../../libs/mail/settings/api-key';

/** What a request names that a key must reach; `reach`: nothing, and what is answered lies within the key's reach. */
export type Over = 'queue' | 'tenant' | 'installation' | 'reach';

/** Who may do it. Where the key does not reach the place, it answers as if there were none. */
export interface Permission<O extends Over = Over> {
  action: Action;
  over: O;
  /** What a role must be allowed where the tenant does not exist yet. */
  whenNew?: Action;
  /** What a role must be allowed where templates run without a sandbox: they can do whatever the service can. */
  whenTrusted?: Action;
}
