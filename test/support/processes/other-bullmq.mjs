// Loaded before a process of the service: it finds another bullmq than the one that is installed.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
require('bullmq/package.json').version = '6.99.0';
