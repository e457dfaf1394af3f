// A small IMAP server in this process (RFC 3501, UIDPLUS, MOVE), which does what a test tells it to: also what no server should.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { readToken } from '../smtp/smtp-token';

export interface ImapMessage {
  uid: number;
  source: string;
  flags: Set<string>;
  date: Date;
}

/** What is done instead of the answer to a command: nothing ever, the end of the connection, these bytes, or NO with these words. */
export type Instead = 'hang' | 'bye' | { answer: string | Buffer } | { no: string } | undefined;

export interface ImapServerOptions {
  tls?: { key: string; cert: string };
  /** Who may log in by a password; everybody where it is not given. */
  check?: (user: string, pass: string) => boolean;
  /** Who may log in by a token; nobody where it is not given. */
  checkToken?: (user: string, token: string) => boolean | Promise<boolean>;
  capabilities?: string[];
  /** @param name in capitals, `UID FETCH` for one with UID */
  instead?: (name: string, line: string) => Instead | Promise<Instead>;
}

export interface ImapServer {
  port: number;
  folders: Map<string, ImapMessage[]>;
  uidValidity: number;
  /** Of all folders; none is given twice (RFC 3501 2.3.1.1). */
  nextUid: number;
  /** Lines of clients, without their tags. */
  commands: string[];
  connections: number;
  /** Connections that are open now. */
  open: Set<Socket>;
  options: ImapServerOptions;
  deliver(source: string, how?: { folder?: string; flags?: string[]; date?: Date }): ImapMessage;
  close(): Promise<void>;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const ATOM = /"((?:[^"\\]|\\.)*)"|([^\s()]+)/g;

const wordsOf = (text: string): string[] =>
  [...text.matchAll(ATOM)].map(([, quoted, atom]) => quoted?.replace(/\\(.)/g, '$1') ?? atom ?? '');

const inSet =
  (set: string, last: number) =>
  ({ uid }: ImapMessage): boolean =>
    set.split(',').some((part) => {
      const [a = 0, b = a] = part.split(':').map((one) => (one === '*' ? last : Number(one)));
      return uid >= Math.min(a, b) && uid <= Math.max(a, b);
    });

/** `15-Nov-2026`. */
const dayOf = (text: string): number => {
  const [day = '', month = '', year = ''] = text.split('-');
  return Date.UTC(Number(year), MONTHS.indexOf(month), Number(day));
};

/** One client. */
class Session {
  #folder = '';
  #buffer = '';
  /** Takes the next line instead of a command. */
  #next: ((line: string) => Promise<void>) | undefined;
  #work = Promise.resolve();

