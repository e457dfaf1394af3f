// Corrects an email by hand: what is typed is checked as it is typed, kept when it is refused, and guarded against a second person.
import { Problem } from '../../../../../../libs/mail/input/problem';
import { toProblem } from '../../../../http/errors';
import { FormRefusal } from '../../../kit/form';
import type { Download, Page, Redirect, View, Visit } from '../../../page/page';
import type { WordKey } from '../../../words/all-words';
import { EMAIL_PAGE, emailParams, isAllowed, isConfidential, loadEmail, subjectOf } from '../loaded-email';
import { contentInFrame } from '../shown-content';
import { Crumbs } from '../steps-pages';
import type { Checked } from './check-panel';
import { Conflict, differences, touchedOnly } from './conflict';
import { CorrectForm, type FormState } from './correct-form';
import { baseOf, readBase, readPatch, withLines, zoneOf } from './typed-email';
import type { Given } from './fields';

/** The names of the tenant's transports; none where the reader may not see them. */
const transportsOf = async (visit: Visit): Promise<string[]> => {
  try {
    const { transports } = await visit.ask<{ transports: { name: string }[] }>('listTransports', {
      params: emailParams(visit),
    });
    return transports.map(({ name }) => name);
  } catch (error) {
    if (error instanceof Problem) return [];
    throw error;
  }
};

const isConflict = ({ problem }: Visit): boolean => problem?.code === 'version-mismatch';

/** Whoever lost against somebody else goes on from what is saved now; everybody else from what the form began with. */
const stateOf = async (visit: Visit): Promise<FormState> => {
  const params = emailParams(visit);
  const { email } = await loadEmail(visit);
  const { body, headers } = await visit.ask.answer('getEmailInput', { params });
  const given = body as Given;
  const zone = zoneOf(visit);
  const common = { email, given, zone, transports: await transportsOf(visit) };
  const fresh = { etag: headers?.ETag ?? '', base: baseOf(given, zone) };
  if (!visit.form.isSent) return { ...common, ...fresh, visit };
  if (isConflict(visit)) return { ...common, ...fresh, visit: { ...visit, form: touchedOnly(visit.form) } };
  const problem = visit.problem && withLines(visit.problem, visit.form);
  return {
    ...common,
    etag: visit.form.get('etag') ?? '',
    base: readBase(visit.form),
    visit: { ...visit, ...(problem && { problem }) },
  };
};

/** @param checked what the API says to the form as it stands */
const show = async (visit: Visit, checked?: Checked): Promise<View> => {
  const state = await stateOf(visit);
  const { email, given, base } = state;
  const title = visit.say('correct.titleOf', { subject: subjectOf(visit, email) });
  // What somebody typed stays, also where the email was sent meanwhile.
  const isShown = visit.form.isSent || isAllowed(visit, email, 'correct');
  return {
    title,
    body: (
      <>
        <Crumbs visit={visit} email={email} />
        <h1>{title}</h1>
        {isConflict(visit) ? (
          <Conflict visit={visit} email={email} found={differences(visit, given, base)} />
        ) : (
          <FormRefusal visit={state.visit} />
        )}
        {isShown ? <CorrectForm state={state} checked={checked} /> : <p class="warning">{visit.say('correct.not')}</p>}
      </>
    ),
  };
};

const givenOf = (visit: Visit): Promise<Given> => visit.ask<Given>('getEmailInput', { params: emailParams(visit) });

/** What the API would say to the correction; nothing is saved. */
const check = async (visit: Visit): Promise<Checked> => {
  try {
    const body = await readPatch(visit, await givenOf(visit));
    if (Object.keys(body).length === 0) return undefined;
    return await visit.ask<NonNullable<Checked>>('previewCorrection', {
      params: emailParams(visit),
      body,
      ifMatch: visit.form.get('etag') ?? '*',
    });
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    return withLines(problem, visit.form);
  }
};

/** The mail as it would be, in its frame. */
const frame = async (visit: Visit): Promise<Download> => {
  const { email } = await loadEmail(visit);
  if (isConfidential(email)) return contentInFrame(new Problem('forbidden', visit.say('preview.confidential')), visit);
  const checked = await check(visit);
  if (checked !== undefined) return contentInFrame(checked, visit);
  const query = { rendered: 'now' };
  return contentInFrame(await visit.ask('getEmailContent', { params: emailParams(visit), query }), visit);
};

const AFTER: Record<string, { id: string; notice: WordKey }> = {
  release: { id: 'releaseEmail', notice: 'do.correctedReleased' },
  'send-now': { id: 'sendEmailNow', notice: 'do.correctedReleased' },
};

/** Saves what was touched, then lets the email go where that was asked for: the version that was just saved, and no other. */
const save = async (visit: Visit): Promise<Redirect> => {
  const params = emailParams(visit);
  const redirect = visit.path.replace(/\/correct$/, '');
  const body = await readPatch(visit, await givenOf(visit));
  const isChanged = Object.keys(body).length > 0;
  const seen = visit.form.get('etag') ?? '*';
  const saved = isChanged ? await visit.ask.answer('correctEmail', { params, body, ifMatch: seen }) : undefined;
  const after = AFTER[visit.form.get('do') ?? ''];
  if (after === undefined) return { redirect, notice: isChanged ? 'do.corrected' : 'do.unchanged' };
  try {
    await visit.ask(after.id, { params, ifMatch: saved?.headers?.ETag ?? seen });
  } catch (error) {
    const problem = toProblem(error);
    // What is saved is saved: the reader is told what was not done besides.
    if (problem === undefined || !isChanged) throw error;
    return { redirect, notice: 'do.correctedNotReleased', values: { why: problem.message } };
  }
  return { redirect, notice: isChanged ? after.notice : 'do.released' };
};

const correct: Page = {
  path: `${EMAIL_PAGE}/correct`,
  get: (visit) => show(visit),
  async post(visit) {
    switch (visit.form.get('do')) {
      case 'check':
        return show(visit, await check(visit));
      case 'frame':
        return frame(visit);
      default:
        return save(visit);
    }
  },
};

export const CORRECT_PAGES: readonly Page[] = [correct];
