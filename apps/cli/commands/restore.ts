// `restore`: goes on after a backup was put back.
import type { Command } from 'commander';
import { EXIT, Stop } from '../terminal/exit';
import { examples, withContext, type World } from './context';

/** It is told whether the API was away, or only took longer than anybody waited: what was begun is not broken off by that. */
const unanswered = (error: unknown): never => {
  if (!(error instanceof Stop) || error.exitCode !== EXIT.unreachable) throw error;
  throw new Stop(
    EXIT.unreachable,
    `${error.message}\nWhere the restore had begun the API goes on with it. Repeat the command: nothing is done twice.`,
  );
};

interface RestoreOptions {
  since?: string;
  scheduled?: true;
  confirm?: true;
}

export const restoreCommand = (program: Command, world: World): void => {
  program
    .command('restore')
    .summary('go on after a backup was restored')
    .option('--since <time>', 'when the backup was made: 2030-01-01T03:00:00Z')
    .option('--scheduled', 'with --since: emails whose time has not come are uncertain, too')
    .option('--confirm', 'nothing was restored, or nothing can have been sent since: nothing becomes uncertain')
    .description(
      'Makes the emails of the backup uncertain that may have been sent since, and lets the installation send again. Needs the key of an operator.',
    )
    .addHelpText('after', examples('restore --since 2030-01-01T03:00:00Z', 'restore --confirm'))
    .action(
      withContext(world, async ({ api, out }, options: RestoreOptions) => {
        const { since } = options;
        if (since !== undefined && Number.isNaN(Date.parse(since)))
          throw new Stop(EXIT.usage, `--since ${since} is no time: give it as 2030-01-01T03:00:00Z`);
        const { body } = await api
          .call<{ uncertain: number; sending: number }>('POST', '/v1/restore', {
            body: { ...options, ...(since !== undefined && { since: new Date(since).toISOString() }) },
            isLong: true,
          })
          .catch(unanswered);
        out.document(body);
        out.say(`${body.uncertain} emails are uncertain and wait for a person. The installation sends again.`);
        if (body.sending > 0) out.note(`${body.sending} are in an attempt now: look at them when it has ended.`);
      }),
    );
};
