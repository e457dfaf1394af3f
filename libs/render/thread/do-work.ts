// What a render thread does for the process: everything that touches what a tenant wrote.
import { LRUCache } from 'lru-cache';
import { parseMessage } from '../../mail/message/parsed-message';
import { compareParts } from '../source/compare';
import { checkData, checkSchema } from '../source/check-data';
import { EngineFault, type Engine, type Program } from './engine';
import { compileSource, TemplateFault, type Escaping, type Tag } from '../source/eta-source';
import {
  MOST_PROGRAMS,
  type Answers,
  type CheckAnswer,
  type CheckJob,
  type Job,
  type MessageJob,
  type Part,
  type PlacedFault,
  type RenderAnswer,
  type RenderJob,
  type Reply,
  type Sources,
} from './protocol';
import { InliningRefused, withInlineCss } from './inline-css';
import { checkSource } from '../source/lint';
import { quickTextFromHtml, textFromHtml } from './text-body';

/** Characters of all parts of an email together. */
const MOST_OUTPUT = 5 * 1_024 * 1_024;

const escapingOf = (key: string): Escaping => (key.startsWith('html:') ? 'html' : 'none');

interface Prepared extends Program {
  tags: Record<string, Tag[]>;
}

const prepare = (key: string, sources: Sources): Prepared => {
  const compiled = Object.entries(sources).map(([name, source]) => {
    try {
      return [name, compileSource(source, escapingOf(name), name === 'subject:')] as const;
    } catch (error) {
      if (error instanceof TemplateFault) throw new SourceFault({ ...placed(error), key: name });
      throw error;
    }
  });
  const bodies = Object.fromEntries(compiled.map(([name, { body }]) => [name, body]));
  const tags = Object.fromEntries(compiled.map(([name, one]) => [name, one.tags]));
  return { key, json: JSON.stringify({ bodies }), tags };
};

/** @returns the fault as well: it would be the same the next time */
const prepared = (key: string, sources: Sources | undefined): Prepared | SourceFault => {
  if (sources === undefined) throw new Error(`the sources of ${key} were not given`);
  try {
    return prepare(key, sources);
  } catch (error) {
    if (error instanceof SourceFault) return error;
    throw error;
  }
};

class SourceFault extends Error {
  constructor(readonly fault: PlacedFault) {
    super(fault.message);
  }
}

const placed = ({ message, line, column }: TemplateFault): PlacedFault => ({
  message,
  ...(line !== undefined && { line }),
  ...(column !== undefined && { column }),
});

interface Said {
  made?: Partial<Record<Part, unknown>>;
  missing?: unknown;
  /** `nth` where the subject is more than one line: how many line breaks of the same tag or text are before that one. */
  fault?: { message: unknown; key: unknown; tag: unknown; nth?: unknown };
}

const BREAK = 'a line break or another control character';

/** The fault that the runtime told, at its tag. */
const placeFault = ({ message, key, tag, nth }: NonNullable<Said['fault']>, { tags }: Prepared): PlacedFault => {
  const found = Object.hasOwn(tags, String(key)) ? tags[String(key)]?.[Number(tag)] : undefined;
  const text = String(message).slice(0, 500);
  if (found === undefined) return { message: text };
  const { line, column, code, breaks } = found;
  const at = { key: String(key), line, column };
  if (breaks !== undefined) {
    const advice = 'write it in one line, or take the break away by ending the tag before it with -%> or _%>';
    return { ...at, ...breaks[Number(nth)], message: `the subject has ${BREAK} here: ${advice}` };
  }
  const shown = code.slice(0, 100);
  if (nth === undefined) return { ...at, message: `${text}: ${shown}` };
  return {
    ...at,
    message: `the value has ${BREAK} in it, which a subject must not have: correct the data, or the expression ${shown}`,
  };
};

const parseSaid = (text: string): Said => {
  try {
    return (JSON.parse(text) ?? {}) as Said;
  } catch {
    return {};
  }
};

