// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What the owner does with the node's identity while no node is asked: look at it, copy it, bring
 * it back. Composes identity, store and the list of files that hold settings; the command line
 * knows it by its own port.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { abortReason, type Clock, CodedError, errorCode } from '../base/base.ts'
import type { IdentityDesk, IdentityFacts, RestoredFacts } from '../cli/cli.ts'
import {
  checkRestorable,
  finishRestore,
  identityOfWords,
  type NodeIdentity,
  openBackup,
  readIdentity,
  readWords,
  restoreIdentity,
  type SettingsTexts,
  sealBackup,
  WORDS_COUNT,
  wordsOf,
} from '../identity/identity.ts'
import { lockFolder } from '../store/store.ts'
import { ensureFolder } from '../system/system.ts'
import { CONFIG_FILE_NAME, DATABASE_NAME } from './file-names.ts'
import { SETTINGS_FILE_BYTES_MAX } from './limits.ts'
import { VERSION } from './version.ts'

/**
 * The files of a data folder that hold what the owner has set, and so travel with a backup. A room
 * with settings of its own keeps them in such a file and joins the list.
 */
const SETTINGS_FILES: readonly string[] = [CONFIG_FILE_NAME]

export function createIdentityDesk(options: {
  dataFolder: string
  /** Where citynode.toml is read from instead, when backing up. */
  configFile: string | undefined
  clock: Clock
}): IdentityDesk {
  const { dataFolder, configFile, clock } = options
  return {
    wordsCount: WORDS_COUNT,
    facts: async () => {
      await finishRestore(dataFolder)
      const { identity, writtenAtMs } = await readIdentity(dataFolder)
      return { ...namesOf(identity), keyFileWrittenAtMs: writtenAtMs }
    },
    words: async () => {
      await finishRestore(dataFolder)
      return wordsOf((await readIdentity(dataFolder)).identity)
    },
    makeBackup: async (passphrase) => {
      await finishRestore(dataFolder)
      const { identity } = await readIdentity(dataFolder)
      const settings = await readSettings(dataFolder, configFile)
      const contents = { identity, settings, madeAtMs: clock.wallMs(), madeBy: VERSION }
      const bytes = await sealBackup(contents, passphrase)
      return { ...namesOf(identity), settingsFiles: Object.keys(settings), bytes }
    },
    checkRestorable: async () => {
      await finishRestore(dataFolder)
      await checkRestorable(dataFolder)
    },
    readWords,
    restoreWords: async (text) => {
      const result = identityOfWords(text)
      if ('problems' in result) return result
      return restore(dataFolder, result.identity, {})
    },
    restoreBackup: async (bytes, passphrase, { isKeyOnly, signal }) => {
      const { identity, settings } = await openBackup(bytes, passphrase)
      // Called off while the passphrase was worked on; from here on it is quick, and whole.
      if (signal.aborted) throw abortReason(signal)
      return restore(dataFolder, identity, isKeyOnly ? {} : settings)
    },
  }
}

/** Under the lock of the folder, so that no node can start on half of it. */
async function restore(
  dataFolder: string,
  identity: NodeIdentity,
  settings: SettingsTexts,
): Promise<RestoredFacts> {
  await ensureFolder(dataFolder)
  const lock = lockFolder(join(dataFolder, DATABASE_NAME))
  try {
    await finishRestore(dataFolder)
    const [known, unknown] = splitSettings(settings)
    await restoreIdentity(dataFolder, identity, known)
    return {
      ...namesOf(identity),
      settingsFiles: Object.keys(known),
      unknownSettingsFiles: Object.keys(unknown),
    }
  } finally {
    lock.release()
  }
}

function namesOf({ peerId, did }: NodeIdentity): Pick<IdentityFacts, 'peerId' | 'did'> {
  return { peerId, did }
}

/** A name from a backup decides about a path only when it is one of ours. */
function splitSettings(settings: SettingsTexts): [SettingsTexts, SettingsTexts] {
  const entries = Object.entries(settings)
  const isKnown = ([name]: [string, string]): boolean => SETTINGS_FILES.includes(name)
  return [
    Object.fromEntries(entries.filter(isKnown)),
    Object.fromEntries(entries.filter((entry) => !isKnown(entry))),
  ]
}

async function readSettings(
  dataFolder: string,
  configFile: string | undefined,
): Promise<SettingsTexts> {
  const texts: Record<string, string> = {}
  for (const name of SETTINGS_FILES) {
    const named = name === CONFIG_FILE_NAME ? configFile : undefined
    const text = await readSettingsFile(named ?? join(dataFolder, name), named !== undefined)
    if (text !== undefined) texts[name] = text
  }
  return texts
}

async function readSettingsFile(path: string, isRequired: boolean): Promise<string | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT' && !isRequired) return undefined
    throw unusable(path, `cannot be read (${errorCode(cause) ?? 'unknown error'})`, cause)
  }
  if (bytes.length > SETTINGS_FILE_BYTES_MAX) throw unusable(path, 'is too large for settings')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw unusable(path, 'is not a text file in UTF-8', cause)
  }
}

function unusable(path: string, what: string, cause?: unknown): CodedError {
  return new CodedError('SETTINGS_UNREADABLE', `The settings file ${path} ${what}.`, {
    context: { path },
    cause,
    advice: 'Mend it or move it away first, so that the backup is whole.',
  })
}
