// The editor of a template: its sources, data to try it with, and what comes of it beside them.
import type { z } from 'zod';
import { may } from '../../../../../libs/mail/settings/api-key';
import type { Problem } from '../../../../../libs/mail/input/problem';
import type { TemplatePreview } from '../../../answers/content';
import { ChoiceField, faultAt, TextField } from '../../kit/form';
import type { Visit } from '../../page/page';
import type { WordKey } from '../../words/all-words';
import { sampleDataFor } from './sample-data';
import type { Template } from './template-form';

const PARTS = ['subject', 'html', 'text', 'schema', 'data'] as const;
type Part = (typeof PARTS)[number];

/** A draft that is tried complains of `/template/html` where a PUT says `/html`. */
const faultOf = (problem: Problem | undefined, part: Part): string | undefined =>
  faultAt(problem, `/${part}`) ?? faultAt(problem, `/template/${part}`);

/** What is wrong with a part at this moment; renewed while somebody types. */
const LiveFault = ({ part, problem }: { part: Part; problem: Problem | undefined }) => (
  <p class="fault" id={`live-${part}`}>
    {faultOf(problem, part)}
  </p>
);

const Source = ({
  visit,
  part,
  value,
  lines,
  hint,
}: {
  visit: Visit;
  part: Part;
  value: string | undefined;
  lines: number;
  hint?: WordKey;
}) => {
  const { problem, ...rest } = visit;
  return (
    <div class={faultOf(problem, part) === undefined ? 'source' : 'source faulty'}>
      <TextField
        visit={rest}
        name={part}
        label={visit.say(`template.${part}`)}
        hint={hint && visit.say(hint)}
        value={value}
        lines={lines}
        more={{
          spellcheck: 'false',
          ...(part === 'data' && { 'data-keep': true }),
          'aria-errormessage': `live-${part}`,
          ...(faultOf(problem, part) !== undefined && { 'aria-invalid': 'true' }),
        }}
      />
      <LiveFault part={part} problem={problem} />
    </div>
  );
};

export interface Checked {
  preview?: z.infer<typeof TemplatePreview>;
  problem?: Problem;
}

/**
 * What comes of what was typed: subject and text, or what is wrong; renewed while somebody types.
 * @param here the page's own address
 */
export const Check = ({ visit, here, checked }: { visit: Visit; here: string; checked: Checked }) => {
  const { say } = visit;
  const { preview, problem } = checked;
  return (
    <div
      id="check"
      hx-post={`${here}/check`}
      hx-trigger="input delay:400ms from:#editor"
      hx-include="#editor"
      hx-select="#check"
      hx-select-oob={PARTS.map((part) => `#live-${part}`).join(',')}
      hx-target="this"
      hx-swap="outerHTML"
    >
      {problem !== undefined && (
        <div class="refusal" role="status">
          <strong>{say('template.broken')}</strong>
          <p>{problem.message}</p>
        </div>
      )}
      {preview !== undefined && (
        <>
          <p>
            <span class="hint">{say('template.subject')}:</span> <strong>{preview.subject}</strong>
          </p>
          <details>
            <summary>{say('template.textPart')}</summary>
            <pre>{preview.text}</pre>
          </details>
        </>
      )}
    </div>
  );
};

/** The live places of an answer to `/check`, for htmx to take. */
export const CheckAnswer = ({ visit, here, checked }: { visit: Visit; here: string; checked: Checked }) => (
  <>
    <h1>{visit.say('template.checkTitle')}</h1>
    <Check visit={visit} here={here} checked={checked} />
    {PARTS.map((part) => (
      <LiveFault part={part} problem={checked.problem} />
    ))}
  </>
);

/** How it looks: an answer of its own in a frame that may do nothing. */
const Preview = ({
  visit,
  here,
  checked,
  src,
}: {
  visit: Visit;
  here: string;
  checked: Checked;
  src: string | undefined;
}) => {
  const { say } = visit;
  return (
    <section class="card preview" aria-labelledby="preview-title">
      <div class="row apart">
        <h2 id="preview-title">{say('template.preview')}</h2>
        <fieldset class="widths">
          <legend class="unseen">{say('template.width')}</legend>
          <label>
            <input type="radio" name="width" value="wide" checked /> {say('template.wide')}
          </label>
          <label>
            <input type="radio" name="width" value="phone" /> {say('template.phone')}
          </label>
        </fieldset>
      </div>
      <Check visit={visit} here={here} checked={checked} />
      <iframe name="preview" class="mail" title={say('template.preview')} sandbox="" {...(src && { src })} />
    </section>
  );
};

const Sources = ({ visit, present, names }: { visit: Visit; present: Template | undefined; names: string[] }) => {
  const { say } = visit;
  const layouts = [['', say('template.noLayout')] as const, ...names.map((name) => [name, name] as const)];
  const inlines = visit.form.has('version') ? visit.form.has('inlineCss') : present?.inlineCss === true;
  return (
    <>
      <Source visit={visit} part="subject" value={present?.subject} lines={2} />
      <Source visit={visit} part="html" value={present?.html} lines={18} hint="template.htmlHint" />
      <Source visit={visit} part="text" value={present?.text} lines={8} hint="template.textHint" />
      <div class="two">
        <ChoiceField
          visit={visit}
          name="layout"
          label={say('template.layout')}
          hint={say('template.layoutHint')}
          value={present?.layout}
          choices={layouts}
        />
        <label class="check">
          <input type="checkbox" name="inlineCss" value="1" checked={inlines} /> {say('template.inlineCss')}
        </label>
      </div>
      <details class="group" open={present?.schema !== undefined || faultOf(visit.problem, 'schema') !== undefined}>
        <summary>{say('template.schemaTitle')}</summary>
        <Source
          visit={visit}
          part="schema"
          value={present?.schema === undefined ? '' : JSON.stringify(present.schema, null, 2)}
          lines={8}
          hint="template.schemaHint"
        />
      </details>
    </>
  );
};

interface EditorProps {
  visit: Visit;
  /** The page's own address. */
  here: string;
  /** undefined: it is made now. */
  present: Template | undefined;
  /** The version that is seen, for the form. */
  version: string;
  /** Of the tenant's templates, for the layout. */
  names: string[];
  checked: Checked;
}

export const Editor = ({ visit, here, present, version, names, checked }: EditorProps) => {
  const { say, identity } = visit;
  const mayChange = may(identity, 'administer');
  const src = present === undefined ? undefined : `${here}/preview`;
  return (
    <div class="editor">
      <form method="post" id="editor" class="form">
        <input type="hidden" name="version" value={version} />
        <fieldset class="bare" disabled={!mayChange}>
          {present === undefined && (
            <TextField
              visit={visit}
              name="name"
              label={say('template.name')}
              hint={say('template.nameHint')}
              more={{ required: true, maxlength: 63, autocomplete: 'off' }}
            />
          )}
          <Sources visit={visit} present={present} names={names} />
          <Source visit={visit} part="data" value={sampleDataFor(present ?? {})} lines={6} hint="template.dataHint" />
        </fieldset>
        {mayChange && (
          <div class="actions">
            <button type="submit" name="do" value="save" class="primary">
              {say('form.save')}
            </button>
            <button type="submit" formaction={`${here}/preview`} formtarget="preview" formnovalidate data-preview>
              {say('template.showPreview')}
            </button>
          </div>
        )}
      </form>
      <Preview visit={visit} here={here} checked={checked} src={src} />
    </div>
  );
};
