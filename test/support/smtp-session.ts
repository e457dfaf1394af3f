// One dialogue of the scripted SMTP server: reads commands in order, also pipelined ones, and does what the script says.
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Context, Handler, Phase, Step } from './smtp-script';
import { serverCertificate, serverKey } from './tls';

export interface Envelope {
  from: string;
  to: string[];
  user?: string;
}

/** What a session needs of its server. */
export interface Host {
  auth?: { user: string; pass: string };
  starttls: boolean;
  handler(phase: Phase): Handler | undefined;
  /** A message begins; gives its number. */
  begin(): number;
  said(command: string): void;
  take(envelope: Envelope, raw: Buffer, session: number): void;
}

const END = Buffer.from('\r\n.\r\n');
const CRLF = Buffer.from('\r\n');

/** Dots at line starts were doubled for the way (RFC 5321 4.5.2). */
const unstuff = (bytes: Buffer): Buffer => {
  if (bytes.indexOf('\r\n..') < 0 && bytes[0] !== 0x2e) return bytes;
  return Buffer.from(bytes.toString('latin1').replace(/(^|\r\n)\./g, '$1'), 'latin1');
};

const addressOf = (argument: string): string => /<([^>]*)>/.exec(argument)?.[1] ?? '';

export class SmtpSession {
  private buffered = Buffer.alloc(0);
  private readonly chunks: Buffer[] = [];
  private reading: 'commands' | 'message' | 'auth-plain' | 'auth-user' | 'auth-pass' = 'commands';
  private working = false;
  private ended = false;
  private secure: boolean;
  private user: string | undefined;
  private loginUser = '';
  private envelope: Envelope | undefined;
  private message = 0;
  private messageInSession = 0;

  constructor(
    private readonly host: Host,
    private socket: Socket,
    private readonly number: number,
  ) {
    this.secure = socket instanceof TLSSocket;
    this.listen();
    void this.step('connect', '', '220 test.example ESMTP');
  }

  private listen(): void {
    this.socket.on('data', (chunk: Buffer) => {
      if (this.reading === 'message') this.chunks.push(chunk);
      else this.buffered = Buffer.concat([this.buffered, chunk]);
      void this.work();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.ended = true));
  }

  private async work(): Promise<void> {
    if (this.working) return;
    this.working = true;
    while (!this.ended && (this.reading === 'message' ? await this.readMessage() : await this.readLine()));
    this.working = false;
  }

  private async readLine(): Promise<boolean> {
    const end = this.buffered.indexOf(CRLF);
    if (end < 0) return false;
    const line = this.buffered.toString('utf8', 0, end);
    this.buffered = this.buffered.subarray(end + 2);
    this.host.said(line);
    if (this.reading === 'commands') await this.command(line);
    else await this.authLine(line);
    return true;
  }

  /** Looks for the end in what is new, and in the few bytes before it. */
  private findEnd(): number {
    if (this.size === 0 && this.chunks[0]?.subarray(0, 3).toString() === '.\r\n') return -2;
    for (; this.searched < this.chunks.length; this.searched++) {
      const chunk = this.chunks[this.searched] ?? Buffer.alloc(0);
      const window = Buffer.concat([this.tail, chunk]);
      const found = window.indexOf(END);
      if (found >= 0) return this.size - this.tail.length + found;
      this.size += chunk.length;
      this.tail = Buffer.from(window.subarray(-(END.length - 1)));
    }
    return -1;
  }

  private async readMessage(): Promise<boolean> {
    if (this.chunks.every(({ length }) => length === 0)) return false;
    if (!this.sawBody) {
      this.sawBody = true;
      if (await this.step('body', '', undefined)) return false;
    }
    const end = this.findEnd();
    if (end === -1) return false;
    const bytes = Buffer.concat(this.chunks);
    this.chunks.length = 0;
    this.buffered = Buffer.from(bytes.subarray(end + END.length));
    this.reading = 'commands';
    await this.dot(end < 0 ? Buffer.alloc(0) : unstuff(bytes.subarray(0, end + 2)));
    return true;
  }

  private searched = 0;
  private size = 0;
  private tail = Buffer.alloc(0);
  private sawBody = false;

  private async dot(raw: Buffer): Promise<void> {
    const { envelope } = this;
    this.envelope = undefined;
    const step = await this.ask('dot', '');
    const reply =
      typeof step === 'string'
        ? step
        : step === undefined
          ? '250 2.0.0 taken'
          : 'reply' in step
            ? step.reply
            : undefined;
    const taken =
      reply === undefined
        ? step !== undefined && typeof step === 'object' && ('taken' in step ? step.taken : 'delay' in step)
        : reply.startsWith('2');
    if (taken && envelope !== undefined) this.host.take(envelope, raw, this.number);
    await this.perform(step, '250 2.0.0 taken');
    if (!this.ended) await this.step('after', '', undefined);
  }

