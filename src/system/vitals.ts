// SPDX-License-Identifier: AGPL-3.0-or-later
/** How the machine is doing. Every part may be unknown; asking never fails. */
import { statfs } from 'node:fs/promises'

export interface Vitals {
  memory?: { totalBytes: number; availableBytes: number }
  /** The file system of the data folder. */
  disk?: { totalBytes: number; availableBytes: number }
  temperatureCelsius?: number
  /** Share of all cores in use since the last reading, 0..1. */
  load?: number
  uptimeS?: number
}

export async function readVitals(options: { dataFolder: string }): Promise<Vitals> {
  // Loaded when first asked for: it is large, and a node's start must not wait for it.
  const machine = await import('systeminformation').catch(() => undefined)
  const [memory, disk, temperature, load] = await Promise.all([
    orUndefined(machine?.mem()),
    orUndefined(statfs(options.dataFolder)),
    orUndefined(machine?.cpuTemperature()),
    orUndefined(machine?.currentLoad()),
  ])
  const vitals: Vitals = {}
  if (memory !== undefined && memory.total > 0) {
    vitals.memory = { totalBytes: memory.total, availableBytes: memory.available }
  }
  if (disk !== undefined) {
    vitals.disk = {
      totalBytes: disk.blocks * disk.bsize,
      availableBytes: disk.bavail * disk.bsize,
    }
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
