// Reports as mail servers and providers send them, for tests to send back.

export interface ReportOptions {
  /** The return path that it goes to. */
  to: string;
  recipient: string;
  action?: string;
  status?: string;
  diagnostic?: string;
  envelopeId?: string;
  /** As it was in the envelope, where the report says so. */
  original?: string;
}

const returned = (to: string): string =>
  `Return-Path: <${to}>\r\nFrom: Sender <sender@acme.example>\r\nSubject: Hello\r\n\r\nHello\r\n`;

/** A delivery status notification of RFC 3464. */
export const deliveryStatus = ({
  to,
  recipient,
  action = 'failed',
  status = '5.1.1',
  diagnostic = 'smtp; 550 5.1.1 no such user here',
  envelopeId,
  original,
}: ReportOptions): string =>
  [
    'From: MAILER-DAEMON@mx.example.org',
    `To: ${to}`,
    'Subject: Undelivered Mail Returned to Sender',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    '',
    '--b',
    '',
    'Your message could not be delivered.',
    '--b',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.example.org',
    ...(envelopeId === undefined ? [] : [`Original-Envelope-Id: ${envelopeId}`]),
    '',
    ...(original === undefined ? [] : [`Original-Recipient: rfc822; ${original}`]),
    `Final-Recipient: rfc822; ${recipient}`,
    `Action: ${action}`,
    `Status: ${status}`,
    `Diagnostic-Code: ${diagnostic}`,
    '--b',
    'Content-Type: message/rfc822',
    '',
    returned(to),
    '--b--',
    '',
  ].join('\r\n');

/** A complaint of RFC 5965. @param to the return path of the email that it is about */
export const complaint = (to: string, type = 'abuse'): string =>
  [
    'From: feedback@provider.example',
    'To: abuse@acme.example',
    'Subject: Complaint',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
    '',
    '--b',
    '',
    'Somebody complained.',
    '--b',
    'Content-Type: message/feedback-report',
    '',
    `Feedback-Type: ${type}`,
    'User-Agent: Feedback/1.0',
    'Version: 1',
    `Original-Mail-From: <${to}>`,
    '--b',
    'Content-Type: message/rfc822',
    '',
    returned(to),
    '--b--',
    '',
  ].join('\r\n');

/** What is sent for somebody who is away (RFC 3834). */
export const outOfOffice = (to: string): string =>
  [
    'From: ann@example.org',
    `To: ${to}`,
    'Subject: Out of office: Hello',
    'Auto-Submitted: auto-replied',
    '',
    'I am away. 550 5.1.1 is no part of it.',
    '',
  ].join('\r\n');
