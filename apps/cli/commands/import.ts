// `import`: any number of emails, a line of JSON each, streamed; safe to repeat.
import { createReadStream } from 'node:fs';
import { appendFile, rm, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { SingleBar } from 'cli-progress';
import { InvalidArgumentError, type Command } from 'commander';
import { wordsOf, type ProblemBody } from '../calls/api';
import { emailsPath } from '../calls/find-email';
import { postLines } from '../calls/line-stream';
import { EXIT, reasonOf, Stop, usage } from '../terminal/exit';
import { examples, withContext, type Context, type World } from './context';
import { numberedLines } from './import-lines';

interface ImportOptions {
  queue?: string;
  name?: string;
  refused?: string;
  fromLine: number;
}

interface Result {
  index: number;
  id?: string;
  replayed?: true;
  problem?: ProblemBody;
}

interface Counts {
  accepted: number;
  before: number;
  refused: number;
  /** Of the refused ones: for what passes, such as a full queue. */
  later: number;
  /** Number of the last line that was answered. */
  last: number;
}

const inputOf = async (world: World, file: string): Promise<{ stream: AsyncIterable<Buffer>; size: number }> => {
  if (file === '-') return { stream: world.stdin, size: 0 };
  const found = await stat(file).catch((error: unknown) => {
    throw usage(`${file} cannot be read: ${reasonOf(error)}`);
  });
  if (!found.isFile()) throw usage(`${file} is no file`);
  return { stream: createReadStream(file, { highWaterMark: 256 * 1024 }), size: found.size };
};

/** How far it is, on a terminal. */
const createBar = ({ world, out }: Context, size: number) => {
  if (world.stderr.isTTY !== true || out.json || size === 0) return undefined;
  const format = '[{bar}] {percentage}%  {accepted} accepted, {refused} refused  {duration_formatted}';
  const bar = new SingleBar({
    format,
    stream: world.stderr,
    barCompleteChar: '#',
    barIncompleteChar: '.',
  });
  bar.start(size, 0, { accepted: 0, refused: 0 });
  return bar;
};

const summaryOf = ({ accepted, before, refused, later }: Counts, file: string): string =>
  [
    `${accepted} accepted${before === 0 ? '' : ` (${before} of them by an earlier import)`}, ${refused} refused`,
    ...(refused === 0 ? [] : [`why, line by line: ${file}`]),
    ...(later === 0 ? [] : [`${later} of the refused ones may be accepted later: repeat the import`]),
  ].join('; ');

/** Sends the lines and takes down what is answered, line by line. */
const run = async (context: Context, options: ImportOptions, file: string, refusedFile: string): Promise<Counts> => {
  const { api, out, world } = context;
  const counts: Counts = { accepted: 0, before: 0, refused: 0, later: 0, last: options.fromLine - 1 };
  const path = emailsPath(context.queue(options.queue));
  const { stream, size } = await inputOf(world, file);
  const bar = createBar(context, size);
  const underWay: { number: number; size: number }[] = [];
  const name = options.name ?? basename(file);
  const lines = async function* (): AsyncGenerator<Buffer> {
    for await (const { number, size, bytes } of numberedLines(stream, name, options.fromLine)) {
      underWay.push({ number, size });
      yield bytes;
    }
  };
  await rm(refusedFile, { force: true });
  try {
    for await (const text of postLines(api.connection, path, lines())) {
      const { index, ...result } = JSON.parse(text) as Result;
      const { number: line, size: read } = underWay.shift() ?? { number: index + 1, size: 0 };
      counts.last = line;
      out.line({ line, ...result });
      if (result.problem === undefined) {
        counts.accepted++;
        if (result.replayed === true) counts.before++;
      } else {
        counts.refused++;
        if (result.problem.status >= 500 || result.problem.status === 429) counts.later++;
        await appendFile(refusedFile, `${JSON.stringify({ line, problem: result.problem })}\n`);
        if (counts.refused <= SHOWN) out.note(`line ${line}: ${wordsOf(result.problem)}`);
      }
      bar?.increment(read, { accepted: counts.accepted, refused: counts.refused });
    }
    // The answer ended as if it were whole: what stands between may have cut it.
    if (underWay.length > 0) throw new Stop(EXIT.unreachable, `${underWay.length} lines were not answered`);
    return counts;
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    const advice =
      counts.last < options.fromLine
        ? ''
        : `\nAnswered up to line ${counts.last}: ${summaryOf(counts, refusedFile)}. ${REPEAT}`;
    throw new Stop(error.exitCode, `${error.message}${advice}`, error.status);
  } finally {
    bar?.stop();
    // Whoever still types or pipes is not waited for.
    if (file === '-') world.stdin.destroy();
  }
};

/** Problems that are told at once; all are in the file. */
const SHOWN = 5;
const REPEAT = 'Within 24 hours run the same command again: nothing is sent twice. Later, give --from-line as well.';

const importEmails = async (context: Context, options: ImportOptions, file: string): Promise<void> => {
  const refusedFile = options.refused ?? `${file === '-' ? 'import' : file}.refused.ndjson`;
  const counts = await run(context, options, file, refusedFile);
  const summary = summaryOf(counts, refusedFile);
  if (counts.refused > 0) throw new Stop(EXIT.refused, summary);
  context.out.say(summary);
};

const lineNumber = (text: string): number => {
  if (!/^\d{1,12}$/.test(text) || Number(text) === 0)
    throw new InvalidArgumentError('It takes the number of a line, from 1 on.');
  return Number(text);
};

export const importCommand = (program: Command, world: World): void => {
  program
    .command('import')
    .summary('hand in any number of emails from a file')
    .argument('<file>', 'with an email a line, as JSON (NDJSON); - for standard input')
    .option('-q, --queue <tenant/application>', 'into this queue (ROHRPOST_QUEUE)')
    .option('--refused <file>', 'where refused lines are told (<file>.refused.ndjson)')
    .option('--name <text>', 'of the import (the name of the file)')
    .option('--from-line <number>', 'leaves the lines before it out', lineNumber, 1)
    .description(
      'Hands in any number of emails, and tells of each line whether it was accepted. Each line gets an idempotency key of the name of the import, its number and its content, unless it has one ("idempotencyKey"): within 24 hours the same import can be repeated, after a break or with lines mended in their place, and nothing is sent twice.',
    )
    .addHelpText(
      'after',
      examples('import reminders.ndjson --queue acme/billing', 'import - --name reminders-2026-12 < reminders.ndjson'),
    )
    .action(withContext(world, importEmails));
};
