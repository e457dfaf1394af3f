// The command line as a whole: its commands, its help, and how it ends.
import { Command, CommanderError } from 'commander';
import { actCommands } from './commands/act';
import { completionCommand } from './commands/completion';
import { configCommands } from './commands/config';
import type { World } from './commands/context';
import { correctCommand } from './commands/correct';
import { eventCommands } from './commands/follow';
import { findCommands } from './commands/find';
import { importCommand } from './commands/import';
import { keyCommands } from './commands/keys';
import { lookCommands } from './commands/look';
import { restoreCommand } from './commands/restore';
import { sendCommand } from './commands/send';
import { templateCommands } from './commands/template-files';
import { EXIT, Stop } from './terminal/exit';
import { harmless } from './terminal/output';

const ABOUT = `
Where to:
  ROHRPOST_URL    the address of the API (--url)
  ROHRPOST_KEY    the key (--key-file names a file that holds one)
  ROHRPOST_QUEUE  the queue of send and import, as tenant/application (--queue)
  Where npm start runs, in the same folder, none of them is needed: it is the demo's then.

Examples:
  $ rohrpost send message.eml --queue acme/billing --follow
  $ rohrpost list --state failed
  $ rohrpost help send

Exit codes:
  0  done
  1  the API refused: its reason and its code are on standard error
  2  the command or a file that it names was not understood
  3  the API is not reachable
  4  there is nothing of that name, or the key does not reach it
  5  follow: the email has ended, or waits for a person, and was not sent`;

const createProgram = (world: World): Command => {
  const program = new Command('rohrpost')
    .description('Sends, finds and mends emails of a Rohrpost installation, and sets it up from files.')
    .option('--url <address>', 'of the API')
    .option('--key-file <file>', 'a file that holds the key')
    .option('--json', "the API's JSON instead of tables: one document, or one line each")
    .addHelpText('after', ABOUT)
    .configureOutput({
      writeOut: (text) => void world.stdout.write(text),
      writeErr: (text) => void world.stderr.write(text),
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('rohrpost --help, and --help after a command, show what can be given.')
    .exitOverride();
  // Commands take over what was set until here.
  const commands = [sendCommand, findCommands, lookCommands, eventCommands, actCommands, correctCommand, importCommand];
  for (const add of [...commands, templateCommands, configCommands, keyCommands, restoreCommand, completionCommand])
    add(program, world);
  return program;
};

/**
 * Runs one command.
 * @param args without the program's own name
 * @returns the exit code of the process (terminal/exit.ts)
 */
export const run = async (args: readonly string[], world: World): Promise<number> => {
  try {
    await createProgram(world).parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    // Commander has told what it did not understand.
    if (error instanceof CommanderError)
      return error.exitCode === 0 || error.code === 'commander.help' ? EXIT.done : EXIT.usage;
    if (!(error instanceof Stop)) throw error;
    world.stderr.write(`${harmless(error.message)}\n`);
    return error.exitCode;
  }
};
