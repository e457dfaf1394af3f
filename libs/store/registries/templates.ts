// The registry of templates: immutable numbered versions under a name, the newest of them in use.
import type { TemplateInput, TemplateVersion } from '../../mail/settings/template';
import type { Clock } from '../../runtime/clock';
import type { Changes } from '../redis/settings-cache';
import { tenantKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';

export interface Templates {
  /** A version, or the present one; undefined where there is none. */
  get(tenant: string, name: string, version?: number): Promise<TemplateVersion | undefined>;
  list(tenant: string): Promise<{ name: string; version: number }[]>;
  versions(tenant: string, name: string): Promise<TemplateVersion[]>;
  /**
   * A new version, or the present one where nothing changed.
   * @param allow throws where the present number (undefined: there is none) is not the one that the writer knows
   */
  put(
    tenant: string,
    name: string,
    input: TemplateInput,
    allow: (present: string | undefined) => void,
  ): Promise<{ version: TemplateVersion; created: boolean }>;
  remove(tenant: string, name: string): Promise<boolean>;
}

// KEYS: present versions, last numbers, the template's versions. ARGV: name, the version's JSON without number and
// time, the time, the present number that was allowed ('' for none). Result: {number, 1 if new}, or {0, 0} where another
// number is present by now. Atomic, so that two writers never get the same number, and none overtakes what he has not seen.
const putVersion = defineScript(`
local present = redis.call('HGET', KEYS[1], ARGV[1])
if (present or '') ~= ARGV[4] then return {0, 0} end
if present then
  local stored = redis.call('HGET', KEYS[3], present)
  if stored and cjson.decode(stored).source == ARGV[2] then return {tonumber(present), 0} end
end
local number = redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
redis.call('HSET', KEYS[3], number, cjson.encode({source = ARGV[2], createdAt = ARGV[3]}))
redis.call('HSET', KEYS[1], ARGV[1], number)
return {number, 1}`);

/** The source is kept as a string inside, so that Lua never re-encodes what a tenant wrote. */
const parseVersion = (number: number, text: string): TemplateVersion => {
  const { source, createdAt } = JSON.parse(text) as { source: string; createdAt: string };
  return { version: number, ...(JSON.parse(source) as TemplateInput), createdAt };
};

export const createTemplates = (deps: { redis: Redis; changes: Changes; clock: Clock }): Templates => {
  const { redis, changes } = deps;
  const present = changes.cached('template', async (id) => {
    const [tenant = '', name = ''] = id.split('/');
    const keys = tenantKeys(tenant);
    const number = Number(await redis.hget(keys.templates, name));
    const text = number > 0 ? await redis.hget(keys.template(name), String(number)) : null;
    return text === null ? undefined : parseVersion(number, text);
  });

  const pinned = async (tenant: string, name: string, number: number): Promise<TemplateVersion | undefined> => {
    const current = await present(`${tenant}/${name}`);
    if (current === undefined || current.version === number) return current;
    const text = await redis.hget(tenantKeys(tenant).template(name), String(number));
    return text === null ? undefined : parseVersion(number, text);
  };

  return {
    get: (tenant, name, version) =>
      version === undefined ? present(`${tenant}/${name}`) : pinned(tenant, name, version),
    async list(tenant) {
      const all = await redis.hgetall(tenantKeys(tenant).templates);
      return Object.entries(all)
        .map(([name, version]) => ({ name, version: Number(version) }))
        .sort((a, b) => a.name.localeCompare(b.name));
    },
    async versions(tenant, name) {
      const all = await redis.hgetall(tenantKeys(tenant).template(name));
      return Object.entries(all)
        .map(([number, text]) => parseVersion(Number(number), text))
        .sort((a, b) => b.version - a.version);
    },
    async put(tenant, name, input, allow) {
      const keys = tenantKeys(tenant);
      const createdAt = new Date(deps.clock.now()).toISOString();
      const { subject, html, text, layout, inlineCss, schema } = input;
      const source = JSON.stringify({ subject, html, text, layout, inlineCss, schema });
      let [number, isNew] = [0, 0];
      while (number === 0) {
        const present = await redis.hget(keys.templates, name);
        allow(present ?? undefined);
        [number, isNew] = (await putVersion(
          redis,
          [keys.templates, keys.templateNumbers, keys.template(name)],
          [name, source, createdAt, present ?? ''],
        )) as [number, number];
      }
      await changes.announce('template', `${tenant}/${name}`);
      const stored = await redis.hget(keys.template(name), String(number));
      const version = stored === null ? { version: number, ...input, createdAt } : parseVersion(number, stored);
      return { version, created: isNew === 1 };
    },
    async remove(tenant, name) {
      const keys = tenantKeys(tenant);
      const removed = await redis.hdel(keys.templates, name);
      await redis.del(keys.template(name));
      await changes.announce('template', `${tenant}/${name}`);
      return removed === 1;
    },
  };
};
