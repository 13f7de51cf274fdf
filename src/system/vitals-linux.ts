// SPDX-License-Identifier: AGPL-3.0-or-later
/** How a Linux machine is doing, from `/proc` and `/sys`: a few small files a reading. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Vitals } from './vitals.ts'

/** Thermal zones and hwmon chips looked at: boards have a handful. */
const SENSORS_MAX = 64
/** A sensor that says less or more than this is not connected to anything. */
const CELSIUS_MIN = -50
const CELSIUS_MAX = 150

/** Bits of the Raspberry Pi's `get_throttled`: under-voltage now, and since it was switched on. */
const UNDERVOLTAGE_NOW = 1 << 0
const UNDERVOLTAGE_BEFORE = 1 << 16

/** Where this machine's sensors are; found once. */
interface Sensors {
  temperatures: readonly string[]
  voltageAlarms: readonly string[]
}

export class LinuxVitals {
  readonly #root: string
  #sensors: Promise<Sensors> | undefined
  #cores: { busy: number; total: number } | undefined
  /** The driver of the alarm forgets it within seconds. */
  #wasLow = false

  constructor(root: string) {
    this.#root = root
  }

  async read(): Promise<Vitals> {
    this.#sensors ??= this.#findSensors()
    const { temperatures, voltageAlarms } = await this.#sensors
    const [memory, cores, uptime, degrees, alarms, throttled] = await Promise.all([
      this.#text('proc/meminfo'),
      this.#text('proc/stat'),
      this.#text('proc/uptime'),
      this.#texts(temperatures),
      this.#texts(voltageAlarms),
      this.#text('sys/devices/platform/soc/soc:firmware/get_throttled'),
    ])
    return definedOf({
      memory: memoryIn(memory),
      load: this.#loadSince(cores),
      uptimeS: uptimeIn(uptime),
      temperatureCelsius: hottestOf(degrees),
      power: this.#powerIn(alarms, throttled),
    })
  }

  async #findSensors(): Promise<Sensors> {
    const zones = await this.#below('sys/class/thermal', /^thermal_zone\d+$/)
    const types = await this.#texts(zones.map((zone) => join(zone, 'type')))
    // Of the processor, where zones say what they are of; batteries and radios are left out.
    const ofProcessor = zones.filter((_, at) => /cpu|soc|pkg|core/i.test(types[at] ?? ''))
    const chosen = ofProcessor.length > 0 ? ofProcessor : zones.slice(0, 1)
    const chips = await this.#below('sys/class/hwmon', /^hwmon\d+$/)
    const names = await this.#texts(chips.map((chip) => join(chip, 'name')))
    const voltages = chips.filter((_, at) => names[at]?.trim() === 'rpi_volt')
    return {
      temperatures: chosen.map((zone) => join(zone, 'temp')),
      voltageAlarms: voltages.map((chip) => join(chip, 'in0_lcrit_alarm')),
    }
  }

  async #below(folder: string, pattern: RegExp): Promise<string[]> {
    try {
      const names = await readdir(join(this.#root, folder))
      const found = names.filter((name) => pattern.test(name)).sort()
      return found.slice(0, SENSORS_MAX).map((name) => join(folder, name))
    } catch {
      // A machine without any: a container, or a virtual one.
      return []
    }
  }

  #texts(paths: readonly string[]): Promise<(string | undefined)[]> {
    return Promise.all(paths.map((path) => this.#text(path)))
  }

  async #text(path: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.#root, path), 'latin1')
    } catch {
      // Not there, or a sensor that does not answer now: not known.
      return undefined
    }
  }

  #loadSince(stat: string | undefined): number | undefined {
    const now = coresIn(stat)
    const before = this.#cores
    this.#cores = now
    if (now === undefined || before === undefined || now.total <= before.total) return undefined
    const share = (now.busy - before.busy) / (now.total - before.total)
    return Math.min(1, Math.max(0, share))
  }

  #powerIn(
    alarms: readonly (string | undefined)[],
    throttled: string | undefined,
  ): Vitals['power'] {
    const bits = Number.parseInt(throttled ?? '', 16)
    const known = alarms.filter((alarm) => alarm !== undefined)
    if (known.length === 0 && Number.isNaN(bits)) return undefined
    const isLow = known.some((alarm) => alarm.trim() === '1') || (bits & UNDERVOLTAGE_NOW) !== 0
    this.#wasLow ||= isLow || (bits & UNDERVOLTAGE_BEFORE) !== 0
    if (isLow) return 'low'
    return this.#wasLow ? 'was-low' : 'good'
  }
}

function memoryIn(text: string | undefined): Vitals['memory'] {
  const total = bytesIn(text, 'MemTotal')
  const available = bytesIn(text, 'MemAvailable')
  if (total === undefined || available === undefined || total === 0) return undefined
  return { totalBytes: total, availableBytes: Math.min(total, available) }
}

/** `MemTotal:  948304 kB` */
function bytesIn(text: string | undefined, field: string): number | undefined {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text ?? '')?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}

/** `cpu  user nice system idle iowait irq softirq steal …`, in ticks of all cores together. */
function coresIn(text: string | undefined): { busy: number; total: number } | undefined {
  const ticks = /^cpu +((?:\d+ ?)+)/
    .exec(text ?? '')?.[1]
    ?.trim()
    .split(' ')
    .slice(0, 8)
    .map(Number)
  if (ticks === undefined || ticks.length < 5) return undefined
  const total = ticks.reduce((sum, one) => sum + one, 0)
  const [, , , idle = 0, waiting = 0] = ticks
  return { busy: total - idle - waiting, total }
}

function uptimeIn(text: string | undefined): number | undefined {
  const seconds = Number.parseFloat(text ?? '')
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined
}

/** @param texts thousandths of a degree each */
function hottestOf(texts: readonly (string | undefined)[]): number | undefined {
  const celsius = texts
    .map((text) => Number.parseInt(text ?? '', 10) / 1000)
    .filter((one) => one > CELSIUS_MIN && one < CELSIUS_MAX)
  return celsius.length === 0 ? undefined : Math.max(...celsius)
}

function definedOf(vitals: { [Field in keyof Vitals]: Vitals[Field] | undefined }): Vitals {
  const known = Object.entries(vitals).filter(([, value]) => value !== undefined)
  // Only the fields that are known are left, each with the type that it had.
  return Object.fromEntries(known) as Vitals
}
