// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Metrics as a port. Names are `citynode_<room>_<thing>_<unit>`; counters end in `_total`. Each
 * room makes its own, once, when it is constructed.
 */

export type Labels = Readonly<Record<string, string>>

export interface Counter {
  add(amount?: number, labels?: Labels): void
}

export interface Gauge {
  set(value: number, labels?: Labels): void
}

export interface Metrics {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge
  /** A gauge whose value is asked for when somebody reads the metrics. */
  observedGauge(name: string, help: string, read: () => number): void
}

/** Metrics that nobody reads. */
export const silentMetrics: Metrics = {
  counter: () => ({ add: () => {} }),
  gauge: () => ({ set: () => {} }),
  observedGauge: () => {},
}
