// Templates as the service uses them: rendered, checked when they come in, compared; always in a render thread.
import { Problem, type InputError } from '../mail/problem';
import type { TemplateInput, TemplateVersion } from '../mail/template';
import type { Templates } from '../store/templates';
import type { DataSchema } from './data-schema';
import { describePlace, RenderFailure, type Place } from './failure';
import { PARTS, type Part, type PlacedFault, type RenderAnswer, type RenderJob } from './jobs';
import { JobExhausted, TIME_LIMIT, type Pool } from './pool';
import { createSourceFinder, type Bundle } from './sources';

export interface Templating {
  /**
   * Renders all parts that the version has.
   * @param data JSON
   * @throws RenderFailure with the place in the template
   */
  render(tenant: string, name: string, version: TemplateVersion, data: string): Promise<Partial<Record<Part, string>>>;
  /** @throws Problem `template-syntax` or `invalid` that points at each broken part, with line and column of the first */
  check(tenant: string, input: TemplateInput): Promise<void>;
  /** @returns what the template's schema finds wrong, with pointers that begin at the data */
  checkData(tenant: string, version: TemplateVersion, data: unknown): Promise<InputError[]>;
  /** @returns a unified diff for each part that differs, null where that would take too long */
  compare(tenant: string, before: TemplateVersion, after: TemplateVersion): Promise<Record<string, string | null>>;
}

const WHY: Record<JobExhausted['why'], string> = {
  time: `it takes longer than ${TIME_LIMIT} ms`,
  memory: 'it needs more than 32 MiB of memory, or the data are larger than 4 MiB',
  depth: 'its functions or templates call each other too deep',
  output: 'it writes more than 5 MiB',
  broken: 'it broke the sandbox that it runs in',
};

/** What a schema finds, as one line. */
const inOneLine = (errors: InputError[]): string =>
  errors.map(({ path, message }) => `data${path}: ${message}`).join('; ');

/** Parts for comparing: what is not a text is written as one. */
const partsOf = ({ subject, html, text, layout, schema }: TemplateVersion): Record<string, string> => ({
  ...(subject !== undefined && { subject }),
  ...(html !== undefined && { html }),
  ...(text !== undefined && { text }),
  ...(layout !== undefined && { layout }),
  ...(schema !== undefined && { schema: JSON.stringify(schema, null, 2) }),
});

export const createTemplating = (deps: { templates: Templates; pool: Pool; trusted: boolean }): Templating => {
  const { pool } = deps;
  const finder = createSourceFinder(deps.templates);

  /** A machine that stood still for a moment looks like a template without end: the second time decides. */
  const patiently = async (tenant: string, job: RenderJob): Promise<RenderAnswer> => {
    try {
      return await pool.run(tenant, job);
    } catch (error) {
      if (error instanceof JobExhausted && (error.why === 'time' || error.why === 'broken'))
        return pool.run(tenant, job);
      throw error;
    }
  };

  const toFailure = ({ message, key = '', line, column }: PlacedFault, { origins }: Bundle): RenderFailure => {
    const origin = origins[key];
    if (origin === undefined) return new RenderFailure('template-failed', message);
    const part = key.slice(0, key.indexOf(':')) as Part;
    const place: Place = { ...origin, part, ...(line && { line }), ...(column && { column }) };
    return new RenderFailure('template-failed', `${describePlace(place)}: ${message}`, place);
  };

  const render = async (
    tenant: string,
    name: string,
    version: TemplateVersion,
    data: string,
  ): Promise<Partial<Record<Part, string>>> => {
    const parts = PARTS.filter((part) => version[part] !== undefined);
    const { layout, schema } = version;
    const bundle = await finder.find(tenant, name, version, parts);
    if (layout !== undefined && bundle.gone.includes(`html:${layout}`))
      throw new RenderFailure(
        'template-unknown',
        `the layout ${layout} does not exist or has no html: put it again and release the email`,
      );
    const { key, sources, gone } = bundle;
    const framed = layout !== undefined && version.html !== undefined;
    const answer = await patiently(tenant, {
      kind: 'render',
      key,
      sources,
      parts,
      gone,
      data,
      ...(framed && { layout }),
      ...(schema && { schema }),
    });
    switch (answer.kind) {
      case 'made':
        return answer.made;
      case 'data-invalid':
        throw new RenderFailure(
          'data-invalid',
          `the data are not as the template ${name}, version ${version.version}, wants them: ${inOneLine(answer.errors)}`,
        );
      case 'fault':
        throw toFailure(answer.fault, bundle);
      case 'missing':
        if (finder.learn(tenant, name, version, answer.key)) return render(tenant, name, version, data);
        throw toFailure({ message: `there is no template ${answer.key.slice(5, 100)} to include` }, bundle);
    }
  };

  return {
    async render(tenant, name, version, data) {
      try {
        return await render(tenant, name, version, data);
      } catch (error) {
        if (!(error instanceof JobExhausted)) throw error;
        const text = `template ${name}, version ${version.version}, is ended: ${WHY[error.why]}`;
        throw new RenderFailure('template-failed', text);
      }
    },
    async check(tenant, input) {
      const sources = Object.fromEntries(
        PARTS.flatMap((part) => (input[part] === undefined ? [] : [[`${part}:`, input[part]]])),
      );
      const { schema } = input;
      const job = { kind: 'check' as const, sources, strict: !deps.trusted, ...(schema && { schema }) };
      const answer = await pool.run(tenant, job).catch((error: unknown) => {
        if (!(error instanceof JobExhausted)) throw error;
        throw new Problem('template-syntax', `the template cannot be checked: ${WHY[error.why]}`);
      });
      if (answer.faults.length > 0) throw syntaxProblem(answer.faults);
      if (answer.schema.length > 0) throw schemaProblem(answer.schema);
    },
    async checkData(tenant, { schema }, data) {
      if (schema === undefined) return [];
      const job = { kind: 'data' as const, schema: schema as DataSchema, data: JSON.stringify(data) };
      return pool.run(tenant, job).catch((error: unknown) => {
        if (!(error instanceof JobExhausted)) throw error;
        return [{ path: '', message: `cannot be checked against the template's schema: ${WHY[error.why]}` }];
      });
    },
    async compare(tenant, before, after) {
      const [from, to] = [before, after].map((version) => ({
        name: `version ${version.version}`,
        parts: partsOf(version),
      }));
      if (from === undefined || to === undefined) return {};
      return pool.run(tenant, { kind: 'compare', before: from, after: to }).catch((error: unknown) => {
        if (!(error instanceof JobExhausted)) throw error;
        return Object.fromEntries(PARTS.map((part) => [part, null]));
      });
    },
  };
};

const syntaxProblem = (faults: PlacedFault[]): Problem => {
  const where = ({ line, column }: PlacedFault): string =>
    line === undefined ? '' : `line ${line}, column ${column}: `;
  const [first] = faults;
  return new Problem(
    'template-syntax',
    `the template's ${first?.key?.slice(0, -1)} has an error: ${first && where(first)}${first?.message}`,
    faults.map((fault) => ({ path: `/${fault.key?.slice(0, -1)}`, message: `${where(fault)}${fault.message}` })),
    { ...(first?.line && { line: first.line }), ...(first?.column && { column: first.column }) },
  );
};

const schemaProblem = (errors: InputError[]): Problem => {
  const placed = errors.map(({ path, message }) => ({ path: `/schema${path}`, message }));
  return new Problem('invalid', `${placed[0]?.path} ${placed[0]?.message}`, placed);
};
