// Which addresses tenants may have the service post to: webhooks and archives.
import { problemAt } from '../../../../libs/mail/input/problem';
import type { RouteDeps } from '../../http/route-deps';

/**
 * Emails and events leave in clear, or for an address that is spelled out and private, only where the operator allows the host. What a
 * name stands for is checked at each connection.
 * @param at where the URL stands in the body
 * @throws Problem `invalid`
 */
export const requirePostable = ({ fetcher }: Pick<RouteDeps, 'fetcher'>, url: string, at: readonly string[]): void => {
  const { protocol, hostname } = new URL(url);
  const unless = 'unless the operator allows its host (ROHRPOST_ALLOW_PRIVATE_HOSTS)';
  if (protocol !== 'https:' && !fetcher.allows(hostname))
    throw problemAt('invalid', at, `must begin with https:, ${unless}`);
  if (!fetcher.mayName(hostname))
    throw problemAt('invalid', at, `must lead to a public network, ${unless}: ${hostname} does not`);
};