/** Nothing that comes out of a sandbox is believed to be of its type. */
const readSaid = (text: string, job: RenderJob, program: Prepared): RenderAnswer => {
  const said = parseSaid(text);
  if (typeof said.missing === 'string') return { kind: 'missing', key: said.missing };
  if (said.fault !== undefined) return { kind: 'fault', fault: placeFault(said.fault, program) };
  const made: Partial<Record<Part, string>> = {};
  for (const part of job.parts) {
    const value = said.made?.[part];
    if (typeof value !== 'string')
      return { kind: 'fault', fault: { message: `the ${part} that was rendered is not a text` } };
    made[part] = value;
  }
  if (Object.values(made).reduce((sum, { length }) => sum + length, 0) > MOST_OUTPUT) throw new OutputFault();
  return { kind: 'made', made };
};

class OutputFault extends Error {}

/** What is made of what a template wrote: a text where it has none and that is quick, styles where they are heeded. */
const finish = (answer: RenderAnswer, { inlineCss }: RenderJob): RenderAnswer => {
  if (answer.kind !== 'made' || answer.made.html === undefined) return answer;
  const { html, text = quickTextFromHtml(html) } = answer.made;
  const made = { ...answer.made, html: inlineCss ? withInlineCss(html) : html, ...(text !== undefined && { text }) };
  return { kind: 'made', made };
};

/** Takes a message apart; its parser waits in between, so this is none of `createJobs`. */
export const takeApart = async ({ bytes }: MessageJob): Promise<Reply> => {
  try {
    return { answer: await parseMessage(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) };
  } catch (error) {
    return { answer: { unreadable: error instanceof Error ? error.message : String(error) } };
  }
};

/** What a thread does, over an engine. @returns a function that never throws */
export const createJobs = (engine: Engine): ((job: Exclude<Job, MessageJob>) => Reply) => {
  const programs = new LRUCache<string, Prepared | SourceFault>({ max: MOST_PROGRAMS });

  const programOf = ({ key, sources }: RenderJob): Prepared => {
    const program = programs.get(key) ?? prepared(key, sources);
    programs.set(key, program);
    if (program instanceof SourceFault) throw program;
    return program;
  };

  const render = (job: RenderJob): RenderAnswer => {
    const program = programOf(job);
    if (job.schema !== undefined) {
      const errors = checkData(job.schema, JSON.parse(job.data));
      if (errors.length > 0) return { kind: 'data-invalid', errors };
    }
    const { parts, layout, gone } = job;
    return finish(
      readSaid(engine.render(program, JSON.stringify({ parts, layout, gone }), job.data), job, program),
      job,
    );
  };

  const check = ({ sources, schema, strict }: CheckJob): CheckAnswer => {
    const faults = Object.entries(sources).flatMap(([key, source]) =>
      checkSource(source, escapingOf(key), strict).map((fault) => ({ ...placed(fault), key })),
    );
    const schemaErrors = schema === undefined ? [] : checkSchema(schema);
    if (faults.length > 0) return { faults, schema: schemaErrors };
    // The engine's own parser has the last word.
    const refused = engine.load(prepare('', sources));
    return { faults: refused === '' ? [] : [JSON.parse(refused) as PlacedFault], schema: schemaErrors };
  };

  const answer = (job: Exclude<Job, MessageJob>): Answers[Job['kind']] => {
    switch (job.kind) {
      case 'render':
        return render(job);
      case 'check':
        return check(job);
      case 'data':
        return checkData(job.schema, JSON.parse(job.data));
      case 'text':
        return textFromHtml(job.html);
      case 'compare':
        return compareParts(job.before, job.after);
    }
  };

  return (job) => {
    try {
      return { answer: answer(job) };
    } catch (error) {
      if (error instanceof SourceFault) return { answer: { kind: 'fault', fault: error.fault } };
      if (error instanceof InliningRefused)
        return { answer: { kind: 'fault', fault: { key: 'html:', message: error.message } } };
      if (error instanceof OutputFault) return { exhausted: 'output', detail: '' };
      if (error instanceof EngineFault) return { exhausted: error.why, detail: error.message };
      return { exhausted: 'broken', detail: error instanceof Error ? error.message : String(error) };
    }
  };
};
