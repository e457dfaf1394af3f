// Words of the form that corrects an email: what is checked while it is typed, and what another person saved meanwhile.
import type { Sentence } from './words';

export const EMAIL_FORM_WORDS = {
  'correct.finished': ['A finished text instead of the template', 'Ein fertiger Text statt der Vorlage'],
  'correct.useTemplate': ['A template instead of this text', 'Eine Vorlage statt dieses Textes'],
  'correct.raw': [
    'This email is a complete message: subject, text and attachments are in it and stay as they are.',
    'Diese E-Mail ist eine vollständige Nachricht: Betreff, Text und Anhänge stecken in ihr und bleiben, wie sie sind.',
  ],
  'correct.about': ['Notes', 'Vermerke'],
  'correct.attachments': ['Attachments', 'Anhänge'],
  'correct.remove': ['Take out', 'Herausnehmen'],
  'correct.inherits': ['where nothing stands here: {value}', 'steht hier nichts: {value}'],
  'correct.version': ['Version of the template', 'Version der Vorlage'],
  'correct.versionHint': ['The present one where nothing stands here.', 'Steht hier nichts: die jetzige.'],
  'correct.dataUrl': ['Address of further data', 'Adresse weiterer Daten'],
  'correct.zone': ['Time zone {zone}', 'Zeitzone {zone}'],
  'correct.inherited': ['as inherited', 'wie geerbt'],
  'correct.check': ['Check only', 'Nur prüfen'],
  'correct.preview': ['Preview', 'Vorschau'],
  'correct.previewHint': [
    'As it would be with what stands in the form.',
    'So wäre sie mit dem, was im Formular steht.',
  ],
  'correct.showPreview': ['Show', 'Zeigen'],
  'check.title': ['Checked', 'Geprüft'],
  'check.none': ['Nothing is changed yet.', 'Noch ist nichts geändert.'],
  'check.good': [
    'This can be saved. {n, plural, one {# field changes} other {# fields change}}:',
    'Das lässt sich speichern. {n, plural, one {# Feld ändert sich} other {# Felder ändern sich}}:',
  ],
  'check.bad': ['This cannot be saved like that', 'So lässt sich das nicht speichern'],
  'clash.title': ['Somebody else changed this email meanwhile', 'Jemand anderes hat diese E-Mail inzwischen geändert'],
  'clash.what': [
    'Nothing of yours was saved yet, and what you typed is still here. What you did not touch now stands in the form as it was saved meanwhile. Compare, then save again.',
    'Von Ihnen wurde noch nichts gespeichert, Ihre Eingaben sind noch da. Was Sie nicht angefasst haben, steht jetzt so im Formular, wie es inzwischen gespeichert wurde. Vergleichen Sie und speichern Sie dann erneut.',
  ],
  'clash.saved': ['Saved now', 'Jetzt gespeichert'],
  'clash.yours': ['Yours', 'Ihre Eingabe'],
  'clash.untouched': ['not touched', 'nicht angefasst'],
} as const satisfies Record<string, Sentence>;
