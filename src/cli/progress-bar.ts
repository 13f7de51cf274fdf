// SPDX-License-Identifier: AGPL-3.0-or-later
/** A progress bar with rate and remaining time. Drawn on a terminal only, on stderr. */
import { formatBytes, formatDuration } from '../base/base.ts'
import { BAR_GAP_MS, BAR_WIDTH, COLUMNS_USUAL, RATE_WINDOW_MS } from './limits.ts'
import type { CliIo } from './output.ts'

interface Sample {
  atMs: number
  bytes: number
}

export class ProgressBar {
  readonly #io: CliIo
  readonly #label: string
  readonly #samples: Sample[] = []
  #drawnAtMs = Number.NEGATIVE_INFINITY
  #isDrawn = false

  constructor(io: CliIo, label: string) {
    this.#io = io
    this.#label = label
  }

  /** `totalBytes` undefined: nobody knows yet how much it will be. */
  update(doneBytes: number, totalBytes: number | undefined): void {
    if (!this.#io.isStderrTerminal) return
    const nowMs = this.#io.clock.monotonicMs()
    if (nowMs - this.#drawnAtMs < BAR_GAP_MS) return
    this.#drawnAtMs = nowMs
    this.#samples.push({ atMs: nowMs, bytes: doneBytes })
    while ((this.#samples[1]?.atMs ?? nowMs) < nowMs - RATE_WINDOW_MS) this.#samples.shift()
    const line = formatProgress({
      label: this.#label,
      doneBytes,
      totalBytes,
      bytesPerSecond: this.#rate(),
    })
    // A terminal that says 0 does not know its width.
    const columns = this.#io.columns > 0 ? this.#io.columns : COLUMNS_USUAL
    this.#io.stderr.write(`\r\x1b[K${line.slice(0, columns - 1)}`)
    this.#isDrawn = true
  }

  /** Takes the bar away, so that the next line begins where it stood. */
  clear(): void {
    if (this.#isDrawn) this.#io.stderr.write('\r\x1b[K')
    this.#isDrawn = false
  }

  #rate(): number | undefined {
    const first = this.#samples.at(0)
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return undefined
    return ((last.bytes - first.bytes) / (last.atMs - first.atMs)) * 1000
  }
}

export interface ProgressFigures {
  label: string
  doneBytes: number
  totalBytes: number | undefined
  bytesPerSecond: number | undefined
}

export function formatProgress(figures: ProgressFigures): string {
  const { label, doneBytes, totalBytes, bytesPerSecond } = figures
  const rate = bytesPerSecond === undefined ? '' : `  ${formatBytes(bytesPerSecond)}/s`
  if (totalBytes === undefined) return `${label}  ${formatBytes(doneBytes)}${rate}`
  const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes)
  const filled = Math.floor(share * BAR_WIDTH)
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`
  const percent = `${Math.floor(share * 100)} %`.padStart(5)
  const sizes = `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`
  const left =
    bytesPerSecond === undefined || bytesPerSecond <= 0
      ? ''
      : `  ${formatDuration((totalBytes - doneBytes) / bytesPerSecond)} left`
  return `${label}  ${bar} ${percent}  ${sizes}${rate}${left}`
}

/** The same bytes, with the bar told how many have gone by. */
export async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  bar: ProgressBar,
  totalBytes: number | undefined,
  onDone: (doneBytes: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  let doneBytes = 0
  for await (const chunk of chunks) {
    doneBytes += chunk.length
    bar.update(doneBytes, totalBytes)
    onDone(doneBytes)
    yield chunk
  }
}
