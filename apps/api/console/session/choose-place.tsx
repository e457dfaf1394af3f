// Where somebody acts whose groups let them act in several tenants: in one of them at a time.
import type { RequestHandler } from 'express';
import { notFound } from '../../../../libs/mail/input/problem';
import type { Place } from '../../../../libs/mail/people/person';
import { setSession } from '../../session/cookies';
import { refuseForeign } from '../../session/same-origin';
import { sendHtml } from '../answer/answers';
import { documentOf } from '../kit/layout';
import { readForm } from '../page/form';
import { sayIn, type Say } from '../words/all-words';
import { openPlaces, recordStart } from './open-places';
import { languageOf, safePath, sendSignIn, type SessionDeps } from './sign-in-answer';

/** @param now the tenant where they act at present */
const Choice = ({ say, places, now, to }: { say: Say; places: Place[]; now: string | undefined; to: string }) => (
  <main id="main" class="narrow">
    <h1>{say('place.title')}</h1>
    <p>{say('place.text')}</p>
    <form method="post" action="/session/place" class="card form">
      <input type="hidden" name="to" value={to} />
      {places.map(({ role, tenant = '' }) => (
        <button type="submit" name="tenant" value={tenant} {...(tenant === now && { class: 'primary' })}>
          {say('place.one', { tenant, role })}
        </button>
      ))}
    </form>
  </main>
);

export const showPlaces =
  (deps: SessionDeps): RequestHandler =>
  async (request, response) => {
    const session = await deps.gate.sessionOf(request);
    const identity = await deps.gate.identityOf(request);
    if (session === undefined || identity === undefined) return sendSignIn(deps, request, response, 200, {}, '/');
    if (!('signedIn' in session) || session.signedIn.tenant === undefined) return response.redirect(303, '/');
    const language = languageOf(request);
    const say = sayIn(language);
    const { to } = request.query;
    const places = await openPlaces(deps.tenants, deps.people.placesOf(session.signedIn));
    const body = (
      <Choice
        say={say}
        places={places}
        now={session.signedIn.tenant}
        to={safePath(typeof to === 'string' ? to : undefined)}
      />
    );
    await sendHtml(response, 200, await documentOf({ title: say('place.title'), language, children: body }));
  };

/** What they may do is another thing there: it is another session, and the former one ends. */
export const choosePlace =
  (deps: SessionDeps): RequestHandler =>
  async (request, response) => {
    refuseForeign(request);
    const { sessions, gate, clock, isSecure, audit, config, people, tenants } = deps;
    const session = await gate.sessionOf(request);
    const identity = await gate.identityOf(request);
    if (session === undefined || identity === undefined || !('signedIn' in session))
      return sendSignIn(deps, request, response, 401, {}, '/');
    const form = readForm(request.body as unknown);
    const wanted = form.get('tenant');
    const { signedIn } = session;
    const place = (await openPlaces(tenants, people.placesOf(signedIn))).find(({ tenant }) => tenant === wanted);
    if (place?.tenant === undefined) throw notFound('such a tenant');
    const left = Math.max(1, Math.floor((Date.parse(signedIn.endsAt) - clock.now()) / 1_000));
    const token = await sessions.start({
      signedIn: { ...signedIn, tenant: place.tenant, tenantSince: place.tenantSince },
    });
    await sessions.end(gate.tokenOf(request) ?? '');
    await recordStart(audit, config.oidc?.rules ?? [], { person: signedIn, place });
    setSession(response, token, isSecure(request), left);
    response.redirect(303, safePath(form.get('to')));
  };
