// What Bull Board may do: look, pause, resume; what would go round the rules of the service is refused with a sentence.
import type { BeforeHookResult, HookContext } from '@bull-board/api/typings/app';
import { parseQueueName, queueName } from '../../libs/mail/queue-address';
import type { Rooms } from './rooms';

const refuse = (message: string): BeforeHookResult => ({ allow: false, status: 403, message });

/** Called before each action of the board. */
export const handleBoardAction = async (
  rooms: Rooms,
  { method, route, request }: HookContext,
): Promise<BeforeHookResult> => {
  if (method === 'get') return { allow: true };
  const address = parseQueueName(String((request.params as Record<string, string>)['queueName'] ?? ''));
  if (address !== undefined && route.endsWith('/:queueName/pause')) return { allow: true };
  if (address !== undefined && route.endsWith('/:queueName/resume')) {
    // Announced before it resumes: the fleet looks, finds it paused or not, and hears of it again with the next email.
    await rooms.queues.open(address).bull.resume();
    await rooms.due.announce(queueName(address), rooms.clock.now());
    return { allow: true };
  }
  return refuse('This would go round the rules of the service: use the API for it.');
};
