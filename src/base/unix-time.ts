// SPDX-License-Identifier: AGPL-3.0-or-later
/** Moments as file systems keep them: seconds since 1970 and nanoseconds, counted forward. */

export interface UnixTime {
  /** Negative before 1970. */
  seconds: number
  /** 0 to 999,999,999, counted forward from `seconds`. */
  nanoseconds: number
}

const NANOSECONDS = 1_000_000_000n

export function unixTimeOf(sinceEpochNs: bigint): UnixTime {
  const nanoseconds = ((sinceEpochNs % NANOSECONDS) + NANOSECONDS) % NANOSECONDS
  return {
    seconds: Number((sinceEpochNs - nanoseconds) / NANOSECONDS),
    nanoseconds: Number(nanoseconds),
  }
}

/** `1604320482.5`, as pax archives write it. */
export function formatUnixTime({ seconds, nanoseconds }: UnixTime): string {
  const sinceEpochNs = BigInt(seconds) * NANOSECONDS + BigInt(nanoseconds)
  const absolute = sinceEpochNs < 0n ? -sinceEpochNs : sinceEpochNs
  const fraction = String(absolute % NANOSECONDS)
    .padStart(9, '0')
    .replace(/0+$/, '')
  const sign = sinceEpochNs < 0n ? '-' : ''
  return `${sign}${absolute / NANOSECONDS}${fraction === '' ? '' : `.${fraction}`}`
}

/** Undefined for what is no such number; digits beyond nanoseconds are cut off. */
export function parseUnixTime(text: string): UnixTime | undefined {
  const match = /^(-?)(\d{1,15})(?:\.(\d{0,30}))?$/.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '0', fraction = ''] = match
  const absolute = BigInt(whole) * NANOSECONDS + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
  return unixTimeOf(sign === '-' ? -absolute : absolute)
}
