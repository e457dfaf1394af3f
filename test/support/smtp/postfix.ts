// A Postfix of one's own in a temporary folder: takes every address of example.org and example.com into files.
import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Postfix {
  port: number;
  /** The messages delivered so far, as they lie in the mailboxes. */
  delivered(): Promise<Buffer[]>;
  stop(): Promise<void>;
}

/** Mailboxes belong to nobody in particular. */
const MAILBOX_UID = 1_000;

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

const mainCf = (folder: string): string =>
  `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
mail_owner = postfix
myhostname = real.test.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtputf8_enable = yes
virtual_mailbox_domains = example.org, example.com
virtual_mailbox_base = ${folder}/mail
virtual_mailbox_maps = inline:{{@example.org=all/}, {@example.com=all/}}
virtual_minimum_uid = 100
virtual_uid_maps = static:${MAILBOX_UID}
virtual_gid_maps = static:${MAILBOX_UID}
virtual_mailbox_limit = 0
message_size_limit = 52428800
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
maillog_file = /var/log/rohrpost-test-postfix.log
`;

const SERVICES = `pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;

const run = (folder: string, command: string): void => {
  const result = spawnSync(
    process.env['ROHRPOST_TEST_POSTFIX'] ?? '/usr/sbin/postfix',
    ['-c', join(folder, 'conf'), command],
    { encoding: 'utf8' },
  );
  if (result.status !== 0) throw new Error(`postfix ${command}: ${result.stderr}`);
};

/**
 * Root only: Postfix starts its own processes under its own users.
 * @param more lines of main.cf
 */
export const startPostfix = async (more: string[] = []): Promise<Postfix> => {
  const folder = await mkdtemp(join(tmpdir(), 'rohrpost-postfix-'));
  const port = await freePort();
  await chmod(folder, 0o755);
  for (const name of ['conf', 'queue', 'data', 'mail']) await mkdir(join(folder, name));
  await chown(join(folder, 'mail'), MAILBOX_UID, MAILBOX_UID);
  const uid = Number(spawnSync('id', ['-u', 'postfix'], { encoding: 'utf8' }).stdout);
  await chown(join(folder, 'data'), uid, uid);
  await writeFile(join(folder, 'conf/main.cf'), [mainCf(folder), ...more, ''].join('\n'));
  await writeFile(join(folder, 'conf/master.cf'), `127.0.0.1:${port} inet n - n - - smtpd\n${SERVICES}`);
  run(folder, 'start');
  const box = join(folder, 'mail/all/new');
  return {
    port,
    async delivered() {
      const names = await readdir(box).catch((): string[] => []);
      return Promise.all(names.map((name) => readFile(join(box, name))));
    },
    async stop() {
      run(folder, 'stop');
      await rm(folder, { recursive: true, force: true });
    },
  };
};
