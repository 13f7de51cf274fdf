// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The owner's token on the disk: `owner.token`, a file that its owner alone can read. Unlike the
 * node's key it can be made anew at any time, so what is wrong with it is said and never mended:
 * whoever read it may have used it.
 */
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { CodedError, errorCode } from '../../base/base.ts'
import { writeFileAtomic } from '../../system/system.ts'
import { TOKEN_FILE_BYTES_MAX } from '../limits.ts'

export const OWNER_TOKEN_FILE_NAME = 'owner.token'

const OWNER_ONLY_MODE = 0o600

/** What a token looks like: base64url, with at least 160 bits in it. */
const TOKEN = /^[A-Za-z0-9_-]{27,128}$/

/** @throws CodedError `DATA_UNWRITABLE` */
export function writeToken(path: string, token: string): Promise<void> {
  return writeFileAtomic(path, `${token}\n`, { mode: OWNER_ONLY_MODE })
}

/** Undefined only when there is no file. @throws CodedError `TOKEN_FILE_…` */
export async function readToken(path: string): Promise<string | undefined> {
  const handle = await openTokenFile(path)
  if (handle === undefined) return undefined
  try {
    checkTokenFile(path, await handle.stat())
    const token = (await handle.readFile('utf8')).trim()
    if (TOKEN.test(token)) return token
    throw garbage(path)
  } finally {
    await handle.close()
  }
}

async function openTokenFile(path: string): Promise<FileHandle | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
  try {
    // Not through a link, which others may move; and never waiting for a pipe's other end.
    return await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (cause) {
    const code = errorCode(cause)
    if (code === 'ENOENT') return undefined
    if (code === 'ELOOP') throw garbage(path)
    throw new CodedError('TOKEN_FILE_UNREADABLE', `Cannot read the owner’s token ${path}.`, {
      context: { path, errno: code },
      cause,
      advice: 'Start the node as the user who owns its data folder.',
    })
  }
}

function checkTokenFile(path: string, stats: Stats): void {
  if (!stats.isFile() || stats.size > TOKEN_FILE_BYTES_MAX) throw garbage(path)
  const uid = process.getuid?.()
  if (uid !== undefined && stats.uid !== uid) {
    throw new CodedError('TOKEN_FILE_WRONG_OWNER', `The token ${path} belongs to another user.`, {
      context: { path, ownerUid: stats.uid, uid },
      advice: `Move it away: the next start makes a new one. Or, if it is yours: chown ${uid} ${path}`,
    })
  }
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8)
    throw new CodedError('TOKEN_FILE_WRONG_MODE', `Others can read or change ${path}.`, {
      context: { path, mode },
      advice: 'Whoever read it can be the owner. Remove it: the next start makes a new one.',
    })
  }
}

function garbage(path: string): CodedError {
  return new CodedError('TOKEN_FILE_GARBAGE', `${path} does not hold an owner’s token.`, {
    context: { path },
    advice: 'Move away what is there: the next start makes a new one.',
  })
}
