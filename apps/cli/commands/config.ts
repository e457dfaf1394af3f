// `config apply`: an installation that lives in a file.
import type { Command } from 'commander';
import { applyOne, type ApplyOptions, type Step } from '../config/apply';
import { readConfig } from '../config/config-file';
import { Stop } from '../terminal/exit';
import { examples, withContext, type Context, type World } from './context';

const SIGNS = { new: '+', changed: '~', same: '=' } as const;

const linesOf = ({ kind, name, action, fields }: Step): string[] => [
  `${SIGNS[action]} ${kind} ${name}`,
  ...fields.map(({ path, text }) => `    ${path}: ${text}`),
];

const apply = async (
  { api, out, world }: Context,
  { dryRun, secrets }: Partial<ApplyOptions>,
  file: string,
): Promise<void> => {
  const counts = { new: 0, changed: 0, same: 0 };
  const options = { dryRun: dryRun === true, secrets: secrets === true };
  for (const wanted of readConfig(file, world.env)) {
    const step = await applyOne(api, wanted, options).catch((error: unknown) => {
      if (!(error instanceof Stop)) throw error;
      const { exitCode, message, status } = error;
      throw new Stop(exitCode, `${wanted.kind} ${wanted.name}: ${message}`, status);
    });
    counts[step.action]++;
    out.line(step);
    if (step.action !== 'same') linesOf(step).forEach(out.say);
  }
  const { new: made, changed, same } = counts;
  const what = options.dryRun ? 'Would be: ' : '';
  out.say(`${what}${made} new, ${changed} changed, ${same} as they should be.`);
};

export const configCommands = (program: Command, world: World): void => {
  const config = program
    .command('config')
    .summary('set an installation up from a file')
    .description('Sets an installation up from a file, which can live in git.');
  config
    .command('apply')
    .summary('bring an installation to what a file says')
    .argument('<file>', 'in YAML: tenants with their settings, transports, templates, queues and webhooks')
    .option('--dry-run', 'shows what would be changed, and changes nothing')
    .option('--secrets', 'gives secrets anew that are stored already: nobody can compare them')
    .description(
      'Brings tenants, transports, templates, queues and webhooks to what a file says. Only what the file names is touched, nothing is deleted, null takes a setting away; applied again, it changes nothing. ${NAME} in a value is that variable of the environment. No secret is shown.',
    )
    .addHelpText(
      'after',
      examples(
        'config apply rohrpost.yaml --dry-run',
        'config apply rohrpost.yaml',
        'config apply rohrpost.yaml --secrets',
      ),
    )
    .action(withContext(world, apply));
};
