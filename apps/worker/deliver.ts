// One attempt to send an email, as a story of steps; every ending that can be expected is returned, not thrown.
import type { ContentStore } from '../../libs/content/store';
import type { Attempt, Outcome, Reply } from '../../libs/mail/email/outcome';
import type { ResolvedSettings } from '../../libs/mail/settings/settings';
import type { Lease } from '../../libs/jobs/transitions/lease';
import { FenceClosed, NO_MARKS, readMarks, type Marks } from '../../libs/jobs/transitions/hand-over-journal';
import type { Renderer } from '../../libs/render/render';
import type { Clock } from '../../libs/runtime/clock';
import type { ContentRefs } from '../../libs/store/contents/content-refs';
import type { Redis } from '../../libs/store/redis/redis';
import type { Admission } from '../../libs/store/limits/transport-limits';
import { archiveMessage } from './archive';
import { beforehand } from './beforehand';
import { needsFetching, type Gather } from './gather';
import { makeMessage } from './make-message';
import type { SendEmail } from './send-email';
import { openTransport, parkedBy, pastBreaker, withinLimits, type TransportDeps } from './through-transport';

export interface DeliverDeps extends TransportDeps {
  redis: Redis;
  clock: Clock;
  renderer: Renderer;
  content: ContentStore;
  refs: ContentRefs;
  sendEmail: SendEmail;
  gather: Gather;
  settingsOf: (lease: Lease) => Promise<ResolvedSettings>;
}

/** What an attempt came to. There is no record where nothing was tried. */
export interface Delivery {
  outcome: Outcome;
  settings: ResolvedSettings;
  attempt?: Attempt;
}

/** What an attempt leaves behind besides its outcome. */
interface Notes {
  hear?: (line: string) => void;
  templateVersion?: number;
  /** A server was asked to take it. */
  asked?: true;
}

/** A transport that does not exist (yet) is asked for again after this. */
const NO_TRANSPORT_MS = 60_000;

const NO_RECIPIENTS: Reply[] = [];

/** Removed again, whatever its history says: it was not accepted a second time. */
const goneAlready = (settings: ResolvedSettings): Delivery => ({
  outcome: { kind: 'sent', replies: [], recipients: { accepted: [], refused: [], deferred: [] } },
  settings: { ...settings, history: { ...settings.history, keep: false } },
});

/** Whether there was an attempt to tell of: an email that is put aside before was not tried. */
const wasTried = (outcome: Outcome): boolean =>
  !UNTRIED.has(outcome.kind) && !(outcome.kind === 'refused' && outcome.code === 'held');

const UNTRIED: ReadonlySet<Outcome['kind']> = new Set(['throttled', 'interrupted', 'expired', 'canceled']);

export const createDeliver = (deps: DeliverDeps) => {
  const { clock, redis } = deps;

  const attempt = async (
    lease: Lease,
    marks: Marks,
    settings: ResolvedSettings,
    admission: Admission,
    notes: Notes,
  ): Promise<Outcome> => {
    const { transport: name } = settings;
    const transport = await openTransport(deps, lease.queue.address.tenant, name);
    if (transport === undefined) {
      const text = `the transport ${name} does not exist: put it, then the email goes out`;
      return { kind: 'throttled', text, until: clock.now() + NO_TRANSPORT_MS };
    }
    // Nothing is fetched or kept again and again for an email that a broken transport would not take.
    const parked = needsFetching(lease.email) || settings.archive ? await parkedBy(deps, lease, name) : undefined;
    const made = parked ?? (await makeMessage(deps, lease, settings, transport));
    if ('kind' in made) return made;
    if (made.version !== undefined) notes.templateVersion = made.version;
    try {
      if (lease.signal.aborted) return { kind: 'interrupted', text: String(lease.signal.reason) };
      // Before the breaker is asked: where the store cannot be reached, nobody else waits for a probe that never was.
      const message = settings.archive ? await archiveMessage(deps, lease, made.message, made.facts) : made.message;
      return await pastBreaker(deps, lease, { transport: name, admission }, async () => {
        notes.asked = true;
        const outcome = await deps.sendEmail(lease, marks, { ...made, message }, transport, notes.hear);
        // Without a token to log in with: what the server allows is not used up.
        if (outcome.kind === 'throttled') delete notes.asked;
        return outcome;
      });
    } catch (error) {
      if (error instanceof FenceClosed) return { kind: 'interrupted', text: `stopped: ${error.message}` };
      throw error;
    } finally {
      await made.discard();
    }
  };

  const deliver = async (lease: Lease, admission: Admission, notes: Notes): Promise<Delivery> => {
    const startedAt = new Date(clock.now()).toISOString();
    const settings = await deps.settingsOf(lease);
    // A first start of an email that was never corrected or released cannot have left a sign that it is gone either.
    const pristine = lease.starts <= 1 && lease.email.rev === 1 && !lease.marked;
    const marks = pristine ? NO_MARKS : await readMarks(redis, lease.queue, lease.id);
    if (marks.gone) return goneAlready(settings);
    const ended = beforehand(lease, marks);
    const dialogue: string[] = [];
    if (settings.log === 'dialogue') notes.hear = (line) => void dialogue.push(line);
    const work = (own: Admission): Promise<Outcome> => attempt(lease, marks, settings, own, notes);
    const wasAsked = (): boolean => notes.asked === true;
    const outcome = ended ?? (await withinLimits(deps, lease, settings.transport, admission, work, wasAsked));
    const record: Attempt = {
      number: lease.attemptsBefore + lease.attemptsMade + 1,
      startedAt,
      endedAt: new Date(clock.now()).toISOString(),
      outcome: outcome.kind,
      transport: settings.transport,
      ...(notes.templateVersion !== undefined && { templateVersion: notes.templateVersion }),
      ...('text' in outcome && { text: outcome.text }),
      replies: settings.log === 'none' || !('replies' in outcome) ? NO_RECIPIENTS : outcome.replies,
      ...(dialogue.length > 0 && { dialogue }),
    };
    return { outcome, settings, ...(wasTried(outcome) && { attempt: record }) };
  };

  return async (lease: Lease, admission: Admission): Promise<Delivery> => {
    const notes: Notes = {};
    try {
      return await deliver(lease, admission, notes);
    } finally {
      if (notes.asked === undefined) admission.cancel();
    }
  };
};
