// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The question `have/1`: "which of these have you?", in DAG-CBOR. Asked: an array of 1 to 64 CIDs.
 * Answered: an array of the same length, of `null` or `{name, size}`; where few are asked for, with
 * `title`, `kind` and, if there is one, `publication`: what the publisher signed. Only public items are
 * told of.
 */
import { encode } from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { accept, copyOf, reject, type Verdict } from '../../base/base.ts'
import { decodeArray, parseCids } from '../cid-question.ts'
import { tidyKind, tidyName, tidyText } from '../item.ts'
import {
  HAVE_CIDS_MAX,
  HAVE_REPLY_BYTES_MAX,
  HAVE_REQUEST_BYTES_MAX,
  HAVE_TEXTS_MAX,
  TITLE_BYTES_MAX,
} from '../limits.ts'
import { PUBLICATION_BYTES_MAX } from '../refusals/refusals.ts'

export const HAVE_TOPIC = 'have/1'

export { encodeCids as encodeHaveRequest } from '../cid-question.ts'

/** What a holder says of an item: a guess until somebody whom we believe says the same. */
export interface Had {
  name: string
  sizeBytes: number
  /** Empty where it says nothing. */
  title: string
  kind: string
  /** What the publisher signed, as the holder has it: to be checked. */
  publication?: Uint8Array | undefined
}

/** Of what is only a part of an item. */
export function partHad(sizeBytes: number): Had {
  return { name: '', sizeBytes, title: '', kind: '' }
}

export function parseHaveRequest(bytes: Uint8Array): Verdict<CID[]> {
  return parseCids(bytes, { bytesMax: HAVE_REQUEST_BYTES_MAX, cidsMax: HAVE_CIDS_MAX })
}

export function encodeHaveReply(answers: readonly (Had | undefined)[]): Uint8Array {
  // Names and titles of many would not fit; who asks for many wants to know who has them.
  const hasTexts = answers.length <= HAVE_TEXTS_MAX
  return encode(
    answers.map((had) => {
      if (had === undefined) return null
      const { name, sizeBytes: size, title, kind, publication } = had
      if (!hasTexts) return { name, size }
      const texts = { name, size, title, kind }
      return publication === undefined ? texts : { ...texts, publication }
    }),
  )
}

export function parseHaveReply(bytes: Uint8Array, count: number): Verdict<(Had | undefined)[]> {
  const value = decodeArray(bytes, HAVE_REPLY_BYTES_MAX)
  if (value === undefined || value.length !== count) return reject('the answer is malformed')
  const answers: (Had | undefined)[] = []
  for (const entry of value) {
    const had = entry === null ? undefined : parseHad(entry)
    if (had === null) return reject('the answer is malformed')
    answers.push(had)
  }
  return accept(answers)
}

function parseHad(entry: unknown): Had | null {
  if (typeof entry !== 'object' || entry === null) return null
  if (!('name' in entry) || !('size' in entry)) return null
  const { name, size } = entry
  if (typeof name !== 'string' || typeof size !== 'number') return null
  if (!Number.isSafeInteger(size) || size < 0) return null
  return {
    name: tidyName(name),
    sizeBytes: size,
    title: 'title' in entry ? tidyText(entry.title, TITLE_BYTES_MAX) : '',
    kind: 'kind' in entry ? tidyKind(entry.kind) : '',
    publication: 'publication' in entry ? tidyPublication(entry.publication) : undefined,
  }
}

/** What is too large is none: the rest of the answer may be true all the same. */
function tidyPublication(value: unknown): Uint8Array | undefined {
  if (!(value instanceof Uint8Array) || value.length > PUBLICATION_BYTES_MAX) return undefined
  return copyOf(value)
}
