// Why an email could not be rendered, with the place in the template where that is known.
import type { FailureCode } from '../../mail/email/failure';

/** A place in a template's source; lines and columns count from 1. */
export interface Place {
  template: string;
  version: number;
  part: 'subject' | 'html' | 'text';
  line?: number;
  column?: number;
}

export class RenderFailure extends Error {
  override name = 'RenderFailure';
  constructor(
    readonly code: FailureCode,
    text: string,
    readonly place?: Place,
  ) {
    super(text);
  }
}

/** `template invoice, version 3, html, line 4, column 7` */
export const describePlace = ({ template, version, part, line, column }: Place): string =>
  [
    `template ${template}`,
    `version ${version}`,
    part,
    ...(line === undefined ? [] : [`line ${line}`]),
    ...(column === undefined ? [] : [`column ${column}`]),
  ].join(', ');
