// What was typed into the editor of a template: its sources, and the data to try it with.
import type { z } from 'zod';
import { problemAt } from '../../../../../libs/mail/input/problem';
import type { TemplateDetails } from '../../../answers/templates';
import type { Visit } from '../../page/page';

export type Template = z.infer<typeof TemplateDetails>;

/** @throws Problem that points at the field */
const parsed = ({ form, say }: Visit, name: string): unknown => {
  const text = form.get(name);
  if (!text) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message : '';
    throw problemAt('invalid', [name], say('template.noJson', { why }));
  }
};

/** Browsers send line breaks in their own way: what nobody touched stays as it is stored. */
const typed = ({ form }: Visit, name: 'subject' | 'html' | 'text', present: Template | undefined) => {
  const text = form.raw(name);
  const stored = present?.[name];
  return stored !== undefined && stored.replace(/\r\n?/g, '\n') === text ? stored : text;
};

/** The template of the form, as a PUT takes it; what is empty is left out. @throws Problem */
export const typedTemplate = (visit: Visit, present: Template | undefined): object => {
  const { form } = visit;
  const fields = {
    subject: typed(visit, 'subject', present),
    html: typed(visit, 'html', present),
    text: typed(visit, 'text', present),
    layout: form.get('layout'),
    schema: parsed(visit, 'schema'),
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '');
  return { ...Object.fromEntries(given), ...(form.has('inlineCss') && { inlineCss: true }) };
};

/** @throws Problem */
export const typedData = (visit: Visit): unknown => parsed(visit, 'data') ?? {};
