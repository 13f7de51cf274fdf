// SPDX-License-Identifier: AGPL-3.0-or-later
/** The backup file: in the format of age by its own vectors and software, and safe when damaged. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import { Decrypter, Encrypter } from 'age-encryption'
import { describe, expect, it } from 'vitest'
import { errorCode } from '../../src/base/base.ts'
import { lockWithPassphrase, openPayload, unlockWithPassphrase } from '../../src/identity/age.ts'
import { openBackup, sealBackup } from '../../src/identity/backup.ts'
import { identityOfSeed } from '../../src/identity/node-identity.ts'

const PASSPHRASE = 'correct horse battery staple'
/** Cheap: these tests are not about guessing. */
const QUICK = { logN: 4 }
const FIXTURES = new URL('../fixtures/age/', import.meta.url)

const identity = identityOfSeed(createHash('sha256').update('a node').digest())
const CONTENTS = {
  identity,
  settings: { 'citynode.toml': '[city]\nid = "lisbon" # Lisboa, à noite\n' },
  madeAtMs: Date.UTC(2026, 10, 24, 12),
  madeBy: '0.1.0',
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'success'
  } catch (thrown) {
    return errorCode(thrown) ?? String(thrown)
  }
}

interface Vector {
  name: string
  facts: Readonly<Record<string, string>>
  file: Buffer
}

function readVector(name: string): Vector {
  const bytes = readFileSync(new URL(`cctv/${name}`, FIXTURES))
  const end = bytes.indexOf('\n\n')
  const lines = bytes.toString('latin1', 0, end).split('\n')
  // Each line is a key, a colon and a value.
  const facts = Object.fromEntries(lines.map((line) => line.split(': ') as [string, string]))
  const rest = bytes.subarray(end + 2)
  return { name, facts, file: facts['compressed'] === 'zlib' ? inflateSync(rest) : rest }
}

const vectors = readdirSync(new URL('cctv/', FIXTURES)).sort().map(readVector)
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe("age's own test vectors", () => {
  const scrypt = vectors.filter(({ name }) => name.startsWith('scrypt'))
  const stream = vectors.filter(({ name }) => name.startsWith('stream'))

  it.each(scrypt)('$name', async ({ facts, file }) => {
    const opening = unlockWithPassphrase(file, facts['passphrase'] ?? '')
    switch (facts['expect']) {
      case 'success':
        expect(sha256(await opening)).toBe(facts['payload'])
        break
      case 'no match':
        // Case and cost are within what can be another passphrase or damage: both are refusals.
        expect(['BACKUP_WRONG_PASSPHRASE', 'BACKUP_DAMAGED']).toContain(await codeOf(opening))
        break
      default:
        expect(facts['expect']).toBe('header failure')
        expect(['BACKUP_DAMAGED', 'BACKUP_TOO_COSTLY']).toContain(await codeOf(opening))
    }
  })

  it.each(stream)('$name', ({ facts, file }) => {
    const fileKey = Buffer.from(facts['file key'] ?? '', 'hex')
    const payload = file.subarray(file.indexOf('\n', file.indexOf('\n--- ') + 1) + 1)
    if (facts['expect'] === 'success') {
      expect(sha256(openPayload(fileKey, payload))).toBe(facts['payload'])
    } else {
      expect(() => openPayload(fileKey, payload)).toThrow('damaged')
    }
  })

  it('are all there', () => {
    expect(scrypt.length).toBeGreaterThan(20)
    expect(stream.length).toBeGreaterThan(20)
  })
})

describe('other software', () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 200_000])('opens what we lock: %i bytes', async (size) => {
    const bytes = Buffer.alloc(size, 'citynode ')
    const locked = await lockWithPassphrase(bytes, PASSPHRASE, QUICK)
    const decrypter = new Decrypter()
    decrypter.addPassphrase(PASSPHRASE)
    expect(Buffer.from(await decrypter.decrypt(locked)).equals(bytes)).toBe(true)
    expect((await unlockWithPassphrase(locked, PASSPHRASE)).equals(bytes)).toBe(true)
  })

  it('locks what we open', async () => {
    const encrypter = new Encrypter()
    encrypter.setScryptWorkFactor(QUICK.logN)
    encrypter.setPassphrase(PASSPHRASE)
    const bytes = Buffer.alloc(70_000, 'x')
    const locked = await encrypter.encrypt(bytes)
    expect((await unlockWithPassphrase(locked, PASSPHRASE)).equals(bytes)).toBe(true)
  })

  it("Debian's age: a backup locked by it is a backup", async () => {
    const file = readFileSync(new URL('by-debian-age.age', FIXTURES))
    const opened = await openBackup(file, PASSPHRASE)
    expect(opened.identity.peerId).toBe(identityOfSeed(new Uint8Array(32)).peerId)
    expect(opened.settings).toEqual({ 'citynode.toml': '[city]\nid = "lisbon"\n' })
  })
})

