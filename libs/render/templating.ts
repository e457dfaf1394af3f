// Templates as the service uses them: rendered, checked when they come in, compared; always in a render thread.
import type { InputError } from '../mail/input/problem';
import type { TemplateVersion } from '../mail/settings/template';
import type { Templates } from '../store/registries/templates';
import { createChecks, type Checks } from './checks';
import { describePlace, RenderFailure, type Place } from './source/failure';
import { PARTS, type Part, type PlacedFault, type RenderAnswer, type RenderJob } from './thread/protocol';
import { createPool, JobExhausted, WHY, type Pool } from './thread/pool';
import { createSourceFinder, type Bundle } from './template-bundle';
import { createTakeApart, type ParseMessage } from './parse-message';

export interface Templating extends Checks {
  /**
   * Renders all parts that the version has.
   * @param data JSON
   * @throws RenderFailure with the place in the template
   */
  render(tenant: string, name: string, version: TemplateVersion, data: string): Promise<Partial<Record<Part, string>>>;
  /**
   * The text of an email that has only html.
   * @returns nothing where none can be made within a thread's time and memory: such html goes without a text part
   */
  textOf(tenant: string, html: string): Promise<string>;
  parseMessage: ParseMessage;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** What a schema finds, as one line. */
const inOneLine = (errors: InputError[]): string =>
  errors.map(({ path, message }) => `data${path}: ${message}`).join('; ');

const dataInvalid = (name: string, { version }: TemplateVersion, errors: InputError[]): RenderFailure =>
  new RenderFailure(
    'data-invalid',
    `the data are not as the template ${name}, version ${version}, wants them: ${inOneLine(errors)}`,
  );

const noLayout = (layout: string): RenderFailure =>
  new RenderFailure(
    'template-unknown',
    `the layout ${layout} does not exist or has no html: put it again and release the email`,
  );

/**
 * Once more where the fault may be the machine's: a thread that died, or, on systems that do not tell a thread's CPU time,
 * one that stood still.
 */
const patiently = async (pool: Pool, tenant: string, job: RenderJob): Promise<RenderAnswer> => {
  try {
    return await pool.run(tenant, job);
  } catch (error) {
    if (error instanceof JobExhausted && (error.why === 'time' || error.why === 'broken')) return pool.run(tenant, job);
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

const jobOf = (version: TemplateVersion, parts: Part[], { key, sources, gone }: Bundle, data: string): RenderJob => {
  const { layout, schema } = version;
  const framed = layout !== undefined && version.html !== undefined;
  return {
    kind: 'render',
    key,
    sources,
    parts,
    gone,
    data,
    ...(framed && { layout }),
    ...(schema && { schema }),
    ...(version.inlineCss && { inlineCss: true }),
  };
};

/**
 * @param deps.trusted templates run in plain V8 instead of the sandbox
 * @param deps.now a clock in ms that never goes back
 */
export const createTemplating = (deps: {
  templates: Templates;
  threads: number;
  trusted: boolean;
  now: () => number;
}): Templating => {
  const pool = createPool(deps);
  const finder = createSourceFinder(deps.templates);

  const render = async (
    tenant: string,
    name: string,
    version: TemplateVersion,
    data: string,
  ): Promise<Partial<Record<Part, string>>> => {
    const parts = PARTS.filter((part) => version[part] !== undefined);
    const { layout } = version;
    const bundle = await finder.find(tenant, name, version, parts);
    if (layout !== undefined && bundle.gone.includes(`html:${layout}`)) throw noLayout(layout);
    const answer = await patiently(pool, tenant, jobOf(version, parts, bundle, data));
    switch (answer.kind) {
      case 'made':
        return answer.made;
      case 'data-invalid':
        throw dataInvalid(name, version, answer.errors);
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
        const inlining = version.inlineCss && error.why === 'time' ? ', and inlineCss is part of that' : '';
        const text = `template ${name}, version ${version.version}, is ended: ${WHY[error.why]}${inlining}`;
        throw new RenderFailure('template-failed', text);
      }
    },
    async textOf(tenant, html) {
      try {
        return await pool.run(tenant, { kind: 'text', html });
      } catch (error) {
        if (!(error instanceof JobExhausted)) throw error;
        return '';
      }
    },
    parseMessage: createTakeApart(pool),
    close: () => pool.close(),
    ...createChecks({ pool, trusted: deps.trusted }),
  };
};
