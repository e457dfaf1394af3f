// `keys issue`, `list` and `revoke`.
import type { Command } from 'commander';
import { localTime, tableOf } from '../terminal/table';
import { examples, several, withContext, type World } from './context';

interface Key {
  id: string;
  key?: string;
  role: string;
  tenant?: string;
  application?: string;
  name?: string;
  expiresAt?: string;
  lastUsedAt?: string;
}

interface IssueOptions {
  role: string;
  tenant?: string;
  application?: string;
  name?: string;
  expiresAt?: string;
  address?: string[];
}

const placeOf = ({ tenant, application }: Key): string =>
  [tenant ?? 'all tenants', application].filter(Boolean).join('/');
const timeOf = (iso: string | undefined): string => (iso === undefined ? '-' : localTime(iso).slice(0, -3));

const issueCommand = (keys: Command, world: World): void => {
  keys
    .command('issue')
    .summary('issue a key')
    .requiredOption('--role <role>', 'operator, admin, sender or reader')
    .option('-t, --tenant <name>', 'of this tenant; every role but operator needs one')
    .option('-a, --application <name>', 'of this application of the tenant alone')
    .option('--name <text>', 'what people call it')
    .option('--expires-at <time>', 'until then: 2027-01-01T00:00:00Z')
    .option('--address <range>', 'good from there alone: 10.0.0.0/8; may be repeated', several)
    .description(
      'Issues a key and shows it, this once: on standard output stands nothing but the key, so that it can go into a file.',
    )
    .addHelpText(
      'after',
      examples('keys issue --role sender --tenant acme --application billing --name "ERP" > erp.key'),
    )
    .action(
      withContext(world, async ({ api, out }, { address, ...input }: IssueOptions) => {
        const { body } = await api.call<Key>('POST', '/v1/keys', {
          body: { ...input, ...(address && { addresses: address }) },
        });
        out.document(body);
        if (out.json) return;
        out.note(`${body.id}: ${body.role} of ${placeOf(body)}. The key is shown this once:`);
        out.say(body.key ?? '');
      }),
    );
};

export const keyCommands = (program: Command, world: World): void => {
  const keys = program
    .command('keys')
    .summary('issue, list or revoke keys')
    .description('Issues, lists and revokes keys of the API.');
  issueCommand(keys, world);
  keys
    .command('list')
    .summary('list keys')
    .description('Lists the keys that yours administers, without their secrets.')
    .addHelpText('after', examples('keys list', 'keys list --json'))
    .action(
      withContext(world, async ({ api, out }) => {
        const { body } = await api.call<{ keys: Key[] }>('GET', '/v1/keys');
        for (const key of body.keys) out.line(key);
        const rows = body.keys.map((key) => [
          key.id,
          key.role,
          placeOf(key),
          timeOf(key.expiresAt),
          timeOf(key.lastUsedAt),
          key.name ?? '',
        ]);
        for (const line of tableOf(['ID', 'ROLE', 'REACHES', 'EXPIRES', 'LAST USED', 'NAME'], rows, out.width))
          out.say(line);
      }),
    );
  keys
    .command('revoke')
    .summary('revoke a key')
    .argument('<id>', 'of the key, as keys list shows it')
    .option('--issued <keep|revoke>', 'what becomes of the keys that it issued, where there are some')
    .description('Revokes a key: from the next request on nobody gets in by it.')
    .addHelpText('after', examples('keys revoke 0123456789ab --issued revoke'))
    .action(
      withContext(world, async ({ api, out }, { issued }: { issued?: string }, id: string) => {
        const query = issued === undefined ? '' : `?issued=${encodeURIComponent(issued)}`;
        await api.call('DELETE', `/v1/keys/${encodeURIComponent(id)}${query}`);
        out.line({ id, revoked: true });
        out.say(`${id}  revoked`);
      }),
    );
};
