// The TypeScript client, bundled as an application's build would do it.
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import type * as rohrpost from '../../../clients/typescript/src/rohrpost.js' with { 'resolution-mode': 'import' };

export type ClientModule = typeof rohrpost;

const ENTRY = join(__dirname, '../../../clients/typescript/src/rohrpost.ts');

/** @returns the whole client with what it needs, minified */
export const bundleClient = async (format: 'esm' | 'cjs'): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    minify: true,
    format,
    platform: 'neutral',
    target: 'es2022',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
};

/** Loads it into this process. */
export const loadClient = async (): Promise<ClientModule> => {
  const folder = await mkdtemp(join(tmpdir(), 'rohrpost-client-'));
  try {
    await build({
      entryPoints: [ENTRY],
      bundle: true,
      format: 'cjs',
      platform: 'node',
      outfile: join(folder, 'c.cjs'),
    });
    return createRequire(__filename)(join(folder, 'c.cjs')) as ClientModule;
  } finally {
    await rm(folder, { recursive: true });
  }
};
