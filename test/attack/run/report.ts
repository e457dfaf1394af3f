// What the attacker and whoever started it tell each other.
import type { Role } from './requests';

export interface AttackTask {
  port: number;
  seed: number;
  /** Connections, each with one request at a time. */
  clients: number;
  keys: Record<Role, string>;
}

export interface AttackerOrder {
  /** Others from here on: an attack may revoke its own. */
  keys?: Partial<Record<Role, string>>;
  end?: boolean;
}

export interface Fault {
  kind: string;
  label: string;
  path: string;
  /** The beginning of what was sent. */
  body: string;
  answer: string;
}

/** A request that took long, ms since 1970. */
export interface Slow {
  label: string;
  from: number;
  to: number;
}

/** What happened since the last one. */
export interface AttackerReport {
  /** Answers by status. */
  statuses: Record<string, number>;
  faults: Fault[];
  slow: Slow[];
  /** Requests without an answer, by what the connection said. */
  unanswered: Record<string, number>;
  /** Sent. */
  bytes: number;
  /** Answers 401 to a key that was good. */
  refusedKeys: number;
  ended?: boolean;
}
