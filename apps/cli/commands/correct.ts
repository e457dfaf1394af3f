// `correct`: changes fields of an email that is not sent, guarded against somebody who changes it at the same time.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import { emailPath, type EmailSummary } from '../calls/find-email';
import { reasonOf, Stop, usage } from '../terminal/exit';
import { examples, several, withContext, type Context, type World } from './context';

type Fields = Record<string, unknown>;

interface CorrectOptions {
  queue?: string;
  set?: string[];
  unset?: string[];
  editor?: true;
  release?: true;
}

/** Fields that are lists: given once, they are still lists. */
const LISTS = ['to', 'cc', 'bcc', 'replyTo', 'tags'];

/** `name=text`, or `name:=JSON`; a list takes several. @throws Stop */
const patchOf = ({ set = [], unset = [] }: CorrectOptions): Fields => {
  const patch: Fields = Object.fromEntries(unset.map((name) => [name, null]));
  for (const given of set) {
    const [, name = '', colon, text = ''] = /^([A-Za-z]+)(:)?=(.*)$/s.exec(given) ?? [];
    if (name === '') throw usage(`--set takes name=text or name:=JSON, not "${given}"`);
    if (colon !== undefined) {
      try {
        patch[name] = JSON.parse(text);
      } catch (error) {
        throw usage(`what is given for ${name} is not JSON: ${reasonOf(error)}`);
      }
    } else if (LISTS.includes(name)) {
      const before = patch[name];
      patch[name] = [...(Array.isArray(before) ? (before as unknown[]) : []), text];
    } else patch[name] = text;
  }
  return patch;
};

/** Fields that differ; null for those that are gone. */
const changesOf = (before: Fields, after: Fields): Fields => {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return Object.fromEntries(
    names.filter((name) => !isDeepStrictEqual(before[name], after[name])).map((name) => [name, after[name] ?? null]),
  );
};

interface Edited {
  fields: Fields;
  /** Where the text still is, until it is of no use any more. */
  file: string;
  forget: () => void;
}

/** Lets a person edit the fields in an editor of theirs. @throws Stop; then the file stays */
const edit = ({ world }: Context, id: string, before: Fields): Edited => {
  const editor = world.env['VISUAL'] || world.env['EDITOR'] || 'vi';
  // Readable for nobody else: it is somebody's mail.
  const folder = mkdtempSync(join(tmpdir(), 'rohrpost-'));
  const file = join(folder, `${id}.json`);
  writeFileSync(file, `${JSON.stringify(before, null, 2)}\n`, { mode: 0o600 });
  // As git and crontab do: the variable may hold arguments.
  const { status, error } = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
  const forget = (): void => rmSync(folder, { recursive: true, force: true });
  if (error !== undefined || status !== 0) {
    forget();
    throw usage(
      `the editor "${editor}" ended with ${error?.message ?? `code ${status ?? 'none'}`}: nothing was changed`,
    );
  }
  try {
    const fields: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) throw new Error('it must be an object');
    return { fields: fields as Fields, file, forget };
  } catch (problem) {
    throw usage(`what was edited is not JSON: ${reasonOf(problem)}. Nothing was changed; your text is in ${file}`);
  }
};

const correct = async (context: Context, options: CorrectOptions, id: string): Promise<void> => {
  const { api, out } = context;
  if ((options.editor === true) === (options.set !== undefined || options.unset !== undefined))
    throw usage('what is to be corrected? Give --set or --unset, or --editor');
  const patch = patchOf(options);
  const path = await emailPath(api, id, options.queue);
  const { body: before, headers } = await api.call<Fields>('GET', `${path}/input`);
  const edited = options.editor === true ? edit(context, id, before) : undefined;
  const body = edited === undefined ? patch : changesOf(before, edited.fields);
  if (Object.keys(body).length === 0) {
    edited?.forget();
    return out.note('Nothing was changed.');
  }
  const guard = { 'if-match': headers.get('etag') ?? '*' };
  const answer = await api.call<EmailSummary>('PATCH', path, { body, headers: guard }).catch((error: unknown) => {
    if (!(error instanceof Stop) || edited === undefined) throw error;
    throw new Stop(error.exitCode, `${error.message}\nYour text is in ${edited.file}`, error.status);
  });
  edited?.forget();
  const { body: email } = options.release === true ? await api.call<EmailSummary>('POST', `${path}/release`) : answer;
  out.document(email);
  out.say(`${email.id}  ${email.state}  corrected: ${Object.keys(body).join(', ')}`);
};

export const correctCommand = (program: Command, world: World): void => {
  program
    .command('correct')
    .summary('correct an email that is not sent')
    .argument('<id>', 'of an email that is not sent, also of one that failed')
    .option('-q, --queue <tenant/application>', 'where it is; without it, it is looked for')
    .option(
      '--set <name=text>',
      'a field; name:=JSON for what is no text. Lists (to, cc, bcc, replyTo, tags) take several',
      several,
    )
    .option('--unset <name>', 'takes a field away; may be repeated', several)
    .option('--editor', 'opens its fields as JSON in $VISUAL or $EDITOR')
    .option('--release', 'lets it go afterwards: for an email that failed or is held')
    .description(
      'Corrects an email that is not sent. Where somebody else has changed it meanwhile, nothing is changed, and you are told.',
    )
    .addHelpText(
      'after',
      examples(
        'correct m_06f7hkq8n1s6v0c2m9t4q5b7o0 --set to=ann@gmail.example --release',
        'correct m_06f7hkq8n1s6v0c2m9t4q5b7o0 --set \'data:={"number": "2026-115"}\' --unset sendAt',
        'correct m_06f7hkq8n1s6v0c2m9t4q5b7o0 --editor',
      ),
    )
    .action(withContext(world, correct));
};
