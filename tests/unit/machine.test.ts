// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/base/base.ts'
import { MachineHealth } from '../../src/system/machine-health.ts'
import { MachineWatch, type Vitals, VitalsReader } from '../../src/system/system.ts'

/** What a Raspberry Pi 4 with Debian 12 shows, as far as it is read. */
const PI: Readonly<Record<string, string>> = {
  'proc/meminfo':
    'MemTotal:         948304 kB\nMemFree:          100000 kB\nMemAvailable:     512000 kB\n',
  'proc/stat': 'cpu  1000 0 500 8000 500 0 0 0 0 0\ncpu0 250 0 125 2000 125 0 0 0 0 0\nintr 1\n',
  'proc/uptime': '93784.21 370000.00\n',
  'sys/class/thermal/thermal_zone0/type': 'cpu-thermal\n',
  'sys/class/thermal/thermal_zone0/temp': '48212\n',
  'sys/class/hwmon/hwmon0/name': 'cpu_thermal\n',
  'sys/class/hwmon/hwmon1/name': 'rpi_volt\n',
  'sys/class/hwmon/hwmon1/in0_lcrit_alarm': '0\n',
  'sys/devices/platform/soc/soc:firmware/get_throttled': '0\n',
}

const ALARM = 'sys/class/hwmon/hwmon1/in0_lcrit_alarm'
const THROTTLED = 'sys/devices/platform/soc/soc:firmware/get_throttled'

let root: string

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, dirname(path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
}

function readerHere(): VitalsReader {
  return new VitalsReader({ dataFolder: root, platform: 'linux', root })
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'citynode-machine-'))
})

afterEach(() => rm(root, { recursive: true }))

describe('the vitals of a Pi', () => {
  it('are read from its files', async () => {
    await put(PI)
    const { disk, ...vitals } = await readerHere().read()
    expect(vitals).toEqual({
      memory: { totalBytes: 948_304 * 1024, availableBytes: 512_000 * 1024 },
      temperatureCelsius: 48.212,
      uptimeS: 93_784.21,
      power: 'good',
    })
    expect(disk?.totalBytes).toBeGreaterThan(0)
  })

  it('have its load since the reading before', async () => {
    await put(PI)
    const reader = readerHere()
    expect(await reader.read()).not.toHaveProperty('load')
    await put({ 'proc/stat': 'cpu  1075 0 525 8250 550 0 0 0 0 0\n' })
    expect((await reader.read()).load).toBeCloseTo(0.25)
    // The machine was asleep, or the counters began anew.
    await put({ 'proc/stat': 'cpu  10 0 5 80 5 0 0 0 0 0\n' })
    expect(await reader.read()).not.toHaveProperty('load')
  })

  it.each([
    ['the alarm', { [ALARM]: '1\n' }],
    ['the firmware', { [THROTTLED]: '50005\n' }],
  ])('say by %s that the voltage is low, and afterwards that it was', async (_by, low) => {
    await put({ ...PI, ...low })
    const reader = readerHere()
    expect((await reader.read()).power).toBe('low')
    await put(PI)
    expect((await reader.read()).power).toBe('was-low')
  })

  it('know of a low voltage since it was switched on', async () => {
    await put({ ...PI, [THROTTLED]: '50000\n' })
    expect((await readerHere().read()).power).toBe('was-low')
  })

  it('take the hottest part of the processor, and no battery', async () => {
    await put({
      ...PI,
      'sys/class/thermal/thermal_zone1/type': 'gpu-core\n',
      'sys/class/thermal/thermal_zone1/temp': '61000\n',
      'sys/class/thermal/thermal_zone2/type': 'battery\n',
      'sys/class/thermal/thermal_zone2/temp': '90000\n',
    })
    expect((await readerHere().read()).temperatureCelsius).toBe(61)
  })

  it('are few where the machine tells nothing, or nonsense', async () => {
    expect(Object.keys(await readerHere().read())).toEqual(['disk'])
    await put(Object.fromEntries(Object.keys(PI).map((path) => [path, 'who knows\n'])))
    const { disk: _, ...rest } = await readerHere().read()
    expect(rest).toEqual({})
    await put({ 'sys/class/thermal/thermal_zone0/temp': '-273150\n' })
    expect(await readerHere().read()).not.toHaveProperty('temperatureCelsius')
  })
})

