// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The owner's token: whoever sends it is the owner. A stand-in until the rights of people are
 * capabilities: over plain HTTP it can be read by whoever sees the wire (SECURITY.md).
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Random } from '../../base/base.ts'
import { TOKEN_BYTES } from '../limits.ts'
import { readToken, writeToken } from './token-file.ts'

export class OwnerToken {
  readonly #path: string
  readonly #random: Random
  #text: string
  #digest: Buffer
  /** Renewals go one after the other: the file and the memory must not end up with two. */
  #renewing: Promise<void> = Promise.resolve()

  /** Use {@link openOwnerToken}. */
  constructor(path: string, random: Random, text: string) {
    this.#path = path
    this.#random = random
    this.#text = text
    this.#digest = digestOf(text)
  }

  /** A secret: for the owner's links alone, never for a log. */
  get text(): string {
    return this.#text
  }

  /** Takes as long for a nearly right one as for a wrong one. */
  isRight(token: string): boolean {
    return timingSafeEqual(digestOf(token), this.#digest)
  }

  /** Makes a new one; when it resolves, the old one is worth nothing. @throws `DATA_UNWRITABLE` */
  renew(): Promise<void> {
    const renewed = this.#renewing.then(async () => {
      const text = newToken(this.#random)
      await writeToken(this.#path, text)
      this.#text = text
      this.#digest = digestOf(text)
    })
    // Whoever asked hears of a failure; the next one begins all the same.
    this.#renewing = renewed.catch(() => {})
    return renewed
  }
}

/** The token in the file, which is made if there is none. @throws CodedError `TOKEN_FILE_…` */
export async function openOwnerToken(path: string, random: Random): Promise<OwnerToken> {
  const present = await readToken(path)
  if (present !== undefined) return new OwnerToken(path, random, present)
  const made = newToken(random)
  await writeToken(path, made)
  return new OwnerToken(path, random, made)
}

function newToken(random: Random): string {
  return Buffer.from(random.bytes(TOKEN_BYTES)).toString('base64url')
}

/** Of one length, whatever was sent: what is compared byte by byte must not tell how long it is. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
