// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest'
import { ReplayMemory } from '../../src/access/access.ts'
import { SeededRandom } from '../../src/base/base.ts'

/** @param seen When it ends; for which grant; what time has certainly passed. */
function note(memory: ReplayMemory, cid: string, ...seen: [number, string?, number?]) {
  const [expires, grant = 'grant', bound = 0] = seen
  return memory.note({ cid, expires, grant }, bound)
}

describe('the memory of invocations', () => {
  it('lets each count once', () => {
    const memory = new ReplayMemory()
    expect(note(memory, 'a', 10)).toBeUndefined()
    expect(note(memory, 'a', 10)).toBe('REPLAYED')
    expect(note(memory, 'b', 10)).toBeUndefined()
  })

  it('refuses what it may have forgotten', () => {
    const memory = new ReplayMemory({ invocations: 2 })
    for (const [cid, expires] of [
      ['a', 10],
      ['b', 20],
      ['c', 30],
    ] as const) {
      expect(note(memory, cid, expires)).toBeUndefined()
    }
    // `a` made room. It cannot come again, nor can anything that ends no later.
    expect(note(memory, 'a', 10)).toBe('REPLAY_MEMORY_FULL')
    expect(note(memory, 'd', 10)).toBe('REPLAY_MEMORY_FULL')
    expect(note(memory, 'b', 20)).toBe('REPLAYED')
    expect(note(memory, 'e', 25)).toBeUndefined()
  })

  it('forgets first what has ended', () => {
    const memory = new ReplayMemory({ invocations: 2 })
    note(memory, 'a', 10)
    note(memory, 'b', 20)
    expect(note(memory, 'c', 30, 'grant', 11)).toBeUndefined()
    // Nothing that still counts was forgotten, so what ends soon is taken.
    expect(note(memory, 'd', 12, 'grant', 11)).toBeUndefined()
  })

  it('has room of its own for each grant', () => {
    const memory = new ReplayMemory({ invocations: 2 })
    for (let at = 0; at < 100; at++) note(memory, `flood ${at}`, 1_000 + at, 'noisy')
    expect(note(memory, 'a', 10, 'quiet')).toBeUndefined()
  })

  it('has room for so many grants, and makes some where all has ended', () => {
    const memory = new ReplayMemory({ grants: 2 })
    note(memory, 'a', 10, 'one')
    note(memory, 'b', 20, 'two')
    expect(note(memory, 'c', 30, 'three')).toBe('REPLAY_MEMORY_FULL')
    expect(note(memory, 'c', 30, 'three', 11)).toBeUndefined()
    expect(note(memory, 'b', 20, 'two', 11)).toBe('REPLAYED')
  })

  it.each([1, 2, 3, 4, 5])('never takes one twice, whatever comes (seed %i)', (seed) => {
    const random = new SeededRandom(seed)
    const memory = new ReplayMemory({ grants: 3, invocations: 5 })
    const taken = new Set<string>()
    let bound = 0
    for (let step = 0; step < 5_000; step++) {
      if (random.unit() < 0.01) bound += Math.floor(random.unit() * 10)
      const expires = bound + Math.floor(random.unit() * 20)
      const cid = `${expires} ${Math.floor(random.unit() * 4)}`
      const grant = `grant ${Math.floor(random.unit() * 5)}`
      if (note(memory, cid, expires, grant, bound) !== undefined) continue
      expect(taken).not.toContain(`${grant} ${cid}`)
      taken.add(`${grant} ${cid}`)
    }
    expect(taken.size).toBeGreaterThan(50)
  })
})