const GIB = 2 ** 30

function codesAfter(readings: readonly Vitals[], gapMs = 60_000): string[] {
  const health = new MachineHealth({ freeBytesMin: GIB })
  let nowMs = 0
  return readings.map((vitals) => {
    nowMs += gapMs
    health.note(vitals, nowMs)
    return health.conditions.map(({ code, severity }) => `${code} ${severity}`).join(', ')
  })
}

describe('the health of the machine', () => {
  it('is heat, which does not come and go with every reading', () => {
    const celsius = [79.9, 80, 79, 77.1, 76.9, 79.9, 85, 83, 82.1, 81.9, 70]
    expect(codesAfter(celsius.map((temperatureCelsius) => ({ temperatureCelsius })))).toEqual([
      '',
      'TOO_HOT warning',
      'TOO_HOT warning',
      'TOO_HOT warning',
      '',
      '',
      'TOO_HOT error',
      'TOO_HOT error',
      'TOO_HOT error',
      'TOO_HOT warning',
      '',
    ])
  })

  it('is low memory', () => {
    const shares = [0.06, 0.04, 0.06, 0.09, 0.11]
    const memory = (share: number) => ({ totalBytes: 1_000, availableBytes: share * 1_000 })
    expect(codesAfter(shares.map((share) => ({ memory: memory(share) })))).toEqual([
      '',
      'MEMORY_LOW warning',
      'MEMORY_LOW warning',
      'MEMORY_LOW warning',
      '',
    ])
  })

  it('is a disk that others fill: what the node leaves free is its own business', () => {
    const free = [1.01, 0.6, 0.4, 0.7, 0.8]
    const disk = (part: number) => ({ totalBytes: 64 * GIB, availableBytes: part * GIB })
    expect(codesAfter(free.map((part) => ({ disk: disk(part) })))).toEqual([
      '',
      '',
      'DISK_LOW warning',
      'DISK_LOW warning',
      '',
    ])
  })

  it('is a low voltage, for ten minutes after it was seen last', () => {
    const power = ['good', 'low', 'was-low', 'was-low', 'was-low', 'was-low'] as const
    expect(
      codesAfter(
        power.map((one) => ({ power: one })),
        200_000,
      ),
    ).toEqual(['', 'POWER_LOW warning', 'POWER_LOW warning', 'POWER_LOW warning', '', ''])
  })

  it('is fine where nothing is known', () => {
    expect(codesAfter([{}, { temperatureCelsius: 90 }, {}])).toEqual(['', 'TOO_HOT error', ''])
  })
})

describe('the watch over the machine', () => {
  it('reads once a minute by itself, and for whoever asks no more often than is worth it', async () => {
    const clock = new VirtualClock()
    let readings = 0
    const read = async (): Promise<Vitals> => {
      readings += 1
      return { temperatureCelsius: readings >= 3 ? 81 : 40 }
    }
    const watch = new MachineWatch({ clock, reader: { read } }, { freeBytesMin: 0 })
    await watch.start()
    await clock.advanceAsync(0)
    for (let asked = 0; asked < 100; asked++) await watch.vitals()
    expect(readings).toBe(1)
    await clock.advanceAsync(5_000)
    await Promise.all([watch.vitals(), watch.vitals()])
    expect(readings).toBe(2)
    expect(watch.health()).toEqual([])
    await clock.advanceAsync(60_000)
    expect(readings).toBe(3)
    expect(watch.health()).toMatchObject([{ code: 'TOO_HOT' }])
    await watch.stop()
    await clock.advanceAsync(600_000)
    expect(readings).toBe(3)
  })
})
