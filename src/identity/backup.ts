// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What is in a backup: the node's key as its recovery words, and the texts of its settings, as JSON
 * inside an age file. Whoever opens it with another program finds the words ready to be typed.
 */
import { z } from 'zod'
import { CodedError } from '../base/base.ts'
import { lockWithPassphrase, unlockWithPassphrase } from './age.ts'
import { BACKUP_BYTES_MAX } from './limits.ts'
import type { NodeIdentity } from './node-identity.ts'
import { identityOfWords, wordsOf } from './recovery-words.ts'

/** The settings that travel: file name (never a path) to text. */
export type SettingsTexts = Readonly<Record<string, string>>

export interface OpenedBackup {
  identity: NodeIdentity
  settings: SettingsTexts
  /** When it was made, by the clock of the node that made it. */
  madeAtMs: number
}

const FORMAT = 'citynode-backup'
/** Rises when an older program would misread what a newer one wrote; else fields just join. */
const FORMAT_VERSION = 1

const headSchema = z.object({ format: z.literal(FORMAT), version: z.int().positive() })

const backupSchema = headSchema.extend({
  version: z.literal(FORMAT_VERSION),
  madeAt: z.iso.datetime(),
  /** The version of citynode, for whoever looks into the file. */
  madeBy: z.string(),
  peerId: z.string(),
  words: z.string(),
  settings: z.record(z.string().regex(/^[a-z0-9][a-z0-9.-]{0,63}$/), z.string()),
})

/** @param options.logN as in {@link lockWithPassphrase} */
export function sealBackup(
  contents: { identity: NodeIdentity; settings: SettingsTexts; madeAtMs: number; madeBy: string },
  passphrase: string,
  options: { logN?: number } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { identity, settings, madeAtMs, madeBy } = contents
  const backup: z.output<typeof backupSchema> = {
    format: FORMAT,
    version: FORMAT_VERSION,
    madeAt: new Date(madeAtMs).toISOString(),
    madeBy,
    peerId: identity.peerId,
    words: wordsOf(identity).join(' '),
    settings: { ...settings },
  }
  const text = `${JSON.stringify(backup, undefined, 2)}\n`
  return lockWithPassphrase(Buffer.from(text), passphrase, options)
}

/** @throws CodedError `BACKUP_…`; whatever the bytes are, nothing else. */
export async function openBackup(file: Uint8Array, passphrase: string): Promise<OpenedBackup> {
  if (file.length > BACKUP_BYTES_MAX) {
    throw new CodedError('BACKUP_UNKNOWN', 'This file is too large to be a backup of a node.')
  }
  const value = parseJson(await unlockWithPassphrase(file, passphrase))
  const head = headSchema.safeParse(value)
  if (!head.success) throw foreign()
  if (head.data.version !== FORMAT_VERSION) {
    throw new CodedError('BACKUP_NEWER', 'This backup was made by a newer citynode.', {
      context: { version: head.data.version },
      advice: 'Install that version, or bring the key alone back with: citynode restore --words',
    })
  }
  const backup = backupSchema.safeParse(value)
  if (!backup.success) throw foreign()
  const { words, peerId, settings, madeAt } = backup.data
  return { identity: identityIn(words, peerId), settings, madeAtMs: Date.parse(madeAt) }
}

/** The name is in the file as well, so a key that was changed by hand does not pass as the old. */
function identityIn(words: string, peerId: string): NodeIdentity {
  const result = identityOfWords(words)
  if ('problems' in result || result.identity.peerId !== peerId) throw foreign()
  return result.identity
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    // Somebody's own age file: no JSON at all is the same as other JSON.
    return undefined
  }
}

function foreign(): CodedError {
  return new CodedError('BACKUP_UNKNOWN', 'The passphrase fits, but this is no backup of a node.', {
    advice: 'Name the file that "citynode backup" wrote.',
  })
}
