// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a person types to name an item or something in it: `CID`, or `CID/path/in/it`. */
import { CodedError } from '../base/base.ts'

export interface ItemAddress {
  cid: string
  /** Names with slashes between them; empty for the item itself. */
  path: string
}

/** Also takes `/ipfs/CID/path` and `ipfs://CID/path`, as people find them elsewhere. */
export function parseAddress(text: string): ItemAddress {
  const bare = text.replace(/^(?:ipfs:\/\/|\/ipfs\/)/, '')
  const slash = bare.indexOf('/')
  if (slash === -1) return { cid: bare, path: '' }
  const names = bare.slice(slash + 1).split('/')
  return { cid: bare.slice(0, slash), path: names.filter((name) => name !== '').join('/') }
}

/** From the first byte to before `end`; undefined: to the end of the file. */
export interface TypedRange {
  start: number
  end: number | undefined
}

/** `0-99` are the first hundred bytes, `100-` all behind them. @throws CodedError `USAGE` */
export function parseRange(text: string): TypedRange {
  const match = /^(\d{1,15})-(\d{1,15})?$/.exec(text)
  const start = Number(match?.[1])
  const last = match?.[2]
  const end = last === undefined ? undefined : Number(last) + 1
  if (match === null || (end !== undefined && end <= start)) {
    throw new CodedError('USAGE', `${text} is not a range of bytes.`, {
      advice: 'Write the first and the last byte, counted from 0: --range 0-99, or --range 100-.',
    })
  }
  return { start, end }
}
