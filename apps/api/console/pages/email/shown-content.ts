// What an email says, as the API answers it, and in a frame where nothing of it can do harm.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import type { EmailContent } from '../../../answers/content';
import { toProblem } from '../../../http/errors';
import { escaped, mailInFrame, pageInFrame } from '../../kit/mail-frame';
import type { Download, Visit } from '../../page/page';
import { emailParams, isConfidential, type Details } from './loaded-email';

export type Content = z.infer<typeof EmailContent>;
export type Rendered = Content['rendered'];

/** Which of the two the reader wants; as it was sent, where that is kept and nothing else was asked for. */
export const wanted = ({ query }: Pick<Visit, 'query'>, email: Details): Rendered =>
  email.archived && query['as'] !== 'now' ? 'sent' : 'now';

/** @returns what it says, or why that cannot be shown */
export const readContent = async (visit: Visit, email: Details, rendered: Rendered): Promise<Content | Problem> => {
  if (isConfidential(email)) return new Problem('forbidden', visit.say('preview.confidential'));
  try {
    return await visit.ask<Content>('getEmailContent', { params: emailParams(visit), query: { rendered } });
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    return problem;
  }
};

/** What it says in a frame; the words of what went wrong where it cannot be said. */
export const contentInFrame = (content: Pick<Content, 'html' | 'text'> | Problem, { language }: Visit): Download =>
  content instanceof Problem
    ? pageInFrame(`<p>${escaped(content.message)}</p>`, language)
    : mailInFrame(content, language);
