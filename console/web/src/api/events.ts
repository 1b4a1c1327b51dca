// The event stream: hints that something changed. Each hint makes the queries
// that show it fetch again, at most once in a short while however many come.
import type { QueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';

export type Connection = 'connecting' | 'live' | 'lost';

const topics: Record<string, string[]> = {
  now: ['now'],
  map: ['map'],
  incident: ['incident', 'incidents', 'now', 'map'],
  decision: ['decision', 'decisions', 'now'],
  change: ['map', 'incident'],
  stop: ['me', 'now'],
};

const settle = 400; // ms in which hints are gathered

/** Holds the stream open and says how it fares. */
export class Live {
  private state: Connection = 'connecting';
  private listeners = new Set<() => void>();
  private source: EventSource | undefined;
  private pending = new Set<string>();
  private timer: number | undefined;
  private again: number | undefined;

  constructor(private readonly client: QueryClient) {}

  start() {
    this.source = new EventSource('/steersman/v1/events');
    this.source.onopen = () => {
      if (this.state === 'lost') this.client.invalidateQueries();
      this.set('live');
    };
    this.source.onerror = () => {
      this.set('lost');
      // A browser gives up for good when the answer was not a stream; a server that restarts is worth another try.
      if (this.source?.readyState === EventSource.CLOSED) {
        this.again = window.setTimeout(() => this.start(), 3_000);
      }
    };
    for (const topic of Object.keys(topics)) this.source.addEventListener(topic, () => this.hint(topic));
  }

  stop() {
    this.source?.close();
    window.clearTimeout(this.timer);
    window.clearTimeout(this.again);
  }

  private hint(topic: string) {
    for (const key of topics[topic] ?? []) this.pending.add(key);
    this.timer ??= window.setTimeout(() => {
      for (const key of this.pending) this.client.invalidateQueries({ queryKey: [key] });
      this.pending.clear();
      this.timer = undefined;
    }, settle);
  }

  private set(next: Connection) {
    if (next === this.state) return;
    this.state = next;
    for (const tell of this.listeners) tell();
  }

  readonly subscribe = (tell: () => void) => {
    this.listeners.add(tell);
    return () => {
      this.listeners.delete(tell);
    };
  };

  readonly current = () => this.state;
}

export const useConnection = (live: Live) => useSyncExternalStore(live.subscribe, live.current);
