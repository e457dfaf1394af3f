// Descriptions of the document as paragraphs: the little of Markdown that they use.
import type { Child } from 'hono/jsx';

const inline = (text: string): Child[] =>
  text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith('`')) return <code>{part.slice(1, -1)}</code>;
    return part.startsWith('**') ? <strong>{part.slice(2, -2)}</strong> : part;
  });

/** Paragraphs, code and strong words; anything else stays text. */
export const prose = (text: string): Child => (
  <>
    {text.split('\n\n').map((paragraph) => (
      <p>{inline(paragraph)}</p>
    ))}
  </>
);
