// Part of the build: style sheets and scripts of the console lie beside the code that serves them.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';

const ASSETS = join('apps', 'api', 'console', 'assets');
cpSync(join(root, ASSETS), join(root, 'dist', ASSETS), { recursive: true });
