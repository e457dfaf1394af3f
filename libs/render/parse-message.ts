// Complete messages taken apart for people to look at, in a render thread: a small message can be much work.
import type { ParsedMessage } from '../mail/message/parsed-message';
import { RenderFailure } from './source/failure';
import { JobExhausted, type Pool } from './thread/pool';

const whyNot = (why: string): RenderFailure =>
  new RenderFailure('message-invalid', `the message cannot be taken apart to be shown: ${why}`);

/** @throws RenderFailure where the message cannot be read, or is too much work */
export type ParseMessage = (tenant: string, bytes: Buffer) => Promise<ParsedMessage>;

export const createTakeApart =
  (pool: Pool): ParseMessage =>
  async (tenant, bytes) => {
    const answer = await pool.run(tenant, { kind: 'message', bytes }).catch((error: unknown) => {
      if (error instanceof JobExhausted) throw whyNot('it has too many parts, or is too large');
      throw error;
    });
    if ('unreadable' in answer) throw whyNot(answer.unreadable);
    return answer;
  };
