// `templates push` and `pull`: a tenant's templates as files, so that they can live in git.
import type { Command } from 'commander';
import { putOf, readTemplates, writeTemplate } from '../config/template-folder';
import { usage } from '../terminal/exit';
import { examples, withContext, type Context, type World } from './context';

interface At {
  tenant?: string;
}

/** Names of folders come from the API: none may lead out of the folder. */
const SLUG = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const push = async (context: Context, { tenant }: At, folder: string): Promise<void> => {
  const { api, out } = context;
  const base = `/v1/tenants/${encodeURIComponent(context.tenant(tenant))}/templates`;
  const templates = readTemplates(folder);
  if (templates.length === 0) throw usage(`${folder} has no folder with a template in it`);
  for (const [name, template] of templates) {
    const { status, body } = await api.call<{ version: number }>('PUT', `${base}/${encodeURIComponent(name)}`, {
      body: template,
    });
    out.line({ name, version: body.version, changed: status === 201 });
    out.say(`${name}  version ${body.version}${status === 201 ? '' : ', as it was'}`);
  }
};

const pull = async (context: Context, { tenant }: At, folder: string): Promise<void> => {
  const { api, out } = context;
  const base = `/v1/tenants/${encodeURIComponent(context.tenant(tenant))}/templates`;
  const { body } = await api.call<{ templates: { name: string }[] }>('GET', base);
  for (const { name } of body.templates.filter((one) => SLUG.test(one.name))) {
    const { body: template } = await api.call<Record<string, unknown>>('GET', `${base}/${name}`);
    writeTemplate(folder, name, putOf(template));
    out.line({ name, version: template['version'] });
    out.say(`${name}  version ${String(template['version'])}`);
  }
  if (body.templates.length === 0) out.note('The tenant has no templates.');
};

export const templateCommands = (program: Command, world: World): void => {
  const templates = program
    .command('templates')
    .summary('push or pull templates as files')
    .description(
      "A tenant's templates as files: a folder each, with subject.eta, html.eta, text.eta and template.json.",
    );
  templates
    .command('push')
    .summary('put every template of a folder')
    .argument('<folder>', 'with a folder for each template')
    .option('-t, --tenant <name>', 'whose templates')
    .description('Puts every template of a folder. One that has not changed keeps its version; none is deleted.')
    .addHelpText('after', examples('templates push templates --tenant acme'))
    .action(withContext(world, push));
  templates
    .command('pull')
    .summary("write a tenant's templates into a folder")
    .argument('<folder>', 'is made where it is not there')
    .option('-t, --tenant <name>', 'whose templates')
    .description("Writes a tenant's templates into a folder, over those that are there under the same names.")
    .addHelpText('after', examples('templates pull templates --tenant acme'))
    .action(withContext(world, pull));
};
