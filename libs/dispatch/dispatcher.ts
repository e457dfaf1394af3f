// A replica's emails in work: opens those that have work, gives each its turn, and lets go of the empty ones.
import { parseQueueName } from '../mail/address/queue-address';
import type { TenantUse } from '../store/registries/workers';
import type { DispatcherDeps } from './dispatcher-deps';
import { createDueWatcher, LOOK_AGAIN_MS, type DueWatcher } from './due-watcher';
import { giveBack, type LeaseEnd } from '../jobs/transitions/lease';
import { createLeaseRenewal, type LeaseRenewal } from './lease-renewal';
import { recoverAndTell } from './recover-stalled';
import { createReschedule } from './reschedule';
import { createOpenQueues, newlyOpen, type OpenQueue } from './open-queues';
import type { Slot } from './shares';
import { createSlots } from './slots';
import { watchWaiting } from './watch-waiting';
import { STALLED_CHECK_MS } from '../jobs/layout/queues';
import { createClaim, type Claim } from './claim';

/** A queue that others wait for gives way after so many emails. */
const TURN_EMAILS = 50;
/** Interrupted attempts get this long to say so before the process ends. */
const INTERRUPTION_MS = 1_000;

/** A class because it is opened and closed: between `start` and `stop` it holds emails. */
export class Dispatcher {
  private readonly openQueues;
  private readonly slots;
  private readonly claim;
  private readonly renewal: LeaseRenewal;
  private readonly watch: DueWatcher;
  private readonly reschedule;
  private readonly serving = new Set<Promise<void>>();
  private state: 'new' | 'running' | 'stopped' = 'new';
  private stalledTimer: NodeJS.Timeout | undefined;
  /** A queue with work could not be opened, since the last one was closed. */
  private crowded = false;
  private pumping = false;

  constructor(private readonly deps: DispatcherDeps) {
    this.openQueues = createOpenQueues(deps.maxOpen);
    this.slots = createSlots<OpenQueue>({ slots: deps.concurrency, waiting: deps.waiting });
    this.claim = createClaim({ ...deps, call: (name) => this.wake(name) });
    this.renewal = createLeaseRenewal(deps);
    // One more than may be open: so one that waits is seen, also where its call was not heard.
    const most = deps.maxOpen + 1;
    this.watch = createDueWatcher({ ...deps, random: Math.random, most, onDue: (name) => this.wake(name) });
    this.reschedule = createReschedule({ ...deps, lookBy: (at) => this.watch.lookBy(at) });
  }

  get open(): number {
    return this.openQueues.size;
  }

  /** Emails in work, with those that wait. */
  get inWork(): number {
    return this.serving.size;
  }

  /** Slots that are taken. */
  get busy(): number {
    return this.slots.taken;
  }

  /** What tenants have of this replica. */
  use(): Record<string, TenantUse> {
    return this.slots.use();
  }

  start(): void {
    // A process that is told to stop while it starts stops this before.
    if (this.state !== 'new') return;
    this.state = 'running';
    this.renewal.start();
    this.watch.start();
    this.stalledTimer = setInterval(() => this.checkStalled(), STALLED_CHECK_MS);
  }

  /** No new emails; waits for those in work, and interrupts them shortly before `left` ms are over. */
  async stop(left: number): Promise<void> {
    this.state = 'stopped';
    this.watch.stop();
    clearInterval(this.stalledTimer);
    const patience = Math.max(0, left - INTERRUPTION_MS);
    const interrupt = setTimeout(() => this.renewal.endAll('stopping'), patience);
    while (this.serving.size > 0) await Promise.all(this.serving);
    clearTimeout(interrupt);
    this.renewal.stop();
  }

  /** Looks into a queue now: it has work, or something changed that may let it send. */
  wake(name: string): void {
    if (this.state !== 'running') return;
    const opened = this.openQueues.get(name);
    if (opened !== undefined) {
      opened.calls++;
      opened.hungry = true;
      return this.pumpSoon();
    }
    if (this.openQueues.isOpening(name)) return;
    const { room, instead } = this.openQueues.keepRoom(name);
    if (!room) {
      this.crowded = true;
      return this.watch.lookBy(this.deps.clock.now() + LOOK_AGAIN_MS);
    }
    if (instead !== undefined) {
      this.close(instead, true).catch((error: unknown) => this.tryAgain(`leave ${instead.name}`, error));
    }
    this.openQueue(name)
      .catch((error: unknown) => this.tryAgain(`open ${name}`, error))
      .finally(() => this.openQueues.endOpening(name));
  }

