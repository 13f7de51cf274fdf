// SPDX-License-Identifier: AGPL-3.0-or-later
/** Deny lists: lines good and bad, hostile files, changes, and what holds when one breaks. */
import { createHash } from 'node:crypto'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { base58btc } from 'multiformats/bases/base58'
import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/base/base.ts'
import { type Disk, machineDisk } from '../../src/content/blocks/blocks.ts'
import { readLine } from '../../src/content/refusals/denylist-line.ts'
import { CID_BEGINNINGS_MAX, LISTS_LOOK_GAP_MS } from '../../src/content/refusals/limits.ts'
import { RuleSpool } from '../../src/content/refusals/sorted-rules.ts'
import {
  cidNamed,
  openRefusalsDatabase,
  readList,
  startRefusals,
  tempFolder,
} from './refusals-support.ts'

const ONE = cidNamed('one')
const TWO = cidNamed('two')

describe('a line', () => {
  it.each([
    ['', 0],
    ['   ', 0],
    ['# /ipfs/not-a-rule', 0],
    [`/ipfs/${ONE}`, 1],
    [`/ipfs/${ONE}\r`, 1],
    [`/ipfs/${ONE}/a/b*  reason=dmca gateway_status:410  # and a comment`, 1],
    [`!/ipfs/${ONE}/a%20b`, 1],
    ['/ipns/example.org/path', 1],
    [`//${'ab'.repeat(32)}`, 1],
  ])('%j holds %i rules', (text, count) => {
    expect(readLine(text)).toMatchObject({ problem: undefined })
    expect(readLine(text).rules).toHaveLength(count)
  })

  it.each([
    '/ipfs/',
    '/ipfs/nonsense',
    `/ipfs/${ONE}*`,
    `/ipfs/${ONE}/%zz`,
    '/mime/image/*',
    '/just/a/path*',
    '//',
    '//12345',
    `//${'ab'.repeat(31)}`,
    // An identity multihash would be the thing itself; this one is of a function without a number.
    `//${base58btc.baseEncode(Uint8Array.of(0x00, 2, 1, 2))}`,
    `//${base58btc.baseEncode(Uint8Array.of(0x77, 16, ...new Uint8Array(16)))}`,
    'ipfs://x',
    `/ipfs/${ONE}/${'a'.repeat(5000)}`,
    `/ipfs/z${'1'.repeat(100_000)}`,
  ])('%s is a problem and no rule', (text) => {
    expect(readLine(text).problem).toBeTypeOf('string')
    expect(readLine(text).rules).toEqual([])
  })

  it('takes a rule before a space that should have been %20, and says so', () => {
    const { rules, problem } = readLine(`/ipfs/${ONE}/my file`)
    expect(rules).toHaveLength(1)
    expect(problem).toContain('%20')
  })

  it('takes a double hash that can be read in two ways as both', () => {
    const hex = ambiguousHash()
    expect(readLine(`//${hex}`).rules).toHaveLength(2)
  })
})

/** 64 hexadecimal digits that also are a SHA2-256, SHA2-512 or SHA3-512 multihash in base58. */
function ambiguousHash(): string {
  const digits = '123456789ABCDEF'
  const random = new SeededRandom(7)
  for (let round = 0; round < 100_000; round++) {
    const rest = Array.from({ length: 63 }, () => digits[Math.floor(random.unit() * 15)]).join('')
    const [code, length] = base58btc.baseDecode(`A${rest}`)
    if ((code === 0x12 || code === 0x13 || code === 0x14) && length === 45) return `A${rest}`
  }
  throw new Error('there are some')
}

