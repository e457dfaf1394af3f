// The version of this installation: that of its package.json, which lies above the sources and above what is built of them.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const find = (folder: string): string => {
  const file = join(folder, 'package.json');
  if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  const above = dirname(folder);
  return above === folder ? 'unknown' : find(above);
};

/** Read once, when the process starts. */
export const VERSION = find(__dirname);
