// SPDX-License-Identifier: AGPL-3.0-or-later
/** Which encodings a caller takes (RFC 9110, 12.5.3), of those that are made here. Pure. */

export type Encoding = 'br' | 'gzip' | 'identity'

/** The smallest first. */
const MADE: readonly Encoding[] = ['br', 'gzip']

/** The best first; bytes as they are come last, and are always taken. */
export function encodingsIn(acceptEncoding: string | string[] | undefined): Encoding[] {
  const offered = new Map<string, number>()
  for (const entry of String(acceptEncoding ?? '').split(',')) {
    const [name = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase())
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
    offered.set(name, quality === undefined ? 1 : Number(quality))
  }
  const takes = (name: string): boolean => (offered.get(name) ?? offered.get('*') ?? 0) > 0
  return [...MADE.filter(takes), 'identity']
}