describe('a list as a stream', () => {
  const list = [
    'version: 1',
    'name: "A list: of \\"things\\"" # comment',
    'hints:',
    '  double_hash_fn: sha256',
    'x-custom:',
    '- 1',
    '---',
    `/ipfs/${ONE}`,
    'nonsense',
    '',
    `!/ipfs/${TWO}/ä*`,
  ].join('\n')

  it('is the same in pieces of any length', () => {
    const whole = readList(list)
    expect(whole).toMatchObject({ name: 'A list: of "things"', fault: undefined })
    expect(whole.rules.map(({ line }) => line)).toEqual([8, 11])
    expect(whole.problems.map(({ line }) => line)).toEqual([9])
    const seed = 11
    const random = new SeededRandom(seed)
    for (let round = 0; round < 50; round++) {
      expect(readList(list, () => Math.floor(random.unit() * 9))).toEqual(whole)
    }
  })

  it('may have no header, an empty one, or a byte order mark', () => {
    expect(readList(`/ipfs/${ONE}\n`)).toMatchObject({ rules: [{ line: 1 }], problems: [] })
    expect(readList(`---\n/ipfs/${ONE}`)).toMatchObject({ rules: [{ line: 2 }], problems: [] })
    expect(readList(`\ufeff/ipfs/${ONE}\n`)).toMatchObject({ rules: [{ line: 1 }], problems: [] })
  })

  it('is refused whole with a header that cannot be read, or of another version', () => {
    expect(readList('what is this\n---\n').fault).toContain('line 1')
    expect(readList(`version: 2\n---\n/ipfs/${ONE}`)).toMatchObject({
      rules: [],
      fault: expect.stringContaining('version'),
    })
  })

  it('reads a header that is too large as rules, and a line that is too long not at all', () => {
    const large = `${'a: b\n'.repeat(300_000)}---\n/ipfs/${ONE}\n`
    const read = readList(large)
    expect(read.fault).toBeUndefined()
    expect(read.problems).toHaveLength(300_001)
    expect(read.rules).toMatchObject([{ line: 300_002 }])
    const long = `/ipfs/${ONE}\n#${'a'.repeat(2 * 1024 * 1024)}\n`
    expect(readList(long, () => 65_536).fault).toContain('line 2')
  })

  it('never throws, whatever comes in', () => {
    const seed = 3
    const random = new SeededRandom(seed)
    const words = [
      '/ipfs/',
      '//',
      '!',
      `${ONE}`,
      '\n',
      ' ',
      '*',
      '%',
      '---\n',
      '\0',
      'é',
      'a:b',
      'Qm',
      '1',
    ]
    for (let round = 0; round < 500; round++) {
      const parts = Array.from(
        { length: 40 },
        () => words[Math.floor(random.unit() * words.length)],
      )
      const bytes = Buffer.from(parts.join(''))
      bytes[Math.floor(random.unit() * bytes.length)] = Math.floor(random.unit() * 256)
      expect(() => readList(bytes, () => 7)).not.toThrow()
    }
  })
})

describe('sorted rules', () => {
  it('come out in the order of their keys, whole, with little in memory', async () => {
    const folder = await tempFolder()
    const file = await machineDisk.create(join(folder, 'scratch'))
    const spool = new RuleSpool(file, 1000)
    const added = Array.from({ length: 12_345 }, (_, index) => {
      const key = createHash('sha256').update(String(index)).digest().subarray(0, 12)
      return { key: key.toString('hex'), line: index % 2 === 0 ? index + 1 : -index }
    })
    for (const { key, line } of added) spool.add(Buffer.from(key, 'hex'), line)
    const out: { key: string; line: number }[] = []
    for await (const run of spool.runs()) {
      expect(run.count).toBeLessThanOrEqual(1000)
      for (const { key, line } of run.sorted()) {
        out.push({ key: Buffer.from(key).toString('hex'), line })
      }
    }
    await file.close()
    // Only where one part overflowed does the order begin anew.
    const drops = out.filter(({ key }, index) => index > 0 && key < (out[index - 1]?.key ?? ''))
    expect(drops.length).toBeLessThan(14)
    const byLine = (one: { line: number }, other: { line: number }) => one.line - other.line
    expect(out.toSorted(byLine)).toEqual(added.toSorted(byLine))
  })

  it('takes keys that are all alike, as a hostile list has them', async () => {
    const folder = await tempFolder()
    const file = await machineDisk.create(join(folder, 'scratch'))
    const spool = new RuleSpool(file, 100)
    for (let line = 1; line <= 5000; line++) spool.add(new Uint8Array(12), line)
    const lines: number[] = []
    for await (const run of spool.runs()) for (const { line } of run.sorted()) lines.push(line)
    await file.close()
    expect(lines).toEqual(Array.from({ length: 5000 }, (_, index) => index + 1))
  })

  it('gives a key on the border of two parts to one of them', async () => {
    const folder = await tempFolder()
    const file = await machineDisk.create(join(folder, 'scratch'))
    const spool = new RuleSpool(file, 100)
    for (let line = 1; line <= 150; line++) spool.add(new Uint8Array(12).fill(0x80, 0, 1), line)
    let count = 0
    for await (const run of spool.runs()) count += run.count
    await file.close()
    expect(count).toBe(150)
  })
})

