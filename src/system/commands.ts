// SPDX-License-Identifier: AGPL-3.0-or-later
/** Running other programs: never through a shell, always with an end. */
import { type ExecFileException, execFile } from 'node:child_process'
import { abortReason, CodedError } from '../base/base.ts'
import {
  COMMAND_STDERR_CHARACTERS_MAX,
  COMMAND_STDOUT_BYTES_MAX,
  COMMAND_TIMEOUT_MS,
} from './limits.ts'

export interface CommandOptions {
  timeoutMs?: number
  signal?: AbortSignal
  stdoutBytesMax?: number
}

export interface CommandResult {
  stdout: string
  stderr: string
}

/** Plain words in the output, system tools on the path, and nothing else of our environment. */
const COMMAND_ENVIRONMENT = {
  LC_ALL: 'C',
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
}

/**
 * @throws CodedError `COMMAND_NOT_FOUND`, `COMMAND_FAILED`, `COMMAND_TIMEOUT` or
 *   `COMMAND_OUTPUT_TOO_LONG`; the signal's reason when it aborts.
 */
export function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { signal, timeoutMs = COMMAND_TIMEOUT_MS } = options
  if (signal?.aborted) return Promise.reject(abortReason(signal))
  const settings = {
    env: COMMAND_ENVIRONMENT,
    encoding: 'utf8' as const,
    killSignal: 'SIGKILL' as const,
    maxBuffer: options.stdoutBytesMax ?? COMMAND_STDOUT_BYTES_MAX,
    timeout: timeoutMs,
    ...(signal === undefined ? {} : { signal }),
  }
  return new Promise((resolve, reject) => {
    execFile(file, [...args], settings, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr })
      else if (signal?.aborted) reject(abortReason(signal))
      else reject(commandError(error, { file, args, timeoutMs, stderr }))
    })
  })
}

function commandError(
  error: ExecFileException,
  run: { file: string; args: readonly string[]; timeoutMs: number; stderr: string },
): CodedError {
  const { file, args, timeoutMs } = run
  const stderr = run.stderr.slice(0, COMMAND_STDERR_CHARACTERS_MAX)
  const context = { file, args, exitCode: error.code, signal: error.signal ?? undefined, stderr }
  const details = { context, cause: error }
  if (error.code === 'ENOENT') {
    return new CodedError('COMMAND_NOT_FOUND', `The program ${file} is not installed.`, {
      ...details,
      advice: `Install ${file}, or do without what it tells us.`,
    })
  }
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
    return new CodedError('COMMAND_OUTPUT_TOO_LONG', `${file} printed too much.`, details)
  }
  if (error.killed === true) {
    const message = `${file} did not finish within ${timeoutMs} ms.`
    return new CodedError('COMMAND_TIMEOUT', message, details)
  }
  return new CodedError('COMMAND_FAILED', `${file} failed.`, details)
}
