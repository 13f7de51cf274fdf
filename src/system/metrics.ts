// SPDX-License-Identifier: AGPL-3.0-or-later
/** Metrics in the Prometheus text format, with a few figures about our own process. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter as PromCounter, Gauge as PromGauge, Registry } from 'prom-client'
import type { Counter, Gauge, Labels, Metrics } from '../base/base.ts'
import { EVENT_LOOP_SAMPLE_MS } from './limits.ts'

export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry()
  readonly #loopDelay: ReturnType<typeof monitorEventLoopDelay>

  constructor() {
    this.#loopDelay = monitorEventLoopDelay({ resolution: EVENT_LOOP_SAMPLE_MS })
    this.#describeProcess()
  }

  /** The `Content-Type` of what {@link render} returns. */
  get contentType(): string {
    return this.#registry.contentType
  }

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    const counter = new PromCounter({ name, help, labelNames, registers: [this.#registry] })
    return { add: (amount = 1, labels: Labels = {}) => counter.inc(labels, amount) }
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    const gauge = new PromGauge({ name, help, labelNames, registers: [this.#registry] })
    return { set: (value, labels: Labels = {}) => gauge.set(labels, value) }
  }

  observedGauge(name: string, help: string, read: () => number): void {
    new PromGauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }

  render(): Promise<string> {
    return this.#registry.metrics()
  }

  /** Begins to watch the event loop; until then its delay reads 0. */
  start(): void {
    this.#loopDelay.enable()
  }

  stop(): void {
    this.#loopDelay.disable()
  }

  #describeProcess(): void {
    this.observedGauge(
      'citynode_process_resident_memory_bytes',
      'Memory of the daemon that is in RAM now.',
      () => process.memoryUsage.rss(),
    )
    new PromCounter({
      name: 'citynode_process_cpu_seconds_total',
      help: 'Processor time the daemon has used, user and system.',
      registers: [this.#registry],
      collect() {
        const used = process.cpuUsage()
        this.reset()
        this.inc((used.user + used.system) / 1e6)
      },
    })
    this.observedGauge(
      'citynode_process_event_loop_delay_seconds',
      'How late the event loop ran, 99th percentile since the metrics were last read.',
      () => this.#readLoopDelay(),
    )
  }

  #readLoopDelay(): number {
    if (this.#loopDelay.count === 0) return 0
    const lateMs = this.#loopDelay.percentile(99) / 1e6 - EVENT_LOOP_SAMPLE_MS
    this.#loopDelay.reset()
    return Math.max(0, lateMs) / 1000
  }
}