describe('subscribed lists', () => {
  it('are none by default', async () => {
    const { refusals } = await startRefusals()
    expect(await refusals.rereadLists()).toEqual([])
    expect(refusals.check({ cid: ONE })).toBeUndefined()
    expect(refusals.health()).toEqual([])
  })

  it('are read when they come, read again when they change, and gone when they go', async () => {
    const { refusals, write } = await startRefusals()
    const path = await write('own.deny', `name: Ours\n---\n/ipfs/${ONE}\n`)
    await write('other.txt', `/ipfs/${TWO}\n`)
    await refusals.rereadLists()
    expect(refusals.check({ cid: ONE })).toMatchObject({
      kind: 'listed',
      status: 451,
      source: 'Ours',
    })
    expect(refusals.check({ cid: TWO })).toBeUndefined()
    await write('own.deny', `/ipfs/${TWO}\n`)
    await refusals.rereadLists()
    expect(refusals.check({ cid: ONE })).toBeUndefined()
    expect(refusals.check({ cid: TWO })).toMatchObject({ kind: 'listed', source: 'own.deny' })
    await rm(path)
    await refusals.rereadLists()
    expect(refusals.check({ cid: TWO })).toBeUndefined()
    expect(refusals.denylists()).toEqual([])
  })

  it('are looked at by themselves, now and then', async () => {
    const { refusals, write, clock } = await startRefusals()
    await refusals.rereadLists()
    await write('own.deny', `/ipfs/${ONE}\n`)
    clock.advance(LISTS_LOOK_GAP_MS)
    await refusals.rereadLists()
    // The look that the timer began came first, so this one found nothing to do.
    expect(refusals.check({ cid: ONE })).toBeDefined()
  })

  it('hold again after a start, before any file was looked at', async () => {
    const database = await openRefusalsDatabase()
    const first = await startRefusals({ database })
    await first.write('own.deny', `/ipfs/${ONE}/secret*\n`)
    await first.refusals.rereadLists()
    await first.stop()
    const looked = Promise.withResolvers<string[]>()
    const blind: Disk = {
      ...machineDisk,
      list: (path) => (path.endsWith('denylists') ? looked.promise : machineDisk.list(path)),
    }
    const { refusals } = await startRefusals({ database, folder: first.folder, disk: blind })
    expect(refusals.check({ cid: ONE, path: '/secret/plan' })).toMatchObject({ kind: 'listed' })
    expect(refusals.check({ cid: ONE, path: 'open' })).toBeUndefined()
    looked.resolve([])
  })

  it('keep their last good version when they break', async () => {
    const { refusals, write } = await startRefusals()
    const path = await write('own.deny', `/ipfs/${ONE}\n`)
    await refusals.rereadLists()
    for (const broken of [
      `version: 9\n---\n/ipfs/${TWO}\n`,
      `no yaml\n---\n/ipfs/${TWO}\n`,
      `/ipfs/${TWO}\n#${'a'.repeat(2 * 1024 * 1024)}\n`,
      Array.from({ length: CID_BEGINNINGS_MAX + 1 }, (_, at) => `/ipfs/${TWO}/${at}*`).join('\n'),
    ]) {
      await write('own.deny', broken)
      await refusals.rereadLists()
      expect(refusals.check({ cid: ONE })).toMatchObject({ kind: 'listed' })
      expect(refusals.check({ cid: TWO })).toBeUndefined()
      expect(refusals.health()).toMatchObject([{ code: 'REFUSALS_LIST_BROKEN' }])
      expect(JSON.stringify(refusals.health())).not.toContain('own.deny')
      expect(refusals.denylists()).toMatchObject([{ path, rulesCount: 1 }])
      expect(refusals.denylists()[0]?.fault).toMatch(/^The deny list .+\.$/)
    }
    await write('own.deny', `/ipfs/${TWO}\n`)
    await refusals.rereadLists()
    expect(refusals.check({ cid: TWO })).toBeDefined()
    expect(refusals.health()).toEqual([])
  })

  it('keep it too when a configured file is away, and when the folder cannot be read', async () => {
    const folder = await tempFolder()
    const path = join(folder, 'elsewhere.deny')
    await writeFile(path, `/ipfs/${ONE}\n`)
    let isBroken = false
    const disk: Disk = {
      ...machineDisk,
      list: (at) => (isBroken ? Promise.reject(new Error('EIO')) : machineDisk.list(at)),
    }
    const { refusals, write } = await startRefusals({ disk, options: { listPaths: [path] } })
    await write('own.deny', `/ipfs/${TWO}\n`)
    await refusals.rereadLists()
    await rm(path)
    await refusals.rereadLists()
    expect(refusals.check({ cid: ONE })).toBeDefined()
    expect(refusals.health()).toMatchObject([{ code: 'REFUSALS_LIST_BROKEN' }])
    isBroken = true
    await refusals.rereadLists()
    expect(refusals.check({ cid: ONE })).toBeDefined()
    expect(refusals.check({ cid: TWO })).toBeDefined()
  })

  it.skipIf(process.getuid?.() === 0)('are tried again when they may not be read', async () => {
    const { refusals, write } = await startRefusals()
    const path = await write('own.deny', `/ipfs/${ONE}\n`)
    await chmod(path, 0o000)
    await refusals.rereadLists()
    expect(refusals.check({ cid: ONE })).toBeUndefined()
    await chmod(path, 0o600)
    await refusals.rereadLists()
    expect(refusals.check({ cid: ONE })).toBeDefined()
  })

  it('tell which lines they could not understand', async () => {
    const { refusals, write } = await startRefusals()
    await write('own.deny', `/ipfs/${ONE}\n/mime/image/*\n`)
    await refusals.rereadLists()
    expect(refusals.check({ cid: ONE })).toBeDefined()
    expect(refusals.health()).toMatchObject([{ code: 'REFUSALS_LIST_LINES', severity: 'info' }])
    expect(refusals.denylists()).toMatchObject([{ problemsCount: 1, problems: [{ line: 2 }] }])
  })

  it('let the last matching rule decide, also of several lists', async () => {
    const { refusals, write } = await startRefusals()
    await write(
      'a.deny',
      [
        `/ipfs/${ONE}`,
        `/ipfs/${ONE}/below`,
        `!/ipfs/${ONE}`,
        `/ipfs/${TWO}/x*`,
        `!/ipfs/${TWO}/x/y`,
      ].join('\n'),
    )
    await refusals.rereadLists()
    expect(refusals.check({ cid: ONE })).toBeUndefined()
    expect(refusals.check({ cid: ONE, path: 'below' })).toBeDefined()
    expect(refusals.check({ cid: TWO, path: 'x/z' })).toBeDefined()
    expect(refusals.check({ cid: TWO, path: 'x/y' })).toBeUndefined()
    await write('b.deny', `/ipfs/${ONE}\n/ipfs/${TWO}\n`)
    await refusals.rereadLists()
    expect(refusals.check({ cid: ONE })).toBeDefined()
    expect(refusals.check({ cid: TWO, path: 'x/y' })).toBeDefined()
    await write('c.deny', `!/ipfs/${ONE}\n`)
    await refusals.rereadLists()
    expect(refusals.check({ cid: ONE })).toBeUndefined()
  })

  it('leave nothing of themselves behind, half read or replaced', async () => {
    const database = await openRefusalsDatabase()
    let readsLeft = 1
    const disk: Disk = {
      ...machineDisk,
      open: async (path) => {
        const file = await machineDisk.open(path)
        return {
          read: (buffer, position) => {
            readsLeft -= 1
            if (readsLeft < 0) return Promise.reject(new Error('EIO'))
            return file.read(buffer, position)
          },
          write: (bytes, position) => file.write(bytes, position),
          truncate: (sizeBytes) => file.truncate(sizeBytes),
          facts: () => file.facts(),
          sync: () => file.sync(),
          close: () => file.close(),
        }
      },
    }
    const { refusals, write, folder } = await startRefusals({ database, disk })
    const many = (from: number) =>
      Array.from({ length: 3000 }, (_, at) => `/ipfs/${cidNamed(String(from + at))}`).join('\n')
    await write('own.deny', many(0))
    await refusals.rereadLists()
    expect(refusals.denylists()).toMatchObject([{ rulesCount: 0, fault: 'EIO' }])
    readsLeft = 1000
    await refusals.rereadLists()
    expect(refusals.denylists()).toMatchObject([{ rulesCount: 3000, fault: undefined }])
    await write('own.deny', many(3000))
    await refusals.rereadLists()
    expect(refusals.denylists()).toMatchObject([{ rulesCount: 3000, fault: undefined }])
    const count = (table: string) =>
      database.prepare<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).get()?.n
    expect(count('content_denylist_rules')).toBe(3000)
    expect(count('content_denylists')).toBe(1)
    expect(await machineDisk.list(join(folder, 'incoming'))).toEqual([])
  })
})
