// One dialogue of the scripted SMTP server: commands in their order, also pipelined ones, and what the script makes of them.
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, TLSSocket } from 'node:tls';
import { createDotReader } from './dot-reader';
import { deedOf, type Deed, type Handler, type Phase } from './smtp-script';
import { ANSWER, readToken, TOKEN_REASON, type TokenLogin } from './smtp-token';
import { createSocketReader, type SocketReader } from './socket-reader';
import { serverCertificate, serverKey } from './tls';

export interface Envelope {
  from: string;
  to: string[];
  /** Who logged in. */
  user?: string;
}

/** What a session needs of its server. */
export interface Host {
  auth?: { user: string; pass: string };
  tokens?: TokenLogin;
  tls?: 'starttls' | 'implicit';
  extensions: string[];
  handler(phase: Phase): Handler | undefined;
  /** A message begins; gives its number. */
  begin(): number;
  said(command: string): void;
  take(envelope: Envelope, raw: Buffer, session: number): void;
}

const secureContext = createSecureContext({ key: serverKey, cert: serverCertificate });

const addressOf = (argument: string): string => /<([^>]*)>/.exec(argument)?.[1] ?? '';
const decode = (text: string): string => Buffer.from(text, 'base64').toString();

export class SmtpSession {
  private socket: Socket;
  private reader: SocketReader;
  private readonly closed = new AbortController();
  private ended = false;
  private secure = false;
  private user: string | undefined;
  private envelope: Envelope | undefined;
  private message = 0;
  private messageInSession = 0;

  constructor(
    private readonly host: Host,
    private readonly raw: Socket,
    private readonly number: number,
  ) {
    raw
      .on('error', () => undefined)
      .once('close', () => {
        this.ended = true;
        this.closed.abort();
      });
    this.socket = raw;
    this.reader = createSocketReader(raw);
  }

  /** Talks until either side ends it. */
  async run(): Promise<void> {
    if (this.host.tls === 'implicit') await this.upgrade();
    await this.step('connect', '', '220 test.example ESMTP');
    while (!this.ended) {
      const line = await this.line();
      if (line === undefined) return;
      const [verb = ''] = line.split(' ', 1);
      await this.command(verb.toUpperCase(), line.slice(verb.length + 1));
    }
  }

  private async line(): Promise<string | undefined> {
    const line = await this.reader.line();
    if (line !== undefined) this.host.said(line);
    return line;
  }

  private async command(verb: string, argument: string): Promise<unknown> {
    switch (verb) {
      case 'EHLO':
      case 'HELO':
        this.envelope = undefined;
        return this.step('ehlo', argument, verb === 'EHLO' ? this.greeting() : '250 test.example');
      case 'STARTTLS':
        if (this.host.tls !== 'starttls' || this.secure) return this.say('502 5.5.1 not offered');
        return (await this.step('starttls', argument, '220 2.0.0 go ahead')) && this.upgrade();
      case 'AUTH':
        return this.auth(argument);
      case 'MAIL':
        return this.mail(argument);
      case 'RCPT':
        return this.rcpt(argument);
      case 'DATA':
        return this.data(argument);
      case 'RSET':
        this.envelope = undefined;
        return this.step('rset', argument, '250 2.0.0 ok');
      case 'NOOP':
        return this.say('250 2.0.0 ok');
      case 'QUIT':
        return (await this.step('quit', argument, '221 2.0.0 bye')) && this.end('close');
      default:
        return this.say('502 5.5.2 not known');
    }
  }

