// SPDX-License-Identifier: AGPL-3.0-or-later
/** How a fetch went, in words: who was asked, who answered, who gave what and why not more. */
import { formatBytes, formatDuration } from '../base/base.ts'
import { type AttemptFacts, type FetchReportFacts, shortId } from '../contract/contract.ts'
import { plain } from './output.ts'

/**
 * @param report null: it was here, and nobody was asked.
 * @param isPart whether blocks were brought, not the bytes of files in their order.
 */
export function explainFetch(report: FetchReportFacts | null, { isPart = false } = {}): string {
  if (report === null) return 'It was here already: nobody was asked.'
  const lines = [askedLine(report)]
  if (report.knownBytes > 0) lines.push(`${formatBytes(report.knownBytes)} of it were here before.`)
  const tell = (attempt: AttemptFacts, index: number): string =>
    `${index + 1}. ${attemptLine(attempt, isPart)}`
  lines.push(...report.attempts.map(tell))
  return lines.join('\n')
}

function askedLine(report: FetchReportFacts): string {
  const { connectedCount, askedCount, badCount, silentCount, attempts } = report
  if (connectedCount === 0 && askedCount === 0) {
    // What is all here in other items is put together without anybody.
    return attempts.length === 0 && report.knownBytes > 0
      ? 'All of its parts were here already: nobody was asked.'
      : 'Nobody was asked.'
  }
  const parts = [`Asked ${askedCount} of ${countOf(connectedCount, 'connected node')}`]
  const holdersCount = new Set(attempts.map(({ peerId }) => peerId)).size
  if (holdersCount === 0) parts.push('none has it')
  if (silentCount > 0) parts.push(`${silentCount} did not answer in time`)
  if (badCount > 0) parts.push(`${badCount} left out, as wrong bytes came from there lately`)
  return `${parts.join('; ')}.`
}

function attemptLine(attempt: AttemptFacts, isPart: boolean): string {
  const { fromBytes, toBytes, durationMs, code, message } = attempt
  const bytes = toBytes - fromBytes
  const amount = `${formatBytes(bytes)}${rateOf(bytes, durationMs)}`
  const given = isPart
    ? `gave blocks of ${amount}`
    : `gave bytes ${fromBytes} to ${toBytes} of its files (${amount})`
  const gave = bytes > 0 ? given : 'gave no bytes that were missing'
  const took = `in ${durationText(durationMs)}`
  const how = `${whoOf(attempt)} said yes after ${durationText(attempt.answeredMs)}; ${gave} ${took}`
  return code === null ? `${how}.` : `${how}, then failed: ${plain(message ?? '')} [${code}]`
}

function whoOf({ peerId, interfaceName, rttMs }: AttemptFacts): string {
  const through = interfaceName === null ? 'farther away' : `through ${plain(interfaceName)}`
  const away = rttMs === null ? '' : `, ${durationText(rttMs)} there and back`
  return `${shortId(peerId)} (${through}${away})`
}

function rateOf(bytes: number, durationMs: number): string {
  return durationMs < 1 ? '' : `, ${formatBytes((bytes / durationMs) * 1000)}/s`
}

function durationText(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`
  return ms < 10_000 ? `${Math.round(ms)} ms` : formatDuration(ms / 1000)
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
