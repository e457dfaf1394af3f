// A page that leads on by itself. A redirect would not do: from another site's page the session does not come along
// (`SameSite=Strict`), and after a form none may lead to another site (`form-action`).
import type { Response } from 'express';
import { sendHtml } from '../answer/answers';
import { documentOf } from '../kit/layout';
import { sayIn, type WordKey } from '../words/all-words';
import type { Language } from '../words/words';

/** @param to a path of this site, or an address of the provider */
export const sendOnward = async (response: Response, language: Language, title: WordKey, to: string): Promise<void> => {
  const say = sayIn(language);
  const body = (
    <main id="main" class="narrow">
      <h1>{say(title)}</h1>
      <p>
        <a class="button primary" href={to}>
          {say('signIn.onward')}
        </a>
      </p>
    </main>
  );
  await sendHtml(response, 200, await documentOf({ title: say(title), language, children: body, onward: to }));
};
