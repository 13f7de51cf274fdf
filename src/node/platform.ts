// SPDX-License-Identifier: AGPL-3.0-or-later
/** Everything impure that a node stands on. Tests and the simulator bring their own. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Clock, Logger, Metrics, Random } from '../base/base.ts'
import { type Datagrams, hasAesInstructions, UdpDatagrams } from '../net/net.ts'
import {
  InterfaceList,
  type NetworkInterface,
  PrometheusMetrics,
  SystemClock,
  SystemRandom,
  type Vitals,
  VitalsReader,
} from '../system/system.ts'

export interface Platform {
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics & { render(): Promise<string>; readonly contentType: string }
  datagrams: Datagrams
  listInterfaces: () => readonly NetworkInterface[]
  dataFolder: string
  /** Where the built page lies: beside the program; missing where it runs from its sources. */
  pageFolder: string
  /** The machine's own name. */
  hostName: string
  /** Whether the processor has AES instructions: decides which cipher is cheap. */
  hasAes: boolean
  /** How the machine is doing. Never rejects. */
  vitals: { read(): Promise<Vitals> }
}

/** The machine itself. */
export function machinePlatform(options: { dataFolder: string; log: Logger }): Platform {
  const interfaces = new InterfaceList()
  return {
    ...options,
    clock: new SystemClock(),
    random: new SystemRandom(),
    metrics: new PrometheusMetrics(),
    datagrams: new UdpDatagrams(),
    listInterfaces: () => interfaces.list(),
    pageFolder: fileURLToPath(new URL('./page/', import.meta.url)),
    hostName: hostname(),
    hasAes: hasAesInstructions(readProcessorFacts()),
    vitals: new VitalsReader(options),
  }
}

/** Empty where there is no /proc: then the cipher that is cheap without instructions is taken. */
function readProcessorFacts(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    // Not Linux, or a box without /proc: a slower cipher at worst.
    return ''
  }
}
