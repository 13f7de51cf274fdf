// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A file locked with a passphrase, in the format of age (age-encryption.org/v1): `age -d` on any
 * computer opens what is written here, and what `age -p` wrote is read here. Only this one kind of
 * recipient; all of its cryptography is node:crypto's (docs/adr/0014).
 */
import {
  type BinaryLike,
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  type ScryptOptions,
  scrypt,
  timingSafeEqual,
} from 'node:crypto'
import { promisify } from 'node:util'
import { CodedError, formatBytes } from '../base/base.ts'
import { BACKUP_HEAD_BYTES_MAX, SCRYPT_LOG_N, SCRYPT_LOG_N_MAX } from './limits.ts'

const VERSION_LINE = 'age-encryption.org/v1'
const CIPHER = 'chacha20-poly1305'
const FILE_KEY_BYTES = 16
const KEY_BYTES = 32
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** The payload is sealed in pieces of this size; the last one may be shorter. */
const CHUNK_BYTES = 64 * 1024
/** A kibibyte of memory for each step of scrypt's cost (its block size is 8). */
const LOG_SCRYPT_STEP_BYTES = 10

/** What scrypt asks for beside that, generously. */
const SCRYPT_OVERHEAD_BYTES = 64 * 1024

const scryptInBackground = promisify<BinaryLike, BinaryLike, number, ScryptOptions, Buffer>(scrypt)

const HEAD =
  /^age-encryption\.org\/v1\n-> scrypt (?<salt>[A-Za-z0-9+/]{22}) (?<logN>[1-9][0-9]?)\n(?<wrapped>[A-Za-z0-9+/]{43})\n--- (?<mac>[A-Za-z0-9+/]{43})\n/

/** @param options.logN scrypt's cost as a power of two; tests take a small one. */
export async function lockWithPassphrase(
  bytes: Uint8Array,
  passphrase: string,
  options: { logN?: number } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const logN = options.logN ?? SCRYPT_LOG_N
  const fileKey = randomBytes(FILE_KEY_BYTES)
  const salt = randomBytes(SALT_BYTES)
  const wrapped = seal(await stretch(passphrase, salt, logN), noNonce(), fileKey)
  const head = `${VERSION_LINE}\n-> scrypt ${base64(salt)} ${logN}\n${base64(wrapped)}\n---`
  const nonce = randomBytes(SALT_BYTES)
  const payloadKey = derive(fileKey, nonce, 'payload')
  const chunks: Buffer[] = []
  for (let start = 0; start === 0 || start < bytes.length; start += CHUNK_BYTES) {
    const chunk = bytes.subarray(start, start + CHUNK_BYTES)
    const isLast = start + CHUNK_BYTES >= bytes.length
    chunks.push(seal(payloadKey, chunkNonce(chunks.length, isLast), chunk))
  }
  const headLine = `${head} ${base64(macOf(fileKey, head))}\n`
  return Uint8Array.from(Buffer.concat([Buffer.from(headLine), nonce, ...chunks]))
}

/**
 * @throws CodedError `BACKUP_UNKNOWN` for another kind of file, `BACKUP_WRONG_PASSPHRASE`,
 *   `BACKUP_DAMAGED`, and `BACKUP_TOO_COSTLY` for one that would take more memory than is sane.
 */
export async function unlockWithPassphrase(file: Uint8Array, passphrase: string): Promise<Buffer> {
  const head = parseHead(file)
  const key = await stretch(passphrase, head.salt, head.logN)
  const fileKey = open(key, noNonce(), head.wrapped)
  if (fileKey === undefined) {
    throw new CodedError('BACKUP_WRONG_PASSPHRASE', 'This passphrase does not open the backup.', {
      advice:
        'Look for capitals, another keyboard layout, or a passphrase of another backup. (Damage ' +
        'in the first lines of the file would look the same.)',
    })
  }
  if (!timingSafeEqual(macOf(fileKey, head.text), head.mac)) throw damaged()
  return openPayload(fileKey, file.subarray(head.lengthBytes))
}

