// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Who this node is: one Ed25519 key, made at the first start and never replaced. PeerId, `did:key`
 * and every signature come from it. Losing the file loses the identity; so the owner can have the
 * key as recovery words and in an encrypted backup, and bring it back from either to a data folder
 * that has none. The only room that imports @scure/bip39.
 */
import { join } from 'node:path'
import { CodedError, type Logger } from '../base/base.ts'
import { KEY_FILE_NAME, makeKey, readKey } from './key-file.ts'
import { createIdentity, type NodeIdentity } from './node-identity.ts'

export { type OpenedBackup, openBackup, type SettingsTexts, sealBackup } from './backup.ts'
export { KEY_FILE_NAME } from './key-file.ts'
export { createIdentity, type NodeIdentity, verifySignature } from './node-identity.ts'
export { identityOfWords, readWords, WORDS_COUNT, wordsOf } from './recovery-words.ts'
export { checkRestorable, finishRestore, restoreIdentity } from './restore.ts'

/**
 * Reads the key of the data folder, or makes one where there is none.
 * @throws CodedError `KEY_…` when there is a key file that cannot be used; it is left as it is.
 */
export async function openIdentity(options: {
  folder: string
  log: Logger
}): Promise<NodeIdentity> {
  const path = join(options.folder, KEY_FILE_NAME)
  const { identity, isNew } = await openKeyFile(path)
  if (isNew) options.log.info('made a new node key', { peerId: identity.peerId, path })
  return identity
}

/**
 * The key in a file of any name, made where there is none: of a person or a device.
 * @throws CodedError as {@link openIdentity}
 */
export async function openKeyFile(
  path: string,
): Promise<{ identity: NodeIdentity; isNew: boolean }> {
  const existing = await readKey(path)
  if (existing !== undefined) return { identity: createIdentity(existing.key), isNew: false }
  const isNew = await makeKey(path)
  const made = await readKey(path)
  if (made === undefined) {
    throw new CodedError('KEY_UNREADABLE', `The key file ${path} vanished while it was made.`)
  }
  return { identity: createIdentity(made.key), isNew }
}

/**
 * The identity of a data folder, and nothing else: makes none. A running node need not stop for it,
 * because its key file never changes.
 * @throws CodedError `IDENTITY_MISSING` when there is none, `KEY_…` when it cannot be used.
 */
export async function readIdentity(
  folder: string,
): Promise<{ identity: NodeIdentity; writtenAtMs: number }> {
  const found = await readKey(join(folder, KEY_FILE_NAME))
  if (found !== undefined) {
    return { identity: createIdentity(found.key), writtenAtMs: found.writtenAtMs }
  }
  throw new CodedError('IDENTITY_MISSING', `There is no node key in ${folder} yet.`, {
    advice:
      'A node makes its key at its first start. Name another data folder with --data DIR, or ' +
      'bring an identity back with: citynode restore',
  })
}
