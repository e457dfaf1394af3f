// Something that runs templates: in a sandbox, or, where the operator trusts them, in the thread's own V8.
import { runInThisContext } from 'node:vm';
import { LRUCache } from 'lru-cache';
import { answerFormat } from '../source/formatting';
import { RUNTIME } from './template-runtime';

/** Compiled templates under the name of all their versions. Who knows one knows nothing of another. */
export interface Program {
  key: string;
  /** For `load` of the runtime. */
  json: string;
}

/** Why an engine gave no answer. After `broken` it is unusable. */
export type Exhausted = 'time' | 'memory' | 'depth' | 'syntax' | 'broken';

export class EngineFault extends Error {
  override name = 'EngineFault';
  constructor(
    readonly why: Exhausted,
    message = `the engine ran out of ${why}`,
  ) {
    super(message);
  }
}

export interface Engine {
  /**
   * Renders with a program.
   * @param order what to render, and `data`, both JSON (runtime.ts)
   * @returns the runtime's answer: untrusted text
   * @throws EngineFault
   */
  render(program: Program, order: string, data: string): string;
  /** Loads a program without rendering. @returns JSON of the first template that is not JavaScript, or nothing */
  load(program: Program): string;
}

interface Runtime {
  load(json: string): string;
  render(order: string, data: string): string;
}

/** Plain V8: no wall at all, for templates of the operator's own. Only the thread's end bounds it. */
export const createTrustedEngine = (): Engine => {
  // The one place where text becomes code in V8, and only if the operator says so.
  const start = runInThisContext(RUNTIME) as (host: typeof answerFormat) => Runtime;
  const loaded = new LRUCache<string, Runtime>({ max: 500 });

  const loadAnew = (program: Program): { runtime: Runtime; fault: string } => {
    const runtime = start(answerFormat);
    return { runtime, fault: runtime.load(program.json) };
  };

  return {
    load: (program) => loadAnew(program).fault,
    render(program, order, data) {
      const runtime = loaded.get(program.key) ?? loadAnew(program).runtime;
      loaded.set(program.key, runtime);
      return runtime.render(order, data);
    },
  };
};