  private greeting(): string {
    const lines = ['test.example', ...this.host.extensions];
    const mechanisms = [...(this.host.auth ? ['PLAIN', 'LOGIN'] : []), ...(this.host.tokens?.mechanisms ?? [])];
    if (mechanisms.length > 0) lines.push(`AUTH ${mechanisms.join(' ')}`);
    if (this.host.tls === 'starttls' && !this.secure) lines.push('STARTTLS');
    return lines.map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}`).join('\r\n');
  }

  /** What was said in the clear after STARTTLS is thrown away: it may be anybody's. */
  private async upgrade(): Promise<void> {
    this.reader.release();
    const secured = new TLSSocket(this.raw, { isServer: true, secureContext });
    secured.on('error', () => undefined);
    this.socket = secured;
    this.reader = createSocketReader(secured);
    this.secure = true;
    this.envelope = undefined;
    await new Promise((resolve) => secured.once('secure', resolve).once('close', resolve));
  }

  private async auth(argument: string): Promise<void> {
    const [method = '', initial] = argument.split(' ');
    if (this.host.tokens?.mechanisms.some((one) => one === method)) return this.token(method, initial ?? '');
    if (this.host.auth === undefined) return this.say('503 5.5.1 not offered');
    const asked = async (prompt: string, given?: string): Promise<string> =>
      decode(given ?? (this.say(`334 ${prompt}`), (await this.line()) ?? ''));
    let user = '';
    let pass = '';
    if (method.toUpperCase() === 'PLAIN') {
      [, user = '', pass = ''] = (await asked('', initial)).split('\0');
    } else if (method.toUpperCase() === 'LOGIN') {
      user = await asked('VXNlcm5hbWU6', initial);
      pass = await asked('UGFzc3dvcmQ6');
    } else return this.say('504 5.5.4 not this way');
    const fine = user === this.host.auth.user && pass === this.host.auth.pass;
    const accepted = await this.step('auth', user, fine ? '235 2.7.0 welcome' : '535 5.7.8 wrong user or password');
    if (accepted) this.user = user;
  }

  /** A token that is not good is first told of in JSON, and refused when the client has heard that (RFC 7628 3.2.3). */
  private async token(method: string, initial: string): Promise<void> {
    const given = readToken(method, decode(initial));
    if (given === undefined) return this.say('501 5.5.2 not of the form');
    if (await this.host.tokens?.check(given.user, given.token)) {
      if (await this.step('auth', given.user, '235 2.7.0 welcome')) this.user = given.user;
      return;
    }
    this.say(`334 ${Buffer.from(JSON.stringify(TOKEN_REASON)).toString('base64')}`);
    const heard = (await this.line()) === ANSWER[method];
    this.say(heard ? '535 5.7.3 Authentication unsuccessful' : '501 5.5.2 not what is said to a reason');
  }

  private async mail(argument: string): Promise<void> {
    this.message = this.host.begin();
    this.messageInSession++;
    if ((this.host.auth ?? this.host.tokens) !== undefined && this.user === undefined)
      return this.say('530 5.7.0 log in first');
    if (this.envelope !== undefined) return this.say('503 5.5.1 one at a time');
    if (!(await this.step('mail', argument, '250 2.1.0 ok'))) return;
    this.envelope = { from: addressOf(argument), to: [], ...(this.user !== undefined && { user: this.user }) };
  }

  private async rcpt(argument: string): Promise<void> {
    if (this.envelope === undefined) return this.say('503 5.5.1 MAIL first');
    const recipient = addressOf(argument);
    if (await this.step('rcpt', argument, '250 2.1.5 ok', recipient)) this.envelope.to.push(recipient);
  }

  private async data(argument: string): Promise<void> {
    const { envelope } = this;
    if (envelope === undefined || envelope.to.length === 0) return this.say('503 5.5.1 no recipients');
    if (!(await this.step('data', argument, '354 go ahead'))) return;
    let chunk = await this.reader.chunk();
    if (chunk === undefined) return;
    const wanted = await this.step('body');
    const message = createDotReader();
    for (; chunk !== undefined && !this.ended; chunk = await this.reader.chunk()) {
      const whole = message.push(chunk);
      if (whole === undefined) continue;
      this.reader.unread(whole.rest);
      this.envelope = undefined;
      return wanted ? this.dot(envelope, whole.raw) : undefined;
    }
  }

  /** What the script accepts is the server's at once: whatever happens to its reply on the way. */
  private async dot(envelope: Envelope, raw: Buffer): Promise<void> {
    const deed = await this.ask('dot', '', '250 2.0.0 taken');
    if (deed.taken) this.host.take(envelope, raw, this.number);
    await this.perform(deed);
    if (!this.ended) await this.step('after');
  }

  /** Asks the script and does it. @returns whether the dialogue goes on as usual */
  private async step(phase: Phase, argument = '', usual?: string, recipient?: string): Promise<boolean> {
    return !this.ended && this.perform(await this.ask(phase, argument, usual, recipient));
  }

  private async ask(phase: Phase, argument: string, usual?: string, recipient?: string): Promise<Deed> {
    const { number: session, messageInSession, message } = this;
    const context = { argument, ...(recipient !== undefined && { recipient }), session, messageInSession, message };
    return deedOf(await this.host.handler(phase)?.(context), usual);
  }

  private async perform(deed: Deed): Promise<boolean> {
    // The wait is over when the client goes: nothing may outlive its connection.
    if (deed.delay > 0) await sleep(deed.delay, undefined, { signal: this.closed.signal }).catch(() => undefined);
    if (this.ended) return false;
    if (deed.reply !== undefined) this.say(deed.reply);
    if (deed.end !== undefined) this.end(deed.end);
    return deed.accepted;
  }

  private say(text: string): void {
    if (!this.ended) this.socket.write(`${text}\r\n`);
  }

  /** The socket keeps flowing, so that a client that leaves is noticed also by a server that says nothing. */
  private end(way: 'close' | 'reset' | 'stall'): void {
    this.ended = true;
    this.reader.release();
    this.socket.resume();
    if (way === 'close') this.socket.end();
    // Below TLS: only the bare socket can break off without a farewell.
    if (way === 'reset') this.raw.resetAndDestroy();
  }
}
