// How a job keeps what was reported of its email: one field, in it a text for each kind and recipient.
import { REPORTED, type ReportedKind, type ReportedRecipient } from './report';

const SEPARATOR = '|';

/** Under which a report is kept: the next one of the same kind on the same recipient takes its place. */
export const reportName = (kind: ReportedKind, recipient: string): string => `${kind}${SEPARATOR}${recipient}`;

const byTime = (a: ReportedRecipient, b: ReportedRecipient): number =>
  a.at.localeCompare(b.at) || a.recipient.localeCompare(b.recipient);

/** @param mark as it stands in the job @returns by kind, in the order of their times; kinds without any are left out */
export const readReported = (mark: string): Partial<Record<ReportedKind, ReportedRecipient[]>> => {
  const all = Object.entries(JSON.parse(mark) as Record<string, string>);
  const of = (kind: ReportedKind): ReportedRecipient[] =>
    all
      .filter(([name]) => name.startsWith(`${kind}${SEPARATOR}`))
      .map(([, text]) => JSON.parse(text) as ReportedRecipient)
      .sort(byTime);
  return Object.fromEntries(REPORTED.map((kind) => [kind, of(kind)] as const).filter(([, some]) => some.length > 0));
};
