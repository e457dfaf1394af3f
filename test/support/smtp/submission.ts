// The process that takes mail by SMTP, beside a service, and what tests need to hand in mail by it.
import { freePort } from '../../../dev/ports';
import { serviceEnv, startProcess, type ServiceProcess } from '../processes/process';
import type { Service } from '../service';

export interface Submission extends ServiceProcess {
  env: NodeJS.ProcessEnv;
}

export const startSubmission = async (
  { redis, dataDir }: Pick<Service, 'redis' | 'dataDir'>,
  more: NodeJS.ProcessEnv = {},
): Promise<Submission> => {
  const env = { ...serviceEnv(redis.url, dataDir), ROHRPOST_SMTP_PORT: String(await freePort()), ...more };
  return { ...(await startProcess('smtp', env)), env };
};

/** @returns a key that may send */
export const issueKey = async (service: Service, input: Record<string, unknown> = {}): Promise<string> => {
  const body = { role: 'sender', tenant: 'acme', application: 'app', ...input };
  return (await service.ok<{ key: string }>('POST', '/v1/keys', body)).key;
};

export const QUEUED = /^250 2\.0\.0 queued as (m_[0-9a-v]{26})$/;