describe('a backup', () => {
  it('comes back as it was', async () => {
    const { settings, madeAtMs } = CONTENTS
    const opened = await openBackup(await sealBackup(CONTENTS, PASSPHRASE, QUICK), PASSPHRASE)
    expect(opened.identity.peerId).toBe(identity.peerId)
    expect(opened.identity.seed()).toEqual(identity.seed())
    expect(opened).toMatchObject({ settings, madeAtMs })
  })

  it('is locked at a cost that makes guessing slow, and different each time', async () => {
    const [one, other] = await Promise.all([
      sealBackup(CONTENTS, PASSPHRASE),
      sealBackup(CONTENTS, PASSPHRASE),
    ])
    expect(Buffer.from(one).toString('latin1')).toMatch(
      /^age-encryption.org\/v1\n-> scrypt \S+ 17\n/,
    )
    expect(one).not.toEqual(other)
  })

  it('says nothing without the passphrase', async () => {
    const file = Buffer.from(await sealBackup(CONTENTS, PASSPHRASE, QUICK)).toString('latin1')
    for (const secret of ['lisbon', identity.peerId, 'citynode-backup']) {
      expect(file).not.toContain(secret)
    }
  })

  it('opens for its passphrase alone, in whichever Unicode form', async () => {
    const file = await sealBackup(CONTENTS, 'Straße à côté', QUICK)
    expect(await codeOf(openBackup(file, 'Straße à côté'.normalize('NFD')))).toBe('success')
    for (const wrong of ['', 'Strasse à côté', 'straße à côté', 'Straße à côté ']) {
      expect(await codeOf(openBackup(file, wrong))).toBe('BACKUP_WRONG_PASSPHRASE')
    }
  })

  it('is refused with a single bit changed anywhere, and cut off anywhere', async () => {
    const file = await sealBackup(CONTENTS, PASSPHRASE, { logN: 1 })
    for (let at = 0; at < file.length; at++) {
      const flipped = file.map((byte, index) => (index === at ? byte ^ (1 << (at % 8)) : byte))
      expect(await codeOf(openBackup(flipped, PASSPHRASE)), `bit of byte ${at}`).toMatch(/^BACKUP_/)
      const cut = file.subarray(0, at)
      expect(await codeOf(openBackup(cut, PASSPHRASE)), `cut at ${at}`).toMatch(/^BACKUP_/)
    }
    const longer = Buffer.concat([file, Buffer.from('\n')])
    expect(await codeOf(openBackup(longer, PASSPHRASE))).toBe('BACKUP_DAMAGED')
  })

  it.each([
    ['empty', ''],
    ['a text', 'Dear diary'],
    ['armoured', '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n'],
    ['an image', '\x89PNG\r\n'],
  ])('is not: %s', async (_name, text) => {
    expect(await codeOf(openBackup(Buffer.from(text), PASSPHRASE))).toBe('BACKUP_UNKNOWN')
  })

  it('is not: a huge file', async () => {
    expect(await codeOf(openBackup(Buffer.alloc(9_000_000), PASSPHRASE))).toBe('BACKUP_UNKNOWN')
  })

  it('is not read when its passphrase would cost a machine all its memory', async () => {
    const file = Buffer.from(await sealBackup(CONTENTS, PASSPHRASE, { logN: 10 })).toString(
      'latin1',
    )
    const costly = Buffer.from(file.replace(/ 10\n/, ' 30\n'), 'latin1')
    expect(await codeOf(openBackup(costly, PASSPHRASE))).toBe('BACKUP_TOO_COSTLY')
  })
})

describe('what is inside', () => {
  const words = (): Record<string, unknown> => ({
    format: 'citynode-backup',
    version: 1,
    madeAt: '2026-11-24T12:00:00.000Z',
    madeBy: '0.1.0',
    peerId: identityOfSeed(new Uint8Array(32)).peerId,
    words: `${'abandon '.repeat(23)}art`,
    settings: {},
  })

  async function openJson(value: unknown): Promise<string> {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    const file = await lockWithPassphrase(Buffer.from(text), PASSPHRASE, { logN: 1 })
    return codeOf(openBackup(file, PASSPHRASE))
  }

  it('may gain fields', async () => {
    expect(await openJson({ ...words(), colour: 'green' })).toBe('success')
  })

  it.each<[string, string, unknown]>([
    ['no JSON', 'BACKUP_UNKNOWN', '{"format":'],
    ['other JSON', 'BACKUP_UNKNOWN', [1, 2]],
    ['another format', 'BACKUP_UNKNOWN', { ...words(), format: 'other' }],
    ['a newer version', 'BACKUP_NEWER', { format: 'citynode-backup', version: 2 }],
    ['words of another node', 'BACKUP_UNKNOWN', { ...words(), peerId: identity.peerId }],
    ['words that are none', 'BACKUP_UNKNOWN', { ...words(), words: 'abandon' }],
    ['a path', 'BACKUP_UNKNOWN', { ...words(), settings: { '../../etc/passwd': '' } }],
    ['a hidden file', 'BACKUP_UNKNOWN', { ...words(), settings: { '.profile': '' } }],
    ['no text', 'BACKUP_UNKNOWN', { ...words(), settings: { 'citynode.toml': 7 } }],
  ])('%s', async (_name, code, value) => {
    expect(await openJson(value)).toBe(code)
  })
})
