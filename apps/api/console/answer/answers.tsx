// How the console answers: whole pages, where to go next, files, and what went wrong.
import type { Request, Response } from 'express';
import { Problem } from '../../../../libs/mail/input/problem';
import { statusOf } from '../../../../libs/mail/input/problem-document';
import type { Log } from '../../../../libs/runtime/log';
import { toProblem } from '../../http/errors';
import { ErrorText, errorTitle } from '../kit/error-page';
import { frame } from '../kit/layout';
import { endCompressed } from '../page/encoding';
import type { Download, Redirect, View, Visit } from '../page/page';
import { leaveNotice, takeNotice } from './notice';

/** Nothing from elsewhere, nothing inline; what a page shows of a mail is an answer of its own. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export const sendHtml = async (response: Response, status: number, text: string): Promise<void> => {
  // Forms tell their origin where the referrer is not withheld from this site itself.
  response.set({ 'Content-Security-Policy': POLICY, 'Referrer-Policy': 'same-origin' });
  if (status === 401) response.set('WWW-Authenticate', 'Bearer realm="rohrpost"');
  response.status(status).type('html');
  await endCompressed(response, text);
};

/** @param secure the browser reaches this site over TLS */
export const sendShown = async (
  request: Request,
  response: Response,
  visit: Visit,
  shown: View | Redirect | Download,
  secure: boolean,
): Promise<void> => {
  if ('redirect' in shown) {
    if (shown.notice !== undefined) leaveNotice(response, secure, shown.notice, shown.values);
    response.redirect(303, shown.redirect);
  } else if ('type' in shown) {
    response.status(200).set({ 'Content-Type': shown.type, ...shown.headers });
    // What breaks off in the middle of a file can be told by its end alone.
    if (typeof shown.body === 'function') shown.body(response).catch(() => response.destroy());
    else response.end(shown.body);
  } else {
    const { title, body, status = visit.problem === undefined ? 200 : statusOf(visit.problem) } = shown;
    const notice = takeNotice(request, response, visit.say);
    const search = visit.path === '/search' ? visit.query['q'] : undefined;
    await sendHtml(response, status, await frame({ ...visit, title, search, notice, children: body }));
  }
};

/** A page that cannot be, in words. What nobody expected is told to the log. */
export const problemView = (
  request: Request,
  response: Response,
  { say }: Pick<Visit, 'say'>,
  error: unknown,
  log: Log,
): View => {
  const problem = toProblem(error);
  const requestId = String(response.getHeader('X-Request-Id'));
  if (problem === undefined) log.error({ error, requestId, path: request.path }, 'a page broke');
  const told = problem ?? new Problem('internal-error', 'something broke here; the log has it');
  const body = <ErrorText problem={told} say={say} requestId={requestId} />;
  return { title: errorTitle(told, say), body, status: statusOf(told) };
};
