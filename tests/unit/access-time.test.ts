// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest'
import { type BoundMemory, judgeTime, TimeBound } from '../../src/access/access.ts'
import { BoundTable } from '../../src/access/bound-table.ts'
import { TIME_BOUND_AHEAD_SECONDS_MAX, TIME_BOUND_WRITE_SECONDS } from '../../src/access/limits.ts'
import { VirtualClock } from '../../src/base/base.ts'
import { NOW, openAccessDatabase } from './access-support.ts'

const BUILT = NOW - 86_400

/** A memory in which every write is counted. */
class CountingMemory implements BoundMemory {
  bound: number | undefined
  writes = 0

  readBound(): number | undefined {
    return this.bound
  }

  writeBound(seconds: number): void {
    this.bound = seconds
    this.writes += 1
  }
}

function setUp(
  options: { agreedSeconds?: number; remembered?: number; wallSeconds?: number } = {},
) {
  const memory = new CountingMemory()
  memory.bound = options.remembered
  const city = { seconds: options.agreedSeconds }
  const clock = new VirtualClock((options.wallSeconds ?? 0) * 1000)
  const cityTime = {
    agreedMs: () => (city.seconds === undefined ? undefined : city.seconds * 1000),
  }
  const open = () => new TimeBound({ clock, cityTime, memory }, { builtAtSeconds: BUILT })
  return { memory, city, clock, open, time: open() }
}

describe('the bound of time', () => {
  it('of a newer program counts for an older one on the same data', () => {
    const { memory, open, clock, time } = setUp()
    time.save()
    expect(memory.bound).toBe(BUILT)
    const cityTime = { agreedMs: () => undefined }
    const older = new TimeBound({ clock, cityTime, memory }, { builtAtSeconds: BUILT - 1_000 })
    expect(older.view().bound).toBe(BUILT)
    // Nothing has risen, so nothing is written.
    open().save()
    expect(memory.writes).toBe(1)
  })

  it('begins with the making of the program, whatever the clock says', () => {
    const { time, clock } = setUp()
    expect(time.view()).toEqual({ bound: BUILT, agreed: undefined, hint: 0 })
    clock.setWallMs(Number.MAX_SAFE_INTEGER)
    expect(time.view().bound).toBe(BUILT)
  })

  it('begins with what was remembered, if that is later', () => {
    expect(setUp({ remembered: NOW }).time.view().bound).toBe(NOW)
    expect(setUp({ remembered: 0 }).time.view().bound).toBe(BUILT)
  })

  it('rises with what the city says, and never falls', () => {
    const { time, city } = setUp({ agreedSeconds: NOW })
    expect(time.view()).toMatchObject({ bound: NOW, agreed: NOW })
    city.seconds = NOW - 1_000
    expect(time.view()).toMatchObject({ bound: NOW, agreed: NOW })
    city.seconds = undefined
    expect(time.view()).toMatchObject({ bound: NOW, agreed: undefined })
  })

  it('does not believe what is decades away, or no number', () => {
    const { time, city } = setUp({ agreedSeconds: BUILT + TIME_BOUND_AHEAD_SECONDS_MAX + 1 })
    expect(time.view()).toMatchObject({ bound: BUILT, agreed: undefined })
    city.seconds = Number.NaN
    expect(time.view()).toMatchObject({ bound: BUILT, agreed: undefined })
  })

  it('is written now and then, and before the node stops', () => {
    const { time, city, memory, open } = setUp({ agreedSeconds: NOW })
    time.view()
    expect(memory).toMatchObject({ bound: NOW, writes: 1 })
    city.seconds = NOW + TIME_BOUND_WRITE_SECONDS - 1
    time.view()
    expect(memory.writes).toBe(1)
    expect(time.writtenSeconds).toBe(NOW)
    time.save()
    time.save()
    expect(memory).toMatchObject({ bound: NOW + TIME_BOUND_WRITE_SECONDS - 1, writes: 2 })
    city.seconds = undefined
    expect(open().view().bound).toBe(NOW + TIME_BOUND_WRITE_SECONDS - 1)
  })

  it('stays in the database, where it cannot fall either', async () => {
    const database = await openAccessDatabase()
    const table = new BoundTable(database)
    expect(table.readBound()).toBeUndefined()
    table.writeBound(NOW)
    table.writeBound(NOW - 5)
    expect(new BoundTable(database).readBound()).toBe(NOW)
    database.close()
  })
})

describe('whether a token holds', () => {
  const unknown = (hint: number) => ({ bound: NOW, agreed: undefined, hint })

  it('a clock that was set forward ends nothing, one that was set back revives nothing', () => {
    expect(judgeTime([{ expires: NOW + 1 }], unknown(NOW + 1_000_000), false)).toBeUndefined()
    expect(judgeTime([{ expires: NOW - 1 }], unknown(0), false)).toBe('EXPIRED')
  })

  it('without an end and certainly begun, no time is needed', () => {
    expect(judgeTime([{ expires: null, notBefore: NOW }], unknown(0), true)).toBeUndefined()
    expect(judgeTime([{ expires: null, notBefore: NOW + 1 }], unknown(0), true)).toBe(
      'TIME_UNKNOWN',
    )
  })

  it('the clock may say that it has begun', () => {
    const token = { expires: null, notBefore: NOW + 10 }
    expect(judgeTime([token], unknown(NOW + 9), false)).toBe('NOT_YET')
    expect(judgeTime([token], unknown(NOW + 10), false)).toBeUndefined()
  })
})