  private async command(line: string): Promise<void> {
    const [verb = ''] = line.split(' ');
    const argument = line.slice(verb.length + 1);
    switch (verb.toUpperCase()) {
      case 'EHLO':
      case 'HELO':
        return void (await this.step('ehlo', argument, this.greeting()));
      case 'STARTTLS':
        if (!(await this.step('starttls', argument, '220 2.0.0 go ahead'))) this.upgrade();
        return;
      case 'AUTH':
        return this.auth(argument);
      case 'MAIL':
        return this.mail(argument);
      case 'RCPT': {
        const recipient = addressOf(argument);
        if (!(await this.step('rcpt', argument, '250 2.1.5 ok', recipient))) this.envelope?.to.push(recipient);
        return;
      }
      case 'DATA':
        if (this.envelope === undefined || this.envelope.to.length === 0) return this.say('503 5.5.1 no recipients');
        this.searched = 0;
        this.size = 0;
        this.tail = Buffer.alloc(0);
        this.sawBody = false;
        if (await this.step('data', argument, '354 go ahead')) return;
        this.reading = 'message';
        this.chunks.push(this.buffered);
        this.buffered = Buffer.alloc(0);
        return;
      case 'RSET':
        this.envelope = undefined;
        return this.say('250 2.0.0 ok');
      case 'NOOP':
        return this.say('250 2.0.0 ok');
      case 'QUIT':
        if (!(await this.step('quit', argument, '221 2.0.0 bye'))) this.socket.end();
        return;
      default:
        return this.say('502 5.5.2 not known');
    }
  }

  private async mail(argument: string): Promise<void> {
    this.message = this.host.begin();
    this.messageInSession++;
    if (this.host.auth !== undefined && this.user === undefined) return this.say('530 5.7.0 log in first');
    if (await this.step('mail', argument, '250 2.1.0 ok')) return;
    this.envelope = { from: addressOf(argument), to: [], ...(this.user !== undefined && { user: this.user }) };
  }

  private greeting(): string {
    const lines = ['test.example', 'PIPELINING', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'SIZE 52428800'];
    if (this.host.auth !== undefined) lines.push('AUTH PLAIN LOGIN');
    if (this.host.starttls && !this.secure) lines.push('STARTTLS');
    return lines.map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}`).join('\r\n');
  }

  private upgrade(): void {
    this.socket.removeAllListeners('data');
    this.secure = true;
    this.socket = new TLSSocket(this.socket, {
      isServer: true,
      secureContext: createSecureContext({ key: serverKey, cert: serverCertificate }),
    });
    this.listen();
  }

  private async auth(argument: string): Promise<void> {
    const [method = '', initial] = argument.split(' ');
    if (method.toUpperCase() === 'PLAIN' && initial !== undefined)
      return this.login(Buffer.from(initial, 'base64').toString());
    this.reading = method.toUpperCase() === 'PLAIN' ? 'auth-plain' : 'auth-user';
    return this.say(this.reading === 'auth-plain' ? '334 ' : '334 VXNlcm5hbWU6');
  }

  private async authLine(line: string): Promise<void> {
    const text = Buffer.from(line, 'base64').toString();
    if (this.reading === 'auth-user') {
      this.loginUser = text;
      this.reading = 'auth-pass';
      return this.say('334 UGFzc3dvcmQ6');
    }
    const plain = this.reading === 'auth-plain' ? text : `\0${this.loginUser}\0${text}`;
    this.reading = 'commands';
    return this.login(plain);
  }

  private async login(plain: string): Promise<void> {
    const [, user = '', pass] = plain.split('\0');
    const fine = this.host.auth !== undefined && user === this.host.auth.user && pass === this.host.auth.pass;
    if (!(await this.step('auth', user, fine ? '235 2.7.0 welcome' : '535 5.7.8 wrong user or password')) && fine)
      this.user = user;
  }

  private say(text: string): void {
    if (!this.ended) this.socket.write(`${text}\r\n`);
  }

  private async ask(phase: Phase, argument: string, recipient?: string): Promise<Step> {
    const context: Context = {
      argument,
      ...(recipient !== undefined && { recipient }),
      session: this.number,
      messageInSession: this.messageInSession,
      message: this.message,
    };
    return this.host.handler(phase)?.(context);
  }

  /** Asks the script, acts, and says the usual reply where it has nothing to say. @returns true if the usual did not happen */
  private async step(phase: Phase, argument: string, usual: string | undefined, recipient?: string): Promise<boolean> {
    return this.perform(await this.ask(phase, argument, recipient), usual);
  }

  private async perform(step: Step, usual: string | undefined): Promise<boolean> {
    if (this.ended) return true;
    if (step === undefined || typeof step === 'string') {
      const reply = step ?? usual;
      if (reply !== undefined) this.say(reply);
      return step !== undefined && !/^[23]/.test(step);
    }
    if ('delay' in step) {
      await new Promise((resolve) => setTimeout(resolve, step.delay));
      return this.perform(step.reply, usual);
    }
    if (step.action === 'close') this.socket.end();
    if (step.action === 'reset') this.reset();
    if (step.action === 'garbage') this.say('%&/ this is no reply');
    if (step.action !== 'garbage') this.ended = true;
    return true;
  }

  private reset(): void {
    if (this.socket instanceof TLSSocket) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }
}
