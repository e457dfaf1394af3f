// Words of signing in and out.
import type { Sentence } from './sentence';

export const SESSION_WORDS = {
  'signIn.title': ['Sign in', 'Anmelden'],
  'signIn.key': ['API key', 'API-Schlüssel'],
  'signIn.keyHint': [
    'A key of an operator, administrator or reader. It is not kept: a session is.',
    'Ein Schlüssel mit der Rolle operator, admin oder reader. Er wird nicht gespeichert, nur eine Sitzung.',
  ],
  'signIn.person': ['Your name', 'Ihr Name'],
  'signIn.personHint': ['Others see it beside what you change.', 'Andere sehen ihn neben dem, was Sie ändern.'],
  'signIn.submit': ['Sign in', 'Anmelden'],
  'signIn.wrong': [
    'This key is not valid here. It may be mistyped, revoked or expired.',
    'Dieser Schlüssel gilt hier nicht. Vielleicht ist er vertippt, widerrufen oder abgelaufen.',
  ],
  'signIn.role': [
    'A key with the role {role} cannot sign in: the console is for operators, administrators and readers.',
    'Mit der Rolle {role} kann man sich nicht anmelden: Die Konsole ist für operator, admin und reader.',
  ],
  'signIn.onceOver': [
    'This link has been used, or is older than ten minutes. Sign in with a key.',
    'Dieser Link wurde schon benutzt oder ist älter als zehn Minuten. Melden Sie sich mit einem Schlüssel an.',
  ],
  'signIn.onceElsewhere': [
    'This link works in a browser on the machine where the service runs. Sign in with a key.',
    'Dieser Link gilt nur in einem Browser auf dem Rechner, auf dem der Dienst läuft. Melden Sie sich mit einem Schlüssel an.',
  ],
  'signIn.ended': ['You are signed out.', 'Sie sind abgemeldet.'],
  'signIn.expired': [
    'Your session has ended. Sign in again; you come back to where you were.',
    'Ihre Sitzung ist beendet. Melden Sie sich neu an; Sie kommen dorthin zurück, wo Sie waren.',
  ],
} as const satisfies Record<string, Sentence>;
