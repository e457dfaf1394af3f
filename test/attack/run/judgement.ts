// What is made of an attack: the table, the promises that were broken, and what somebody who mends them wants to know.
import { quantile, shown } from '../../../bench/support/figures';
import type { Row } from '../../../bench/support/run';
import type { Logged } from './logged';
import type { Latencies } from './neighbour';
import type { AttackerReport } from './report';
import { STALL_MS, type Stall, type Watched } from './watch';

export interface Evidence {
  told: AttackerReport;
  /** By the name of the process. */
  watched: Record<string, Watched>;
  alone: Latencies;
  beside: Latencies;
  ofB: { accepted: string[]; recipients: string[]; refused: Record<string, number> };
  /** Processes that ended. */
  ended: string[];
  errors: Logged[];
  /** What Redis took long for. */
  commands: { ms: number; words: string }[];
  /** Redis' memory at most. */
  redisBytes: number;
}

const MIB = 1024 * 1024;
/** No machine is so busy that a turn which is within its bound takes so much CPU. ms */
const BLOCKED_MS = 1_000;
/** Resident at most, bytes: four of the largest bodies and what is read from them, beside the process itself. */
const MOST_MEMORY: Record<string, number> = { api: 1_500 * MIB, worker: 1_500 * MIB };
const MOST_TIMES = 2;
/** What is this fast is fast enough, whatever it is alone. ms */
const FAST_MS = 250;
const SHOWN = 12;

const row = (name: string, ours: string, more: Partial<Row> = {}): Row => ({
  name,
  ours,
  baseline: '',
  ratio: '',
  reach: '',
  ...more,
});
const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;
const ms = (value: number): string => `${Math.round(value)} ms`;
const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((all, one) => all + one, 0);

const answers = ({ told }: Evidence, seconds: number): Row[] => {
  const count = sum(told.statuses);
  const bad = Object.entries(told.statuses).filter(
    ([status]) => Number(status) >= 500 && status !== '503' && status !== '507',
  );
  return [
    row('requests answered', `${count}`, { baseline: `${Math.round(count / seconds)}/s, ${mib(told.bytes)} sent` }),
    ...Object.entries(told.statuses).map(([status, times]) => row(`  ${status}`, `${times}`)),
    ...Object.entries(told.unanswered).map(([said, times]) => row(`  no answer: ${said}`, `${times}`)),
    row('answers of 5xx but 503 and 507', `${bad.reduce((all, [, times]) => all + times, 0)}`, {
      reach: '0',
      met: bad.length === 0,
    }),
    row('answers that are not as declared', `${told.faults.filter(({ kind }) => kind === 'not as declared').length}`, {
      reach: '0',
      met: !told.faults.some(({ kind }) => kind === 'not as declared'),
    }),
  ];
};

const processes = ({ watched, redisBytes, commands }: Evidence): Row[] => {
  const bare = watched['bare'];
  const longest = Math.max(0, ...commands.map((command) => command.ms));
  return [
    ...['api', 'worker'].flatMap((name) => {
      const seen = watched[name];
      if (seen === undefined) throw new Error(`${name} was not watched`);
      const blocked = seen.stalls.filter((stall) => stall.ms > BLOCKED_MS).length;
      const [most, bound] = [Math.max(...seen.memory), MOST_MEMORY[name] ?? 0];
      return [
        row(`${name}: longest turn of its loop, CPU`, ms(seen.cpu), {
          reach: `<= ${STALL_MS} ms`,
          met: seen.cpu <= STALL_MS,
        }),
        row(`${name}: turns of more than ${BLOCKED_MS} ms, CPU`, `${blocked}`, { reach: '0', met: blocked === 0 }),
        row(`${name}: longest turn by the clock`, ms(seen.wall), { baseline: ms(bare?.wall ?? Number.NaN) }),
        row(`${name}: stalls of more than ${STALL_MS} ms, CPU`, `${seen.stalls.length}`, {
          reach: '0',
          met: seen.stalls.length === 0,
        }),
        row(`${name}: the same by the clock`, `${seen.wallStalls}`, { baseline: `${bare?.wallStalls}` }),
        row(`${name}: memory at most`, mib(most), {
          baseline: mib(seen.memory[0] ?? Number.NaN),
          reach: `<= ${mib(bound)}`,
          met: most <= bound,
        }),
        row(`${name}: memory in the middle`, mib(quantile(seen.memory, 0.5))),
      ];
    }),
    row('Redis: longest command', ms(longest), { reach: `<= ${STALL_MS} ms`, met: longest <= STALL_MS }),
    row('Redis: memory at most', mib(redisBytes)),
  ];
};

