// Which sources a template is made of: its own parts, its layout, and what these include by name within the tenant.
import { LRUCache } from 'lru-cache';
import { SLUG } from '../mail/address/queue-address';
import type { TemplateVersion } from '../mail/settings/template';
import type { Templates } from '../store/registries/templates';
import { RenderFailure } from './source/failure';
import { PARTS, type Part, type Sources } from './thread/protocol';

/** Templates that one email may be made of. */
const MOST_SOURCES = 50;

/** A template with everything that it needs. */
export interface Bundle {
  /** Names the tenant and all versions. */
  key: string;
  sources: Sources;
  gone: string[];
  /** The template and version behind a source's key. */
  origins: Record<string, { template: string; version: number }>;
}

export interface SourceFinder {
  /** @throws RenderFailure where too many are needed */
  find(tenant: string, name: string, version: TemplateVersion, parts: readonly Part[]): Promise<Bundle>;
  /** A name that only came up while rendering. @returns false where it was known, and asking again helps nobody */
  learn(tenant: string, name: string, version: TemplateVersion, key: string): boolean;
}

/** Characters of a name with its kind; what is no name at all is looked for nowhere. */
const LONGEST_KEY = 200;

const NAMED = /\b(?:include|layout)\(\s*(['"`])([a-z0-9-]+)\1/g;

/** What a source includes by a written name. Includes of html want html; those of a subject or a text want text. */
const namedIn = (key: string, source: string): string[] => {
  const kind = key.startsWith('html:') ? 'html' : 'text';
  return [...source.matchAll(NAMED)].map(([, , name]) => `${kind}:${name}`);
};

const isKey = (key: string): boolean => /^(html|text):/.test(key) && SLUG.test(key.slice(5));

export const createSourceFinder = (templates: Templates): SourceFinder => {
  const learned = new LRUCache<string, Set<string>>({ max: 2_000 });
  const idOf = (tenant: string, name: string, { version, createdAt }: TemplateVersion): string =>
    // The time is part of it: a template that was removed and made anew is another one.
    `${tenant}/${name}@${version}@${createdAt}`;

  return {
    async find(tenant, name, version, parts) {
      const id = idOf(tenant, name, version);
      const bundle: Bundle = { key: id, sources: {}, gone: [], origins: {} };
      const wanted = new Set(learned.get(id));
      const take = (key: string, source: string, template: string, number: number): void => {
        bundle.sources[key] = source;
        bundle.origins[key] = { template, version: number };
        for (const named of namedIn(key, source)) wanted.add(named);
      };
      if (version.layout !== undefined && parts.includes('html')) wanted.add(`html:${version.layout}`);
      for (const part of PARTS) {
        const source = version[part];
        if (source !== undefined && parts.includes(part)) take(`${part}:`, source, name, version.version);
      }
      const made = new Set<string>();
      // A set gives what is added to it while it is walked through.
      for (const key of wanted) {
        if (wanted.size > MOST_SOURCES)
          throw new RenderFailure('template-failed', `the template ${name} includes more than ${MOST_SOURCES} others`);
        const other = key.slice(5);
        const found = isKey(key) ? await templates.get(tenant, other) : undefined;
        const source = found?.[key.startsWith('html:') ? 'html' : 'text'];
        if (found === undefined || source === undefined) {
          bundle.gone.push(key);
          continue;
        }
        take(key, source, other, found.version);
        made.add(idOf(tenant, other, found));
      }
      bundle.key = [id, parts.join(), ...[...made].sort(), ...bundle.gone].join(' ');
      return bundle;
    },
    learn(tenant, name, version, key) {
      const id = idOf(tenant, name, version);
      const known = learned.get(id) ?? new Set();
      if (key.length > LONGEST_KEY || known.has(key) || known.size >= MOST_SOURCES) return false;
      learned.set(id, known.add(key));
      return true;
    },
  };
};
