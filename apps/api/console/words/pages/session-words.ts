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
  'signIn.with': ['Sign in with {host}', 'Anmelden mit {host}'],
  'signIn.orKey': ['Or with an API key:', 'Oder mit einem API-Schlüssel:'],
  'signIn.done': ['You are signed in', 'Sie sind angemeldet'],
  'signIn.onward': ['Continue', 'Weiter'],
  'signIn.endedHere': [
    'You are signed out here, and next at your provider',
    'Sie sind hier abgemeldet, und als Nächstes bei Ihrem Anmeldedienst',
  ],
  'signIn.away': [
    '{host} cannot be asked now, so nobody can sign in with it. Try again in a moment, or sign in with an API key. The log of the API says why.',
    '{host} ist gerade nicht zu erreichen, darum kann sich niemand darüber anmelden. Versuchen Sie es gleich noch einmal, oder melden Sie sich mit einem API-Schlüssel an. Warum, steht im Log der API.',
  ],
  'signIn.notBegun': [
    'This sign-in was not begun in this browser, was begun again in another tab, or began more than ten minutes ago. Begin once more.',
    'Diese Anmeldung wurde nicht in diesem Browser begonnen, in einem anderen Tab neu begonnen oder vor mehr als zehn Minuten. Beginnen Sie noch einmal.',
  ],
  'signIn.notVouched': [
    '{host} did not vouch for you: “{words}”. Begin once more; if it stays so, show this to your operator.',
    '{host} hat Sie nicht bestätigt: „{words}“. Beginnen Sie noch einmal; bleibt es so, zeigen Sie das Ihrem Betreiber.',
  ],
  'signIn.noClaim': [
    '{host} knows you as {login}, but does not say which groups you are in (there is no claim “{claim}”). Your operator has to have it say so.',
    '{host} kennt Sie als {login}, sagt aber nicht, in welchen Gruppen Sie sind (die Angabe „{claim}“ fehlt). Ihr Betreiber muss das dort einstellen.',
  ],
  'signIn.noGroups': [
    '{host} knows you as {login}, but you are in no group there. Ask your operator for one that has access here.',
    '{host} kennt Sie als {login}, Sie sind dort aber in keiner Gruppe. Bitten Sie Ihren Betreiber um eine, die hier Zugang hat.',
  ],
  'signIn.otherGroups': [
    'You are {login}, and none of your groups has access here: {groups}. Ask your operator for one that has.',
    'Sie sind {login}, und keine Ihrer Gruppen hat hier Zugang: {groups}. Bitten Sie Ihren Betreiber um eine, die ihn hat.',
  ],
  'signIn.noTenant': [
    'You are {login}, and your groups give access to what is not there: tenant {tenants}. Your operator has to make it first.',
    'Sie sind {login}, und Ihre Gruppen geben Zugang zu etwas, das es nicht gibt: Mandant {tenants}. Ihr Betreiber muss ihn erst anlegen.',
  ],
  'place.title': ['Where do you want to work?', 'Wo möchten Sie arbeiten?'],
  'place.text': [
    'Your groups give you access to these tenants. You work in one at a time, and can change in the menu.',
    'Ihre Gruppen geben Ihnen Zugang zu diesen Mandanten. Sie arbeiten immer in einem und können im Menü wechseln.',
  ],
  'place.one': ['{tenant}, as {role}', '{tenant}, als {role}'],
  'me.place': ['Change tenant', 'Mandant wechseln'],
  'me.endMine': ['End all my sessions', 'Alle meine Sitzungen beenden'],
  'signIn.ended': ['You are signed out.', 'Sie sind abgemeldet.'],
  'signIn.expired': [
    'Your session has ended. Sign in again; you come back to where you were.',
    'Ihre Sitzung ist beendet. Melden Sie sich neu an; Sie kommen dorthin zurück, wo Sie waren.',
  ],
} as const satisfies Record<string, Sentence>;