  constructor(
    private readonly server: ImapServer,
    private readonly socket: Socket,
  ) {
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      this.#buffer += chunk;
      for (let end = this.#buffer.indexOf('\r\n'); end >= 0; end = this.#buffer.indexOf('\r\n')) {
        const line = this.#buffer.slice(0, end);
        this.#buffer = this.#buffer.slice(end + 2);
        this.#work = this.#work.then(() => this.#line(line));
      }
    });
    this.#say('* OK ready');
  }

  #say(text: string): void {
    if (!this.socket.destroyed) this.socket.write(`${text}\r\n`, 'latin1');
  }

  get #messages(): ImapMessage[] {
    return this.server.folders.get(this.#folder) ?? [];
  }

  async #line(line: string): Promise<void> {
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) return next(line);
    const [, tag = '', rest = ''] = /^(\S+) (.*)$/.exec(line) ?? [];
    this.server.commands.push(rest);
    const words = rest.split(' ');
    const name = (words[0]?.toUpperCase() === 'UID' ? words.slice(0, 2) : words.slice(0, 1)).join(' ').toUpperCase();
    const instead = await this.server.options.instead?.(name, rest);
    if (instead === 'hang') return;
    if (instead === 'bye') {
      this.#say('* BYE it is late');
      return void this.socket.end();
    }
    if (instead !== undefined && 'no' in instead) return this.#say(`${tag} NO ${instead.no}`);
    if (instead !== undefined) return void this.socket.write(instead.answer);
    await this.#answer(tag, name, rest.slice(name.length).trim());
  }

  async #answer(tag: string, name: string, args: string): Promise<void> {
    const { options } = this.server;
    const done = (text = 'done'): void => this.#say(`${tag} OK ${text}`);
    switch (name) {
      case 'CAPABILITY':
        this.#say(`* CAPABILITY IMAP4rev1 AUTH=PLAIN ${(options.capabilities ?? ['UIDPLUS', 'MOVE']).join(' ')}`);
        return done();
      case 'AUTHENTICATE':
        return this.#authenticate(tag, args);
      case 'LIST':
        // The root alone (RFC 3501 6.3.8).
        if (args === '"" ""') this.#say('* LIST (\\Noselect) "/" ""');
        else for (const folder of this.server.folders.keys()) this.#say(`* LIST () "/" "${folder}"`);
        return done();
      case 'SELECT':
        return this.#select(tag, wordsOf(args)[0] ?? '');
      case 'UID SEARCH':
        this.#say(`* SEARCH ${this.#search(args).join(' ')}`.trimEnd());
        return done();
      case 'UID FETCH':
        this.#fetch(args);
        return done();
      case 'UID STORE':
        for (const message of this.#named(args))
          for (const flag of /\(([^)]*)\)/.exec(args)?.[1]?.split(' ') ?? []) message.flags.add(flag);
        return done();
      case 'UID MOVE':
        return this.#move(tag, args);
      case 'UID EXPUNGE':
        this.#remove(new Set(this.#named(args)));
        return done();
      case 'EXPUNGE':
        this.#remove(new Set(this.#messages.filter(({ flags }) => flags.has('\\Deleted'))));
        return done();
      case 'LOGOUT':
        this.#say('* BYE good bye');
        done();
        return void this.socket.end();
      default:
        return done();
    }
  }

  async #authenticate(tag: string, args: string): Promise<void> {
    const [mechanism = '', initial] = args.split(' ');
    const refuse = (): void => this.#say(`${tag} NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)`);
    const admit = (isGood: boolean): void => (isGood ? this.#say(`${tag} OK welcome`) : refuse());
    const { check, checkToken } = this.server.options;
    const response = async (text: string): Promise<void> => {
      const plain = Buffer.from(text, 'base64').toString();
      if (mechanism === 'PLAIN') {
        const [, user = '', pass = ''] = plain.split('\0');
        return admit(check?.(user, pass) ?? true);
      }
      const read = readToken(mechanism, plain);
      if (read !== undefined && (await checkToken?.(read.user, read.token))) return admit(true);
      // The client has to answer before it hears that it is refused (RFC 7628 3.2.3).
      this.#say(`+ ${Buffer.from('{"status":"401","schemes":"bearer","scope":"imap"}').toString('base64')}`);
      this.#next = async () => refuse();
    };
    if (initial !== undefined) return response(initial);
    this.#say('+ ');
    this.#next = response;
  }

  #select(tag: string, folder: string): void {
    const messages = this.server.folders.get(folder);
    if (messages === undefined) return this.#say(`${tag} NO there is no such folder`);
    this.#folder = folder;
    this.#say(`* ${messages.length} EXISTS`);
    this.#say(`* OK [UIDVALIDITY ${this.server.uidValidity}] valid`);
    this.#say(`* OK [UIDNEXT ${this.server.nextUid}] next`);
    this.#say(`${tag} OK [READ-WRITE] selected`);
  }

  #named(args: string): ImapMessage[] {
    return this.#messages.filter(inSet(args.split(' ')[0] ?? '', this.#messages.at(-1)?.uid ?? 0));
  }

  #search(args: string): number[] {
    const set = /UID (\S+)/i.exec(args)?.[1] ?? '1:*';
    const since = dayOf(/SINCE (\S+)/i.exec(args)?.[1] ?? '1-Jan-1970');
    const found = this.#messages.filter(inSet(set, this.#messages.at(-1)?.uid ?? 0));
    return found.filter(({ date }) => date.getTime() >= since).map(({ uid }) => uid);
  }

  #fetch(args: string): void {
    const [, most] = /BODY\.PEEK\[\]<0\.(\d+)>/.exec(args) ?? [];
    for (const message of this.#named(args)) {
      const seq = this.#messages.indexOf(message) + 1;
      if (most === undefined) message.flags.add('\\Seen');
      const part = message.source.slice(0, most === undefined ? undefined : Number(most));
      this.#say(`* ${seq} FETCH (UID ${message.uid} BODY[]<0> {${part.length}}\r\n${part})`);
    }
  }

  #move(tag: string, args: string): void {
    const to = this.server.folders.get(wordsOf(args)[1] ?? '');
    if (to === undefined) return this.#say(`${tag} NO [TRYCREATE] there is no such folder`);
    const moved = this.#named(args);
    for (const message of moved) to.push({ ...message, uid: this.server.nextUid++ });
    this.#remove(new Set(moved));
    this.#say(`${tag} OK moved`);
  }

  #remove(gone: Set<ImapMessage>): void {
    this.server.folders.set(
      this.#folder,
      this.#messages.filter((message) => !gone.has(message)),
    );
  }
}

export const startImapServer = async (options: ImapServerOptions = {}): Promise<ImapServer> => {
  const begin = (socket: Socket): void => {
    server.connections++;
    server.open.add(socket);
    socket.on('error', () => undefined).once('close', () => server.open.delete(socket));
    new Session(server, socket);
  };
  const listener = options.tls === undefined ? createServer(begin) : createTlsServer(options.tls, begin);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const server: ImapServer = {
    port: (listener.address() as AddressInfo).port,
    folders: new Map([['INBOX', []]]),
    uidValidity: 7,
    nextUid: 1,
    commands: [],
    connections: 0,
    open: new Set(),
    options,
    deliver(source, { folder = 'INBOX', flags = [], date = new Date() } = {}) {
      const messages = server.folders.get(folder) ?? [];
      const message = { uid: server.nextUid++, source, flags: new Set(flags), date };
      server.folders.set(folder, [...messages, message]);
      return message;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of server.open) socket.destroy();
        listener.close(() => resolve());
      }),
  };
  return server;
};
