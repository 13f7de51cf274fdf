// SPDX-License-Identifier: AGPL-3.0-or-later
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isPeerId, publicKeyOf, silentLogger } from '../../src/base/base.ts'
import {
  createIdentity,
  KEY_FILE_NAME,
  type NodeIdentity,
  openIdentity,
  verifySignature,
} from '../../src/identity/identity.ts'

let folder = ''
let keyPath = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'citynode-identity-'))
  keyPath = join(folder, KEY_FILE_NAME)
})
afterEach(() => rm(folder, { recursive: true }))

const open = (): Promise<NodeIdentity> => openIdentity({ folder, log: silentLogger })

/** The private key in PKCS#8 around a seed (RFC 8410). */
function fromSeed(seed: Uint8Array): ReturnType<typeof createPrivateKey> {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

describe('openIdentity', () => {
  it('makes a key at the first start and keeps it', async () => {
    const first = await open()
    expect((await stat(keyPath)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual([KEY_FILE_NAME])
    const bytes = await readFile(keyPath)
    const second = await open()
    expect(second.peerId).toBe(first.peerId)
    expect(await readFile(keyPath)).toEqual(bytes)
  })

  it('is one node, made once, however many start at once', async () => {
    const messages: string[] = []
    const log = { ...silentLogger, info: (message: string) => void messages.push(message) }
    const starts = Array.from({ length: 8 }, () => openIdentity({ folder, log }))
    const all = await Promise.all(starts)
    expect(new Set(all.map(({ peerId }) => peerId)).size).toBe(1)
    expect(messages).toEqual(['made a new node key'])
    expect(await readdir(folder)).toEqual([KEY_FILE_NAME])
  })

  it('does not follow a link, even to a good key', async () => {
    await open()
    const linked = join(folder, 'linked')
    await mkdir(linked)
    await symlink(keyPath, join(linked, KEY_FILE_NAME))
    const throughLink = openIdentity({ folder: linked, log: silentLogger })
    await expect(throughLink).rejects.toMatchObject({ code: 'KEY_NOT_A_FILE' })
  })

  it('takes no notice of what a crash left behind', async () => {
    await writeFile(join(folder, `.${KEY_FILE_NAME}.0123456789ab.tmp`), '-----BEGIN PRIV')
    expect(isPeerId((await open()).peerId)).toBe(true)
  })

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ed25519 = generateKeyPairSync('ed25519')
  const pem = ed25519.privateKey.export({ type: 'pkcs8', format: 'pem' })

  it.each<[string, () => Promise<unknown>]>([
    ['KEY_EMPTY', () => writeFile(keyPath, '', { mode: 0o600 })],
    ['KEY_GARBAGE', () => writeFile(keyPath, 'not a key', { mode: 0o600 })],
    ['KEY_GARBAGE', () => writeFile(keyPath, pem.slice(0, 60), { mode: 0o600 })],
    ['KEY_GARBAGE', () => writeFile(keyPath, 'x'.repeat(100_000), { mode: 0o600 })],
    [
      'KEY_GARBAGE',
      () =>
        writeFile(keyPath, ed25519.publicKey.export({ type: 'spki', format: 'pem' }), {
          mode: 0o600,
        }),
    ],
    [
      'KEY_WRONG_TYPE',
      () =>
        writeFile(keyPath, rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }), {
          mode: 0o600,
        }),
    ],
    ['KEY_WRONG_MODE', () => writeFile(keyPath, pem).then(() => chmod(keyPath, 0o640))],
    ['KEY_WRONG_MODE', () => writeFile(keyPath, pem).then(() => chmod(keyPath, 0o604))],
    ['KEY_WRONG_MODE', () => writeFile(keyPath, pem).then(() => chmod(keyPath, 0o620))],
    ['KEY_NOT_A_FILE', () => mkdir(keyPath)],
    ['KEY_NOT_A_FILE', () => symlink('/dev/zero', keyPath)],
  ])('refuses, with advice, and leaves the file as it is: %s', async (code, make) => {
    await make()
    const before = await stat(keyPath)
    const bytes = before.isFile() ? await readFile(keyPath) : undefined
    await expect(open()).rejects.toMatchObject({ code, advice: expect.any(String) })
    const after = await stat(keyPath)
    expect([after.mode, after.ino, after.mtimeMs]).toEqual([
      before.mode,
      before.ino,
      before.mtimeMs,
    ])
    if (bytes !== undefined) expect(await readFile(keyPath)).toEqual(bytes)
  })

  it('tells how to put the mode right', async () => {
    await open()
    await chmod(keyPath, 0o644)
    await expect(open()).rejects.toMatchObject({
      advice: expect.stringContaining(`chmod 600 ${keyPath}`),
    })
    await chmod(keyPath, 0o600)
    await open()
  })

  it.runIf(process.getuid?.() === 0)("refuses another user's key", async () => {
    await open()
    await chown(keyPath, 65_534, 65_534)
    await expect(open()).rejects.toMatchObject({ code: 'KEY_WRONG_OWNER' })
  })

  it('says when the folder is not writable', async () => {
    const nowhere = openIdentity({ folder: '/proc', log: silentLogger })
    await expect(nowhere).rejects.toMatchObject({ code: 'DATA_UNWRITABLE' })
  })

  it('does not put the key into the log', async () => {
    const lines: string[] = []
    const note = (message: string, fields?: object): void => {
      lines.push(message, JSON.stringify(fields))
    }
    const log = { ...silentLogger, debug: note, info: note, warn: note, error: note }
    const identity = await openIdentity({ folder, log })
    const secret = Buffer.from(identity.seed())
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      expect(lines.join()).not.toContain(secret.toString(encoding))
    }
    expect(lines.join()).toContain(identity.peerId)
  })
})

