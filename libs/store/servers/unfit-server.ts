// Whether a Redis server keeps what it is given, by what it says of itself.

/** What Redis says of its last writes to its disk (INFO persistence); `ok` where they went well. */
const LAST_WRITES: [field: string, what: string][] = [
  ['aof_last_write_status', 'could not write its log of changes (appendonly)'],
  ['aof_last_bgrewrite_status', 'could not rewrite its log of changes (appendonly)'],
  ['rdb_last_bgsave_status', 'could not write its last snapshot'],
];

/**
 * @param info what the server answers to INFO
 * @returns what is wrong with it for keeping emails: a sentence each
 */
export const unfitBy = (info: string): string[] => {
  const problems: string[] = [];
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  if (field('role') === 'slave')
    problems.push(
      'this Redis is a replica and takes no writes: a failover is under way, or REDIS_URL names the wrong server',
    );
  for (const [name, what] of LAST_WRITES) {
    const status = field(name);
    if (status !== undefined && status !== 'ok')
      problems.push(`Redis ${what}: make room on its disk, see its log (${name} is ${status})`);
  }
  const policy = field('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    problems.push(`Redis may evict emails: maxmemory-policy is ${policy}; set it to noeviction`);
  }
  if (field('aof_enabled') === '0')
    problems.push('Redis loses emails when it restarts: appendonly is off; set it to yes');
  return problems;
};
