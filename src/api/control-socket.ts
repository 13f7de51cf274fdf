// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The owner's Unix socket as a file. It is bound inside a fresh folder that only the owner may
 * enter, made 0600 there, and then renamed into place: nobody else can ever connect, and the
 * socket that a killed node left behind is replaced in one step.
 */
import { chmod, lstat, mkdtemp, rename, rm, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { CodedError, errorCode } from '../base/base.ts'
import { SOCKET_PATH_BYTES_MAX, SOCKET_PROBE_MS } from './limits.ts'

const OWNER_ONLY_MODE = 0o600

/** Puts a listening socket at `path`; `listen` binds it to the path that it is given. */
export async function placeControlSocket(
  path: string,
  listen: (temporaryPath: string) => Promise<void>,
): Promise<void> {
  checkLength(path)
  await checkNobodyListens(path)
  const folder = await makeFolder(path)
  try {
    const temporaryPath = join(folder, 's')
    checkLength(temporaryPath)
    await listen(temporaryPath)
    await chmod(temporaryPath, OWNER_ONLY_MODE)
    await rename(temporaryPath, path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Takes the socket's name away; one that is gone already is fine. */
export async function removeControlSocket(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw unusable(path, cause)
  }
}

function checkLength(path: string): void {
  const lengthBytes = Buffer.byteLength(path)
  if (lengthBytes <= SOCKET_PATH_BYTES_MAX) return
  throw new CodedError(
    'CONTROL_PATH_TOO_LONG',
    `The path of the control socket has ${lengthBytes} bytes; ` +
      `the system allows ${SOCKET_PATH_BYTES_MAX}: ${path}`,
    { advice: 'Choose a data folder with a shorter path (--data DIR).' },
  )
}

async function checkNobodyListens(path: string): Promise<void> {
  try {
    const found = await lstat(path)
    if (!found.isSocket()) {
      throw new CodedError('CONTROL_PATH_TAKEN', `There is a file where our socket goes: ${path}`, {
        advice: 'It is not ours, so it stays. Move it away, or choose another data folder.',
      })
    }
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return
    throw cause instanceof CodedError ? cause : unusable(path, cause)
  }
  if (!(await isAnswered(path))) return
  throw new CodedError('CONTROL_IN_USE', `Another node answers at ${path}.`, {
    advice: 'Only one node can use a data folder. Stop the other one, or give this one its own.',
  })
}

/** Whether somebody accepts connections there. A killed node's socket refuses at once. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path, timeout: SOCKET_PROBE_MS })
    const finish = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => finish(true))
    // Accepting is up to the kernel: a full queue of a stuck node is a live node all the same.
    socket.once('timeout', () => finish(true))
    socket.once('error', (error) => finish(errorCode(error) === 'EAGAIN'))
  })
}

async function makeFolder(path: string): Promise<string> {
  try {
    return await mkdtemp(join(dirname(path), '.c'))
  } catch (cause) {
    throw unusable(path, cause)
  }
}

function unusable(path: string, cause: unknown): CodedError {
  return new CodedError('CONTROL_UNUSABLE', `The control socket cannot be made at ${path}.`, {
    cause,
    advice: 'Check that the data folder exists and that this user may write in it.',
  })
}
