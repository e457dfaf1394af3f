// Which API is spoken to, and with which key: options, then the environment, then what `npm start` left in its data folder.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf, usage } from '../terminal/exit';

export interface Connection {
  /** Without a slash at the end. */
  url: string;
  key: string;
  /** It is the service that `npm start` runs, with its demo. */
  isDemo: boolean;
}

export interface ConnectionOptions {
  url?: string | undefined;
  keyFile?: string | undefined;
}

export type Env = Readonly<Record<string, string | undefined>>;

const filled = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

/** What `npm start` keeps of its demo; undefined where it never ran here. */
const demoIn = (env: Env): { api: string; admin: string } | undefined => {
  try {
    const file = join(filled(env['ROHRPOST_DATA_DIR']) ?? '.rohrpost', 'demo.json');
    const { api, admin } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<string, string>>;
    return api === undefined || admin === undefined ? undefined : { api, admin };
  } catch {
    return undefined;
  }
};

const readKey = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw usage(`the key file cannot be read: ${reasonOf(error)}`);
  }
};

const checkedUrl = (text: string): string => {
  if (!/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/.test(text) || !URL.canParse(text))
    throw usage(`the API's address must be like https://mail.acme.example, not "${text}"`);
  return text.replace(/\/+$/, '');
};

/** @throws Stop where something is missing, and says how it is given */
export const findConnection = (options: ConnectionOptions, env: Env): Connection => {
  const demo = demoIn(env);
  const givenUrl = filled(options.url) ?? filled(env['ROHRPOST_URL']);
  const url = givenUrl ?? demo?.api;
  if (url === undefined)
    throw usage('which API? Set ROHRPOST_URL to its address (or give --url), or run this where npm start runs');
  const givenKey = options.keyFile === undefined ? filled(env['ROHRPOST_KEY']) : readKey(options.keyFile);
  // The demo's key goes to the demo's API alone.
  const key = givenKey ?? (givenUrl === undefined || givenUrl === demo?.api ? demo?.admin : undefined);
  if (key === undefined) throw usage('with which key? Set ROHRPOST_KEY, or name a file that holds one by --key-file');
  if (!/^[\x21-\x7e]+$/.test(key)) throw usage('the key is empty, or holds spaces or other characters that no key has');
  return { url: checkedUrl(url), key, isDemo: demo !== undefined && url === demo.api };
};
