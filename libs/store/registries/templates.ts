// The registry of templates: immutable numbered versions under a name, the newest of them in use.
import type { TemplateInput, TemplateVersion } from '../../mail/settings/template';
import type { Clock } from '../../runtime/clock';
import type { Bound } from './bound';
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
   * @param by who puts it, as versions will say
   * @param room how many templates the tenant may have, and how many bytes of all their versions
   * @throws Problem of the bounds
   */
  put(
    tenant: string,
    name: string,
    input: TemplateInput,
    allow: (present: string | undefined) => void,
    room: { templates: Bound; bytes: Bound },
    by: string,
  ): Promise<{ version: TemplateVersion; created: boolean }>;
  remove(tenant: string, name: string): Promise<boolean>;
}

/** What a version takes in its hash besides its text, roughly. Bytes. */
const BESIDE_TEXT = 64;
/** Beyond so many names the last number of a removed one is kept as that of all: new ones begin after it. */
const MOST_NUMBERS = 10_000;

/** Lua: `measure(sizes, name, versions)` counts the bytes of a template that an earlier version stored uncounted. */
const MEASURE = `
local function measure(sizes, name, versions)
  if redis.call('HEXISTS', sizes, name) == 1 then return end
  local bytes = 0
  for _, number in ipairs(redis.call('HKEYS', versions)) do
    bytes = bytes + redis.call('HSTRLEN', versions, number) + ${BESIDE_TEXT}
  end
  redis.call('HSET', sizes, name, bytes)
end
`;

// KEYS: sizes, the template's versions. ARGV: name. Result: none. Atomic: a version that is put meanwhile is counted once.
const measureTemplate = defineScript(`${MEASURE}measure(KEYS[1], ARGV[1], KEYS[2])`);

// KEYS: present versions, last numbers, the template's versions, sizes. ARGV: name, the version's JSON without number and
// time, the time, the present number that was allowed ('' for none), how many templates and how many bytes there may be, who puts it. Result:
// {number, 1 if new}, {0, 0} where another number is present by now, {-1, 0} for a template too many, {-2, 0} for too many bytes.
// Atomic, so that two writers never get the same number, none overtakes what he has not seen, and both together keep the bounds.
const putVersion = defineScript(`${MEASURE}
local present = redis.call('HGET', KEYS[1], ARGV[1])
if (present or '') ~= ARGV[4] then return {0, 0} end
if present then
  local stored = redis.call('HGET', KEYS[3], present)
  if stored and cjson.decode(stored).source == ARGV[2] then return {tonumber(present), 0} end
end
if not present and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return {-1, 0} end
local text = cjson.encode({source = ARGV[2], createdAt = ARGV[3], by = ARGV[7]})
local bytes = #text + ${BESIDE_TEXT}
local held = 0
for _, size in ipairs(redis.call('HVALS', KEYS[4])) do held = held + tonumber(size) end
if held + bytes > tonumber(ARGV[6]) then return {-2, 0} end
measure(KEYS[4], ARGV[1], KEYS[3])
local number = (redis.call('HGET', KEYS[2], ARGV[1]) or redis.call('HGET', KEYS[2], '') or 0) + 1
redis.call('HSET', KEYS[2], ARGV[1], number)
redis.call('HSET', KEYS[3], number, text)
redis.call('HINCRBY', KEYS[4], ARGV[1], bytes)
redis.call('HSET', KEYS[1], ARGV[1], number)
return {number, 1}`);

// KEYS: present versions, last numbers, the template's versions, sizes. ARGV: name. Result: 1, or 0 where it was not there. Atomic:
// what is gone is counted no more. Numbers of many names that are gone are kept as one, so that names made up and removed leave
// nothing, and none is given twice all the same.
const removeTemplate = defineScript(`
local removed = redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('UNLINK', KEYS[3])
redis.call('HDEL', KEYS[4], ARGV[1])
local last = redis.call('HGET', KEYS[2], ARGV[1])
if last and redis.call('HLEN', KEYS[2]) > ${MOST_NUMBERS} then
  redis.call('HDEL', KEYS[2], ARGV[1])
  if tonumber(last) > tonumber(redis.call('HGET', KEYS[2], '') or '0') then redis.call('HSET', KEYS[2], '', last) end
end
return removed`);

/** The source is kept as a string inside, so that Lua never re-encodes what a tenant wrote. */
const parseVersion = (number: number, text: string): TemplateVersion => {
  const { source, createdAt, by } = JSON.parse(text) as { source: string; createdAt: string; by?: string };
  return { version: number, ...(JSON.parse(source) as TemplateInput), createdAt, ...(by !== undefined && { by }) };
};

/** @returns counts what an earlier version stored uncounted */
const createMeasure =
  (redis: Redis) =>
  async (tenant: string): Promise<void> => {
    const keys = tenantKeys(tenant);
    const [names, measured] = await Promise.all([redis.hkeys(keys.templates), redis.hkeys(keys.templateBytes)]);
    const known = new Set(measured);
    for (const name of names)
      if (!known.has(name)) await measureTemplate(redis, [keys.templateBytes, keys.template(name)], [name]);
  };

/** Decides on the present number until nobody was faster. @returns the number, and 1 where it is new. @throws Problem of the bounds */
const writeVersion = async (
  redis: Redis,
  keys: ReturnType<typeof tenantKeys>,
  [name, source, createdAt, by]: [name: string, source: string, createdAt: string, by: string],
  allow: (present: string | undefined) => void,
  room: { templates: Bound; bytes: Bound },
): Promise<[number, number]> => {
  for (;;) {
    const present = await redis.hget(keys.templates, name);
    allow(present ?? undefined);
    const [number, isNew] = (await putVersion(
      redis,
      [keys.templates, keys.templateNumbers, keys.template(name), keys.templateBytes],
      [name, source, createdAt, present ?? '', room.templates.most, room.bytes.most, by],
    )) as [number, number];
    if (number < 0) throw (number === -1 ? room.templates : room.bytes).refuse();
    if (number > 0) return [number, isNew];
  }
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

  const measure = createMeasure(redis);

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
    async put(tenant, name, input, allow, room, by) {
      await measure(tenant);
      const keys = tenantKeys(tenant);
      const createdAt = new Date(deps.clock.now()).toISOString();
      const { subject, html, text, layout, inlineCss, schema } = input;
      const source = JSON.stringify({ subject, html, text, layout, inlineCss, schema });
      const [number, isNew] = await writeVersion(redis, keys, [name, source, createdAt, by], allow, room);
      await changes.announce('template', `${tenant}/${name}`);
      const stored = await redis.hget(keys.template(name), String(number));
      const version = stored === null ? { version: number, ...input, createdAt, by } : parseVersion(number, stored);
      return { version, created: isNew === 1 };
    },
    async remove(tenant, name) {
      const keys = tenantKeys(tenant);
      const removed = await removeTemplate(
        redis,
        [keys.templates, keys.templateNumbers, keys.template(name), keys.templateBytes],
        [name],
      );
      await changes.announce('template', `${tenant}/${name}`);
      return removed === 1;
    },
  };
};
