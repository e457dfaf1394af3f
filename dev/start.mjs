// `npm start`: prepares the checkout, then becomes the launcher, in the same process so that signals arrive there.
import { prepare, root } from './prepare.mjs';

prepare();
const { launch } = await import('../dist/dev/launch.js');
await launch(root, process.argv.slice(2));