describe('createIdentity', () => {
  // RFC 8032, section 7.1, test 2.
  const seed = Buffer.from(
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    'hex',
  )
  const publicKey = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'
  const signature =
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
    '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'

  it('signs as RFC 8032 says', () => {
    const identity = createIdentity(fromSeed(seed))
    expect(Buffer.from(identity.seed())).toEqual(seed)
    expect(Buffer.from(identity.publicKey).toString('hex')).toBe(publicKey)
    expect(Buffer.from(identity.sign(Uint8Array.of(0x72))).toString('hex')).toBe(signature)
    expect(publicKeyOf(identity.peerId)).toEqual(identity.publicKey)
    expect(identity.did).toMatch(/^did:key:z6Mk/)
  })

  it('wants a private Ed25519 key', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const half = createPublicKey(fromSeed(seed))
    expect(() => createIdentity(rsa)).toThrow('Ed25519')
    expect(() => createIdentity(half)).toThrow('Ed25519')
  })
})

describe('verifySignature', () => {
  const identity = createIdentity(generateKeyPairSync('ed25519').privateKey)
  const other = createIdentity(generateKeyPairSync('ed25519').privateKey)
  const bytes = Buffer.from('what was said')
  const signature = identity.sign(bytes)

  it('knows who signed what', () => {
    expect(verifySignature(identity.peerId, bytes, signature)).toBe(true)
    expect(verifySignature(other.peerId, bytes, signature)).toBe(false)
    expect(verifySignature(identity.peerId, Buffer.from('something else'), signature)).toBe(false)
  })

  it('says no, and never throws, for nonsense', () => {
    const flipped = signature.map((byte, index) => (index === 5 ? byte ^ 1 : byte))
    expect(verifySignature(identity.peerId, bytes, flipped)).toBe(false)
    expect(verifySignature(identity.peerId, bytes, signature.slice(0, 63))).toBe(false)
    expect(verifySignature(identity.peerId, bytes, new Uint8Array())).toBe(false)
    expect(verifySignature('nobody', bytes, signature)).toBe(false)
  })
})
