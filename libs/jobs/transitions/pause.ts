// Pauses and resumes a queue as BullMQ does: its clients see it paused.
import type { EmailQueue } from '../layout/queues';

/** Workers take nothing of the queue until it is resumed; what is in work goes on. */
export const pauseQueue = ({ bull }: EmailQueue): Promise<void> => bull.pause();

/** Whoever resumes announces the queue: a worker looks at it only when it is told to. */
export const resumeQueue = ({ bull }: EmailQueue): Promise<void> => bull.resume();

export const isQueuePaused = ({ bull }: EmailQueue): Promise<boolean> => bull.isPaused();
