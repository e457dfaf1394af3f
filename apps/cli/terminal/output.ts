// What is said: tables and sentences for people, or the API's JSON; never what moves somebody's terminal.
import type { Writable } from 'node:stream';

export interface Output {
  /** JSON was asked for. */
  json: boolean;
  /** A line for people; nothing where JSON was asked for. */
  say: (line: string) => void;
  /** A document as JSON, over several lines; nothing for people. */
  document: (value: unknown) => void;
  /** A value as one line of JSON; nothing for people. */
  line: (value: unknown) => void;
  /** A line on standard error, in either case. */
  note: (line: string) => void;
  /** Characters of a line; undefined where nobody looks. */
  width: number | undefined;
}

/** Servers' replies and data of emails are shown: they must not speak to the terminal (ECMA-48: C0, DEL, C1). */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
export const harmless = (text: string): string => text.replace(CONTROLS, '?');

/** @param out standard output @param err standard error */
export const createOutput = (
  out: Writable & { columns?: number; isTTY?: boolean },
  err: Writable,
  json: boolean,
): Output => ({
  json,
  say: (line) => void (json || out.write(`${harmless(line)}\n`)),
  document: (value) => void (json && out.write(`${JSON.stringify(value, null, 2)}\n`)),
  line: (value) => void (json && out.write(`${JSON.stringify(value)}\n`)),
  note: (line) => void err.write(`${harmless(line)}\n`),
  width: out.isTTY === true ? out.columns : undefined,
});
