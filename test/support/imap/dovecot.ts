// A Dovecot of one's own in a temporary folder: one mailbox, logged in to by a password or by a token that somebody is asked about.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImapFlow } from 'imapflow';
import { freePort } from '../../../dev/ports';
import { eventually } from '../wait';

export const MAILBOX = { user: 'bounce@acme.example', pass: 'the password of the mailbox' };

export interface Dovecot {
  port: number;
  /** Does something in the mailbox as a person would, with another program. */
  asPerson<T>(work: (client: ImapFlow) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

/** Mail belongs to nobody in particular. */
const UID = 1_000;

const configuration = (folder: string, port: number): string => `
base_dir = ${folder}/run
state_dir = ${folder}/run
log_path = ${folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
mail_location = maildir:${folder}/mail/%u
first_valid_uid = ${UID}
default_vsz_limit = 0
service imap-login {
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
namespace inbox {
  inbox = yes
  mailbox Done {
    auto = create
  }
}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = ${folder}/oauth2.conf
}
passdb {
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN ${folder}/users
}
userdb {
  driver = static
  args = uid=${UID} gid=${UID} home=${folder}/mail/%u
}
`;

/** @param tokenUrl is asked about each token, which is put behind it; it answers JSON with `email` where the token is good */
export const startDovecot = async (tokenUrl: string): Promise<Dovecot> => {
  const folder = await mkdtemp(join(tmpdir(), 'rohrpost-dovecot-'));
  const port = await freePort();
  await chmod(folder, 0o755);
  for (const name of ['run', 'mail']) await mkdir(join(folder, name));
  await chown(join(folder, 'mail'), UID, UID);
  await writeFile(join(folder, 'users'), `${MAILBOX.user}:${MAILBOX.pass}\n`);
  await writeFile(join(folder, 'oauth2.conf'), `tokeninfo_url = ${tokenUrl}\nusername_attribute = email\n`);
  await writeFile(join(folder, 'dovecot.conf'), configuration(folder, port));
  const program = process.env['ROHRPOST_TEST_DOVECOT'] ?? '/usr/sbin/dovecot';
  const child = spawn(program, ['-F', '-c', join(folder, 'dovecot.conf')], { stdio: 'ignore' });
  const asPerson: Dovecot['asPerson'] = async (work) => {
    const client = new ImapFlow({
      host: '127.0.0.1',
      port,
      secure: false,
      doSTARTTLS: false,
      auth: MAILBOX,
      logger: false,
    });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.mailboxOpen('INBOX');
      return await work(client);
    } finally {
      await client.logout();
    }
  };
  await eventually(() => asPerson(async () => undefined), { timeout: 20_000 });
  return {
    port,
    asPerson,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
};
