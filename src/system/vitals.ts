// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * How the machine is doing. Every part may be unknown; asking never fails. Linux says all of it in
 * small files, and no process is started for it; elsewhere systeminformation asks the system.
 */
import { statfs } from 'node:fs/promises'
import { LinuxVitals } from './vitals-linux.ts'

/** Whether the supply voltage is high enough. */
export type PowerState = 'good' | 'low' | 'was-low'

export interface Vitals {
  memory?: { totalBytes: number; availableBytes: number }
  /** The file system of the data folder. */
  disk?: { totalBytes: number; availableBytes: number }
  temperatureCelsius?: number
  /** Share of all cores in use since the last reading, 0..1; not of the first one. */
  load?: number
  /** Only of boards that measure it. `was-low`: now it is not, but it was since we look. */
  power?: PowerState
  uptimeS?: number
}

export interface VitalsOptions {
  dataFolder: string
  /** The name of the system, as Node has it: this machine's unless told otherwise. */
  platform?: string
  /** Where `proc` and `sys` are: `/`, unless a test brings its own. */
  root?: string
}

export class VitalsReader {
  readonly #dataFolder: string
  readonly #linux: LinuxVitals | undefined

  constructor({ dataFolder, platform = process.platform, root = '/' }: VitalsOptions) {
    this.#dataFolder = dataFolder
    this.#linux = platform === 'linux' ? new LinuxVitals(root) : undefined
  }

  async read(): Promise<Vitals> {
    const [machine, disk] = await Promise.all([
      this.#linux?.read() ?? askSystem(),
      orUndefined(statfs(this.#dataFolder)),
    ])
    if (disk === undefined) return machine
    const { blocks, bavail, bsize } = disk
    return { ...machine, disk: { totalBytes: blocks * bsize, availableBytes: bavail * bsize } }
  }
}

/** What systeminformation finds out; it may start processes for it. */
async function askSystem(): Promise<Vitals> {
  // Loaded when first asked for: it is large, and on Linux it is not needed.
  const machine = await import('systeminformation').catch(() => undefined)
  const [memory, temperature, load] = await Promise.all([
    orUndefined(machine?.mem()),
    orUndefined(machine?.cpuTemperature()),
    orUndefined(machine?.currentLoad()),
  ])
  const vitals: Vitals = {}
  if (memory !== undefined && memory.total > 0) {
    vitals.memory = { totalBytes: memory.total, availableBytes: memory.available }
  }
  if (isFigure(temperature?.main)) vitals.temperatureCelsius = temperature.main
  if (isFigure(load?.currentLoad)) vitals.load = load.currentLoad / 100
  const uptimeS = readUptimeS(machine)
  if (uptimeS !== undefined) vitals.uptimeS = uptimeS
  return vitals
}

/** What cannot be read is not known; that is all there is to it. */
async function orUndefined<T>(reading: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await reading
  } catch {
    return undefined
  }
}

/** systeminformation says null, -1 or NaN for what it cannot find. */
function isFigure(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function readUptimeS(machine: typeof import('systeminformation') | undefined): number | undefined {
  try {
    const uptimeS = Number(machine?.time().uptime)
    return isFigure(uptimeS) ? uptimeS : undefined
  } catch {
    // As in orUndefined.
    return undefined
  }
}
