// Templates as files: a folder each, with `subject.eta`, `html.eta`, `text.eta`, and `template.json` for the rest.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf, usage } from '../terminal/exit';

export type Template = Record<string, unknown>;

const PARTS = ['subject', 'html', 'text'];
/** What the service adds to what was put. */
const COMPUTED = ['name', 'version', 'createdAt', 'by'];

/** What was put of what is answered. */
export const putOf = (answered: Record<string, unknown>): Template =>
  Object.fromEntries(Object.entries(answered).filter(([name]) => !COMPUTED.includes(name)));

const read = (folder: string): Template => {
  const at = (file: string): string => join(folder, file);
  const template: Template = {};
  for (const part of PARTS.filter((name) => existsSync(at(`${name}.eta`))))
    // Editors end a file with a newline, which is no part of a subject.
    template[part] = readFileSync(at(`${part}.eta`), 'utf8').replace(/\r?\n$/, '');
  if (!existsSync(at('template.json'))) return template;
  try {
    return { ...template, ...(JSON.parse(readFileSync(at('template.json'), 'utf8')) as Template) };
  } catch (error) {
    throw usage(`${at('template.json')} is not JSON: ${reasonOf(error)}`);
  }
};

/** A template is put after those that it may name: layouts have none themselves. */
const layoutsFirst = (one: [string, Template], other: [string, Template]): number =>
  Number(one[1]['layout'] !== undefined) - Number(other[1]['layout'] !== undefined);

/** @returns names and templates, layouts first @throws Stop where the folder cannot be read, or holds none */
export const readTemplates = (folder: string): [string, Template][] => {
  try {
    const names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    const found = names.map((name): [string, Template] => [name, read(join(folder, name))]);
    return inOrder(found.filter(([, template]) => Object.keys(template).length > 0));
  } catch (error) {
    throw usage(`the templates in ${folder} cannot be read: ${reasonOf(error)}`);
  }
};

export const inOrder = (templates: [string, Template][]): [string, Template][] => [...templates].sort(layoutsFirst);

/** Writes a template into its folder; parts that it does not have are taken away. */
export const writeTemplate = (folder: string, name: string, template: Template): void => {
  const own = join(folder, name);
  mkdirSync(own, { recursive: true });
  for (const part of PARTS) {
    const text = template[part];
    if (typeof text === 'string') writeFileSync(join(own, `${part}.eta`), `${text}\n`);
    else rmSync(join(own, `${part}.eta`), { force: true });
  }
  const rest = Object.fromEntries(Object.entries(template).filter(([field]) => !PARTS.includes(field)));
  if (Object.keys(rest).length > 0) writeFileSync(join(own, 'template.json'), `${JSON.stringify(rest, null, 2)}\n`);
  else rmSync(join(own, 'template.json'), { force: true });
};
