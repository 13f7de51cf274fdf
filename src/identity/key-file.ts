// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The key on the disk: `identity.key`, a PEM file that its owner alone can read. It is never
 * overwritten, repaired or deleted here, and whatever is wrong with it is left for the owner to see.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { CodedError, errorCode } from '../base/base.ts'
import { writeFileAtomic } from '../system/system.ts'
import { KEY_FILE_BYTES_MAX } from './limits.ts'

export const KEY_FILE_NAME = 'identity.key'

/** A key as it lies on the disk. */
export function keyFileText(privateKey: KeyObject): string {
  // Of a PEM export the type says "string or bytes"; asked for PEM it is a string.
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
}

export interface KeyOnDisk {
  key: KeyObject
  /** The file is never changed, so this is when the key was made or restored here. */
  writtenAtMs: number
}

/** False when another start was quicker: then its key is the node's key. */
export async function makeKey(path: string): Promise<boolean> {
  const { privateKey } = generateKeyPairSync('ed25519')
  try {
    await writeFileAtomic(path, keyFileText(privateKey), { mode: 0o600, overwrite: false })
    return true
  } catch (thrown) {
    if (errorCode(thrown) === 'FILE_EXISTS') return false
    throw thrown
  }
}

/** The key in the file; undefined only when there is no file at all. */
export async function readKey(path: string): Promise<KeyOnDisk | undefined> {
  const handle = await openKeyFile(path)
  if (handle === undefined) return undefined
  try {
    const stats = await handle.stat()
    checkKeyFile(path, stats)
    return { key: parseKey(path, await handle.readFile('utf8')), writtenAtMs: stats.mtimeMs }
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
      advice:
        `Run citynode as its owner: sudo -u '#${stats.uid}' citynode …; or, if it should be ` +
        `yours: chown ${uid} ${path}`,
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
  'Move it away; then bring the key back (citynode restore), or start, which makes a new one.'

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
