// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Brings an identity into a data folder that has none: all of it or nothing, whatever instant the
 * power goes. Everything is first laid into a folder beside; giving that folder its final name is
 * the instant from which the restore holds. What is left to do then can be done again and again,
 * and every start does it. Nothing that is there already is ever replaced.
 *
 * Whoever calls has the folder's lock; only {@link finishRestore} does without.
 */
import { link, lstat, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError, errorCode } from '../base/base.ts'
import { syncFolder, writeFileAtomic } from '../system/system.ts'
import type { SettingsTexts } from './backup.ts'
import { KEY_FILE_NAME, keyFileText } from './key-file.ts'
import type { NodeIdentity } from './node-identity.ts'

/** A restore that holds, but is not finished. A name that nobody gives to a folder of their own. */
const RESTORE_FOLDER = '.restored'
/** One that does not hold yet; a crash may leave it behind. */
const STAGE_PREFIX = '.restore.'

/**
 * Before much is asked of the owner: can an identity be brought here?
 * @throws CodedError `IDENTITY_EXISTS`, `DATA_WRONG_OWNER`
 */
export async function checkRestorable(folder: string): Promise<void> {
  await checkOwner(folder)
  const path = join(folder, KEY_FILE_NAME)
  if (!(await exists(path))) return
  throw new CodedError('IDENTITY_EXISTS', `There is a node key already: ${path}`, {
    context: { path },
    advice:
      'It is never replaced, because then that node would be gone for good. Name an empty folder ' +
      'with --data DIR; or, if you are sure, back that node up and move its key away yourself.',
  })
}

/**
 * @param settings Files of the data folder by name. One that is there already must say the same.
 * @throws CodedError `IDENTITY_EXISTS`, `SETTINGS_EXIST`, `DATA_UNWRITABLE`: then nothing was done.
 */
export async function restoreIdentity(
  folder: string,
  identity: NodeIdentity,
  settings: SettingsTexts,
): Promise<void> {
  await checkRestorable(folder)
  for (const [name, text] of Object.entries(settings)) await checkSettings(folder, name, text)
  await sweepStages(folder)
  const stage = await makeStage(folder)
  try {
    for (const [name, text] of Object.entries(settings)) {
      await writeFileAtomic(join(stage, name), text, { mode: 0o600 })
    }
    await writeFileAtomic(join(stage, KEY_FILE_NAME), keyFileText(identity.privateKey), {
      mode: 0o600,
    })
    await rename(stage, join(folder, RESTORE_FOLDER))
  } catch (cause) {
    // The first failure matters; what cannot be removed now is removed by the next restore.
    await rm(stage, { recursive: true, force: true }).catch(() => {})
    throw explain(folder, cause)
  }
  await syncFolder(folder)
  await finishRestore(folder)
}

/**
 * Puts into place what a restore has brought, if the power went before that was done. Must run
 * before anything reads the settings or the key; does nothing where nothing is unfinished.
 * @throws CodedError `RESTORE_CONFLICT` when something else has taken a place meanwhile.
 */
export async function finishRestore(folder: string): Promise<void> {
  const from = join(folder, RESTORE_FOLDER)
  const names = await readdir(from).catch((cause) => {
    if (errorCode(cause) === 'ENOENT') return undefined
    throw explain(folder, cause)
  })
  if (names === undefined) return
  for (const name of names) await place(join(from, name), join(folder, name))
  await syncFolder(folder)
  await rm(from, { recursive: true, force: true }).catch((cause) => {
    throw explain(folder, cause)
  })
  await syncFolder(folder)
}

/** Gives a file its name, unless it has it already from an earlier try. */
async function place(staged: string, path: string): Promise<void> {
  try {
    await link(staged, path)
  } catch (cause) {
    // Another process that does the same has finished: its work is ours.
    if (errorCode(cause) === 'ENOENT' && (await exists(path))) return
    if (errorCode(cause) !== 'EEXIST') throw explain(path, cause)
    if (await holdsSame(staged, path)) return
    throw new CodedError('RESTORE_CONFLICT', `A restore was cut off, and ${path} has changed.`, {
      context: { path, staged },
      advice: `Compare it with ${staged}: move away the one that you do not want.`,
    })
  }
}

/** What root restores into the folder of another user, that user's node could not read. */
async function checkOwner(folder: string): Promise<void> {
  const uid = process.getuid?.()
  const found = await stat(folder).catch((cause) => {
    if (errorCode(cause) === 'ENOENT') return undefined
    throw explain(folder, cause)
  })
  if (found === undefined || uid === undefined || found.uid === uid) return
  throw new CodedError('DATA_WRONG_OWNER', `The data folder ${folder} belongs to another user.`, {
    context: { folder, ownerUid: found.uid, uid },
    advice: `Restore as its owner, so that its node can read it: sudo -u '#${found.uid}' citynode …`,
  })
}

async function checkSettings(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name)
  if (!(await exists(path)) || (await readText(path)) === text) return
  throw new CodedError('SETTINGS_EXIST', `There are other settings already: ${path}`, {
    context: { path },
    advice: 'Move that file away, or leave it and bring back the key alone with --key-only.',
  })
}

/** What crashes left behind holds a key, so it does not stay. */
async function sweepStages(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(STAGE_PREFIX)) await rm(join(folder, name), { recursive: true })
  }
}

async function makeStage(folder: string): Promise<string> {
  try {
    // mkdtemp makes it 0700.
    return await mkdtemp(join(folder, STAGE_PREFIX))
  } catch (cause) {
    throw explain(folder, cause)
  }
}

/** True as well when the staged file is gone: then another process has finished the same work. */
async function holdsSame(staged: string, path: string): Promise<boolean> {
  if (!(await exists(staged))) return true
  return (await readText(staged)) === (await readText(path))
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw explain(path, cause)
  }
}

/** Whatever it is, also a link that leads nowhere. */
async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return false
    throw explain(path, cause)
  }
}

function explain(path: string, cause: unknown): unknown {
  if (cause instanceof CodedError) return cause
  const code = errorCode(cause)
  return new CodedError('DATA_UNWRITABLE', `Cannot use ${path} (${code ?? 'unknown error'}).`, {
    context: { path, errno: code },
    cause,
    advice: 'Give this user the data folder, make room, or choose another one with --data DIR.',
  })
}
