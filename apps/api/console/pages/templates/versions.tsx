// The versions of a template: who put them when, what differs between two, and an old one made current again.
import type { z } from 'zod';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { TemplateComparison, TemplateVersions } from '../../../answers/templates';
import { Time } from '../../kit/time';
import type { Visit } from '../../page/page';

type Versions = z.infer<typeof TemplateVersions>['versions'];
export type Comparison = z.infer<typeof TemplateComparison>;

/** So many are shown unless all are asked for. */
const SHOWN = 15;

const DiffLine = ({ visit: { say }, line }: { visit: Visit; line: string }) => {
  const text = `${line}\n`;
  if (line.startsWith('+'))
    return (
      <ins>
        <span class="unseen">{say('diff.new')} </span>
        {text}
      </ins>
    );
  if (line.startsWith('-'))
    return (
      <del>
        <span class="unseen">{say('diff.old')} </span>
        {text}
      </del>
    );
  return <span class={line.startsWith('@@') ? 'hint' : ''}>{text}</span>;
};

/** A unified diff, without the names of its sides and what it says of missing line breaks. */
const linesOf = (diff: string): string[] =>
  diff
    .split('\n')
    .filter((line, index, all) => !/^(?:---|\+\+\+|\\) /.test(line) && !(line === '' && index === all.length - 1));

export const Differences = ({ visit, comparison }: { visit: Visit; comparison: Comparison }) => {
  const { say } = visit;
  const { from, to, diffs } = comparison;
  const parts = Object.entries(diffs);
  return (
    <section class="card" id="diff" aria-labelledby="diff-title">
      <h2 id="diff-title">{say('diff.title', { from, to })}</h2>
      {parts.length === 0 && <p>{say('diff.none')}</p>}
      {parts.map(([part, diff]) => (
        <>
          <h3>{part}</h3>
          {diff === null ? (
            <p>{say('diff.tooLarge')}</p>
          ) : (
            <pre class="diff">
              {linesOf(diff).map((line) => (
                <DiffLine visit={visit} line={line} />
              ))}
            </pre>
          )}
        </>
      ))}
    </section>
  );
};

const Row = ({ visit, here, one, latest }: { visit: Visit; here: string; one: Versions[number]; latest: number }) => {
  const { say } = visit;
  const { version, createdAt, by } = one;
  return (
    <tr>
      <td data-label={say('versions.version')}>
        {version === latest ? say('versions.present', { version }) : version}
      </td>
      <td data-label={say('versions.when')}>
        <Time visit={visit} at={createdAt} />
      </td>
      <td data-label={say('versions.by')}>{by ?? '–'}</td>
      <td>
        <span class="actions">
          {version > 1 && (
            <a class="button small" href={`${here}?from=${version - 1}&to=${version}#diff`}>
              {say('versions.changes')} <span class="unseen">{version}</span>
            </a>
          )}
          {version !== latest && (
            <a class="button small" href={`${here}?from=${version}&to=${latest}#diff`}>
              {say('versions.toPresent')} <span class="unseen">{version}</span>
            </a>
          )}
          {version !== latest && may(visit.identity, 'administer') && (
            <form method="post" class="inline">
              <input type="hidden" name="restore" value={String(version)} />
              <input type="hidden" name="present" value={String(latest)} />
              <button type="submit" name="do" value="restore" class="small">
                {say('versions.restore')} <span class="unseen">{version}</span>
              </button>
            </form>
          )}
        </span>
      </td>
    </tr>
  );
};

export const VersionList = ({ visit, here, versions }: { visit: Visit; here: string; versions: Versions }) => {
  const { say } = visit;
  const shown = visit.query['versions'] === 'all' ? versions : versions.slice(0, SHOWN);
  const latest = versions[0]?.version ?? 0;
  return (
    <section class="card" id="versions">
      <h2>{say('versions.title')}</h2>
      <div class="scroll">
        <table class="cards" aria-label={say('versions.title')}>
          <thead>
            <tr>
              <th scope="col">{say('versions.version')}</th>
              <th scope="col">{say('versions.when')}</th>
              <th scope="col">{say('versions.by')}</th>
              <th scope="col">{say('versions.what')}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((one) => (
              <Row visit={visit} here={here} one={one} latest={latest} />
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < versions.length && (
        <a href={`${here}?versions=all#versions`}>{say('versions.all', { n: versions.length })}</a>
      )}
    </section>
  );
};