/** What follows the head, opened. @throws CodedError `BACKUP_DAMAGED` */
export function openPayload(fileKey: Uint8Array, payload: Uint8Array): Buffer {
  if (payload.length < SALT_BYTES) throw damaged()
  const key = derive(fileKey, payload.subarray(0, SALT_BYTES), 'payload')
  const sealed = payload.subarray(SALT_BYTES)
  const chunks: Buffer[] = []
  const step = CHUNK_BYTES + TAG_BYTES
  for (let start = 0; start === 0 || start < sealed.length; start += step) {
    const isLast = start + step >= sealed.length
    const nonce = chunkNonce(chunks.length, isLast)
    const chunk = open(key, nonce, sealed.subarray(start, start + step))
    // Only a file without any content ends in a piece without any.
    if (chunk === undefined || (chunk.length === 0 && start > 0)) throw damaged()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

interface Head {
  salt: Buffer
  logN: number
  wrapped: Buffer
  mac: Buffer
  /** What the MAC is over: all up to and including the three dashes. */
  text: string
  lengthBytes: number
}

function parseHead(file: Uint8Array): Head {
  const start = Buffer.from(file.subarray(0, BACKUP_HEAD_BYTES_MAX)).toString('latin1')
  if (!start.startsWith(`${VERSION_LINE}\n`)) {
    throw new CodedError('BACKUP_UNKNOWN', 'This file is not a backup of a node.', {
      advice: 'Name the file that "citynode backup" wrote.',
    })
  }
  const match = HEAD.exec(start)
  const salt = fromBase64(match?.groups?.['salt'])
  const wrapped = fromBase64(match?.groups?.['wrapped'])
  const mac = fromBase64(match?.groups?.['mac'])
  const logN = Number(match?.groups?.['logN'])
  if (match === null || salt === undefined || wrapped === undefined || mac === undefined) {
    throw damaged('Or it was made with age for a key: only passphrases are known here.')
  }
  if (logN > SCRYPT_LOG_N_MAX) {
    throw new CodedError('BACKUP_TOO_COSTLY', 'Opening this file would take too much memory.', {
      context: { logN },
      advice:
        'It is damaged, or not made by citynode. If age opens it (age -d FILE), it shows the words.',
    })
  }
  const text = match[0].slice(0, match[0].lastIndexOf('---') + '---'.length)
  return { salt, logN, wrapped, mac, text, lengthBytes: match[0].length }
}

/** From a passphrase to a key, slowly: that is what makes guessing expensive. */
async function stretch(passphrase: string, salt: Uint8Array, logN: number): Promise<Buffer> {
  // The same letters may be typed as one sign or as two: one form, or another keyboard locks us out.
  const secret = Buffer.from(passphrase.normalize('NFC'))
  const labelled = Buffer.concat([Buffer.from(`${VERSION_LINE}/scrypt`), salt])
  const neededBytes = 2 ** (logN + LOG_SCRYPT_STEP_BYTES) + SCRYPT_OVERHEAD_BYTES
  const cost = { N: 2 ** logN, r: 8, p: 1, maxmem: neededBytes }
  try {
    return await scryptInBackground(secret, labelled, KEY_BYTES, cost)
  } catch (cause) {
    const needed = formatBytes(neededBytes)
    const message = `There is not enough memory for the passphrase: it takes ${needed}.`
    const advice = 'Stop what else runs on this machine, or do it on another one.'
    throw new CodedError('BACKUP_TOO_COSTLY', message, { cause, advice })
  }
}

function derive(key: Uint8Array, salt: Uint8Array, purpose: 'header' | 'payload'): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, purpose, KEY_BYTES))
}

function macOf(fileKey: Uint8Array, head: string): Buffer {
  return createHmac('sha256', derive(fileKey, new Uint8Array(), 'header'))
    .update(head)
    .digest()
}

/** All zeros: the key that goes with it seals one thing only. */
function noNonce(): Buffer {
  return Buffer.alloc(NONCE_BYTES)
}

/** Eleven bytes count, the last one says whether it is the end: no piece can move or go missing. */
function chunkNonce(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUInt32BE(index, NONCE_BYTES - 1 - Uint32Array.BYTES_PER_ELEMENT)
  nonce.writeUInt8(isLast ? 1 : 0, NONCE_BYTES - 1)
  return nonce
}

function seal(key: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
}

/** Undefined for the wrong key and for changed bytes: the two cannot be told apart. */
function open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < TAG_BYTES) return undefined
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  const bytes = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES))
  try {
    return Buffer.concat([bytes, decipher.final()])
  } catch {
    // The tag does not fit.
    return undefined
  }
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

/** Only the one way to write these bytes: else a file could be changed without anybody noticing. */
function fromBase64(text: string | undefined): Buffer | undefined {
  const bytes = Buffer.from(text ?? '', 'base64')
  return bytes.length > 0 && base64(bytes) === text ? bytes : undefined
}

function damaged(more = ''): CodedError {
  return new CodedError('BACKUP_DAMAGED', 'The backup is damaged, so nothing of it is used.', {
    advice:
      `Take another copy of it, or the recovery words: citynode restore --words. ${more}`.trim(),
  })
}
