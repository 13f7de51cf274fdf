// SPDX-License-Identifier: AGPL-3.0-or-later
/** Headers of archives say the same after a round trip, and no bytes upset the reader. */
import { describe, expect, it } from 'vitest'
import {
  encodeTarHeader,
  formatUnixTime,
  parsePaxRecords,
  parseTarHeader,
  parseUnixTime,
  randomBelow,
  SeededRandom,
  type TarEntry,
  unixTimeOf,
} from '../../src/base/base.ts'
import { sealed, tarFile } from './tar-support.ts'

const plain: TarEntry = {
  kind: 'file',
  path: 'a/b',
  sizeBytes: 5,
  mode: 0o4755,
  modifiedAt: { seconds: 1_604_320_482, nanoseconds: 0 },
  target: '',
}

function read(block: Uint8Array): ReturnType<typeof parseTarHeader> {
  return parseTarHeader(block)
}

describe('times', () => {
  it('go through text and nanoseconds unharmed, before 1970 as well', () => {
    for (const text of ['0', '1604320482', '1604320482.5', '-1', '-0.5', '-4.000000001', '1.1']) {
      const time = parseUnixTime(text)
      if (time === undefined) throw new Error(text)
      expect(formatUnixTime(time)).toBe(text)
      expect(time.nanoseconds).toBeGreaterThanOrEqual(0)
      expect(unixTimeOf(BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanoseconds))).toEqual(
        time,
      )
    }
    expect(parseUnixTime('-0.5')).toEqual({ seconds: -1, nanoseconds: 500_000_000 })
    for (const text of ['', 'x', '1e9', '1.2.3', '9'.repeat(16)]) {
      expect(parseUnixTime(text)).toBeUndefined()
    }
  })
})

describe('headers', () => {
  it('are one block when everything fits, and read back the same', () => {
    const block = encodeTarHeader(plain)
    expect(block).toHaveLength(512)
    expect(read(block)).toEqual({
      header: {
        type: 'file',
        name: new TextEncoder().encode('a/b'),
        target: new Uint8Array(),
        sizeBytes: 5,
        mode: 0o4755,
        modifiedAt: plain.modifiedAt,
      },
    })
  })

  it('have pax records for what does not fit', () => {
    const path = `${'ä/'.repeat(80)}x`
    const sizeBytes = 9 * 1024 ** 3
    const modifiedAt = { seconds: -5, nanoseconds: 250_000_000 }
    const blocks = encodeTarHeader({ ...plain, path, sizeBytes, modifiedAt })
    expect(read(blocks.subarray(0, 512))).toMatchObject({ header: { type: 'pax' } })
    const size = Number.parseInt(Buffer.from(blocks.subarray(124, 135)).toString(), 8)
    const records = parsePaxRecords(blocks.subarray(512, 512 + size))
    const texts = [...(records ?? [])].map(([key, value]) => [key, Buffer.from(value).toString()])
    expect(Object.fromEntries(texts)).toEqual({
      path,
      size: String(sizeBytes),
      mtime: '-4.75',
    })
  })

  it('count their own digits in the length of a record', () => {
    for (let length = 1; length < 2100; length += 1) {
      const blocks = encodeTarHeader({ ...plain, path: 'ä'.repeat(length) })
      const size = Number.parseInt(Buffer.from(blocks.subarray(124, 135)).toString(), 8)
      const path = parsePaxRecords(blocks.subarray(512, 512 + size))?.get('path')
      expect(path).toHaveLength(2 * length)
    }
  })

  it('with a wrong checksum, or numbers that are none, are a problem', () => {
    const broken = tarFile('a', '')
    broken[0] = 0x62
    expect(read(broken.subarray(0, 512))).toHaveProperty('problem')
    const noSize = tarFile('a', '')
    noSize.write('x', 124)
    expect(read(sealed(noSize))).toHaveProperty('problem')
  })

  it('read large numbers as GNU tar writes them, and the prefix of ustar', () => {
    const block = tarFile('a', '')
    block.fill(0, 124, 136)
    block[124] = 0x80
    block.writeUInt32BE(3, 128)
    block.write('folder', 345)
    // Minus two: a moment before 1970.
    block.fill(0xff, 136, 148)
    block[147] = 0xfe
    const result = read(sealed(block))
    expect(result).toMatchObject({ header: { modifiedAt: { seconds: -2 } } })
    expect(result).toMatchObject({ header: { sizeBytes: 3 * 2 ** 32 } })
    if ('header' in result) expect(Buffer.from(result.header.name).toString()).toBe('folder/a')
  })
})

describe('hostile bytes', () => {
  it('of any kind are a value or a problem', () => {
    const random = new SeededRandom(4)
    for (let round = 0; round < 3000; round += 1) {
      const block = Buffer.from(tarFile('name', 'x').subarray(0, 512))
      for (let flips = randomBelow(random, 40); flips >= 0; flips -= 1) {
        block[randomBelow(random, 512)] = randomBelow(random, 256)
      }
      const result = read(round % 2 === 0 ? sealed(block) : block)
      expect('header' in result || 'problem' in result).toBe(true)
      const records = Buffer.from(`${randomBelow(random, 40)} path=abc\n`)
      records[randomBelow(random, records.length)] = randomBelow(random, 256)
      parsePaxRecords(records)
    }
  })

  it('in pax records take no longer the more there are of them', () => {
    // Readers that look for the space anew from every place need hours for one of these.
    for (const pattern of ['1\n', '1 ', '1', '5 =\n', '9']) {
      const bytes = Buffer.alloc(1024 * 1024, pattern)
      expect(parsePaxRecords(bytes)).toBeUndefined()
    }
    const key = Buffer.from(`1000010 ${'k'.repeat(1_000_000)}=\n`)
    expect(parsePaxRecords(key)).toBeUndefined()
  })
})