  private async openQueue(name: string): Promise<void> {
    const address = parseQueueName(name);
    const permission = address && (await this.deps.permission(address));
    // Whoever looks at what is due finds it again, each second, until the installation is resumed.
    if (permission?.paused) return;
    // A disabled tenant's queue is announced again when it is enabled.
    if (address === undefined || !permission?.enabled) return this.deps.schedule.forget(name);
    if (this.state !== 'running') return;
    const opened = newlyOpen(this.deps.queues.open(address), permission);
    this.openQueues.endOpening(name);
    this.openQueues.add(opened);
    this.slots.add(opened);
    this.pump();
  }

  /** Hundreds of queues may be woken by one look: slots are given away once for all of them. */
  private pumpSoon(): void {
    if (this.pumping) return;
    this.pumping = true;
    setImmediate(() => {
      this.pumping = false;
      this.pump();
    });
  }

  private pump(): void {
    if (this.state !== 'running') return;
    this.slots.pump((opened, slot) => {
      const served: Promise<void> = this.serve(opened, slot)
        .catch((error: unknown) => this.complain(`serve ${opened.name}`, error))
        .then(() => this.leave(opened, slot))
        .catch((error: unknown) => this.tryAgain(`leave ${opened.name}`, error))
        .finally(() => this.serving.delete(served));
      this.serving.add(served);
    });
  }

  /** Uses one slot: takes an email and does its attempt. */
  private async serve(opened: OpenQueue, slot: Slot): Promise<void> {
    const taken = await this.take(opened);
    if (taken === undefined) return;
    const { lease, end, admission } = taken;
    const timer = setTimeout(end, this.deps.attemptMs, 'took-too-long' satisfies LeaseEnd);
    lease.waits = (bytes) => watchWaiting(() => slot.wait(bytes) && this.pump());
    try {
      if (this.state !== 'running') {
        admission.cancel();
        return await giveBack(lease);
      }
      this.renewal.keep(lease, end);
      this.pump();
      await this.deps.work(lease, admission);
      this.renewal.release(lease);
    } finally {
      clearTimeout(timer);
    }
  }

  private async take(opened: OpenQueue): Promise<Extract<Claim, { kind: 'taken' }> | undefined> {
    const calls = opened.calls;
    try {
      const permission = await this.deps.permission(opened.queue.address);
      opened.limit = permission.concurrency;
      opened.transport = permission.transport;
      if (!permission.enabled || permission.paused || this.mustGiveWay(opened)) {
        opened.hungry = false;
        return undefined;
      }
      const take = await this.claim(opened.queue);
      if (take.kind === 'taken') {
        opened.taken++;
        opened.stride = Math.min(opened.stride * 2, opened.limit);
        return take;
      }
      opened.stride = 1;
      opened.hungry = take.kind === 'empty' && opened.calls !== calls;
      if (take.kind === 'stopped') {
        // It gives its slots to others until then.
        opened.rateStopUntil = take.until;
        this.watch.lookBy(take.until);
      }
    } catch (error) {
      opened.hungry = false;
      this.tryAgain(`take from ${opened.name}`, error);
    } finally {
      opened.fetching--;
    }
    return undefined;
  }

  /** Where more queues have work than may be open, each sends some emails and goes to the end. */
  private mustGiveWay(opened: OpenQueue): boolean {
    return this.crowded && opened.taken >= TURN_EMAILS;
  }

  /**
   * A slot is free again; a queue without work and without hunger is closed. So is every queue when the worker stops: what
   * was put back or deferred meanwhile is announced to the others.
   */
  private async leave(opened: OpenQueue, slot: Slot): Promise<void> {
    slot.free();
    const gaveWay = this.mustGiveWay(opened);
    const closes = opened.busy === 0 && (!opened.hungry || this.state === 'stopped');
    if (closes && this.openQueues.get(opened.name) === opened) return this.close(opened, gaveWay);
    this.pump();
  }

  private async close(opened: OpenQueue, gaveWay: boolean): Promise<void> {
    this.openQueues.remove(opened);
    if (this.crowded) this.watch.lookBy(this.deps.clock.now());
    this.crowded = false;
    this.slots.remove(opened);
    this.pump();
    await this.reschedule({ ...opened, gaveWay });
  }

  private checkStalled(): void {
    for (const opened of this.openQueues.all()) {
      recoverAndTell(opened.queue, this.deps.onRecovered).catch((error: unknown) =>
        this.complain(`recover in ${opened.name}`, error),
      );
    }
  }

  /** The queue is still announced: whoever looks at what is due finds it. */
  private tryAgain(what: string, error: unknown): void {
    this.complain(what, error);
    this.watch.lookBy(this.deps.clock.now() + LOOK_AGAIN_MS);
  }

  private complain(what: string, error: unknown): void {
    if (this.state === 'running')
      this.deps.log.error({ error, what }, 'the worker failed at something; it tries again');
  }
}
