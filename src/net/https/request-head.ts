// SPDX-License-Identifier: AGPL-3.0-or-later
/** The head of a request, which is all of it: our requests have no body. */
import { invariant } from '../../base/base.ts'
import type { PeerTarget } from './dial.ts'
import type { RequestMethod } from './response-head.ts'

export interface RequestHead {
  /** From the first slash on, percent-encoded. */
  path: string
  method: RequestMethod
  headers: Readonly<Record<string, string>>
}

/** Visible ASCII: with a space or a line break in it, it would be another request. */
const PATH = /^\/[\x21-\x7e]*$/
const HEADER_NAME = /^[a-z][a-z-]*$/
const HEADER_VALUE = /^[\x20-\x7e]*$/

export function encodeRequestHead(target: PeerTarget, request: RequestHead): Uint8Array {
  const { method, path, headers } = request
  invariant(PATH.test(path), 'the path of a request is visible ASCII')
  const lines = [`${method} ${path} HTTP/1.1`, `host: ${hostOf(target)}`]
  for (const [name, value] of Object.entries(headers)) {
    invariant(HEADER_NAME.test(name) && HEADER_VALUE.test(value), 'a header is one line of ASCII')
    lines.push(`${name}: ${value}`)
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

/** The zone of a link-local address means nothing to the other end. */
function hostOf({ host, port }: PeerTarget): string {
  const [address = host] = host.split('%')
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
