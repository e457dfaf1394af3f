// Tries a transport for the API, as an attempt would: within its limits of connections, for as long as an attempt may take.
import type { VerifyRequest, VerifyResult } from '../../libs/internal-queues/verify-requests';
import { uptime } from '../../libs/runtime/clock';
import type { Connections } from '../../libs/send/smtp/connections';
import { verifyTransport } from '../../libs/send/smtp/verify';
import type { AccessTokens } from '../../libs/oauth/access-tokens';
import { SecretKeyMissing } from '../../libs/store/redis/secret-box';
import type { Limits } from '../../libs/store/limits/transport-limits';
import type { Transports } from '../../libs/store/registries/transports';
import { loadTransport } from './attempt/load-transport';

/**
 * @param deps.patience ms that it may take in all
 */
export const createVerify = (deps: {
  transports: Transports;
  accessTokens: AccessTokens;
  limits: Limits;
  connections: Connections;
  patience: number;
}) => {
  return async ({ tenant, transport: name }: VerifyRequest): Promise<VerifyResult> => {
    const begun = uptime();
    const transport = await loadTransport(deps, tenant, name).catch((error: unknown) => {
      if (error instanceof SecretKeyMissing) return error.message;
      throw error;
    });
    if (transport === undefined) return { ok: false, ms: 0, reply: `the transport ${name} does not exist` };
    if (typeof transport === 'string') return { ok: false, ms: 0, reply: transport };
    const signal = AbortSignal.timeout(deps.patience);
    const { limits } = transport.transport;
    const giveBack = await deps.limits.connect(tenant, name, limits, signal).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    if (giveBack === undefined) {
      const reply = 'all connections of the transport were in use all the time: try again, or raise limits.connections';
      return { ok: false, ms: Math.round(uptime() - begun), reply };
    }
    try {
      return await verifyTransport(deps.connections, transport, { now: uptime, signal });
    } finally {
      giveBack();
    }
  };
};
