// Whom of an email's recipients a report is about, and whose address it may put on the suppression list.
import { normalizeAddress } from '../../mail/address/address';
import { isHardBounce, type RecipientReport, type Report, type ReportedKind } from '../../mail/reports/report';

export interface Concerned {
  kind: ReportedKind;
  /** As in the email. */
  recipient: string;
  status?: string;
  diagnostic?: string;
  /** No email is to go there again, and the report may be believed so far. */
  suppress: boolean;
}

/** Reported addresses in the form in which they are compared; what is none stays as it is. */
const forms = (addresses: readonly string[]): string[] => addresses.map(normalizeAddress);

/** Who of them is named, and whether by name: the only recipient is meant also by a report that names another address, or none. */
const meant = (
  named: readonly string[],
  recipients: readonly string[],
  isAlone: boolean,
): { recipient: string; byName: boolean } | undefined => {
  const wanted = forms(named);
  const found = recipients.find((one) => wanted.includes(normalizeAddress(one)));
  if (found !== undefined) return { recipient: found, byName: true };
  const [only] = recipients;
  // An address that forwards is not dead because one behind it is.
  return only !== undefined && isAlone ? { recipient: only, byName: named.length === 0 } : undefined;
};

const ofStatus = (reports: readonly RecipientReport[], recipients: readonly string[], isAlone: boolean): Concerned[] =>
  reports.flatMap((report) => {
    const found = meant(report.recipients, recipients, isAlone);
    if (found === undefined) return [];
    const { kind, status, diagnostic, isForwarded = false } = report;
    return {
      kind,
      recipient: found.recipient,
      ...(status !== undefined && { status }),
      ...(diagnostic !== undefined && { diagnostic }),
      suppress: isAlone && found.byName && !isForwarded && isHardBounce(report),
    };
  });

/** What a report says last of a recipient counts, once for each kind. */
const lastOfEach = (concerned: Concerned[]): Concerned[] => [
  ...new Map(concerned.map((one) => [`${one.kind} ${one.recipient}`, one])).values(),
];

/**
 * A report with the right tag is about this email; what it says of whom, anybody may have written who got the email, since its
 * Return-Path shows the tag, and whoever runs a server on its way sees the whole envelope. So addresses are suppressed only where
 * there is, and was, a single recipient.
 * @param recipients of the email, each once
 * @param had there were others, of whom nothing is known any more
 */
export const aboutWhom = (report: Report, recipients: readonly string[], had: { others: boolean }): Concerned[] => {
  const isAlone = recipients.length === 1 && !had.others;
  if (report.kind === 'delivery-status') return lastOfEach(ofStatus(report.recipients, recipients, isAlone));
  if (report.kind !== 'complaint') return [];
  const found = meant(report.recipients, recipients, isAlone);
  const diagnostic = report.feedbackType;
  return found === undefined ? [] : [{ kind: 'complained', recipient: found.recipient, diagnostic, suppress: isAlone }];
};
