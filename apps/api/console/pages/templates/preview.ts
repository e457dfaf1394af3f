// How a template looks: an answer of its own with a policy of its own, in which nothing runs and nothing is loaded.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import type { TemplatePreview } from '../../../answers/content';
import { escaped, mailInFrame, pageInFrame } from '../../kit/mail-frame';
import type { Download, Visit } from '../../page/page';
import { sampleDataFor } from './sample-data';
import { typedData, typedTemplate, type Template } from './template-form';

type Preview = z.infer<typeof TemplatePreview>;

const refused = (error: unknown, { say, language }: Visit): Download => {
  if (!(error instanceof Problem)) throw error;
  const text = `<p><strong>${escaped(say('template.broken'))}</strong></p><p>${escaped(error.message)}</p>`;
  return pageInFrame(text, language);
};

/** What is typed, with the data that is typed. @throws Problem */
export const renderTyped = async (visit: Visit, tenant: string, name: string): Promise<Preview> => {
  const body = { template: typedTemplate(visit, undefined), data: typedData(visit) };
  return visit.ask<Preview>('renderTemplateDraft', { params: { tenant, name }, body });
};

/** A stored version with made-up data. @throws Problem */
export const renderStored = (visit: Visit, tenant: string, template: Template): Promise<Preview> => {
  const data = JSON.parse(sampleDataFor(template)) as unknown;
  const body = { data, version: template.version };
  return visit.ask<Preview>('renderTemplate', { params: { tenant, name: template.name }, body });
};

/** @param make renders it */
export const framed = async (visit: Visit, make: () => Promise<Preview>): Promise<Download> => {
  try {
    return mailInFrame(await make(), visit.language);
  } catch (error) {
    return refused(error, visit);
  }
};
