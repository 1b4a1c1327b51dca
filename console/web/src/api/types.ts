// The papers as the API sends them: the json tags of package fact, and the
// answers of /steersman/v1. Times are RFC 3339 text; an Entity is its text
// form, "service:namespace/name"; an empty Entity is the outside world.

export type Entity = string;
export type Time = string;

export interface Change {
  id: string;
  at: Time;
  kind: 'deployed' | 'rolledback' | 'configured' | 'scaled' | 'restarted';
  entity: Entity;
  version?: string;
  before?: string;
  by?: string;
  note?: string;
  link?: string;
  source: string;
}

export interface Signal {
  kind: 'errors' | 'latency' | 'traffic' | 'saturation' | 'other';
  name: string;
  entity: Entity;
  client?: Entity;
  side?: string;
  unit?: string;
  query?: string;
  labels?: Record<string, string>;
}

export interface Finding {
  id: string;
  signal: Signal;
  direction: 'up' | 'down' | 'absent';
  onset: Time;
  seen: Time;
  ended?: Time;
  score: number;
  before: number;
  low: number;
  high: number;
  now: number;
  detector: string;
}

export interface Evidence {
  text: string;
  finding?: string;
  query?: string;
  before: number;
  now: number;
  unit?: string;
  weight: number;
}

export interface Cause {
  entity: Entity;
  kind: 'errors' | 'slow' | 'change' | 'absent' | 'host' | 'traffic';
  text: string;
  probability: number;
  version?: string;
  change?: Change | null;
  for: Evidence[] | null;
  against: Evidence[] | null;
}

export interface Impact {
  entity: Entity;
  errorRatio: number;
  failed: number;
  requests: number;
  slowdown: number;
}

export interface Incident {
  id: string;
  state: 'open' | 'resolved';
  onset: Time;
  opened: Time;
  updated: Time;
  resolved?: Time;
  title: string;
  summary: string;
  impact: Impact;
  entities: Entity[] | null;
  findings: Finding[] | null;
  changes: Change[] | null;
  causes: Cause[] | null;
  unknown: number;
  ruledOut: Cause[] | null;
  abstained: boolean;
  proposals: string[] | null;
}

export interface Flow {
  rate: number;
  errorRatio: number;
  p50: number;
  p95: number;
}

export type Health = 'healthy' | 'suffers' | 'cause' | 'learning' | 'silent';

export interface MapNode {
  entity: Entity;
  flow: Flow;
  versions: { version: string; flow: Flow }[] | null;
  health: Health;
  incident?: string;
  lastSeen: Time;
  lastChange?: Change | null;
}

export interface MapEdge {
  client: Entity;
  server: Entity;
  clientSide: Flow;
  serverSide: Flow;
}

export interface ServiceMap {
  at: Time;
  over: number;
  nodes: MapNode[] | null;
  edges: MapEdge[] | null;
}

export interface Action {
  kind: string;
  target: string;
  entity: Entity;
  params: Record<string, string> | null;
}

export interface Check {
  query: string;
  op: '<' | '>';
  limit: number;
  forSeconds: number;
  withinSeconds: number;
}

export interface Proposal {
  id: string;
  incident: string;
  created: Time;
  expires: Time;
  action: Action;
  title: string;
  why: string;
  expected: string;
  alternatives: { title: string; why: string }[] | null;
  check: Check;
  evidence: string[] | null;
  confidence: number;
}

export type DecisionState =
  | 'proposed'
  | 'waiting'
  | 'approved'
  | 'acting'
  | 'verifying'
  | 'kept'
  | 'reverting'
  | 'reverted'
  | 'refused'
  | 'expired'
  | 'failed'
  | 'unclear';

export interface Receipt {
  warrant?: string;
  action: Action;
  dryRun: boolean;
  started: Time;
  finished: Time;
  before: Record<string, string> | null;
  after: Record<string, string> | null;
  err?: string;
  unclear?: boolean;
  text: string;
}

export interface Verdict {
  proposal: string;
  at: Time;
  allowed: boolean;
  needsApproval: boolean;
  level: number;
  blast: { entities: Entity[] | null; share: number; text: string };
  rules: { name: string; pass: boolean; text: string }[] | null;
  why: string;
}

export interface Step {
  state: DecisionState;
  at: Time;
  by: string;
  why: string;
  leaf: number;
  hash: string;
}

export interface Decision {
  proposal: Proposal;
  state: DecisionState;
  updated: Time;
  verdict?: Verdict | null;
  approval?: { proposal: string; by: string; at: Time; yes: boolean; why?: string } | null;
  warrant?: string;
  dryRun?: Receipt | null;
  receipt?: Receipt | null;
  undo?: Action | null;
  undoReceipt?: Receipt | null;
  outcome?: { at: Time; helped: boolean; before: number; after: number; text: string } | null;
  steps: Step[] | null;
}

export interface Source {
  name: string;
  kind: string;
  firstSeen: Time;
  lastSeen: Time;
  received: number;
  refused: number;
  accepted: number;
  lastRefusal?: string;
}

export interface Stop {
  engaged: boolean;
  by?: string;
  why?: string;
  at?: Time;
}

export interface Me {
  name: string;
  role: string;
  version: string;
  started: Time;
  readOnly: boolean;
  stop: Stop;
}

export interface Now {
  at: Time;
  waiting: Decision[] | null;
  open: Incident[] | null;
  recent: Incident[] | null;
  unusual: Finding[] | null;
  running: Decision[] | null;
  sources: Source[] | null;
  stop: Stop;
  learning: { since: Time; ready: number };
}