const neighbour = ({ alone, beside, ofB }: Evidence): Row[] => {
  const taken = new Map<string, number>();
  for (const recipient of ofB.recipients) taken.set(recipient, (taken.get(recipient) ?? 0) + 1);
  const [lost, twice] = [
    ofB.accepted.filter((one) => !taken.has(one)),
    [...taken.values()].filter((times) => times > 1),
  ];
  return [
    ...(['accept', 'get', 'delivery'] as const).flatMap((what) => {
      const [ours, baseline] = [quantile(beside[what], 0.99), quantile(alone[what], 0.99)];
      return [
        row(`B: ${what}, p50`, shown([quantile(beside[what], 0.5)], ' ms'), {
          baseline: shown([quantile(alone[what], 0.5)], ' ms'),
        }),
        row(`B: ${what}, p99`, shown([ours], ' ms'), {
          baseline: shown([baseline], ' ms'),
          ratio: (ours / baseline).toFixed(2),
          reach: `<= ${MOST_TIMES} x, or ${FAST_MS} ms`,
          met: ours <= Math.max(MOST_TIMES * baseline, FAST_MS),
        }),
      ];
    }),
    row('B: emails accepted', `${ofB.accepted.length}`),
    ...Object.entries(ofB.refused).map(([said, times]) => row(`  refused: ${said}`, `${times}`)),
    row('B: lost', `${lost.length}`, { reach: '0', met: lost.length === 0 }),
    row('B: delivered twice', `${twice.length}`, { reach: '0', met: twice.length === 0 }),
  ];
};

/** These are promises whatever the machine is; a latency is what this machine, which attacks as well, had left. */
const HARD = [
  /5xx/,
  /no lines of the log/,
  /turns of more than/,
  /declared/,
  /memory at most/,
  /^B: lost/,
  /^B: delivered twice/,
];

const tellStall = ({ process: name, at, ms: length }: Stall, { told }: Evidence): string => {
  const beside = told.slow
    .filter(({ from, to }) => from <= at && to >= at - STALL_MS - length)
    .map(({ label }) => label);
  return `stall: ${name}, ${ms(length)} of CPU, while: ${[...new Set(beside)].slice(0, 8).join(' | ')}`;
};

/** What the attacker's requests spent most time on, all together. */
const tellSlow = ({ told }: Evidence): string => {
  const times = new Map<string, number>();
  for (const { label, from, to } of told.slow) {
    const what = label.split(':')[0] ?? '';
    times.set(what, (times.get(what) ?? 0) + to - from);
  }
  const most = [...times].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
  return `longest under way: ${most.map(([what, time]) => `${what} ${Math.round(time / 1_000)} s`).join(', ')}`;
};

const tellCommands = ({ commands }: Evidence): string[] =>
  [...commands]
    .sort((a, b) => b.ms - a.ms)
    .slice(0, 4)
    .map(({ ms: length, words }) => `Redis took ${ms(length)} for: ${words}`);

const tellFaults = ({ told, errors }: Evidence): string[] => {
  const kinds = new Map(
    told.faults.map((fault) => [`${fault.kind} ${fault.label.split(':')[0]} ${fault.answer.slice(0, 90)}`, fault]),
  );
  return [
    ...[...kinds.values()].slice(0, SHOWN).map((fault) => `fault: ${JSON.stringify(fault)}`),
    ...errors
      .slice(0, SHOWN)
      .map(({ process: name, text, count, first }) => `logged by ${name} ${count} times: ${text}\n  ${first}`),
  ];
};

/** @throws Error where the attack did not come about */
export const judge = (evidence: Evidence, seconds: number): { rows: Row[]; broken: string[]; notes: string[] } => {
  if (sum(evidence.told.statuses) < 10 * Math.min(seconds, 10))
    throw new Error('the attack was hardly answered: there is nothing to judge by');
  const ended = row('processes that ended', evidence.ended.join(', ') || '0', {
    reach: '0',
    met: evidence.ended.length === 0,
  });
  const strange = evidence.errors.filter(({ first }) => !first.startsWith('{'));
  const printed = row('lines that are no lines of the log', `${strange.length}`, {
    reach: '0',
    met: strange.length === 0,
  });
  const rows = [...answers(evidence, seconds), ended, printed, ...processes(evidence), ...neighbour(evidence)];
  const broken = rows.filter(
    ({ name, met }) => met === false && (name === ended.name || HARD.some((one) => one.test(name))),
  );
  const stalls = Object.values(evidence.watched).flatMap((seen) => seen.stalls);
  const longest = stalls.sort((a, b) => b.ms - a.ms).slice(0, SHOWN);
  return {
    rows,
    broken: broken.map(({ name, ours, reach }) => `${name}: ${ours}, not ${reach}`),
    notes: [
      tellSlow(evidence),
      ...longest.map((stall) => tellStall(stall, evidence)),
      ...tellCommands(evidence),
      ...tellFaults(evidence),
    ],
  };
};
