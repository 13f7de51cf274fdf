// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What is wrong with the machine, in words. A condition begins at one figure and ends at a better
 * one, so that it does not come and go with every reading. The store of items has its own.
 */
import { formatBytes, type HealthCondition } from '../base/base.ts'
import type { Vitals } from './vitals.ts'

/** Degrees from which the board slows down, and from which it may be damaged or switch itself off. */
const HOT_CELSIUS = 80
const TOO_HOT_CELSIUS = 85
/** How much cooler it must be before it counts as better. */
const COOLER_CELSIUS = 3

/** Shares of the memory that are free, below which it is short and above which it is not. */
const MEMORY_SHARE_LOW = 0.05
const MEMORY_SHARE_FINE = 0.1

/** Of a disk where the owner lets the node fill everything, so much should be free. */
const DISK_BYTES_MIN = 256 * 1024 * 1024
/** Parts of what the node leaves free, below which something else takes it, and above which not. */
const DISK_PART_LOW = 0.5
const DISK_PART_FINE = 0.75

/** For how long a low voltage is told after it was seen last, in milliseconds: it comes and goes. */
const POWER_TOLD_MS = 600_000

export interface MachineHealthOptions {
  /** What the node itself leaves free on the disk of the data folder, in bytes. */
  freeBytesMin: number
}

export class MachineHealth {
  readonly #freeBytesMin: number
  #heat: 'fine' | 'hot' | 'too-hot' = 'fine'
  #isMemoryLow = false
  #isDiskLow = false
  #lowPowerAtMs: number | undefined
  #conditions: readonly HealthCondition[] = []

  constructor({ freeBytesMin }: MachineHealthOptions) {
    this.#freeBytesMin = Math.max(freeBytesMin, DISK_BYTES_MIN)
  }

  get conditions(): readonly HealthCondition[] {
    return this.#conditions
  }

  /** Takes in a reading. What is not known any more is not wrong either. */
  note(vitals: Vitals, nowMs: number): void {
    this.#conditions = [
      this.#judgeHeat(vitals),
      this.#judgePower(vitals, nowMs),
      this.#judgeMemory(vitals),
      this.#judgeDisk(vitals),
    ].filter((condition) => condition !== undefined)
  }

  #judgeHeat({ temperatureCelsius }: Vitals): HealthCondition | undefined {
    const before = this.#heat
    const celsius = temperatureCelsius ?? Number.NEGATIVE_INFINITY
    const eased = (limit: number, isNow: boolean): number => limit - (isNow ? COOLER_CELSIUS : 0)
    const isTooHot = celsius >= eased(TOO_HOT_CELSIUS, before === 'too-hot')
    const isHot = celsius >= eased(HOT_CELSIUS, before !== 'fine')
    this.#heat = isTooHot ? 'too-hot' : isHot ? 'hot' : 'fine'
    if (this.#heat === 'fine') return undefined
    return {
      code: 'TOO_HOT',
      severity: this.#heat === 'hot' ? 'warning' : 'error',
      text:
        this.#heat === 'hot'
          ? `The processor is hot (${HOT_CELSIUS} °C or more) and slows down.`
          : `The processor is far too hot (${TOO_HOT_CELSIUS} °C or more) and may switch itself off.`,
      advice: 'Give it air or a cooler, take it out of the sun, or out of a closed box.',
    }
  }

  #judgePower({ power }: Vitals, nowMs: number): HealthCondition | undefined {
    if (power === 'low') this.#lowPowerAtMs = nowMs
    const isLow = this.#lowPowerAtMs !== undefined && nowMs - this.#lowPowerAtMs < POWER_TOLD_MS
    if (!isLow) return undefined
    return {
      code: 'POWER_LOW',
      severity: 'warning',
      text: 'The supply voltage is too low: the node may stop at any time and damage its SD card.',
      advice: 'Use the power supply made for this board, and a short, thick cable.',
    }
  }

  #judgeMemory({ memory }: Vitals): HealthCondition | undefined {
    if (memory === undefined) return undefined
    const share = memory.availableBytes / memory.totalBytes
    this.#isMemoryLow = share < (this.#isMemoryLow ? MEMORY_SHARE_FINE : MEMORY_SHARE_LOW)
    if (!this.#isMemoryLow) return undefined
    return {
      code: 'MEMORY_LOW',
      severity: 'warning',
      text: 'The memory of this machine is nearly used up; it becomes slow, and programs may end.',
      advice: 'Stop other programs on it, or start it anew.',
    }
  }

  #judgeDisk({ disk }: Vitals): HealthCondition | undefined {
    if (disk === undefined) return undefined
    // On a disk smaller than that the owner has chosen the limit with open eyes.
    const wantedBytes = Math.min(this.#freeBytesMin, disk.totalBytes / 10)
    const part = this.#isDiskLow ? DISK_PART_FINE : DISK_PART_LOW
    this.#isDiskLow = disk.availableBytes < wantedBytes * part
    if (!this.#isDiskLow) return undefined
    return {
      code: 'DISK_LOW',
      severity: 'warning',
      text: 'The disk is nearly full, and with other things than items: this node leaves more free.',
      advice: `Look what takes the space, and free ${formatBytes(wantedBytes)} or more.`,
    }
  }
}
