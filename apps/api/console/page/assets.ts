// Style sheet, scripts and icon of the console: read and compressed once, named by what is in them, so that browsers may keep them for good.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Router } from 'express';
import { endPacked, pack } from './encoding';

const FOLDER = '/console/assets';

const FILES = {
  'console.css': { type: 'text/css; charset=utf-8', file: join(__dirname, '..', 'assets', 'console.css') },
  'console.js': { type: 'text/javascript; charset=utf-8', file: join(__dirname, '..', 'assets', 'console.js') },
  'icon.svg': { type: 'image/svg+xml', file: join(__dirname, '..', 'assets', 'icon.svg') },
  'htmx.js': { type: 'text/javascript; charset=utf-8', file: require.resolve('htmx.org/dist/htmx.min.js') },
} as const;
type Name = keyof typeof FILES;

const ASSETS = new Map(
  Object.entries(FILES).map(([name, { type, file }]) => {
    const bytes = readFileSync(file);
    const version = createHash('sha256').update(bytes).digest('base64url').slice(0, 12);
    return [name, { packed: pack(bytes), type, path: `${FOLDER}/${version}/${name}` }];
  }),
);

/** The address of an asset; another one when it changes. */
export const assetPath = (name: Name): string => ASSETS.get(name)?.path ?? '';

const SECONDS_OF_A_YEAR = 31_536_000;

export const assetRoutes = (): Router => {
  const router = Router();
  for (const { packed, type, path } of ASSETS.values()) {
    router.get(path, (request, response) => {
      response.set({ 'Content-Type': type, 'Cache-Control': `public, max-age=${SECONDS_OF_A_YEAR}, immutable` });
      endPacked(request, response, packed);
    });
  }
  return router;
};
