// `npm run demo:clear`: takes the demo's emails away from the service that `npm start` runs.
import { readOptions } from '../options';
import { loadSecrets } from '../secrets';
import { reasonOf } from '../telling';
import { clearDemo } from './demo';

const main = async (): Promise<void> => {
  const options = readOptions([], process.env);
  if (options === 'help') return;
  await clearDemo(options.dataDir, loadSecrets(options.dataDir, process.env).operatorKey);
  console.log('The emails of the demo are gone; the tenant "demo" and what you made there stay.');
};

main().catch((error: unknown) => {
  console.error(`The demo was not cleared: ${reasonOf(error)}. Is npm start running?`);
  process.exitCode = 1;
});
