// What an email says: its HTML in a frame, text, headers, source, attachments, and what would be different now.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import type { ContentComparison } from '../../../answers/content';
import { toProblem } from '../../../http/errors';
import { Refusal } from '../../kit/form';
import { count, Empty, urlWith } from '../../kit/parts';
import type { Visit } from '../../page/page';
import { readContent, wanted, type Content, type Rendered } from './shown-content';
import { emailParams, pathOf, type Details } from './loaded-email';

const VIEWS = ['html', 'text', 'headers', 'source', 'attachments', 'difference'] as const;
type View = (typeof VIEWS)[number];

interface Shown {
  visit: Visit;
  email: Details;
  as: Rendered;
  content: Content;
}

const HtmlView = ({ visit, email, as, content }: Shown) => {
  const { say } = visit;
  if (content.html === undefined) return <Empty>{say('preview.noHtml')}</Empty>;
  const width = visit.query['width'] === 'phone' ? 'phone' : 'desktop';
  return (
    <>
      <nav class="chips" aria-label={say('preview.frame')}>
        {(['desktop', 'phone'] as const).map((one) => (
          <a
            class="chip"
            href={`${urlWith(visit, { width: one })}#preview`}
            {...(one === width && { 'aria-current': 'true' as const })}
          >
            {say(`preview.width.${one}`)}
          </a>
        ))}
      </nav>
      <iframe
        class={`mail ${width}`}
        sandbox=""
        referrerpolicy="no-referrer"
        title={say('preview.frame')}
        src={`${pathOf(email)}/frame?as=${as}`}
      />
      <p class="hint">{say('preview.images')}</p>
    </>
  );
};

/** The headers of a message that is kept, or those that would be written. */
const headersOf = (email: Details, content: Content): [string, string][] => {
  if (content.headers !== undefined) return Object.entries(content.headers);
  const from = email.from ?? email.settings.from;
  return [
    ...(from === undefined ? [] : ([['From', from]] as [string, string][])),
    ['To', email.to.join(', ')],
    ...(email.cc.length > 0 ? ([['Cc', email.cc.join(', ')]] as [string, string][]) : []),
    ...(email.replyTo.length > 0 ? ([['Reply-To', email.replyTo.join(', ')]] as [string, string][]) : []),
    ['Subject', content.subject],
    ['Message-ID', email.messageId],
    ...Object.entries(email.headers),
  ];
};

const HeadersView = ({ email, content }: Shown) => (
  <dl class="pairs">
    {headersOf(email, content).map(([name, value]) => (
      <>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </>
    ))}
  </dl>
);

const SourceView = ({ visit, email }: Shown) =>
  email.archived ? (
    <p>
      <a class="button" href={`${pathOf(email)}/message.eml`} download>
        {visit.say('preview.download')}
      </a>{' '}
      <span class="hint">{visit.say('preview.sourceHint')}</span>
    </p>
  ) : (
    <Empty>{visit.say('preview.noSource')}</Empty>
  );

const filesOf = (email: Details, content: Content) =>
  content.attachments ??
  email.attachments.map((one) => ({
    filename: one.filename,
    contentType: one.contentType ?? '',
    size: 'size' in one ? one.size : undefined,
  }));

