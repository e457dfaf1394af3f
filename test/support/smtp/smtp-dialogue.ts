// A dialogue with an SMTP server, byte by byte as a test wants it: what no client of good manners would say.
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createSocketReader, type SocketReader } from './socket-reader';
import { testCa } from './tls';

export class SmtpDialogue {
  private constructor(
    private socket: Socket,
    private reader: SocketReader,
  ) {}

  /** Connects and reads the greeting. @param from an address of this machine */
  static async open(port: number, from?: string): Promise<SmtpDialogue> {
    const socket = connectTcp({ port, host: from ?? '127.0.0.1', ...(from && { localAddress: from }) });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const dialogue = new SmtpDialogue(socket, createSocketReader(socket));
    await dialogue.reply();
    return dialogue;
  }

  /** @returns the next reply, its lines joined; `closed` where the server has closed the connection */
  async reply(): Promise<string> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.reader.line().catch(() => undefined);
      if (line === undefined) return lines.length === 0 ? 'closed' : lines.join('\n');
      lines.push(line);
      if (/^\d{3}( |$)/.test(line)) return lines.join('\n');
    }
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  async say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  login(user: string, key: string): Promise<string> {
    return this.say(`AUTH PLAIN ${Buffer.from(`\0${user}\0${key}`).toString('base64')}`);
  }

  /** EHLO, login, and an envelope; ready for DATA. */
  async begin(key: string, to: string[], from = 'app@acme.example'): Promise<void> {
    for (const line of [
      await this.say('EHLO client.test'),
      await this.login('any', key),
      await this.say(`MAIL FROM:<${from}>`),
    ])
      if (!line.startsWith('2')) throw new Error(line);
    for (const one of to) await this.say(`RCPT TO:<${one}>`);
  }

  /** @param message with its end */
  async data(message: string | Buffer): Promise<string> {
    const go = await this.say('DATA');
    if (!go.startsWith('354')) return go;
    this.write(message);
    return this.reply();
  }

  async startTls(): Promise<void> {
    const said = await this.say('STARTTLS');
    if (!said.startsWith('220')) throw new Error(said);
    this.socket.removeAllListeners('data');
    const secure = connectTls({ socket: this.socket, ca: testCa, servername: 'localhost' });
    secure.on('error', () => undefined);
    await once(secure, 'secureConnect');
    this.socket = secure;
    this.reader = createSocketReader(secure);
  }

  /** Cuts the connection without a word. */
  cut(): void {
    this.socket.destroy();
  }
}
