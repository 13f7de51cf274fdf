// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Who has the data folder, in words: `node.pid` holds the process id of the node that has the
 * database open. It is only for messages and scripts; the lock itself is the kernel's.
 */
import { closeSync, existsSync, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CodedError } from '../base/base.ts'
import { writeFileAtomic } from '../system/system.ts'
import { PID_FILE_BYTES_MAX } from './limits.ts'

export class FolderLock {
  readonly #path: string

  constructor(folder: string) {
    this.#path = join(folder, 'node.pid')
  }

  /** To be called only by whoever holds the database's lock. */
  async sign(): Promise<void> {
    await writeFileAtomic(this.#path, `${process.pid}\n`, { mode: 0o600 })
  }

  /** Whether whoever had the folder before ended without taking its name away. */
  isSigned(): boolean {
    return existsSync(this.#path)
  }

  /** To be called while the database's lock is still held. */
  remove(): void {
    rmSync(this.#path, { force: true })
  }

  /** The error for a folder that somebody else has. */
  inUseError(cause: unknown): CodedError {
    const pid = this.#livingHolder()
    const who = pid === undefined ? '' : ` (process ${pid})`
    return new CodedError('DATA_IN_USE', `The data folder is in use by another node${who}.`, {
      context: { pid },
      cause,
      advice: 'Stop that node first, or give this one a folder of its own with --data DIR.',
    })
  }

  /** A crash leaves the file behind; then its process is usually gone. */
  #livingHolder(): number | undefined {
    const pid = Number(this.#read())
    return Number.isSafeInteger(pid) && pid > 0 && existsSync(`/proc/${pid}`) ? pid : undefined
  }

  #read(): string {
    try {
      const file = openSync(this.#path, 'r')
      try {
        const buffer = Buffer.alloc(PID_FILE_BYTES_MAX)
        return buffer.toString('latin1', 0, readSync(file, buffer))
      } finally {
        closeSync(file)
      }
    } catch {
      // The message does without the number.
      return ''
    }
  }
}