const AttachmentsView = ({ visit, email, content }: Shown) => {
  const { say } = visit;
  const files = filesOf(email, content);
  if (files.length === 0) return <Empty>{say('preview.noAttachments')}</Empty>;
  return (
    <div class="scroll">
      <table class="cards">
        <caption class="unseen">{say('preview.attachments', { n: files.length })}</caption>
        <thead>
          <tr>
            <th scope="col">{say('preview.file')}</th>
            <th scope="col">{say('preview.type')}</th>
            <th scope="col" class="number">
              {say('preview.size')}
            </th>
          </tr>
        </thead>
        <tbody>
          {files.map(({ filename, contentType, size }) => (
            <tr>
              <td data-label={say('preview.file')}>{filename}</td>
              <td data-label={say('preview.type')}>{contentType}</td>
              <td data-label={say('preview.size')} class="number">
                {size === undefined ? say('preview.fetched') : `${count(visit, size)} B`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

/** The lines of a unified diff, without its names. */
const DiffLines = ({ diff }: { diff: string }) => (
  <pre class="diff" tabindex={0}>
    {diff
      .split('\n')
      .filter((line) => !/^(---|\+\+\+) /.test(line) && !line.startsWith('\\'))
      .map((line) => {
        const text = `${line}\n`;
        return line.startsWith('+') ? <ins>{text}</ins> : line.startsWith('-') ? <del>{text}</del> : text;
      })}
  </pre>
);

const Difference = async ({ visit }: Shown) => {
  const { say } = visit;
  try {
    const { diffs } = await visit.ask<z.infer<typeof ContentComparison>>('compareEmailContent', {
      params: emailParams(visit),
    });
    const parts = Object.entries(diffs);
    if (parts.length === 0) return <Empty>{say('preview.same')}</Empty>;
    return (
      <>
        {parts.map(([part, diff]) => (
          <>
            <h3>{part}</h3>
            {diff === null ? <p>{say('preview.tooDifferent')}</p> : <DiffLines diff={diff} />}
          </>
        ))}
      </>
    );
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    return <Refusal title={say('preview.failed')} text={problem.message} />;
  }
};

const TextView = ({ visit, content }: Shown) =>
  content.text === undefined || content.text === '' ? (
    <Empty>{visit.say('preview.noText')}</Empty>
  ) : (
    <pre tabindex={0}>{content.text}</pre>
  );

const PARTS = {
  html: HtmlView,
  text: TextView,
  headers: HeadersView,
  source: SourceView,
  attachments: AttachmentsView,
  difference: Difference,
};

/** Links that show one of several views of the page. */
const Tabs = ({ visit, email, view, files }: { visit: Visit; email: Details; view: View; files: number }) => (
  <nav class="tabs" aria-label={visit.say('preview.title')}>
    {VIEWS.filter((one) => one !== 'difference' || email.archived).map((one) => (
      <a href={`${urlWith(visit, { view: one })}#preview`} {...(one === view && { 'aria-current': 'page' as const })}>
        {visit.say(`preview.${one}`, { n: files })}
      </a>
    ))}
  </nav>
);

const AsChoice = ({ visit, as }: { visit: Visit; as: Rendered }) => (
  <nav class="chips" aria-label={visit.say('preview.shows', { as: visit.say(`preview.as.${as}`) })}>
    {(['sent', 'now'] as const).map((one) => (
      <a
        class="chip"
        href={`${urlWith(visit, { as: one })}#preview`}
        {...(one === as && { 'aria-current': 'true' as const })}
      >
        {visit.say(`preview.as.${one}`)}
      </a>
    ))}
  </nav>
);

export const Preview = async ({ visit, email }: { visit: Visit; email: Details }) => {
  const { say, query } = visit;
  const as = wanted(visit, email);
  const content = await readContent(visit, email, as);
  const isText = !(content instanceof Problem) && content.html === undefined;
  const view = VIEWS.find((one) => one === query['view']) ?? (isText ? 'text' : 'html');
  const files = content instanceof Problem ? email.attachments : filesOf(email, content);
  const Part = PARTS[view];
  return (
    <section class="card" id="preview" aria-labelledby="preview-title">
      <h2 id="preview-title">{say('preview.title')}</h2>
      {email.archived && view !== 'difference' && <AsChoice visit={visit} as={as} />}
      <Tabs visit={visit} email={email} view={view} files={files.length} />
      {content instanceof Problem ? (
        <Refusal title={say('preview.failed')} text={content.message} />
      ) : (
        <Part visit={visit} email={email} as={as} content={content} />
      )}
    </section>
  );
};
