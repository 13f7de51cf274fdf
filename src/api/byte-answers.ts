// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Bytes of a file for a program: all of them, those between `start` and `end`, or a `Range` (RFC
 * 9110). Always a download: a browser that is led here must not show a stranger's page at the
 * address of the node's own.
 */
import type { Readable } from 'node:stream'
import type { CID } from 'multiformats/cid'
import { CodedError } from '../base/base.ts'
import type { endpoints } from '../contract/contract.ts'
import { isKnown, wantedPart } from './gateway/gateway.ts'
import { type HandlerInput, RawAnswer, streamOf } from './http-server.ts'

const BYTES_TYPE = 'application/octet-stream'

interface Span {
  start: number
  /** The byte after the last. */
  end: number
}

export interface ReadableFile {
  cid: CID
  sizeBytes: number
  bytes(span: Span): AsyncIterable<Uint8Array>
}

/** @throws CodedError `CONTENT_BAD_RANGE`; the file's failure, when it fails before its first byte */
export async function bytesAnswer(
  input: HandlerInput<typeof endpoints.itemBytes>,
  file: ReadableFile,
): Promise<RawAnswer> {
  const { headers, query, isHead } = input
  const etag = `"${file.cid}"`
  const common = {
    etag,
    'accept-ranges': 'bytes',
    'content-disposition': 'attachment',
    'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  }
  if (isKnown(headers['if-none-match'], etag)) {
    return new RawAnswer(BYTES_TYPE, '', { status: 304, headers: common })
  }
  const isAsked = query.start > 0 || query.end !== undefined
  // A range of a HEAD means nothing (RFC 9110, 14.2).
  const part = isAsked || isHead ? 'whole' : wantedPart(headers, { ...file, etag })
  if (part === 'beyond') throw badRange(input, file)
  const isPart = part !== 'whole'
  const span = isPart ? part : { start: query.start, end: query.end ?? file.sizeBytes }
  if (span.start > span.end || span.end > file.sizeBytes) throw badRange(input, file)
  return new RawAnswer(BYTES_TYPE, isHead ? streamOf([]) : await begun(file.bytes(span)), {
    status: isPart ? 206 : 200,
    sizeBytes: span.end - span.start,
    headers: isPart
      ? { ...common, 'content-range': `bytes ${span.start}-${span.end - 1}/${file.sizeBytes}` }
      : common,
  })
}

/** As a stream, once its first piece is there: what fails before it is a plain answer. */
export async function begun(chunks: AsyncIterable<Uint8Array>): Promise<Readable> {
  const iterator = chunks[Symbol.asyncIterator]()
  const first = await iterator.next()
  const all = (async function* () {
    try {
      for (let next = first; next.done !== true; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  })()
  return streamOf(all)
}

function badRange(
  { setHeader }: Pick<HandlerInput<typeof endpoints.itemBytes>, 'setHeader'>,
  { sizeBytes }: ReadableFile,
): CodedError {
  setHeader('content-range', `bytes */${sizeBytes}`)
  return new CodedError('CONTENT_BAD_RANGE', `The file has ${sizeBytes} bytes.`, {
    advice: 'The first byte is byte 0, and the last one is one less than the size.',
  })
}
