// Templates when they come in, and their versions side by side; always in a render thread.
import { Problem, type InputError } from '../mail/input/problem';
import type { TemplateInput, TemplateVersion } from '../mail/settings/template';
import type { DataSchema } from './source/check-data';
import { PARTS, type PlacedFault } from './thread/protocol';
import { JobExhausted, WHY, type Pool } from './thread/pool';

export interface Checks {
  /** @throws Problem `template-syntax` or `invalid` that points at each broken part, with line and column of the first */
  check(tenant: string, input: TemplateInput): Promise<void>;
  /** @returns what the template's schema finds wrong, with pointers that begin at the data */
  checkData(tenant: string, version: TemplateVersion, data: unknown): Promise<InputError[]>;
  /** @returns a unified diff for each part that differs, null where that would take too long */
  compare(tenant: string, before: TemplateVersion, after: TemplateVersion): Promise<Record<string, string | null>>;
  /** The same for any texts; `name` stands above each side of the diff. */
  compareTexts(tenant: string, before: NamedTexts, after: NamedTexts): Promise<Record<string, string | null>>;
}

interface NamedTexts {
  name: string;
  parts: Record<string, string>;
}

/** Parts for comparing: what is not a text is written as one. */
const partsOf = ({ subject, html, text, layout, inlineCss, schema }: TemplateVersion): Record<string, string> => ({
  ...(subject !== undefined && { subject }),
  ...(html !== undefined && { html }),
  ...(text !== undefined && { text }),
  ...(layout !== undefined && { layout }),
  ...(inlineCss !== undefined && { inlineCss: String(inlineCss) }),
  ...(schema !== undefined && { schema: JSON.stringify(schema, null, 2) }),
});

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

const named = (version: TemplateVersion): NamedTexts => ({
  name: `version ${version.version}`,
  parts: partsOf(version),
});

const compareTexts = (
  pool: Pool,
  tenant: string,
  before: NamedTexts,
  after: NamedTexts,
): Promise<Record<string, string | null>> =>
  pool.run(tenant, { kind: 'compare', before, after }).catch((error: unknown) => {
    if (!(error instanceof JobExhausted)) throw error;
    return Object.fromEntries(PARTS.map((part) => [part, null]));
  });

export const createChecks = ({ pool, trusted }: { pool: Pool; trusted: boolean }): Checks => ({
  async check(tenant, input) {
    const sources = Object.fromEntries(
      PARTS.flatMap((part) => (input[part] === undefined ? [] : [[`${part}:`, input[part]]])),
    );
    const { schema } = input;
    const job = { kind: 'check' as const, sources, strict: !trusted, ...(schema && { schema }) };
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
  compare: (tenant, before, after) => compareTexts(pool, tenant, named(before), named(after)),
  compareTexts: (tenant, before, after) => compareTexts(pool, tenant, before, after),
});
