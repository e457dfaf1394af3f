// What an email says at its time: finished content as it came, a template with the data and the version of now.
import { hasControlCharacters } from '../mail/address/address';
import type { StoredEmail } from '../mail/email/stored-email';
import type { TemplateVersion } from '../mail/settings/template';
import type { ContentStore } from '../content/store';
import { codeOf, messageOf } from '../runtime/fault';
import type { Templates } from '../store/registries/templates';
import { RenderFailure } from './source/failure';
import type { Templating } from './templating';

export interface Rendered {
  subject: string;
  html?: string;
  text: string;
  /** The version of the template that was used. */
  version?: number;
}

/** What rendering needs of an email. */
export type Renderable = Pick<StoredEmail, 'subject' | 'html' | 'text' | 'template' | 'data' | 'stored'> & {
  /** What was fetched for it just now; goes before its own data, member by member. */
  fetched?: Record<string, unknown>;
};

export interface Renderer {
  /** @throws RenderFailure where the email cannot be made: it fails with that code and text */
  render(tenant: string, email: Renderable): Promise<Rendered>;
}

/** @throws RenderFailure where a template does not exist, or is none of an email */
const requireEmail = (
  name: string,
  wanted: number | undefined,
  found: TemplateVersion | undefined,
): TemplateVersion => {
  if (found === undefined) {
    const which = wanted === undefined ? name : `${name}, version ${wanted},`;
    throw new RenderFailure(
      'template-unknown',
      `the template ${which} does not exist: put it again and release the email`,
    );
  }
  if (found.subject === undefined) {
    throw new RenderFailure(
      'template-failed',
      `the template ${name} has no subject: it is a part for other templates, not an email`,
    );
  }
  return found;
};

export const createRenderer = (deps: {
  templates: Templates;
  content: ContentStore;
  templating: Templating;
}): Renderer => {
  const part = async (email: Renderable, name: 'html' | 'text' | 'data'): Promise<string | undefined> => {
    const stored = email.stored?.[name];
    if (stored === undefined) return name === 'data' ? undefined : email[name];
    try {
      return (await deps.content.readAll(stored.contentId)).toString('utf8');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      throw new RenderFailure('content-missing', `the ${name} of the email cannot be had: ${messageOf(error)}`);
    }
  };

  const finished = async (email: Renderable): Promise<Omit<Rendered, 'text'> & { text?: string }> => {
    const [html, text] = [await part(email, 'html'), await part(email, 'text')];
    return { subject: email.subject ?? '', ...(html !== undefined && { html }), ...(text !== undefined && { text }) };
  };

  const fromTemplate = async (
    tenant: string,
    email: Renderable,
    { name, version: wanted }: { name: string; version?: number },
  ): Promise<Omit<Rendered, 'text'> & { text?: string }> => {
    const version = requireEmail(name, wanted, await deps.templates.get(tenant, name, wanted));
    const own = (await part(email, 'data')) ?? JSON.stringify(email.data ?? {});
    const data =
      email.fetched === undefined ? own : JSON.stringify({ ...(JSON.parse(own) as object), ...email.fetched });
    const { subject = '', html, text } = await deps.templating.render(tenant, name, version, data);
    return {
      subject: subject.trim(),
      version: version.version,
      ...(html !== undefined && { html }),
      ...(text !== undefined && { text }),
    };
  };

  return {
    async render(tenant, email) {
      const made =
        email.template === undefined ? await finished(email) : await fromTemplate(tenant, email, email.template);
      if (hasControlCharacters(made.subject)) {
        throw new RenderFailure(
          'template-failed',
          'the subject has a line break or another control character in it: correct the template or the data',
        );
      }
      return { ...made, text: made.text ?? (await deps.templating.textOf(tenant, made.html ?? '')) };
    },
  };
};
