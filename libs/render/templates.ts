// Renders a version of a template, compiled once per version and process.
import { LRUCache } from 'lru-cache';
import { Problem } from '../mail/problem';
import type { TemplateInput, TemplateVersion } from '../mail/template';
import { checkSource, compileSource, TemplateFault, type Compiled, type Escaping } from './eta-source';
import { describePlace, RenderFailure, type Place } from './failure';

export type Part = 'subject' | 'html' | 'text';

const ESCAPING: Record<Part, Escaping> = { subject: 'none', html: 'html', text: 'none' };
const PARTS = ['subject', 'html', 'text'] as const;

/**
 * Checks the sources of a template.
 * @throws Problem `template-syntax` that points at each broken part, with line and column of the first
 */
export const checkTemplate = (input: TemplateInput): void => {
  const faults = PARTS.flatMap((part) => {
    const source = input[part];
    if (source === undefined) return [];
    try {
      checkSource(source, ESCAPING[part]);
      return [];
    } catch (error) {
      if (!(error instanceof TemplateFault)) throw error;
      return [{ part, fault: error }];
    }
  });
  const [first] = faults;
  if (first === undefined) return;
  const where = ({ fault }: { fault: TemplateFault }): string =>
    fault.line === undefined ? '' : `line ${fault.line}, column ${fault.column}: `;
  throw new Problem(
    'template-syntax',
    `the template's ${first.part} has a syntax error: ${where(first)}${first.fault.message}`,
    faults.map((found) => ({ path: `/${found.part}`, message: `${where(found)}${found.fault.message}` })),
    { ...(first.fault.line && { line: first.fault.line }), ...(first.fault.column && { column: first.fault.column }) },
  );
};

export interface TemplateRenderer {
  /** @throws RenderFailure with the place in the template */
  render(tenant: string, name: string, version: TemplateVersion, part: Part, data: Record<string, unknown>): string;
}

export const createTemplateRenderer = (): TemplateRenderer => {
  const compiled = new LRUCache<string, Compiled>({ max: 2_000 });

  return {
    render(tenant, name, version, part, data) {
      const place: Place = { template: name, version: version.version, part };
      const source = version[part] ?? '';
      // The time is part of the key: a template that was removed and made anew is another one.
      const key = `${tenant}/${name}/${version.version}/${version.createdAt}/${part}`;
      try {
        const known = compiled.get(key) ?? compileSource(source, ESCAPING[part]);
        compiled.set(key, known);
        return known(data);
      } catch (error) {
        if (!(error instanceof TemplateFault)) throw error;
        const placed = {
          ...place,
          ...(error.line && { line: error.line }),
          ...(error.column && { column: error.column }),
        };
        throw new RenderFailure('template-failed', `${describePlace(placed)}: ${error.message}`, placed);
      }
    },
  };
};
