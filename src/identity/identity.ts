// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Who this node is: one Ed25519 key, made at the first start and never replaced. PeerId, `did:key`
 * and every signature come from it. Losing the file loses the identity; so it is never overwritten,
 * repaired or deleted here, and whatever is wrong with it is left for the owner to see.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CodedError,
  didKeyOf,
  errorCode,
  type Logger,
  type PeerId,
  peerIdFromPublicKey,
  publicKeyOf,
} from '../base/base.ts'
import { writeFileAtomic } from '../system/system.ts'
import { KEY_FILE_BYTES_MAX } from './limits.ts'

export interface NodeIdentity {
  readonly peerId: PeerId
  /** The same key as a `did:key`. */
  readonly did: string
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>
  readonly privateKey: KeyObject
  /** The 32 raw bytes from which libp2p makes its key. A secret: never log or store it. */
  seed(): Uint8Array<ArrayBuffer>
  /** An Ed25519 signature, 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array<ArrayBuffer>
}

export const KEY_FILE_NAME = 'identity.key'

/**
 * Reads the key of the data folder, or makes one where there is none.
 * @throws CodedError `KEY_…` when there is a key file that cannot be used; it is left as it is.
 */
export async function openIdentity(options: {
  folder: string
  log: Logger
}): Promise<NodeIdentity> {
  const path = join(options.folder, KEY_FILE_NAME)
  const existing = await readKey(path)
  if (existing !== undefined) return createIdentity(existing)
  const isOurs = await makeKey(path)
  const made = await readKey(path)
  if (made === undefined) {
    throw new CodedError('KEY_UNREADABLE', `The key file ${path} vanished while it was made.`)
  }
  const identity = createIdentity(made)
  if (isOurs) options.log.info('made a new node key', { peerId: identity.peerId, path })
  return identity
}

/** An identity around a key that is already in memory; tests and the simulator make their own. */
export function createIdentity(privateKey: KeyObject): NodeIdentity {
  const { x, d } = privateKey.export({ format: 'jwk' })
  if (privateKey.asymmetricKeyType !== 'ed25519' || x === undefined || d === undefined) {
    throw new CodedError('KEY_WRONG_TYPE', 'A node key is a private Ed25519 key.')
  }
  const publicKey = Uint8Array.from(Buffer.from(x, 'base64url'))
  const peerId = peerIdFromPublicKey(publicKey)
  return {
    peerId,
    did: didKeyOf(peerId),
    publicKey,
    privateKey,
    seed: () => Uint8Array.from(Buffer.from(d, 'base64url')),
    sign: (bytes) => Uint8Array.from(sign(null, bytes, privateKey)),
  }
}

/** Whether `signature` over `bytes` was made by the node of that name. Never throws. */
export function verifySignature(peerId: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    const x = Buffer.from(publicKeyOf(peerId)).toString('base64url')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    return verify(null, bytes, key, signature)
  } catch {
    // No PeerId, or bytes that are no key: nobody can have signed with it.
    return false
  }
}

/** False when another start was quicker: then its key is the node's key. */
async function makeKey(path: string): Promise<boolean> {
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  try {
    await writeFileAtomic(path, pem, { mode: 0o600, overwrite: false })
    return true
  } catch (thrown) {
    if (errorCode(thrown) === 'FILE_EXISTS') return false
    throw thrown
  }
}

/** The key in the file; undefined only when there is no file at all. */
async function readKey(path: string): Promise<KeyObject | undefined> {
  const handle = await openKeyFile(path)
  if (handle === undefined) return undefined
  try {
    checkKeyFile(path, await handle.stat())
    return parseKey(path, await handle.readFile('utf8'))
  } finally {
    await handle.close()
  }
}

async function openKeyFile(path: string): Promise<FileHandle | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
  try {
    // Not through a link, which others may move; and never waiting for a pipe's other end.
    return await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (cause) {
    const code = errorCode(cause)
    if (code === 'ENOENT') return undefined
    if (code === 'ELOOP') throw notAFile(path)
    throw new CodedError('KEY_UNREADABLE', `Cannot read the key file ${path}.`, {
      context: { path, errno: code },
      cause,
      advice: 'Start the node as the user who owns its data folder.',
    })
  }
}

function checkKeyFile(path: string, stats: Stats): void {
  if (!stats.isFile()) throw notAFile(path)
  const uid = process.getuid?.()
  if (uid !== undefined && stats.uid !== uid) {
    throw new CodedError('KEY_WRONG_OWNER', `The key file ${path} belongs to another user.`, {
      context: { path, ownerUid: stats.uid, uid },
      advice: `Start the node as its owner (user id ${stats.uid}), or run: chown ${uid} ${path}`,
    })
  }
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8)
    throw new CodedError('KEY_WRONG_MODE', `Others can read or change the key file ${path}.`, {
      context: { path, mode },
      advice: `If nobody else has used it, run: chmod 600 ${path}`,
    })
  }
  if (stats.size > KEY_FILE_BYTES_MAX) throw garbage(path)
}

function parseKey(path: string, text: string): KeyObject {
  if (text.trim() === '') {
    throw new CodedError('KEY_EMPTY', `The key file ${path} is empty.`, {
      context: { path },
      advice: RESTORE,
    })
  }
  let key: KeyObject
  try {
    key = createPrivateKey(text)
  } catch (cause) {
    throw garbage(path, cause)
  }
  if (key.asymmetricKeyType === 'ed25519') return key
  throw new CodedError('KEY_WRONG_TYPE', `The key file ${path} holds another kind of key.`, {
    context: { path, type: key.asymmetricKeyType },
    advice: `A node key is an Ed25519 key. ${RESTORE}`,
  })
}

const RESTORE =
  'Put back a copy of it; or move it away and the node makes a new key, under a new name.'

function garbage(path: string, cause?: unknown): CodedError {
  return new CodedError('KEY_GARBAGE', `There is no private key in the key file ${path}.`, {
    context: { path },
    cause,
    advice: RESTORE,
  })
}

function notAFile(path: string): CodedError {
  return new CodedError('KEY_NOT_A_FILE', `${path} should be a key file, but is something else.`, {
    context: { path },
    advice: 'Move away what is there (a folder, a link or a device).',
  })
}
