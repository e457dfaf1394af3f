// What a failed try of a transport means, and what to do about it.
import type { Sentence } from './sentence';

export const FAILURE_WORDS = {
  'means.hostNotAllowed': [
    'The host is on a private network, which only the operator may allow. Name a public host, or ask the operator.',
    'Der Host liegt in einem privaten Netz; das darf nur der Betreiber erlauben. Nennen Sie einen öffentlichen Host, oder fragen Sie ihn.',
  ],
  'means.nameNotFound': [
    'Nobody knows this host name. Check how it is written; if it is right, the name server of this machine has a problem.',
    'Diesen Hostnamen kennt niemand. Prüfen Sie die Schreibweise; stimmt sie, hat der Nameserver dieser Maschine ein Problem.',
  ],
  'means.refused': [
    'The machine is there, but nothing listens on this port. Check the port: 587 is usual, 465 with tls.',
    'Die Maschine ist da, aber an diesem Port hört niemand. Prüfen Sie den Port: Üblich ist 587, mit tls 465.',
  ],
  'means.unreachable': [
    'There is no way to this machine from here. Check the host, and the network of this machine.',
    'Von hier führt kein Weg zu dieser Maschine. Prüfen Sie den Host und das Netz dieser Maschine.',
  ],
  'means.timeout': [
    'Nobody answered in time. A firewall may swallow the connection, or the port is wrong; many providers block port 25.',
    'Es kam keine Antwort. Vielleicht verschluckt eine Firewall die Verbindung, oder der Port ist falsch; viele Anbieter sperren Port 25.',
  ],
  'means.greetingTimeout': [
    'The server takes the connection and says nothing. It probably waits for encryption at once: set the encryption to tls.',
    'Der Server nimmt die Verbindung an und sagt nichts. Wahrscheinlich erwartet er sofort Verschlüsselung: Stellen Sie sie auf tls.',
  ],
  'means.notSmtp': [
    'What answers there is no mail server. Check host and port.',
    'Was dort antwortet, ist kein Mailserver. Prüfen Sie Host und Port.',
  ],
  'means.noTls': [
    'The server does not speak TLS at once on this port. Set the encryption to starttls, or use port 465.',
    'Der Server spricht an diesem Port nicht sofort TLS. Stellen Sie die Verschlüsselung auf starttls, oder nehmen Sie Port 465.',
  ],
  'means.noStartTls': [
    'The server does not offer encryption on this port. Try the encryption tls with port 465.',
    'Der Server bietet an diesem Port keine Verschlüsselung an. Versuchen Sie tls mit Port 465.',
  ],
  'means.expired': [
    'The certificate of the server has expired. Whoever runs the server must renew it.',
    'Das Zertifikat des Servers ist abgelaufen. Wer den Server betreibt, muss es erneuern.',
  ],
  'means.notYet': [
    'The certificate of the server is not valid yet. Check the clocks of this machine and of the server.',
    'Das Zertifikat des Servers gilt noch nicht. Prüfen Sie die Uhren dieser Maschine und des Servers.',
  ],
  'means.otherName': [
    'The certificate of the server is for another name. Use the host name that it is for, or enter that name under Certificate.',
    'Das Zertifikat des Servers gilt für einen anderen Namen. Nehmen Sie den Hostnamen, für den es gilt, oder tragen Sie ihn unter Zertifikat ein.',
  ],
  'means.selfSigned': [
    'Nobody known here vouches for the certificate of the server. If it is your own, enter it under Certificate as the authority.',
    'Niemand, der hier bekannt ist, bürgt für das Zertifikat des Servers. Ist es Ihr eigenes, tragen Sie es unter Zertifikat als Stelle ein.',
  ],
  'means.tlsVersion': [
    'The server only speaks a version of TLS that is too old. Whoever runs it must offer TLS 1.2 or newer.',
    'Der Server spricht nur eine zu alte Version von TLS. Wer ihn betreibt, muss TLS 1.2 oder neuer anbieten.',
  ],
  'means.tls': [
    'Encryption could not be agreed on. Check encryption and port; the words below say what was wrong.',
    'Die Verschlüsselung kam nicht zustande. Prüfen Sie Verschlüsselung und Port; der Wortlaut unten sagt, woran es lag.',
  ],
  'means.tlsFirst': [
    'The server wants encryption before the login. Set the encryption to starttls.',
    'Der Server will Verschlüsselung vor der Anmeldung. Stellen Sie sie auf starttls.',
  ],
  'means.appPassword': [
    'The server wants a password made for this purpose. Make an app password at your provider and enter it here.',
    'Der Server verlangt ein eigenes Passwort für diesen Zweck. Legen Sie bei Ihrem Anbieter ein App-Passwort an und tragen Sie es hier ein.',
  ],
  'means.login': [
    'The server does not take user and password. Check both; after a change of the password at the provider, enter the new one here.',
    'Der Server nimmt Benutzer und Passwort nicht an. Prüfen Sie beide; wurde das Passwort beim Anbieter geändert, tragen Sie hier das neue ein.',
  ],
  'means.loginLater': [
    'The server cannot check the login now. Try again in a few minutes.',
    'Der Server kann die Anmeldung gerade nicht prüfen. Versuchen Sie es in ein paar Minuten noch einmal.',
  ],
  'means.loginOff': [
    'Logging in with a password is switched off for this mailbox. Let its administrator switch it on (authenticated SMTP), or log in with OAuth 2.0.',
    'Die Anmeldung mit Passwort ist für dieses Postfach abgeschaltet. Lassen Sie sie einschalten (authentifiziertes SMTP), oder melden Sie sich mit OAuth 2.0 an.',
  ],
  'means.noLogin': [
    'The login did not come about: the server offers none that fits. Check the kind of login and the encryption.',
    'Die Anmeldung kam nicht zustande: Der Server bietet keine passende an. Prüfen Sie die Art der Anmeldung und die Verschlüsselung.',
  ],
  'means.noOAuth': [
    'The server offers no login with a token. Log in with user and password instead.',
    'Der Server bietet keine Anmeldung mit Token an. Melden Sie sich mit Benutzer und Passwort an.',
  ],
  'means.token': [
    'The token endpoint gave no token. Check its address, the client id and the secret; the words below are its own.',
    'Die Token-Ausgabe gab kein Token heraus. Prüfen Sie Adresse, Client-ID und Geheimnis; der Wortlaut unten ist der ihre.',
  ],
  'means.crowded': [
    'The server takes no more connections at present. Set a lower limit of connections, or try again later.',
    'Der Server nimmt gerade keine weiteren Verbindungen an. Setzen Sie die Grenze für Verbindungen herunter, oder versuchen Sie es später.',
  ],
  'means.blocked': [
    'The server does not want to speak to this machine. Its address may be on a block list: ask whoever runs the server.',
    'Der Server will mit dieser Maschine nicht sprechen. Vielleicht steht ihre Adresse auf einer Sperrliste: Fragen Sie, wer den Server betreibt.',
  ],
  'means.name': [
    'The server does not take the name that we greet it with. Enter a name that the DNS knows under Senders and greeting.',
    'Der Server nimmt den Namen nicht an, mit dem wir ihn begrüßen. Tragen Sie unter Absender und Begrüßung einen Namen ein, den das DNS kennt.',
  ],
  'means.later': [
    'The server refuses for now. Try again in a few minutes.',
    'Der Server lehnt vorläufig ab. Versuchen Sie es in ein paar Minuten noch einmal.',
  ],
  'means.closed': [
    'The server ended the connection without a word. Check port and encryption; it may also block this machine.',
    'Der Server beendete die Verbindung wortlos. Prüfen Sie Port und Verschlüsselung; vielleicht sperrt er auch diese Maschine.',
  ],
  'means.other': [
    'It did not work; the words below say why.',
    'Es hat nicht geklappt; der Wortlaut unten sagt, warum.',
  ],
} as const satisfies Record<string, Sentence>;
