// What a render thread is asked for, and what it answers. Light, since the process that asks loads it, too.
import type { ParsedMessage } from '../../mail/message/parsed-message';
import type { InputError } from '../../mail/input/problem';
import type { DataSchema } from '../source/check-data';
import type { Exhausted } from './engine';

export type Part = 'subject' | 'html' | 'text';
export const PARTS = ['subject', 'html', 'text'] as const;

/** Sources by what they are for: `subject:`, `html:`, `text:` of the template itself, `html:<name>` of others. */
export type Sources = Record<string, string>;

export interface RenderJob {
  kind: 'render';
  /** Names the tenant and the versions of all sources. */
  key: string;
  /** Left out on the way to a thread that has them: the last `MOST_PROGRAMS` keys that it was given. */
  sources?: Sources;
  parts: Part[];
  /** The template whose html is the frame. */
  layout?: string;
  /** Sources that were asked for and do not exist. */
  gone: string[];
  schema?: DataSchema;
  inlineCss?: boolean;
  /** JSON. */
  data: string;
}

/** A fault of a template; `key` says in which source. */
export interface PlacedFault {
  message: string;
  key?: string;
  line?: number;
  column?: number;
}

export type RenderAnswer =
  | { kind: 'made'; made: Partial<Record<Part, string>> }
  /** A source is needed that was not given. */
  | { kind: 'missing'; key: string }
  | { kind: 'fault'; fault: PlacedFault }
  | { kind: 'data-invalid'; errors: InputError[] };

export interface CheckJob {
  kind: 'check';
  sources: Sources;
  schema?: DataSchema;
  /** Also which JavaScript they use. */
  strict: boolean;
}

export interface CheckAnswer {
  faults: PlacedFault[];
  schema: InputError[];
}

export interface DataJob {
  kind: 'data';
  schema: DataSchema;
  data: string;
}

/** The text part of an email that has only html. */
export interface TextJob {
  kind: 'text';
  html: string;
}

export interface CompareJob {
  kind: 'compare';
  before: { name: string; parts: Record<string, string> };
  after: { name: string; parts: Record<string, string> };
}

/** A complete message that is taken apart, for people to look at. */
export interface MessageJob {
  kind: 'message';
  bytes: Uint8Array;
}

/** Kinds of jobs and what they are answered with. */
export interface Answers {
  render: RenderAnswer;
  check: CheckAnswer;
  data: InputError[];
  text: string;
  compare: Record<string, string | null>;
  message: ParsedMessage | { unreadable: string };
}

export type Job = RenderJob | CheckJob | DataJob | TextJob | CompareJob | MessageJob;
export type AnswerOf<J extends Job> = Answers[J['kind']];
/** Everything that a thread may say of a job. */
export type Reply = { answer: Answers[Job['kind']] } | { exhausted: Exhausted | 'output'; detail: string };

/** Programs that a thread keeps, those that cannot be compiled among them: whoever gives it jobs counts along. */
export const MOST_PROGRAMS = 500;
