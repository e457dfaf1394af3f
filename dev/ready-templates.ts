// The templates to start from, as they lie in `templates/`: read into what the API takes.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ReadyTemplate {
  name: string;
  /** The body of its PUT. */
  input: Record<string, unknown>;
  /** Data that it can be looked at with; none for the frame of the others. */
  sample?: Record<string, unknown>;
}

const PARTS = ['subject', 'html', 'text'];

const readJson = (file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;

const read = (folder: string, name: string): ReadyTemplate => {
  const at = (file: string): string => join(folder, name, file);
  const parts = PARTS.filter((part) => existsSync(at(`${part}.eta`))).map((part): [string, string] => [
    part,
    readFileSync(at(`${part}.eta`), 'utf8').trimEnd(),
  ]);
  return {
    name,
    input: { ...Object.fromEntries(parts), ...readJson(at('template.json')) },
    ...(existsSync(at('sample.json')) && { sample: readJson(at('sample.json')) }),
  };
};

/**
 * The frame comes first: the others name it.
 * @param root the folder of the project, which holds `templates`
 */
export const readReadyTemplates = (root: string): ReadyTemplate[] =>
  readdirSync(join(root, 'templates'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => read(join(root, 'templates'), name))
    .sort((one, other) => Number(one.sample !== undefined) - Number(other.sample !== undefined));
