// Words of the suppression list's page.
import type { Sentence } from './sentence';

export const SUPPRESSIONS_WORDS = {
  'suppressions.title': ['Suppression list', 'Sperrliste'],
  'suppressions.text': [
    'Emails of {tenant} do not go to these addresses, unless a queue is set to ignore the list.',
    'E-Mails von {tenant} gehen nicht an diese Adressen, es sei denn, eine Warteschlange übergeht die Liste.',
  ],
  'suppressions.none': [
    'No address is suppressed. Addresses come here by hand, when a server says that they do not exist, or when somebody complains.',
    'Keine Adresse ist gesperrt. Adressen kommen von Hand hierher, wenn ein Server sagt, dass es sie nicht gibt, oder wenn sich jemand beschwert.',
  ],
  'suppressions.nothing': ['No address on the list begins so.', 'Keine Adresse der Liste beginnt so.'],
  'suppressions.find': ['Address begins with', 'Adresse beginnt mit'],
  'suppressions.search': ['Find', 'Suchen'],
  'suppressions.export': ['All as CSV', 'Alle als CSV'],
  'suppressions.address': ['Address', 'Adresse'],
  'suppressions.reason': ['Reason', 'Grund'],
  'suppressions.reasonHint': [
    'Whoever wonders later why nothing arrives reads it here.',
    'Wer sich später wundert, warum nichts ankommt, liest ihn hier.',
  ],
  'suppressions.source': ['From', 'Herkunft'],
  'suppressions.since': ['Since', 'Seit'],
  'suppressions.what': ['What to do', 'Was tun'],
  'suppressions.manual': ['by hand', 'von Hand'],
  'suppressions.bounce': ['bounced', 'unzustellbar'],
  'suppressions.complaint': ['complaint', 'Beschwerde'],
  'suppressions.by': ['by {by}', 'von {by}'],
  'suppressions.add': ['Suppress an address', 'Adresse sperren'],
  'suppressions.addNow': ['Suppress', 'Sperren'],
  'suppressions.added': ['No email goes to {address} any more.', 'An {address} geht keine E-Mail mehr.'],
  'suppressions.remove': ['Take off the list', 'Von der Liste nehmen'],
  'suppressions.removeText': [
    'Emails go to {address} again. Those that failed meanwhile go out where somebody sends them again.',
    'An {address} gehen wieder E-Mails. Was inzwischen gescheitert ist, geht hinaus, wenn es jemand nochmals sendet.',
  ],
  'suppressions.removed': ['Emails go to {address} again.', 'An {address} gehen wieder E-Mails.'],
  'suppressions.open': ['Suppressed addresses', 'Gesperrte Adressen'],
} as const satisfies Record<string, Sentence>;
